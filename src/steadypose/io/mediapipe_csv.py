"""MediaPipe landmarks as csv: steadypose's own long layout, and the wide tables that people dump.

Long: ``frame, timestamp_ms, person, landmark, x, y, z, visibility, presence, world_x, world_y, world_z``, one
row a landmark, named or numbered. Wide: one row a frame, ``nose_x, nose_y, nose_z, nose_visibility …`` or
``x0, y0, z0, v0 …``. Image landmarks are fractions of width and height (z in the scale of x), world landmarks
metres from the middle of the hips. Visibility is the confidence; presence is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _check, _long, _spelling
from steadypose.io._long import Long, Roles
from steadypose.io._probe import Probe, ReadOptions, shortest, tie, timeline
from steadypose.io._table import Ints, Table, delimited, quote
from steadypose.io._wide import Wide, columns_by_name, frame_order
from steadypose.sequence import Motion, PoseSequence, Space, Unit
from steadypose.skeleton import Skeleton, canonical_name, skeleton

COLUMNS = (
    "frame", "timestamp_ms", "person", "landmark", "x", "y", "z", "visibility", "presence",
    "world_x", "world_y", "world_z",
)  # fmt: skip
SETS: dict[str, tuple[tuple[str, ...], Unit, Space]] = {
    "image": (("x", "y", "z"), "normalized", "image"),
    "world": (("world_x", "world_y", "world_z"), "m", "root-relative"),
}
LAYOUT = "mediapipe33"
ENOUGH = 25  # of 33 landmarks: fewer may be anything
_ROLES = {"x": "x", "y": "y", "z": "z", "v": "v", "visibility": "v", "vis": "v"}
_NAMED = re.compile(r"(?P<point>.+?)[_. ](?P<role>x|y|z|v|vis|visibility)", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<role>x|y|z|v|vis|visibility)_?(?P<point>\d+)", re.IGNORECASE)


def sniff(probe: Probe) -> bool:
    """Whether the header is that of the long layout, or names x and y of most of the 33 landmarks."""
    header = [c.strip().strip('"') for c in probe.first_lines[0].split(",")] if probe.first_lines else []
    return _is_long(header) or len(_wide_columns(header)[0]) >= ENOUGH


def _is_long(header: list[str]) -> bool:
    return {"frame", "landmark"} <= set(header) and ({"x", "y"} <= set(header) or "world_x" in header)


def _wide_columns(header: list[str]) -> tuple[list[int], npt.NDArray[np.intp]]:
    """Landmarks (as numbers) that have x and y, and their columns of x, y, z and visibility."""
    known = {canonical_name(n): k for k, n in enumerate(skeleton(LAYOUT).keypoints)}
    best: tuple[list[int], npt.NDArray[np.intp]] = ([], np.empty((0, 4), np.intp))
    for pattern in (_NAMED, _NUMBERED):
        points, columns = columns_by_name(header, pattern, tuple(_ROLES))
        numbers = [_landmark(p, known) for p in points]
        if 0 not in numbers and max(numbers, default=0) == 33:  # counted from 1
            numbers = [n - 1 for n in numbers]
        keep = [i for i, c in enumerate(columns) if 0 <= numbers[i] < 33 and (c[:2] >= 0).all()]
        if len(keep) > len(best[0]) and len({numbers[i] for i in keep}) == len(keep):
            best = (
                [numbers[i] for i in keep],
                np.column_stack((columns[keep, :3], columns[keep, 3:].max(axis=1))),
            )
    return best


def _landmark(name: str, known: dict[str, int]) -> int:
    """Number of a landmark by its name or number (``landmark_12``); -1 if it is none."""
    digits = re.fullmatch(r"(?:landmark|lm|point|keypoint|kp)?_?(\d+)", name, re.IGNORECASE)
    return int(digits[1]) if digits else known.get(canonical_name(name), -1)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``image`` and ``world``, those that are there."""
    table = delimited(probe, ",")
    header = [c.decode(errors="replace") for c in table.cells(range(table.shape[1]), 0)]
    if not table.rows(1).shape[0]:
        raise probe.error("line 2", "at least one landmark", "none")
    if _is_long(header):
        return _read_long(probe, table, header, options)
    return _read_wide(probe, table.rows(1), header, options)


def _read_long(probe: Probe, table: Table, header: list[str], options: ReadOptions) -> dict[str, Motion]:
    at = {name: header.index(name) for name in COLUMNS if name in header}
    points = {}
    for name, (titles, _, _) in SETS.items():
        there = tuple(at[c] for c in titles if c in at)
        if len(there) >= 2 and np.isfinite(table.rows(1).floats(there[:2])).any():
            flat = len(there) == 2 or not np.isfinite(table.rows(1).floats(there[2:])).any()
            points[name] = there[:2] if flat else there
    if not points:
        raise probe.error("", "x and y, or world_x and world_y, of at least one landmark", "none")
    roles = Roles(
        points,
        frame=at["frame"],
        time=at.get("timestamp_ms"),
        person=at.get("person"),
        keypoint=at["landmark"],
        confidence=at.get("visibility"),
        seconds=1e-3,
    )
    document, layout = _long.parse(probe, table.rows(1), ",", roles, _names)
    streams: dict[str, Motion] = {}
    for name, columns in points.items():
        times, notes = _long.times(document, name, options, None)
        positions = _long.values(document, name, layout, columns)
        visible = None
        if roles.confidence is not None:
            visible = _check.has_values(_long.values(document, name, layout, [roles.confidence])[..., 0])
        _, unit, space = SETS[name]
        persons = document.groups[0].persons
        unit = options.unit or unit if name == "image" else unit
        streams[name] = PoseSequence(positions, times, layout, visible, persons, unit, space, tuple(notes))
    return tie(streams, "mediapipe-csv", probe.path, document)


