"""run.py devnet evm, as a user types it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from msgspec.structs import replace

from actors.commands.devnet_evm import SLICE_SECONDS, Signal, serve
from actors.commands.refused import CannotRunError, FailedError
from chains.devnet.maker import Maker
from storage.config import Run, Settings, Simulated

ROOT = Path(__file__).parents[2]
SIMULATED = Settings(run=Run(feed="simulated", speed="max"))

pytestmark = pytest.mark.processes


def command(*words):
    return [sys.executable, str(ROOT / "run.py"), "devnet", "evm", *words]


def asked(url, method):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["result"]


def until(lines, pattern):
    return next(found for line in lines if (found := re.search(pattern, line)))


def test_it_says_where_it_is_moves_its_prices_and_ends_with_ctrl_c(installed, tmp_path):
    words = command("--port", "0", "--speed", "max", "--seed", "5")
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:
        lines = iter(running.stdout.readline, "")
        found = until(lines, r"Chain 31337 at (http://127\.0\.0\.1:\d+) .*process (\d+)")
        until(lines, r"^rpc_urls = ")
        until(lines, r"UTC, block [\d,]+: ALFA .*within 0\.0\d bps")
        assert int(asked(found[1], "eth_blockNumber"), 16) > 50
        running.send_signal(signal.SIGINT)
        rest = "".join(lines)
        assert running.wait(60) == 0
    assert "Ended" in rest
    with pytest.raises(ProcessLookupError):
        os.kill(int(found[2]), 0)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_refused_by_its_number():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRunError, match=rf"--port {port} can not be had \(Address already in use\)"):
            serve(SIMULATED, port)


def test_a_node_that_is_not_here_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setenv("ANVIL_BIN", "/nowhere")
    with pytest.raises(CannotRunError, match="ANVIL_BIN = '/nowhere' is no program"):
        serve(SIMULATED, 0)


def test_a_node_that_has_gone_is_a_failure_with_a_sentence(installed, monkeypatch):
    monkeypatch.setattr(Maker, "move", lambda maker, *_: maker._net.kill() or maker._net.height())
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(FailedError, match=r"The node has gone \(.*refused.*\): start the devnet again"):
        serve(SIMULATED, 0)
    assert signal.getsignal(signal.SIGINT) is before


def test_at_the_end_of_a_recording_the_chain_goes_on_until_the_signal(installed, monkeypatch, capsys):
    monkeypatch.setattr(Signal, "wait", lambda _, seconds: seconds == SLICE_SECONDS)
    three = replace(SIMULATED, simulated=Simulated(bars=3))
    assert serve(three, 0) == 0
    assert "The recording is over: prices stay as they are." in capsys.readouterr().out
