"""Whether the books of a live run and its chain agree, asked when the run has ended; nothing is sent."""

import asyncio

from msgspec import Struct, json

from actors.commands.apart import answered_apart
from actors.commands.keystore import with_wallet
from actors.commands.refused import CannotRunError
from actors.messages import KEY
from chains.venue import Met, Unanswered
from storage.books import Books
from storage.config import Settings
from storage.recovery import unsettled


class Compared(Struct, frozen=True):
    """Unknown is a value: `unknown` says why it could not be seen, `strange` what does not agree."""

    unknown: str = ""
    strange: str = ""


def compared(settings: Settings, books: Books) -> Compared:
    """The wallet's nonce, and whether it has what the books say.

    While an order can still change, or be undone, nobody can say what the wallet must have.
    """
    if unsettled(books):
        return Compared(unknown=f"{len(books.live) + len(books.booked)} orders are not final yet")
    if KEY in books.halts:
        return Compared(unknown=f"the wallet is quarantined: {books.halts[KEY]}")
    if not books.ledger.accounts:
        return Compared(unknown="the books are empty")
    known = with_wallet(settings)
    try:
        return json.decode(answered_apart(lambda: _asked(known, books)), type=Compared)
    except CannotRunError as error:
        return Compared(unknown=str(error))


def _asked(settings: Settings, books: Books) -> str:
    return json.encode(asyncio.run(_met(settings, books))).decode()


async def _met(settings: Settings, books: Books) -> Compared:
    # The chain's client is 60 MB, which only this process has.
    from chains.evm.desk import desk_of  # noqa: PLC0415
    from chains.evm.nodes import nodes_of  # noqa: PLC0415
    from chains.evm.venue import EvmVenue  # noqa: PLC0415

    nodes = nodes_of(settings.evm)
    try:
        met = await EvmVenue(nodes, desk_of(settings)).meet(books)
    finally:
        await nodes.close()
    return told(met)


def told(met: Met | Unanswered) -> Compared:
    """What a stranger has done with the wallet does not agree either."""
    if isinstance(met, Unanswered):
        return Compared(unknown=met.sentence)
    return Compared(strange=met.foreign or met.strange)
