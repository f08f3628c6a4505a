"""Anipose, triangulated: a row a frame with ``nose_x``, ``_y``, ``_z``, ``_error``, ``_ncams``, ``_score``.

The rotation and origin of the world (``M_00`` …, ``center_0`` …) and every other column are kept as they are.
The file names no unit; Anipose's calibration boards are in millimetres.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadypose.io import _check
from steadypose.io._probe import Probe, ReadOptions, shortest, tie, timeline
from steadypose.io._table import delimited, quote
from steadypose.io._wide import Wide, columns_by_name, frame_order
from steadypose.sequence import Motion, PoseSequence
from steadypose.skeleton import Skeleton, skeleton

_COLUMN = re.compile(r"(?P<point>.+)_(?P<role>x|y|z|error|ncams|score)")
_ROLES = ("x", "y", "z", "error", "ncams", "score")


def sniff(probe: Probe) -> bool:
    """Whether the header has a keypoint with x, y, z and an error, a number of cameras or a score."""
    header = [c.strip().strip('"') for c in probe.first_lines[0].split(",")] if probe.first_lines else []
    return bool(_points(header)[0]) and ("fnum" in header or "M_00" in header)


def _points(header: list[str]) -> tuple[list[str], Any]:
    """Keypoints and their columns: x, y, z and at least one of the others (``center_x`` has none)."""
    names, columns = columns_by_name(header, _COLUMN, _ROLES)
    keep = [i for i, c in enumerate(columns) if (c[:3] >= 0).all() and (c[3:] >= 0).any()]
    return [names[i] for i in keep], columns[keep]


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One person in world space."""
    table = delimited(probe)
    header = [c.decode() for c in table.cells(range(table.shape[1]), 0)]
    names, columns = _points(header)
    if not names:
        raise probe.error("line 1", "columns nose_x, nose_y, nose_z, nose_error …", ", ".join(header[:6]))
    body = table.rows(1)
    if not body.shape[0]:
        raise probe.error("line 2", "at least one frame", "none")
    number, order = frame_order(body, header.index("fnum") if "fnum" in header else None)
    times, notes = timeline(number, options)
    if options.unit is None:
        notes.append("no unit in the file: mm assumed")
    document = Wide(body, order, {"main": columns[None, :, :3]})
    layout = Skeleton.from_names(names, "anipose") if options.skeleton is None else skeleton(options.skeleton)
    sequence = PoseSequence(
        document.read(columns[None, :, :3]),
        times,
        layout,
        _check.has_values(document.read(columns[None, :, 5])),
        unit=options.unit or "mm",
        space="world",
        history=tuple(notes),
    )
    return tie({"main": sequence}, "anipose", probe.path, document)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Coordinates into a copy of the file; a new file, in millimetres, has empty errors and camera counts."""
    if document is not None:
        target.write_bytes(document.write(streams))
        return
    motion = _check.positions_alone(streams, "anipose", (3,))
    _check.one_person(motion, "anipose")
    x = shortest(_check.in_unit(motion, "mm"))[:, 0].tolist()
    c = None if motion.confidence is None else shortest(motion.confidence)[:, 0].tolist()
    lines = [",".join(quote(f"{n}_{r}") for n in motion.skeleton.keypoints for r in _ROLES) + ",fnum"]
    for f, number in enumerate(_check.frame_numbers(motion)):
        cells = []
        for k, point in enumerate(x[f]):
            cells += ["" if v != v else repr(v) for v in point]
            cells += ["", "", "" if c is None or c[f][k] != c[f][k] else repr(c[f][k])]
        lines.append(",".join([*cells, str(number)]))
    target.write_text("\n".join(lines) + "\n")
