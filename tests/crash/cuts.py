"""Power cuts of a real filesystem: `python -m tests.crash.cuts [--cuts N] [--seconds S] [--filesystem xfs]`.

A child writes a log on ext4 and xfs, each in a file that is mounted as a disk, and FS_IOC_SHUTDOWN takes the
power from it: what was not synced is gone.  Mounted anew, as after a reboot, it must hold every record
that was acknowledged before that moment.  Needs root, loop devices and the mkfs of each.
"""

import argparse
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from shutil import which

from tests.crash import checker, harness
from tests.crash.checker import Said
from tests.crash.workload import CONTROLS

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), of ext4 and of xfs.
NO_LOG_FLUSH = struct.pack("I", 2)
MOST = 200
LIVES = 3  # Cuts that a log goes through before the next is begun: the later ones hit recoveries too.
MKFS = {"ext4": (("mkfs.ext4", "-q", "-F"), "64M"), "xfs": (("mkfs.xfs", "-q", "-f"), "320M")}


def missing(filesystem: str) -> str:
    """Why there can be no power cuts here; empty if there can."""
    if os.geteuid() != 0:
        return "power cuts need root"
    if not which(MKFS[filesystem][0][0]):
        return f"{MKFS[filesystem][0][0]} is missing"
    with harness.folder() as folder:
        try:
            with disk(filesystem, Path(folder)):
                return ""
        except subprocess.CalledProcessError as error:
            return f"no loop device can be mounted here: {' '.join(error.stderr.split())}"


class Mount:
    """A disk in a file: its power can be cut, and it comes back as after a reboot."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image, self.place = image, place

    def on(self) -> None:
        _do("mount", "-o", "loop", str(self.image), str(self.place))

    def off(self) -> None:
        for _ in range(100):
            try:
                return _do("umount", str(self.place))
            except subprocess.CalledProcessError:
                time.sleep(0.05)
        return _do("umount", str(self.place))

    def cut(self) -> int:
        """The moment from which nothing more is certain to survive."""
        handle = os.open(self.place, os.O_RDONLY)
        try:
            moment = time.monotonic_ns()
            fcntl.ioctl(handle, SHUTDOWN, NO_LOG_FLUSH)
            return moment
        finally:
            os.close(handle)


@contextmanager
def disk(filesystem: str, folder: Path) -> Iterator[Mount]:
    mkfs, size = MKFS[filesystem]
    mount = Mount(folder / "image", folder / "mounted")
    mount.place.mkdir()
    _do("truncate", "-s", size, str(mount.image))
    _do(*mkfs, str(mount.image))
    mount.on()
    try:
        yield mount
    finally:
        mount.off()


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)


def one_cut(mount: Mount, log: Path, seconds: float, last: Said, control: str | None) -> tuple[Said, Said]:
    """What was acknowledged before the power went, and while it was going."""
    more = ["--control", control] if control else []
    with subprocess.Popen(
        harness.workload(log, *more), cwd=harness.ROOT, stdout=-1, stderr=subprocess.DEVNULL, text=True
    ) as child:
        try:
            output = child.stdout.readline()
            assert output.startswith("open "), "the child does not write: nothing would be tried"
            time.sleep(seconds)
            moment = mount.cut()
        finally:
            child.kill()
        output += child.stdout.read()
    mount.off()
    mount.on()
    return checker.said(output, moment, last), checker.said(output, None, last)


def _make_room(mount: Mount) -> None:
    """Of earlier logs; else the disk would be full before it is cut often enough."""
    for path in mount.place.iterdir():
        if path.name != "lost+found":
            shutil.rmtree(path)
    handle = os.open(mount.place, os.O_RDONLY)
    os.fsync(handle)  # Else the next cut brings them back.
    os.close(handle)


def search(
    filesystem: str, most: int, seconds: int, seed: int, control: str | None = None, first_bad: bool = False
) -> harness.Tally:
    """So many cuts, or so long, or until the first bad one."""
    tally = harness.Tally(f"cuts of {control or 'the log'} on {filesystem}", "power cuts", most)
    chance, acks, last = Random(seed), 0, Said()
    with harness.folder() as folder, disk(filesystem, Path(folder)) as mount:
        while tally.tried < most and tally.seconds < seconds and not (first_bad and tally.bad):
            log = mount.place / f"{tally.tried // LIVES}" / "wal.db"
            if tally.tried % LIVES == 0:
                last = Said()
                _make_room(mount)
            last, latest = one_cut(mount, log, chance.uniform(0.02, 0.3), last, control)
            acks += last.acks
            complaint = checker.complaint(log, last, latest)
            tally.note(f"cut {tally.tried}", complaint)
            if complaint:  # Whatever is wrong with it is said once.
                log.parent.rename(mount.place / f"bad{tally.tried}")
                last = Said()
    print(f"{tally.name}: {acks} appends acknowledged before the cuts", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cuts", type=int, default=MOST)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--control", choices=CONTROLS, help="a log that is not durable: must be reported bad")
    parser.add_argument("--filesystem", choices=MKFS, help="without it, each of them")
    asked = parser.parse_args()
    harness.end_in_order()
    bad = 0
    for filesystem in [asked.filesystem] if asked.filesystem else MKFS:
        if why := missing(filesystem):
            print(f"cuts on {filesystem}: SKIPPED: {why}", flush=True)
            continue
        bad |= search(filesystem, asked.cuts, asked.seconds, asked.seed, asked.control).verdict()
    return bad


if __name__ == "__main__":
    sys.exit(main())
