"""Long-form csv: one row a point. Caliscope's layout is built in; other columns are found by name or told.

Columns may be told as a mapping (or a TOML file of it): ``frame``, ``time``, ``person``, ``keypoint``, ``x``,
``y``, ``z``, ``confidence`` and ``stream`` name a column each, ``unit``, ``fps`` and ``skeleton`` say what
the table does not. Every stream (camera) is a sequence with frames and times of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _check, _long, _spelling
from steadypose.io._long import Roles
from steadypose.io._probe import Probe, ReadOptions, shortest, tie
from steadypose.io._table import Ints, delimited, quote, sniff_delimiter
from steadypose.sequence import Motion, PoseSequence, Space, Unit
from steadypose.skeleton import Skeleton, skeleton

_TOLD = tuple(_spelling.SPELLINGS)
_SAID = ("unit", "fps", "skeleton")


def sniff(probe: Probe) -> bool:
    """Whether the header names x, y, a keypoint, and a frame or a time."""
    if not probe.first_lines:
        return False
    line = probe.first_lines[0]
    header = [c.strip().strip('"') for c in line.split(sniff_delimiter(line.encode()))]
    found = set(_spelling.find(header))
    return {"x", "y", "keypoint"} <= found and bool({"frame", "time"} & found)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One sequence a camera, or one in all."""
    delimiter = sniff_delimiter(probe.head.removeprefix(b"\xef\xbb\xbf"))
    table = delimited(probe, delimiter)
    header = [c.decode(errors="replace") for c in table.cells(range(table.shape[1]), 0)]
    caliscope = "sync_index" in header and "point_id" in header
    found, said = _columns(probe, header, options, caliscope)
    flat = "z" not in found or _flat(table.rows(1).floats([found["x"], found["z"]]))
    axes = tuple(found[a] for a in ("x", "y", "z")[: 2 if flat else 3])
    others = {r: found.get(r) for r in ("frame", "time", "person", "keypoint", "stream", "confidence")}
    scale = _spelling.seconds(header[found["time"]]) if "time" in found else 1.0
    roles = Roles({"main": axes}, seconds=scale, **others)
    wanted = options.skeleton if options.skeleton is not None else said.get("skeleton")
    namer = _caliscope_names if caliscope and wanted is None else lambda labels: _names(labels, wanted)
    prefix = f"{header[found['stream']].strip()} " if "stream" in found else ""
    document, layout = _long.parse(probe, table.rows(1), delimiter, roles, namer, prefix)
    streams: dict[str, Motion] = {}
    for name in document.streams:
        positions = _long.values(document, name, layout, axes)
        times, notes = _long.times(document, name, options, said.get("fps"))
        confidence = None
        if roles.confidence is not None:
            confidence = _check.has_values(_long.values(document, name, layout, [roles.confidence])[..., 0])
        unit, guess = _unit(positions, header[found["x"]], options.unit or said.get("unit"), caliscope)
        persons = document.groups[document.streams[name][0]].persons
        space: Space = "image" if flat else "world"
        history = (*notes, *guess)
        streams[name] = PoseSequence(positions, times, layout, confidence, persons, unit, space, history)
    return tie(streams, "long-csv", probe.path, document)


def _columns(
    probe: Probe, header: list[str], options: ReadOptions, caliscope: bool
) -> tuple[dict[str, int], dict[str, Any]]:
    """The column of every role, and what the user said besides."""
    found = _spelling.find(header)
    if caliscope and "frame_index" not in header:
        found["frame"] = header.index("sync_index")
    said: dict[str, Any] = {}
    for key, value in (options.columns or {}).items():
        if key in _SAID:
            said[key] = value
        elif key not in _TOLD:
            raise DataError(f"columns: expected keys among {', '.join((*_TOLD, *_SAID))}, found {key!r}")
        elif value in header:
            found = {r: c for r, c in found.items() if c != header.index(value)} | {key: header.index(value)}
        else:
            raise probe.error("line 1", f"a column {value!r} ({key})", ", ".join(header))
    if "unit" in said and said["unit"] not in get_args(Unit):
        raise DataError(f"columns: expected unit among {', '.join(get_args(Unit))}, found {said['unit']!r}")
    if "fps" in said and not isinstance(said["fps"], int | float):
        raise DataError(f"columns: expected fps to be a number, found {said['fps']!r}")
    missing = [role for role in ("x", "y") if role not in found]
    if missing or not {"frame", "time"} & set(found):
        wanted = ", ".join(missing) or "frame or time"
        raise probe.error("line 1", f"a column for {wanted} (--columns names them)", ", ".join(header))
    return found, said


def _flat(x_and_z: npt.NDArray[np.float64]) -> bool:
    """Whether the points of a table have an x, but none of them a z."""
    there = np.asarray(np.isfinite(x_and_z).any(axis=0))
    return bool(there[0] and not there[1])


