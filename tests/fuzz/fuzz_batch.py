"""A process that tries inputs of one target, watched from outside, and the counts that come of it.

The state of a run is a file, written after every process: "next" has the number of every target's next input,
"versions" the counts by version of the package's source, "findings" every fault once.
"""

from __future__ import annotations

import hashlib
import json
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WORKER = HERE / "fuzz_worker.py"
SILENCE = 120.0  # seconds without a new input after which a process is taken to hang

State = dict[str, Any]


def version() -> str:
    """Of the package's source, whatever git says of it."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src" / "steadypose").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def load(folder: Path) -> State:
    """The state so far; a new one if there is none."""
    path = folder / "state.json"
    if not path.exists():
        return {"seed": 0, "next": {}, "versions": {}, "findings": {}}
    state: State = json.loads(path.read_text())
    return state


def save(folder: Path, state: State) -> None:
    """Put the state in place of the old one."""
    new = folder / "state.json.new"
    new.write_text(json.dumps(state, indent=1) + "\n")
    new.replace(folder / "state.json")


def batch(name: str, state: State, folder: Path, code: str, seconds: float, count: int) -> None:
    """Try inputs of one target in a process of its own, and add what came of them to the state."""
    first = state["next"].get(name, 0)
    place = folder / "work" / name.replace(" ", "-")
    place.mkdir(parents=True, exist_ok=True)
    at = place / "at"
    at.write_bytes(struct.pack("<3q", first, 0, 0))
    arguments = (name, state["seed"], first, count, seconds, at, folder / "findings")
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    with (
        (place / "output").open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as worker,
    ):
        took = _watch(worker, at)
    said = _said(place / "output")
    total = next((line for line in said if "next" in line), None)
    if total is None:  # it died of the input that it was at
        reached, read, refused = struct.unpack("<3q", at.read_bytes())
        total = {"next": reached + 1, "read": read, "refused": refused}
        kind = "hang" if worker.returncode == -signal.SIGKILL else "crash"
        text = (place / "output").read_text(errors="replace")[-2000:]
        fault = {"kind": kind, "where": f"exit {worker.returncode}", "text": text}
        said.append({**fault, "target": name, "input": reached, "file": ""})
    state["next"][name] = total["next"]
    counts = state["versions"].setdefault(code, {}).setdefault(name, {})
    findings = [line for line in said if "kind" in line]
    for key, more in {
        "read": total["read"], "refused": total["refused"], "found": len(findings), "seconds": took
    }.items():  # fmt: skip
        counts[key] = counts.get(key, 0) + more
    for finding in findings:
        fault = f"{name}: {finding['kind']} {finding['where']}"
        known = state["findings"].setdefault(fault, {**finding, "versions": {}})
        known["versions"][code] = known["versions"].get(code, 0) + 1


def _said(output: Path) -> list[dict[str, Any]]:
    """What a worker printed; lines that are not its own are passed over."""
    found = []
    for line in output.read_text(errors="replace").splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict):
            found.append(content)
    return found


def _watch(worker: subprocess.Popen[bytes], at: Path) -> float:
    """Wait for a process, but not for one that hangs; how many seconds it took."""
    started = moved = time.monotonic()
    before = b""
    try:
        while True:
            try:
                worker.wait(1)
                return time.monotonic() - started
            except subprocess.TimeoutExpired:
                now = at.read_bytes()
                if now != before:
                    before, moved = now, time.monotonic()
                elif time.monotonic() - moved > SILENCE:
                    worker.kill()
    finally:
        worker.kill()  # whatever ended the waiting


def tried(state: State, code: str | None = None) -> dict[str, int]:
    """Inputs of every target, with one version of the source or with all."""
    total: dict[str, int] = {}
    for version_, targets in state["versions"].items():
        for name, counts in targets.items():
            if code in (None, version_):
                total[name] = total.get(name, 0) + counts["read"] + counts["refused"]
    return total
