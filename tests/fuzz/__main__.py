"""Tries damaged and hostile files on everything that reads them, and counts what comes of it.

    python tests/fuzz --minutes 5                     all targets in turn; goes on where it stopped
    python tests/fuzz --inputs 1000000                until there are so many with this source (hours)
    python tests/fuzz --only coco bvh --minutes 1
    python tests/fuzz --again                         the inputs of all findings so far, once more
    python tests/fuzz --summary                       writes results.json here, and docs/bad-input.md's table

Counts and inputs of findings are in runs/fuzz (--folder). An input has a number; target, seed and number make
it, so the counts go on after a stop. They are kept by version of the source: findings may be mended since.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_batch import HERE, ROOT, State, batch, load, save, tried, version

BATCH = 60.0  # seconds of a target before the next has its turn
PAGE = ROOT / "docs" / "bad-input.md"
TABLE = re.compile(r"(<!-- python tests/fuzz --summary -->\n).*?(<!-- end -->)", re.DOTALL)


def fuzz(names: list[str], folder: Path, until: float, goal: int) -> int:
    """Targets in turn, those that are behind first; how many findings there were with this source."""
    state, code = load(folder), version()
    while time.monotonic() < until:
        so_far = tried(state, code)
        if sum(so_far.get(n, 0) for n in names) >= goal:
            break
        name = min(names, key=lambda n: so_far.get(n, 0))
        share = max(-(-goal // len(names)) - so_far.get(name, 0), 1)
        batch(name, state, folder, code, min(BATCH, max(until - time.monotonic(), 1)), share)
        save(folder, state)
        c = state["versions"][code][name]
        print(f"{name}: {c['read']} read, {c['refused']} refused, {c['found']} findings", flush=True)
    counts = state["versions"].get(code, {})
    return sum(counts[n]["found"] for n in names if n in counts)


def again(folder: Path) -> int:
    """Judge the inputs of all findings so far; how many are still ones."""
    from fuzz_judge import Judge
    from fuzz_targets import TARGETS
    from fuzz_uses import folder as new_folder

    state, still = load(folder), 0
    with new_folder() as root:
        judge = Judge(root)
        for fault, finding in sorted(state["findings"].items()):
            target = TARGETS[finding["target"]]
            if finding["kind"] in ("crash", "hang"):
                print(f"not tried, it ended its process: {fault!a}, input {finding['input']}")
                continue
            inputs = [target.make(state["seed"], finding["input"])]
            kept = folder / "findings" / finding["file"]
            inputs += [kept.read_bytes()] if kept.exists() else []
            decisions = f"{state['seed']}/{finding['input']}"
            found = [f for data in inputs if (f := judge(target, data, decisions)[1])]
            still += bool(found)
            said = f": {found[0].text[-400:]!a}" if found else ""
            print(f"{'still' if found else 'mended'}: {fault!a}{said}", flush=True)
    return still


def summary(folder: Path) -> None:
    """Counts of this version of the source, as JSON and in the page."""
    state, code = load(folder), version()
    total = {"inputs": 0, "read": 0, "refused": 0, "findings": 0}
    rows = {}
    for name, c in state["versions"].get(code, {}).items():
        row = {"inputs": c["read"] + c["refused"], "read": c["read"], "refused": c["refused"]}
        rows[name] = {**row, "findings": c["found"]}
        total = {k: total[k] + n for k, n in rows[name].items()}
    earlier = sum(tried(state).values()) - total["inputs"]
    about = {"source": code, "seed": state["seed"], "inputs_with_earlier_sources": earlier}
    results = {**about, "total": total, "targets": rows}
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    page = PAGE.read_text()
    PAGE.write_text(TABLE.sub(lambda m: f"{m[1]}\n{table(results)}\n{m[2]}", page))


def table(results: State) -> str:
    """The counts as a table in Markdown."""
    lines = ["| what | inputs | read | refused | findings |", "|---|---:|---:|---:|---:|"]
    for name, r in {**results["targets"], "in all": results["total"]}.items():
        lines.append(f"| {name} | {r['inputs']:,} | {r['read']:,} | {r['refused']:,} | {r['findings']:,} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python tests/fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", metavar="TARGET")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "fuzz")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.summary:
        summary(given.folder)
        return 0
    if given.again:
        return 1 if again(given.folder) else 0
    from fuzz_targets import TARGETS

    unknown = set(given.only or ()) - set(TARGETS)
    if unknown:
        parser.error(f"expected targets among {', '.join(TARGETS)}, found {', '.join(unknown)}")
    os.environ["PYTHONPATH"] = str(ROOT / "src")  # of the workers: this source, not an installed one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and the worker is ended too
    until = time.monotonic() + 60 * given.minutes
    return 1 if fuzz(given.only or list(TARGETS), given.folder, until, given.inputs) else 0


if __name__ == "__main__":
    sys.exit(main())
