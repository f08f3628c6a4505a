"""Real steadypose processes are killed (SIGKILL) at random instants while they write files and folders.

    python tests/harness/kill.py                            a few, in a minute
    python tests/harness/kill.py --kills 500 --output tests/harness/results

A batch is refined into a folder again and again, and killed again and again. After every kill each output
must be the whole old one or the whole new one, and nothing else may be seen. After the last one the same
command must finish the work and take everything away that was left.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from counting import contents, report

FILES, FRAMES, ROUND = 24, 40, 10  # of a batch; frames in a folder; kills before the work is finished
HIDDEN = ".steadypose-"


def main() -> int:
    """Kill, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="of each case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="a folder for kill.json and kill.md")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    found: dict[str, Counter[str]] = {}
    for kind in ("files", "folders"):
        for force in (False, True):
            case = f"{kind}, {'--force' if force else '--skip-existing'}"
            found[case] = counts = Counter()
            while counts["kills"] < options.kills:
                with tempfile.TemporaryDirectory(prefix="kill-") as place:
                    left = options.kills - counts["kills"]
                    counts.update(_round(Path(place), kind, force, min(left, ROUND), chance))
    about = (
        f"Batches of {FILES} files, and of folders of {FRAMES} frames, killed at random instants "
        f"(`python tests/harness/kill.py --kills {options.kills} --seed {options.seed}`)."
    )
    return 0 if report("kill", about, found, options.output) else 1


def _round(place: Path, kind: str, force: bool, kills: int, chance: random.Random) -> Counter[str]:
    """Some kills of one batch, and then its end."""
    source, out = place / "in", place / "out"
    _make(source, kind)
    command = [sys.executable, "-m", "steadypose", "refine", str(source), "-o", f"{out}/"]
    command += ["--method", "gaussian", "--quiet"]
    started = time.monotonic()
    subprocess.run(command, check=True)
    whole = time.monotonic() - started
    new = {p.name: contents(p) for p in sorted(out.iterdir())}
    old: dict[str, dict[str, bytes]] = {}
    if force:
        _spoil(out)
        old = {p.name: contents(p) for p in sorted(out.iterdir())}
        if kind == "folders":
            new = {name: {**now, "notes.txt": b"mine"} for name, now in new.items()}
    else:
        shutil.rmtree(out)
    command.append("--force" if force else "--skip-existing")
    counts = Counter({"kills": 0, "at work": 0, "left hidden": 0})
    counts.update(dict.fromkeys(("wrong: neither old nor new", "wrong: else", "wrong: not finished"), 0))
    for _ in range(kills):
        if force:
            _spoil(out)
        process = subprocess.Popen(command)
        time.sleep(whole * chance.uniform(0.2, 1.0))
        counts["at work"] += process.poll() is None
        process.kill()
        process.wait()
        counts["kills"] += 1
        there = {p.name: p for p in out.iterdir()} if out.exists() else {}
        hidden = {name for name in there if name.startswith(HIDDEN)}
        counts["left hidden"] += len(hidden)
        counts["wrong: else"] += len(set(there) - hidden - set(new)) + (len(hidden) > 1)
        for name, meant in new.items():
            now = contents(there[name]) if name in there else {}
            counts["wrong: neither old nor new"] += now not in (meant, old.get(name, {}))
    done = subprocess.run(command, check=False)
    now = {p.name: contents(p) for p in sorted(out.iterdir())}
    counts["wrong: not finished"] += done.returncode != 0 or now != new
    return counts


def _make(source: Path, kind: str) -> None:
    """A batch of small recordings."""
    source.mkdir()
    for n in range(FILES if kind == "files" else FILES // 4):
        if kind == "files":
            rows = [f"{f},{k},{f + k + n}.5,{k}.25,1.5" for f in range(FRAMES) for k in range(17)]
            (source / f"take{n}.csv").write_text("\n".join(["frame,keypoint,x,y,z", *rows]) + "\n")
            continue
        (source / f"take{n}").mkdir()
        for f in range(FRAMES):
            body = [v for k in range(25) for v in (9 * f + k + n, 50 + 20 * k, 0.9)]
            frame = {"people": [{"pose_keypoints_2d": body}]}
            (source / f"take{n}" / f"v_{f:012d}_keypoints.json").write_text(json.dumps(frame))


def _spoil(out: Path) -> None:
    """Make the outputs old ones: other content, and in folders somebody's notes."""
    for path in out.iterdir():
        if path.name.startswith(HIDDEN):
            continue
        if path.is_file():
            path.write_text("old")
            continue
        for frame in path.glob("*.json"):
            frame.write_text('{"people": []}')
        (path / "notes.txt").write_text("mine")


if __name__ == "__main__":
    sys.exit(main())
