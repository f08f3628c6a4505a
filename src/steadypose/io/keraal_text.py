"""Keraal's Kinect and Vicon files: a row a frame, position and quaternion (x y z qx qy qz qw) of every joint.

25 joints in metres are a Kinect's, 17 in millimetres are the Vicon targets (strapped to the segments, they
are no joint centres). Zeros are missing. There are no time stamps: rates are nominal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _check
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._table import Table, whitespace
from steadypose.rotations import from_quaternion, to_global, to_quaternion
from steadypose.sequence import BodyMotion, Motion, PoseSequence, Space, Unit
from steadypose.skeleton import skeleton

EACH = 7


@dataclass(frozen=True)
class Device:
    """What the number of joints says."""

    layout: str
    unit: Unit
    space: Space
    fps: float


DEVICES = {25: Device("kinect25", "m", "camera", 30.0), 17: Device("vicon17", "mm", "world", 60.0)}


def sniff(probe: Probe) -> bool:
    """Whether the first line is 175 or 119 numbers."""
    tokens = probe.head.split(b"\n", 1)[0].split()
    if len(tokens) not in (EACH * n for n in DEVICES):
        return False
    try:
        return bool(np.isfinite([float(t) for t in tokens]).all())
    except ValueError:
        return False


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``positions`` and ``rotations`` (relative to the world) of one person."""
    table = _rows(probe)
    device = DEVICES[table.shape[1] // EACH]
    x = table.floats(range(table.shape[1])).reshape(table.shape[0], 1, -1, EACH)
    times, notes = timeline(np.arange(len(x)), options, device.fps)
    if options.fps is None:
        notes.append(f"no times in the file: {device.fps:g} fps, the device's nominal rate, assumed")
    layout = skeleton(options.skeleton or device.layout)
    unit, history = options.unit or device.unit, tuple(notes)
    positions = np.where((x[..., :3] == 0).all(-1, keepdims=True), np.nan, x[..., :3])
    streams: dict[str, Motion] = {
        "positions": PoseSequence(
            positions, times, layout, unit=unit, space=device.space, history=history
        ),
        "rotations": BodyMotion(
            from_quaternion(x[..., 3:], "xyzw"), times, layout, relative_to="world", unit=unit,
            space=device.space, representation="quaternion xyzw", history=history,
        ),
    }  # fmt: skip
    return tie(streams, "keraal-text", probe.path, table)


def _rows(probe: Probe) -> Table:
    start, end, line = whitespace(probe)
    if not len(start):
        raise probe.error("line 1", "175 or 119 numbers", "none")
    numbers, counts = np.unique(line, return_counts=True)
    width = int(counts[0])
    if width not in (EACH * n for n in DEVICES):
        raise probe.error(f"line {numbers[0] + 1}", "175 (Kinect) or 119 (Vicon) numbers", str(width))
    ragged = np.flatnonzero(counts != width)
    if len(ragged):
        raise probe.error(f"line {numbers[ragged[0]] + 1}", f"{width} numbers", str(counts[ragged[0]]))
    return Table(probe.path, probe.data, start.reshape(-1, width), end.reshape(-1, width))


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Positions and quaternions into a copy of the file; or a new file of Kinect joints or Vicon targets."""
    if document is None:
        _write_new(streams, target)
        return
    rows, width = document.shape
    column = np.arange(width).reshape(-1, EACH)
    edits = []
    for name, motion in streams.items():
        if isinstance(motion, PoseSequence):
            _check.fits(name, motion, (rows, 1, len(column), 3))
            columns = column[:, :3].ravel()
            values = motion.positions.astype(np.float64)
            # A joint that is lost becomes zeros; a cell that is no number in the file stays what it is.
            lost = np.isnan(values).all(-1, keepdims=True)
            lost = lost & np.isfinite(document.floats(columns).reshape(values.shape))
            values[lost] = 0
        else:
            _check.fits(name, motion, (rows, 1, len(column)))
            columns = column[:, 3:].ravel()
            old = document.floats(columns).reshape(rows, 1, len(column), 4)
            values = quaternions_near(motion.rotations, old)
        edits += document.edits(columns, values.reshape(rows, -1), b"nan", decimals=6)
    target.write_bytes(document.apply(edits))


def quaternions_near(
    rotations: npt.NDArray[np.float64], old: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Quaternions x y z w of the sign that continues the file's; its own digits where nothing turned.

    Parameters
    ----------
    rotations : ndarray, shape (frames, ..., 3, 3)
        Missing ones become zeros.
    old : ndarray, shape (frames, ..., 4)
        What the file has.
    """
    read = from_quaternion(old, "xyzw")
    same = ((read == rotations) | (np.isnan(read) & np.isnan(rotations))).all(axis=(-1, -2))
    new = np.nan_to_num(to_quaternion(rotations, "xyzw"))
    turned = (new * np.where(np.isfinite(old), old, 0)).sum(-1, keepdims=True)
    return np.where(same[..., None], old, np.where(turned < 0, -new, new))


def _write_new(streams: Mapping[str, Motion], target: Path) -> None:
    positions = [m for m in streams.values() if isinstance(m, PoseSequence)]
    rotations = [m for m in streams.values() if isinstance(m, BodyMotion)]
    if len(positions) != 1 or len(rotations) > 1:
        raise DataError(f"keraal-text holds positions and perhaps rotations, found {', '.join(streams)}")
    motion = positions[0]
    _check.one_person(motion, "keraal-text")
    device = next(
        (d for d in DEVICES.values() if skeleton(d.layout).keypoints == motion.skeleton.keypoints), None
    )
    if device is None or motion.shape[3] != 3:
        raise DataError(
            f"keraal-text holds 3D positions of {' or '.join(d.layout for d in DEVICES.values())}, "
            f"found {motion.shape[3]}D {motion.skeleton.name} (remap it first)"
        )
    row = np.zeros((motion.shape[0], motion.shape[2], EACH))
    row[..., :3] = np.nan_to_num(_check.in_unit(motion, device.unit)[:, 0])
    for turned in rotations:
        _check.fits("rotations", turned, motion.shape[:3])
        r = turned.rotations
        if turned.relative_to == "parent":
            r = to_global(r, turned.skeleton.parents or ())
        row[..., 3:] = np.nan_to_num(to_quaternion(r, "xyzw"))[:, 0]
    np.savetxt(target, row.reshape(len(row), -1), fmt="%.6f")