def _names(labels: list[str], wanted: Any) -> tuple[Skeleton, Ints, tuple[str, ...]]:
    """Keypoints by name, or by number in a skeleton that was told."""
    numeric = all(n.isdecimal() for n in labels)
    if wanted is None:
        ordered = sorted(labels, key=int) if numeric else labels
        layout = Skeleton("numbered", tuple(ordered)) if numeric else Skeleton.from_names(ordered, "long-csv")
        return layout, np.array([ordered.index(n) for n in labels]), tuple(ordered)
    layout = skeleton(wanted)
    if not numeric:
        index = np.array([layout.index(n) for n in labels])
        kept = list(layout.keypoints)
        for n, i in zip(labels, index, strict=True):
            kept[i] = n
        return layout, index, tuple(kept)
    beyond = [n for n in labels if int(n) >= len(layout)]
    if beyond:
        raise DataError(
            f"expected keypoints 0 to {len(layout) - 1} (skeleton {layout.name}), found {beyond[0]}"
        )
    return layout, np.array([int(n) for n in labels]), tuple(str(k) for k in range(len(layout)))


def _caliscope_names(labels: list[str]) -> tuple[Skeleton, Ints, tuple[str, ...]]:
    """BlazePose from 0, the right hand from 100, the left from 200, MediaPipe's face mesh from 500."""
    ids = [int(n) if n.isdecimal() else -1 for n in labels]
    named = dict(enumerate(skeleton("mediapipe33").keypoints))
    if max(ids, default=0) >= 100:
        for start, side in ((100, "right"), (200, "left")):
            named |= dict(enumerate(skeleton(f"openpose_hand_{side}21").keypoints, start))
        named |= {i: f"face_mesh_{i - 500}" for i in sorted(ids) if i >= 500}
    if not set(ids) <= set(named):  # another of Caliscope's trackers
        return _names(labels, None)
    if len(named) == 33:
        layout = skeleton("mediapipe33")
    else:
        layout = Skeleton.from_names(named.values(), "mediapipe33+hands+face_mesh")
    order = list(named)
    return layout, np.array([order.index(i) for i in ids]), tuple(str(i) for i in order)


def _unit(
    positions: npt.NDArray[np.float32], column: str, told: Any, caliscope: bool
) -> tuple[Unit, tuple[str, ...]]:
    """The unit, and what to say if it had to be guessed."""
    flat = positions.shape[3] == 2
    if told is not None:
        return told, ()
    named = _check.known_unit(_spelling.unit(column) or "")
    if named is not None:
        return named, ()
    if caliscope:
        return ("px" if flat else "m"), ()
    seen = np.abs(positions[np.isfinite(positions)])
    guess: Unit
    if flat:
        guess = "normalized" if len(seen) and seen.max() <= 2 else "px"
    else:
        guess = "mm" if len(seen) and np.median(seen) > 20 else "m"
    return guess, (f"no unit in the file: {guess} assumed",)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Coordinates into a copy of the file; or a new file with a row for every point, missing ones empty."""
    target.write_bytes(_long.write(streams, document) if document is not None else _new_file(streams))


def _new_file(streams: Mapping[str, Motion]) -> bytes:
    first = next(iter(streams.values()))
    for motion in streams.values():
        if not isinstance(motion, PoseSequence):
            raise DataError("long-csv holds positions, found rotations")
        if motion.shape[3] != first.shape[3] or motion.unit != first.unit:  # type: ignore[misc]
            raise DataError("long-csv holds sequences of one unit, all 2D or all 3D, found several")
    several = len(streams) > 1
    scored = any(isinstance(m, PoseSequence) and m.confidence is not None for m in streams.values())
    axes = [f"{a}_{first.unit}" for a in "xyz"[: first.shape[3]]]  # type: ignore[misc]
    header = [*(["camera"] if several else []), "frame", "time", "person", "keypoint", *axes]
    lines = [",".join(header + (["confidence"] if scored else []))]
    for name, motion in streams.items():
        assert isinstance(motion, PoseSequence)
        lines += _new_rows(f"{quote(name)}," if several else "", motion, scored)
    return ("\n".join(lines) + "\n").encode()


def _new_rows(start: str, motion: PoseSequence, scored: bool) -> list[str]:
    numbers = shortest(motion.positions)
    if scored:
        c = np.full(motion.shape[:3], np.nan, np.float32) if motion.confidence is None else motion.confidence
        numbers = np.concatenate((numbers, shortest(c)[..., None]), axis=-1)
    who = [f"{quote(p)},{quote(k)}," for p in motion.persons for k in motion.skeleton.keypoints]
    rows = []
    for f, frame in enumerate(numbers.reshape(motion.shape[0], len(who), -1).tolist()):
        head = f"{start}{f},{float(motion.times[f])!r},"
        rows += [
            head + w + ",".join("" if v != v else repr(v) for v in p) for w, p in zip(who, frame, strict=True)
        ]
    return rows
