"""The harnesses, a few seconds of each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("name", "options"),
    [("kill", ["--kills", "1"]), ("disk_full", ["--formats", "trc", "c3d", "--sizes", "2"])],
)
def test_nothing_is_lost(name: str, options: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / f"{name}.py"), *options, "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path / f"{name}.json").read_text())
    assert all(sum(c.values()) > 0 for c in counts.values())
    assert not any(n for c in counts.values() for key, n in c.items() if key.startswith("wrong: "))
    assert (tmp_path / f"{name}.md").read_text() == done.stdout