def _names(labels: list[str]) -> tuple[Skeleton, Ints, tuple[str, ...]]:
    layout = skeleton(LAYOUT)
    known = {canonical_name(n): k for k, n in enumerate(layout.keypoints)}
    index = [_landmark(n, known) for n in labels]
    for n, i in zip(labels, index, strict=True):
        if not 0 <= i < len(layout):
            raise DataError(f"expected one of MediaPipe's 33 landmarks, found {n!r}")
    numeric = all(n.isdecimal() for n in labels)
    kept = [str(k) if numeric else n for k, n in enumerate(layout.keypoints)]
    for n, i in zip(labels, index, strict=True):
        kept[i] = n
    return layout, np.array(index, dtype=np.int64), tuple(kept)


def _read_wide(probe: Probe, body: Table, header: list[str], options: ReadOptions) -> dict[str, Motion]:
    landmarks, found = _wide_columns(header)
    if not landmarks:
        raise probe.error(
            "line 1", f"columns {', '.join(COLUMNS[:6])} …, or nose_x, nose_y …", ", ".join(header[:6])
        )
    layout = skeleton(LAYOUT)
    columns = np.full((1, len(layout), 4), -1, dtype=np.intp)
    columns[0, landmarks] = found
    dims = 3 if (found[:, 2] >= 0).all() else 2
    roles = _spelling.find([h if i not in found else "" for i, h in enumerate(header)])
    number, order = frame_order(body, roles.get("frame"))
    document = Wide(body, order, {"image": columns[..., :dims]})
    positions = document.read(columns[..., :dims])
    notes: list[str] = []
    if "time" in roles and options.fps is None:
        times = body.floats([roles["time"]])[order, 0] * _spelling.seconds(header[roles["time"]])
        times = times - times[0]
    else:
        times, notes = timeline(number, options)
    unit, guess = _wide_unit(positions, options)
    visible = _check.has_values(document.read(columns[..., 3:])[..., 0])
    image = PoseSequence(
        positions, times, layout, visible, unit=unit, space="world" if unit in ("m", "mm", "cm") else "image",
        history=(*notes, *guess),
    )  # fmt: skip
    return tie({"image": image}, "mediapipe-csv", probe.path, document)


def _wide_unit(positions: npt.NDArray[np.float32], options: ReadOptions) -> tuple[Unit, tuple[str, ...]]:
    """Fractions of the image unless the numbers are far too large for them."""
    if options.unit is not None:
        return options.unit, ()
    seen = np.abs(positions[..., :2][np.isfinite(positions[..., :2])])
    if not len(seen) or np.median(seen) <= 2:
        return "normalized", ()
    return "px", ("coordinates beyond the image's fractions: px assumed",)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Coordinates into a copy of the file; or a new file in the long layout."""
    if isinstance(document, Long):
        target.write_bytes(_long.write(streams, document))
    elif isinstance(document, Wide):
        target.write_bytes(document.write(streams))
    else:
        target.write_text(_new_file(streams))


def _new_file(streams: Mapping[str, Motion]) -> str:
    layout = skeleton(LAYOUT)
    held: dict[str, PoseSequence] = {}
    for name, motion in streams.items():
        if not isinstance(motion, PoseSequence) or motion.skeleton.keypoints != layout.keypoints:
            raise DataError(
                f"mediapipe-csv holds positions of {LAYOUT}, found {name!r} of another kind (remap it first)"
            )
        if motion.unit == "px":
            raise DataError("mediapipe-csv holds fractions of the image and metres, found px")
        kind = "image" if motion.unit == "normalized" else "world"
        if kind in held:
            raise DataError(f"mediapipe-csv holds one sequence of {kind} landmarks, found several")
        held[kind] = motion
    first = next(iter(held.values()))
    for motion in held.values():
        _check.fits("world", motion, (*first.shape[:3], motion.shape[3]))
        if motion.persons != first.persons or (motion.times != first.times).any():
            raise DataError(
                "mediapipe-csv holds image and world landmarks of the same frames and persons, found others"
            )
    x = np.full((*first.shape[:3], len(COLUMNS) - 4), np.nan)
    for kind, motion in held.items():
        values = shortest(motion.positions if kind == "image" else _check.in_unit(motion, "m"))
        at = COLUMNS.index(SETS[kind][0][0]) - 4
        x[..., at : at + values.shape[3]] = values
    if first.confidence is not None:
        x[..., COLUMNS.index("visibility") - 4] = shortest(first.confidence)
    who = [f"{quote(p)},{k}," for p in first.persons for k in layout.keypoints]
    lines = [",".join(COLUMNS)]
    for f, frame in enumerate(x.reshape(len(x), len(who), -1).tolist()):
        head = f"{f},{round(float(first.times[f]) * 1e3, 6)!r},"
        lines += [
            head + w + ",".join("" if v != v else repr(v) for v in p) for w, p in zip(who, frame, strict=True)
        ]
    return "\n".join(lines) + "\n"
