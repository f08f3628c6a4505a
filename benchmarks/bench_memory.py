"""Peak memory of refining a million frames, against the size of the array.

    python benchmarks/bench_memory.py

Every method in a process of its own; the peak is the operating system's, interpreter and libraries included.
"""

from __future__ import annotations

import json
import subprocess
import sys

from timing import RESULTS, machine

FRAMES = 1_000_000
ONE = """
import resource, sys
import numpy as np
import steadypose as sp
from steadypose.sequence import PoseSequence
from steadypose.skeleton import skeleton
method = None if sys.argv[1] == "default" else sys.argv[1]
x = np.random.default_rng(0).standard_normal(({frames}, 1, 17, 3), dtype=np.float32)
np.cumsum(x, axis=0, out=x)
c = np.full(x.shape[:3], 0.5, np.float32) if sys.argv[2] == "confidence" else None
seq = PoseSequence(x, np.arange(len(x)) / 30, skeleton("coco17"), c, unit="mm", space="world")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
out = sp.refine(seq, method)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(before * 1024 / x.nbytes, after * 1024 / x.nbytes)
"""
METHODS = ["default", "moving_average", "median", "gaussian", "savgol", "butterworth", "one_euro", "kalman"]


def main() -> None:
    """Measure every method and write results/memory.{json,md}."""
    rows = []
    for method in METHODS:
        for given in ("plain", "confidence"):
            run = [sys.executable, "-c", ONE.format(frames=FRAMES), method, given]
            answer = subprocess.run(run, check=True, capture_output=True, text=True)
            before, after = map(float, answer.stdout.split())
            rows.append({"method": method, "input": given, "before": before, "peak": after})
            print(rows[-1], flush=True)
    command = "python benchmarks/bench_memory.py"
    record = {"title": "Peak memory", "command": command, "machine": machine(), "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "memory.json").write_text(json.dumps(record, indent=1) + "\n")
    lines = ["# Peak memory", "", f"`{command}`", "", "1,000,000 × 1 × 17 × 3 float32 (204 MB).", ""]
    lines += ["| method | input | before refine | peak |", "|---|---|---|---|"]
    lines += [f"| {r['method']} | {r['input']} | {r['before']:.2f}× | {r['peak']:.2f}× |" for r in rows]
    lines += ["", "Multiples of the array, everything of the process included. Asked for: below 4×."]
    text = "\n".join(lines) + "\n"
    (RESULTS / "memory.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
