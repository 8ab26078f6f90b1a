"""Recordings of our own are read back as the bars that they were, or not at all."""

import pyarrow as pa
import pytest
from msgspec.structs import replace
from pyarrow import parquet

from actors.messages import Asset, Bar, Instrument, Price, Tick, Units
from chains.feeds.kept import Label, write
from chains.feeds.recordings import RecordingError, open_recordings
from storage.config import Paper, Recording

MINUTE = 60 * 10**9
TOKEN = Asset("ethereum:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")
WETH = Instrument(TOKEN, Asset("ethereum:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), 18, 6, 500)
LARGE = 2**255 + 1


def bar(number: int) -> Bar:
    price = Price(3_000 * 10**18 + number)
    return Bar(
        TOKEN, price, Price(price + 2), Price(price - 1), price, Units(number), Units(LARGE), Units(LARGE + 2)
    )


def rows(count: int) -> list:
    return [(MINUTE * number + 7, bar(number)) for number in range(1, count + 1)]  # Not on the minute.


PAPER = Paper()


def opened(*paths, paper=PAPER):
    return open_recordings(paths, paper, Recording(fee_pips=1, pool_depth="1"))


def test_every_number_is_what_it_was_and_so_is_the_pool(tmp_path):
    write(tmp_path / "a.parquet", Label(WETH, MINUTE), rows(3))
    write(tmp_path / "b.parquet", Label(WETH, MINUTE), rows(5)[3:])
    feed = opened(tmp_path / "b.parquet", tmp_path / "a.parquet")
    assert feed.instruments == (WETH,)
    assert feed.bar_ns == MINUTE
    assert feed.read(None, 10) == tuple(Tick(at_ns, (each,)) for at_ns, each in rows(5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_one_bar_is_a_recording(tmp_path):
    write(tmp_path / "a.parquet", Label(WETH, MINUTE), rows(1))
    assert len(opened(tmp_path / "a.parquet").read(None, 10)) == 1


def changed(path, name, values) -> None:
    table = parquet.read_table(path)
    place = table.schema.get_field_index(name)
    parquet.write_table(table.set_column(place, name, pa.array(values)), path)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("ends", [1, 3, 3], "row 3 is not later than the row before"),
        ("close", ["1", "0", "1"], "row 2 is no bar"),
        ("volume", ["1", "1", "-1"], "row 3 is no bar"),
        ("high", ["1", "9" * 30, "9" * 30], "row 1 is no bar"),
        ("close", ["1", "x", "1"], "\"close\": 'x' is no whole number"),
        ("close", ["1", None, "1"], "is missing"),
    ],
)
def test_what_was_changed_by_hand_is_a_sentence(tmp_path, name, values, sentence):
    path = tmp_path / "a.parquet"
    write(path, Label(WETH, MINUTE), rows(3))
    changed(path, name, values)
    with pytest.raises(RecordingError, match=sentence):
        opened(path)


def test_a_file_without_its_label_or_of_another_quote_is_a_sentence(tmp_path):
    path = tmp_path / "a.parquet"
    write(path, Label(WETH, MINUTE), rows(3))
    with pytest.raises(RecordingError, match=r"set paper.quote_decimals to 6, not 18"):
        opened(path, paper=Paper(quote_decimals=18))
    parquet.write_table(parquet.read_table(path).replace_schema_metadata({}), path)
    with pytest.raises(RecordingError, match="does not say what its numbers count"):
        opened(path)


def test_a_file_that_could_not_be_written_leaves_the_one_before_it(tmp_path):
    path = tmp_path / "a.parquet"
    write(path, Label(WETH, MINUTE), rows(3))
    bad = [*rows(3), (1, replace(bar(1), token=None)), (2**70, bar(2))]
    with pytest.raises(OverflowError):
        write(path, Label(WETH, MINUTE), bad)
    assert len(opened(path).read(None, 10)) == 3
