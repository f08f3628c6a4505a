"""One process that tries inputs of one target, until it is done, out of time, or dead.

    python tests/fuzz/fuzz_worker.py TARGET SEED FIRST COUNT SECONDS AT FINDINGS

Prints a line of JSON for every finding and one at the end. The file AT holds the number of the input that it
is at and how many were read and refused, so that whoever started it knows of which one it died. Inputs of
findings are kept in the folder FINDINGS.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import struct
import sys
import time
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from fuzz_judge import Finding, Judge
from fuzz_targets import TARGETS, Target
from fuzz_uses import folder

import steadypose as sp

SPACE = 3 << 30  # bytes of addresses beyond those in use at the start
# Imported now: it is not an input that has them do what they do when they are imported.
LATE = ("h5py", "pandas", "tables", "ezc3d", "scipy.interpolate", "scipy.signal", "steadypose.refine")
TRIES = 200  # to make an input smaller


def file_of(target: Target, finding: Finding) -> str:
    """Name of the file in which the input of a finding is kept."""
    fault = hashlib.sha256(f"{finding.kind} {finding.where}".encode()).hexdigest()[:8]
    return f"{target.name.replace(' ', '-')}-{finding.kind}-{fault}{target.suffix or '.zip'}"


def smaller(judge: Judge, target: Target, data: bytes, decisions: str, finding: Finding) -> bytes:
    """The input without what the finding does not need, as far as a few hundred tries can tell."""
    tries, piece = TRIES, max(len(data) // 2, 1)
    started = time.process_time()
    while tries and piece and time.process_time() - started < 60:
        at, shrunk = 0, False
        while at < len(data) and tries:
            tries -= 1
            less = data[:at] + data[at + piece :]
            _, found = judge(target, less, decisions)
            if found and (found.kind, found.where) == (finding.kind, finding.where):
                data, shrunk = less, True
            else:
                at += piece
        if not shrunk:
            piece //= 2
    return data


def run(
    target: Target, seed: int, first: int, count: int, seconds: float, at: Path, kept: Path
) -> dict[str, Any]:
    """Try inputs from number ``first`` on; what came of them."""
    kept.mkdir(parents=True, exist_ok=True)
    progress = os.open(at, os.O_RDWR | os.O_CREAT)
    outcomes = {"read": 0, "refused": 0}
    n = first
    with folder() as root:
        judge = Judge(root, watched=True)
        judge(target, target.seeds()[0], "first")
        started = time.monotonic()
        while n < first + count and time.monotonic() - started < seconds:
            os.pwrite(progress, struct.pack("<3q", n, *outcomes.values()), 0)
            data, decisions = target.make(seed, n), f"{seed}/{n}"
            outcome, finding = judge(target, data, decisions)
            outcomes[outcome] += 1
            n += 1
            if finding:
                path = kept / file_of(target, finding)
                if not path.exists():
                    path.write_bytes(data)
                    path.write_bytes(smaller(judge, target, data, decisions, finding))
                said = {**asdict(finding), "target": target.name, "input": n - 1, "file": path.name}
                print(json.dumps(said), flush=True)
    return {"next": n, **outcomes}


def main() -> None:
    name, seed, first, count, seconds, at, kept = sys.argv[1:]
    target = TARGETS[name]
    target.seeds()
    for module in LATE:
        import_module(module)
    for format in sp.formats().values():
        _ = format.module
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPACE, used + SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        done = run(target, int(seed), int(first), int(count), float(seconds), Path(at), Path(kept))
    except BaseException:
        traceback.print_exc(file=sys.stdout)  # stderr is watched
        raise
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
