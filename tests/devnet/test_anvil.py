"""The node as a process: found, frozen, killed, restarted, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from chains.devnet import anvil
from chains.devnet.anvil import Anvil, Node, find
from chains.devnet.artifacts import NotInstalledError
from chains.devnet.devnet import Devnet
from chains.devnet.rpc import Rpc, RpcError

pytestmark = pytest.mark.processes


def program(folder, text):
    folder.mkdir()
    path = folder / "anvil"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@contextmanager
def node(folder, **options):
    started = Anvil(Node(folder, **options))
    started.start()
    try:
        yield started
    finally:
        started.kill()


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def runs(pid):
    """A zombie does not; that of a dead parent is for the machine's first process to bury."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_it_is_found_where_one_says_then_in_the_package_then_on_the_path(monkeypatch, tmp_path):
    said, packaged = program(tmp_path / "said", ""), program(tmp_path / "packaged", "")
    on_path = program(tmp_path / "path", "")
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setattr(anvil, "_PLATFORM", packaged)
    monkeypatch.setenv("ANVIL_BIN", str(said))
    assert find() == said
    monkeypatch.delenv("ANVIL_BIN")
    assert find() == packaged
    packaged.unlink()
    assert find() == on_path
    on_path.unlink()
    assert find() is None
    with pytest.raises(NotInstalledError, match="apt install nodejs npm, then make devnet"):
        Anvil(Node(tmp_path))


def test_a_program_that_is_not_there_is_refused_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("ANVIL_BIN", "/nowhere/anvil")
    with pytest.raises(NotInstalledError, match="ANVIL_BIN = '/nowhere/anvil' is no program"):
        Anvil(Node(tmp_path))


def test_one_that_ends_instead_of_starting_is_named_with_its_last_words(monkeypatch, tmp_path):
    monkeypatch.setenv("ANVIL_BIN", str(program(tmp_path / "bin", "echo the disk is full >&2; exit 1")))
    with pytest.raises(RuntimeError, match="ended instead of starting:\nthe disk is full"):
        Anvil(Node(tmp_path)).start()


def test_a_second_node_on_a_port_that_is_taken_does_not_start(installed, tmp_path):
    with node(tmp_path / "1") as first, pytest.raises(RuntimeError):
        Anvil(Node(tmp_path / "2", port=first.port, chain_id=5)).start()


@pytest.mark.parametrize("end", [Anvil.stop, Anvil.kill])
def test_none_is_left_behind_not_even_a_zombie(installed, tmp_path, end):
    with node(tmp_path) as started:
        pid = started.pid
        end(started)
        assert started.pid is None
        assert not is_there(pid)


def test_it_can_be_stopped_while_it_is_frozen(installed, tmp_path):
    with node(tmp_path) as started:
        pid = started.pid
        started.freeze()
        started.stop()
        assert not is_there(pid)


def test_a_frozen_node_keeps_its_port_and_answers_nothing_until_it_is_thawed(installed, tmp_path):
    with node(tmp_path) as started:
        started.freeze()
        with pytest.raises(TimeoutError):
            Rpc(started.port, timeout=0.3).call("eth_chainId")
        started.thaw()
        assert started.rpc.call("eth_chainId") == hex(31_337)


def test_it_dies_with_whoever_has_started_it(installed, tmp_path):
    code = (
        "import pathlib, sys, time; from chains.devnet.anvil import Anvil, Node\n"
        "node = Anvil(Node(pathlib.Path(sys.argv[1]))); node.start(); print(node.pid, flush=True)\n"
        "time.sleep(99)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as starter:
        pid = int(starter.stdout.readline())
        assert is_there(pid)
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    deadline = time.monotonic() + 20
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(pid)


def test_what_it_refuses_has_a_code_and_a_reason(installed, tmp_path):
    with node(tmp_path) as started, pytest.raises(RpcError, match=r"no_such_method: .*-32601") as refused:
        started.rpc.call("no_such_method")
    assert refused.value.code == -32_601


def test_a_batch_keeps_the_order_of_its_questions(installed, tmp_path):
    with node(tmp_path) as started:
        asked = started.rpc.batch([("eth_chainId", []), ("eth_blockNumber", []), ("eth_chainId", [])])
        assert asked == [hex(31_337), "0x0", hex(31_337)]
        assert started.rpc.batch([]) == []


def test_a_node_that_keeps_its_state_goes_on_after_sigkill_and_so_does_its_successor(installed, tmp_path):
    with Devnet.start(tmp_path, keep_state=True, genesis_timestamp=1_600_000_000) as net:
        net.mine(7)
        before = net.rpc.call("eth_getBlockByNumber", "latest", False)
        net.freeze()
        net.kill()
        with pytest.raises(ConnectionError):
            net.height()
        net.restart()
        assert net.rpc.call("eth_getBlockByNumber", "latest", False) == before
        assert net.balance("USDC", net.trader.address) == 10**12
        net.mine()
        assert int(before["timestamp"], 16) <= net.timestamp() < 1_600_010_000
        addresses, height = net.addresses, net.height()
    with Devnet.start(tmp_path, keep_state=True) as net:
        assert net.addresses == addresses
        assert net.height() == height
        net.freeze()  # And can be stopped nonetheless.


def test_blocks_since_the_last_save_can_be_lost(installed, tmp_path):
    with Devnet.start(tmp_path, keep_state=True) as net:
        net.mine(2)
        net.save()
        height = net.height()
        net.mine(5)
        net.kill(keep_blocks=False)
        net.restart()
        assert net.height() == height


def test_a_world_that_was_not_to_be_kept_does_not_come_back_empty(installed, tmp_path):
    with Devnet.start(tmp_path) as net:
        net.kill()
        with pytest.raises(RuntimeError, match="keep_state=True"):
            net.restart()
