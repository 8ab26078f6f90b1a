"""What a power cut may leave of a log, by the model of a disk: the short version of `images.py`."""

from random import Random

import pytest

from tests.crash import disk, harness, images, traces
from tests.crash.disk import Create, Disk, File, Remove, Rename, Sync, SyncNames, Write
from tests.crash.workload import CONTROLS

strace = pytest.mark.skipif(bool(harness.MISSING), reason=harness.MISSING)


@strace
@pytest.mark.processes
def test_a_log_survives_every_image_that_a_power_cut_may_leave():
    tally = images.search(most=1_500, seed=1)
    assert tally.tried == 1_500
    assert tally.bad == []


@strace
@pytest.mark.processes
@pytest.mark.parametrize("control", CONTROLS)
def test_a_log_that_is_not_durable_is_found_out(control):
    assert images.search(most=3_000, seed=1, control=control, first_bad=True).bad


def disk_after(*changes):
    made = Disk()
    for change in changes:
        made.apply(change)
    return made


def images_of(made):
    return [image for seed in range(50) for image in made.images(Random(seed), 20)]


OLD, NEW = b"o" * 1_024, b"n" * 1_024
SYNCED = (Create("a"), Write("a", 0, OLD), Sync("a"), SyncNames())


def test_what_was_synced_is_in_every_image():
    assert {image["a"] for image in images_of(disk_after(*SYNCED))} == {OLD}


def test_a_sector_that_was_not_synced_is_old_or_new_or_torn_by_itself():
    found = {image["a"] for image in images_of(disk_after(*SYNCED, Write("a", 0, NEW)))}
    assert {OLD, NEW, OLD[:512] + NEW[512:], NEW[:512] + OLD[512:]} < found
    torn = [
        data
        for data in found
        if data[:512].strip(b"n").strip(b"o") == b"" and 0 < data[:512].count(b"n") < 512
    ]
    assert torn
    assert all(data[:512] == b"n" * data[:512].count(b"n") + b"o" * data[:512].count(b"o") for data in torn)


def test_the_version_in_between_may_be_what_is_left():
    between = Write("a", 0, b"b" * 1_024)
    assert b"b" * 1_024 in {
        image["a"] for image in images_of(disk_after(*SYNCED, between, Write("a", 0, NEW)))
    }


def test_a_file_that_grew_may_have_its_old_size_or_its_new_one_with_nothing_in_it():
    found = {image["a"] for image in images_of(disk_after(*SYNCED, Write("a", 1_024, NEW)))}
    assert {OLD, OLD + NEW, OLD + bytes(1_024)} <= found


def test_names_are_given_and_taken_in_order_until_the_folder_is_synced():
    ours = disk_after(*SYNCED, Create("b"), Remove("a"))
    assert {tuple(sorted(image)) for image in images_of(ours)} == {("a",), ("a", "b"), ("b",)}
    ours.apply(SyncNames())
    assert {tuple(sorted(image)) for image in images_of(ours)} == {("b",)}


def test_a_rename_happens_whole_or_not_at_all():
    ours = disk_after(*SYNCED, Rename("a", "b"))
    assert {tuple(sorted(image)) for image in images_of(ours)} == {("a",), ("b",)}
    assert {next(iter(image.values())) for image in images_of(ours)} == {OLD}


def test_a_call_that_writes_where_the_last_one_ended_is_read_from_a_trace():
    reader = traces.Reader("/x")
    lines = [
        f'openat(AT_FDCWD</>, "{hexed("/x/a")}", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 5<{hexed("/x/a")}>',
        f'write(5<{hexed("/x/a")}>, "{hexed("ab")}", 2) = 2',
        f'write(5<{hexed("/x/a")}>, "{hexed("cd")}", 2) = 1',
        f'rename("{hexed("/x/a")}", "{hexed("/x/b")}") = 0',
    ]
    found = [change for line in lines for change in reader.changes(line)]
    assert found == [Create("a"), Write("a", 0, b"ab"), Write("a", 2, b"c"), Rename("a", "b")]


def hexed(text):
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def test_a_file_that_was_cut_short_and_written_again_may_be_all_it_was():
    file = File()
    file.write(0, OLD)
    file.sync()
    file.resize(0)
    assert file.sizes == [1_024, 0]
    assert file.image(lambda _: (disk.OLD, disk.WHOLE), 1_024) == OLD
    assert file.image(lambda _: (disk.OLD, disk.WHOLE), 0) == b""
