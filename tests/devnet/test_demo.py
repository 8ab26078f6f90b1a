"""run.py demo evm: somebody who has read two lines of the README sees the bot trade."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_demo_trades_says_what_happened_in_words_and_its_nonces_agree(installed, tmp_path):
    words = [sys.executable, "run.py", "demo", "evm", "--seconds", "20", "--seed", "7"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False, env=env)
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    assert re.search(r"bought [\d.]+ (ALFA|BRAVO|CHARLIE|DELTA|WETH) for \d+ USDC, gas 0\.0\d+ ETH", said)
    found = re.search(
        r"The chain has used (\d+) nonces of the wallet, and the log signed (\d+): they agree", said
    )
    assert found
    assert int(found[1]) == int(found[2]) >= 2
    assert "LIVE" in said
    assert "play money" not in said
    assert "BROKEN" not in said
    table = [line for line in said.splitlines() if line.startswith(("│", "┌", "└"))]
    assert table
    assert max(map(len, table)) <= 80
    assert not [line for line in table if "0x" in line]
    assert list(tmp_path.iterdir()) == []
