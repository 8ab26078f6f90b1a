"""Where ticks come from: what a source can not say now it is asked again, and a refusal is one."""

import asyncio

import pytest

from actors.commands import record_sources
from actors.commands.record_sources import Pools, Public, source_of
from actors.commands.refused import CannotRunError
from actors.messages import Tick
from chains.evm.feed import News
from chains.evm.values import Declined
from chains.feeds.geckoterminal import FeedTrouble, Polled
from chains.feeds.simulated import SimulatedFeed
from chains.venue import Unanswered
from storage.config import Evm, Live, Paper, Run, Settings, Simulated

TICKS = SimulatedFeed(Simulated(tokens=("A",)), Paper(), 1, "2000000", 500).read(None, 9)
INSTRUMENTS = SimulatedFeed(Simulated(tokens=("A",)), Paper(), 1, "2000000", 500).instruments
SETTINGS = Settings(live=Live(poll_seconds=1), evm=Evm(rpc_urls=("http://127.0.0.1:9",)))


class Answers:
    """Each question's answers in their order; then silence."""

    def __init__(self, **answers) -> None:
        self._answers = {name: list(each) for name, each in answers.items()}
        self.asked, self.closed = [], False
        self.name = "pools on ethereum, WETH"

    def __getattr__(self, name):
        async def answer(*_):
            self.asked.append(name)
            if not self._answers[name]:
                await asyncio.sleep(3_600)
            return self._answers[name].pop(0)

        return answer

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch):
    monkeypatch.setattr(record_sources, "RETRY_SECONDS", 0.0)


def told(source, count):
    async def main():
        instruments, found = await source.begin(), []
        stream = source.ticks(0)
        async for tick in stream:
            found.append(tick)
            if len(found) == count:
                break
        await stream.aclose()
        await source.close()
        return instruments, found

    return asyncio.run(asyncio.wait_for(main(), 60))


def test_public_prices_are_the_past_and_then_polls_over_every_trouble():
    source = Public(SETTINGS, lambda: 0)
    trouble = FeedTrouble("busy")
    source._server = Answers(
        introduce=[trouble, INSTRUMENTS],
        history=[trouble, TICKS[:3]],
        poll=[trouble, Polled(7, TICKS[3].bars, (trouble,))],
    )
    instruments, found = told(source, 4)
    assert instruments == INSTRUMENTS
    assert found == [*TICKS[:3], Tick(7, TICKS[3].bars)]
    assert source._server.asked == ["introduce"] * 2 + ["history"] * 2 + ["poll"] * 2
    assert source._server.closed


def test_pools_are_followed_over_silence_and_a_node_that_does_not_answer():
    source = Pools(SETTINGS, 1)
    source._feed = Answers(
        introduce=[Unanswered("no node"), INSTRUMENTS],
        news=[
            Unanswered("no node"),
            News(silence="no block"),
            News(TICKS[:2]),
            Declined("empty"),
            News(TICKS[2:4]),
        ],
    )
    instruments, found = told(source, 4)
    assert instruments == INSTRUMENTS
    assert found == list(TICKS[:4])
    assert source.name == "pools on ethereum, WETH"
    assert source._feed.closed


def test_a_chain_that_declines_is_a_refusal():
    source = Pools(SETTINGS, 1)
    source._feed = Answers(introduce=[Declined("that is another chain: change evm.rpc_urls")])
    with pytest.raises(CannotRunError, match="that is another chain"):
        asyncio.run(source.begin())


def test_a_recording_is_not_recorded():
    with pytest.raises(CannotRunError, match="write live, chain or simulated"):
        source_of(SETTINGS, Run(feed="recording", recordings=("a.csv",)), lambda: 0)
