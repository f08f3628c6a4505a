"""Reading a folder of 10,000 OpenPose files against a bare orjson loop over them.

    python benchmarks/bench_reading.py

The files are the frames of the bundled recording, over and over, with two people in each.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from importlib.resources import as_file, files
from pathlib import Path

import orjson
from timing import row, save, side_by_side

import steadypose as sp

FILES = 10_000


def folder(place: Path) -> Path:
    """A folder of OpenPose files."""
    with as_file(files("steadypose.demo") / "balancing_openpose.zip") as path, zipfile.ZipFile(path) as z:
        frames = [z.read(n) for n in sorted(z.namelist()) if n.endswith(".json")]
    made = place / "openpose"
    made.mkdir()
    for i in range(FILES):
        (made / f"video_{i:012d}_keypoints.json").write_bytes(frames[i % len(frames)])
    return made


def bare(place: Path) -> list[object]:
    """Parse every file and do nothing with it, the way most people write it."""
    return [orjson.loads(p.read_bytes()) for p in sorted(place.iterdir())]


def barest(place: Path) -> list[object]:
    """The same without path objects: as fast as Python can."""
    parsed = []
    for name in sorted(os.listdir(place)):  # noqa: PTH208
        with open(f"{place}/{name}", "rb") as f:  # noqa: PTH123
            parsed.append(orjson.loads(f.read()))
    return parsed


def main() -> None:
    """Time both and write results/reading.{json,md}."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder(Path(temporary))
        rivals = {
            "ours": lambda: sp.read(place),
            "orjson.loads, pathlib": lambda: bare(place),
            "orjson.loads, open": lambda: barest(place),
        }
        seconds = side_by_side(rivals, rounds=9)
    rows = [row(f"{FILES:,} OpenPose files", seconds.pop("ours"), seconds)]
    notes = [
        "Ours finds, parses, checks, links persons over time and builds the arrays. Asked for: above 0.5."
    ]
    save("reading", "Reading", rows, notes, "python benchmarks/bench_reading.py")


if __name__ == "__main__":
    main()
