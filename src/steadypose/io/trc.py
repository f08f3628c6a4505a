"""TRC, the marker files of OpenSim and Pose2Sim: five header lines, then one tab-separated row a frame.

Header lines are kept as they are, the numbers in them included. Empty cells are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.io import _check
from steadypose.io._probe import Probe, ReadOptions, shortest, tie, timeline
from steadypose.io._table import delimited
from steadypose.io._wide import Wide, sort_frames
from steadypose.sequence import Motion, PoseSequence, Unit
from steadypose.skeleton import Skeleton, skeleton

HEADER = 5
KEYS = "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames"


def sniff(probe: Probe) -> bool:
    """Whether the first line says PathFileType, as every TRC file's does."""
    return bool(probe.first_lines) and probe.first_lines[0].startswith("PathFileType")


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One person in world space, in the header's unit."""
    text = probe.need_text()
    lines = [line.rstrip("\r") for line in text.split("\n", HEADER)]
    if len(lines) <= HEADER:
        raise probe.error(f"line {len(lines)}", "five header lines and a row a frame", "the end of the file")
    names = _markers(probe, lines[3].split("\t"))
    data = probe.data
    start = 0
    for _ in range(HEADER):
        start = data.index(b"\n", start) + 1
    while start < len(data) and not data[start : (end := data.find(b"\n", start) + 1 or len(data))].strip():
        start = end  # many programs leave a line blank here
    if start == len(data):
        raise probe.error(f"line {HEADER + 1}", "at least one frame", "none")
    table = delimited(probe, "\t", start, width=2 + 3 * len(names))
    cells = table.cells([0, 1])
    blank = [i for i in range(table.shape[0]) if not cells[2 * i] and not cells[2 * i + 1]]
    table = table.pick(np.delete(np.arange(table.shape[0]), blank))
    if not table.shape[0]:
        raise probe.error(f"line {HEADER + 1}", "at least one frame", "none")
    number, order = sort_frames(table, table.floats([0])[:, 0], 0)
    values = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    times = table.floats([1])[order, 0]
    notes: list[str] = []
    if options.fps is not None or not np.isfinite(times).all():
        times, notes = timeline(number, options, _rate(probe, values))
    columns = 2 + np.arange(3 * len(names), dtype=np.intp).reshape(1, -1, 3)
    document = Wide(table, order, {"main": columns})
    layout = Skeleton.from_names(names, "trc") if options.skeleton is None else skeleton(options.skeleton)
    sequence = PoseSequence(
        document.read(columns),
        times,
        layout,
        unit=options.unit or _unit(probe, values),
        space="world",
        history=tuple(notes),
    )
    return tie({"main": sequence}, "trc", probe.path, document)


def _markers(probe: Probe, cells: list[str]) -> list[str]:
    """Marker names: every third cell from the third."""
    while cells and not cells[-1].strip():
        cells.pop()
    names = [c.strip() for c in cells[2::3]]
    if not names or cells[0].strip() != "Frame#":
        raise probe.error(
            "line 4", "Frame#, Time and marker names, one every three tabs", repr("\t".join(cells[:4]))
        )
    if "" in names or any(c.strip() for i, c in enumerate(cells[2:]) if i % 3):
        raise probe.error("line 4", "a marker name every three tabs", repr("\t".join(cells)))
    return names


def _rate(probe: Probe, values: dict[str, str]) -> float | None:
    try:
        return float(values["DataRate"])
    except (KeyError, ValueError):
        raise probe.error("line 3", "a DataRate", repr(values.get("DataRate", ""))) from None


def _unit(probe: Probe, values: dict[str, str]) -> Unit:
    found = values.get("Units", "")
    unit = _check.known_unit(found)
    if unit is None:
        raise probe.error("line 3", "Units of m, cm or mm", repr(found))
    return unit


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Coordinates into a copy of the file; or a new file."""
    if document is not None:
        target.write_bytes(document.write(streams))
        return
    motion = _check.positions_alone(streams, "trc", (3,))
    _check.one_person(motion, "trc")
    names, frames = motion.skeleton.keypoints, motion.shape[0]
    rate = f"{motion.fps:.6g}" if frames > 1 else "30"
    lines = [
        "PathFileType\t4\t(X/Y/Z)\tsteadypose.trc",
        KEYS,
        "\t".join([rate, rate, str(frames), str(len(names)), motion.unit, rate, "1", str(frames)]),
        "Frame#\tTime\t" + "\t\t\t".join(names),
        "\t\t" + "\t".join(f"{axis}{k + 1}" for k in range(len(names)) for axis in "XYZ"),
        "",
    ]
    numbers = _check.frame_numbers(motion) + 1
    for f, row in enumerate(shortest(motion.positions[:, 0]).reshape(frames, -1).tolist()):
        cells = [str(numbers[f]), repr(float(motion.times[f]))]
        lines.append("\t".join(cells + ["" if v != v else repr(v) for v in row]))
    target.write_text("\n".join(lines) + "\n")
