"""BVH: a hierarchy of joints, then Euler angles (and positions) of one person, one row a frame.

Joints turn by ``R = R_first R_second R_third`` in the order of their channels. Positions of the root are the
motion's translation. Where the root stands still and its only child carries the body (Bandai Namco's files),
that child's positions are. Other joints' position channels are offsets that hardly change: their median is
the rest offset, and the file's own numbers are kept. No unit is named; centimetres are assumed.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _bvh_hierarchy, _check
from steadypose.io._bvh_hierarchy import Joint
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._table import Edit, Table, whitespace
from steadypose.rotations import from_euler, to_euler, to_local
from steadypose.sequence import BodyMotion, Motion
from steadypose.skeleton import Skeleton, skeleton

Floats = npt.NDArray[np.float64]
_MOTION = re.compile(rb"^[ \t]*MOTION[ \t\r]*\n", re.MULTILINE | re.IGNORECASE)
_FRAMES = re.compile(
    rb"\s*Frames:\s*(\S+)[ \t\r]*\n\s*Frame[ \t]+Time:\s*(\S+)[ \t\r]*(?:\n|\Z)", re.IGNORECASE
)


@dataclass(frozen=True)
class Document:
    """The rows of MOTION, the joints, and which of them carries the body."""

    table: Table
    joints: list[Joint]
    carrier: int


def sniff(probe: Probe) -> bool:
    """Whether the file starts with HIERARCHY."""
    return probe.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].upper() == b"HIERARCHY"


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Rotations relative to the parents, the root's translation and rest offsets; every row is a frame."""
    text = probe.need_text()
    motion = _MOTION.search(probe.data)
    if motion is None:
        raise probe.error(f"line {len(text.splitlines())}", "MOTION", "the end of the file")
    joints = _bvh_hierarchy.parse(probe, probe.data[: motion.start()].decode("utf-8-sig"))
    table, step = _rows(probe, motion.end(), sum(len(j.rotation) + len(j.position) for j in joints))
    x = _numbers(table, probe.data[int(table.start[0, 0]) :])
    carrier = _carrier(joints, x)
    offsets = np.array([_offset(j, x) for j in joints])
    rotations = _rotations(joints, x)
    translation = None
    if any(joints[k].position for k in _chain(joints, carrier)):
        translation = _translation(joints, carrier, x, rotations)
        offsets[_chain(joints, carrier)] = 0
    orders = list(dict.fromkeys(j.order for j in joints if j.rotation))
    names = [j.name for j in joints]
    if options.skeleton is not None:
        names = list(skeleton(options.skeleton).keypoints)
    frames = np.arange(len(x))
    sequence = BodyMotion(
        rotations[:, None],
        timeline(frames, options)[0] if options.fps is not None else frames * step,
        Skeleton("bvh", tuple(names), tuple(j.parent for j in joints), (names[0],)),
        None if translation is None else translation[:, None],
        offsets=offsets,
        unit=options.unit or "cm",
        representation=f"euler {'/'.join(orders)}",
        history=() if options.unit else ("no unit in the file: cm assumed",),
    )
    return tie({"main": sequence}, "bvh", probe.path, Document(table, joints, carrier))


def _rows(probe: Probe, start: int, channels: int) -> tuple[Table, float]:
    """The numbers of MOTION, one row a frame, and the seconds between frames."""
    line = probe.data.count(b"\n", 0, start) + 1
    m = _FRAMES.match(probe.data, start)
    try:
        frames, step = int(m[1]), float(m[2])  # type: ignore[index]
    except (TypeError, ValueError):
        found = probe.data[start : start + 60].decode(errors="replace")
        raise probe.error(f"line {line}", "Frames: and Frame Time:", repr(found)) from None
    if not (np.isfinite(step) and step > 0):
        raise probe.error(f"line {line + 1}", "a Frame Time above 0 s", f"{step:g}")
    assert m is not None
    begin, end, _ = whitespace(probe, m.end())
    if not channels or frames < 1:
        raise probe.error(f"line {line}", "at least one frame and one channel", f"{frames} and {channels}")
    if len(begin) != frames * channels:
        # Rows may be wrapped, so only the number of numbers counts.
        expected = f"{frames} frames of {channels} channels ({frames * channels} numbers)"
        raise probe.error(f"line {probe.data.count(bytes([10]), 0, m.end()) + 1}", expected, f"{len(begin)}")
    return Table(probe.path, probe.data, begin.reshape(frames, channels), end.reshape(frames, channels)), step


def _numbers(table: Table, text: bytes) -> Floats:
    """The numbers of the rows: all at once where they are in order, else cell by cell to say which is not."""
    # What is no number is an error in NumPy, or a warning in older releases of it.
    with warnings.catch_warnings(), contextlib.suppress(ValueError):
        warnings.simplefilter("ignore", DeprecationWarning)
        x = np.fromstring(text.decode("latin-1"), sep=" ")
        if x.size == table.start.size and np.isfinite(x).all():
            return x.reshape(table.shape)
    return table.floats(range(table.shape[1]))


def _chain(joints: list[Joint], joint: int) -> list[int]:
    """From the root to a joint."""
    chain = [joint]
    while joints[chain[0]].parent >= 0:
        chain.insert(0, joints[chain[0]].parent)
    return chain


def _carrier(joints: list[Joint], x: Floats) -> int:
    """The first joint that moves about, going down from the root as long as there is an only child."""
    at = 0
    while True:
        columns = list(joints[at].position.values())
        children = [k for k, j in enumerate(joints) if j.parent == at]
        if np.ptp(x[:, columns], axis=0).any():
            return at
        if len(children) != 1 or not joints[children[0]].position:
            return 0
        at = children[0]


def _place(joint: Joint, x: Floats) -> Floats:
    """Where a joint is relative to its parent, shape (frames, 3)."""
    place = np.tile(np.array(joint.offset), (len(x), 1))
    for axis, column in joint.position.items():
        place[:, "XYZ".index(axis)] = x[:, column]
    return place


def _offset(joint: Joint, x: Floats) -> Floats:
    return np.asarray(np.median(_place(joint, x), axis=0))


def _rotations(joints: list[Joint], x: Floats) -> Floats:
    """Rotation of every joint relative to its parent, shape (frames, joints, 3, 3)."""
    padded = np.concatenate((x, np.zeros((len(x), 1))), axis=1)  # column -1: no channel, no rotation
    rotations = np.empty((len(x), len(joints), 3, 3))
    for order in {j.order for j in joints}:
        which = [k for k, j in enumerate(joints) if j.order == order]
        columns = np.array([joints[k].columns("rotation") for k in which])
        rotations[:, which] = from_euler(padded[:, columns], order)
    return rotations


def _translation(joints: list[Joint], carrier: int, x: Floats, rotations: Floats) -> Floats:
    """Position of the carrier in the world, shape (frames, 3)."""
    at, turned = np.zeros((len(x), 3)), np.eye(3)
    for k in _chain(joints, carrier):
        at = at + (turned @ _place(joints[k], x)[..., None])[..., 0]
        turned = turned @ rotations[:, k]
    return at


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Angles and positions into a copy of the file, each angle the nearest to the file's; or a new file."""
    motion = _check.rotations_alone(streams, "bvh")
    if document is None:
        target.write_text(_new_file(motion))
        return
    doc: Document = document
    _check.fits("bvh", motion, (doc.table.shape[0], 1, len(doc.joints)))
    x = doc.table.floats(range(doc.table.shape[1]))
    target.write_bytes(doc.table.apply(_edits(doc, motion, x)))


def _edits(doc: Document, motion: BodyMotion, x: Floats) -> list[Edit]:
    new = motion.rotations[:, 0]
    turned = ~((_rotations(doc.joints, x) == new).all(axis=(-1, -2)) | np.isnan(new).all(axis=(-1, -2)))
    wanted = x.copy()
    for k, joint in enumerate(doc.joints):
        rows, columns = np.flatnonzero(turned[:, k]), joint.columns("rotation")
        if not len(rows) or (columns < 0).all():
            continue
        old = np.where(columns >= 0, x[np.ix_(rows, columns)], 0)
        angles = nearest_euler(new[rows, k], np.nan_to_num(old), joint.order)
        wanted[np.ix_(rows, columns[columns >= 0])] = angles[:, columns >= 0]
    if motion.translation is not None:
        _carry(doc, motion.translation[:, 0], x, wanted)
    edits = []
    for kind in (
        [c for j in doc.joints for c in j.rotation.values()],
        [c for j in doc.joints for c in j.position.values()],
    ):
        edits += doc.table.edits(kind, wanted[:, kind], b"nan", 6) if kind else []
    return edits


def _carry(doc: Document, translation: Floats, x: Floats, wanted: Floats) -> None:
    """Positions of the carrier that put it where the translation says."""
    joint = doc.joints[doc.carrier]
    moved = ~(_translation(doc.joints, doc.carrier, x, _rotations(doc.joints, x)) == translation).all(axis=-1)
    moved &= np.isfinite(translation).all(axis=-1)
    if not moved.any():
        return
    at, turned = np.zeros((len(x), 3)), np.eye(3)
    rotations = _rotations(doc.joints, wanted)
    for k in _chain(doc.joints, doc.carrier)[:-1]:
        at = at + (turned @ _place(doc.joints[k], x)[..., None])[..., 0]
        turned = turned @ rotations[:, k]
    local = (np.swapaxes(turned, -1, -2) @ (translation - at)[..., None])[..., 0]
    for axis, column in joint.position.items():
        wanted[moved, column] = local[moved, "XYZ".index(axis)]


def nearest_euler(rotations: Floats, near: Floats, order: str) -> Floats:
    """Euler angles in degrees of rotations, of all equivalent ones those nearest to given angles.

    Parameters
    ----------
    rotations : ndarray, shape (n, 3, 3)
    near : ndarray, shape (n, 3)
    order
        As in :func:`steadypose.rotations.from_euler`.

    Returns
    -------
    ndarray, shape (n, 3)
        Turning the outer axes by 180° and the middle one to its supplement is the same rotation, as is any
        full turn. With the middle angle at ±90° the first stays where it was.
    """
    a = to_euler(rotations, order)
    locked = np.abs(np.abs(a[:, 1]) - 90) < 1e-3
    if locked.any():
        first = np.stack([near[locked, 0], a[locked, 1], np.zeros(locked.sum())], axis=-1)
        rest = np.swapaxes(from_euler(first, order), -1, -2) @ rotations[locked]
        axis = "XYZ".index(order[2])
        i, j = (axis + 1) % 3, (axis + 2) % 3
        first[:, 2] = np.rad2deg(np.arctan2(rest[:, j, i], rest[:, i, i]))
        a[locked] = first
    other = a * [1, -1, 1] + 180
    both = np.stack([a, other])
    both += 360 * np.round((near - both) / 360)
    nearer = np.argmin(np.square(both - near).sum(-1), axis=0)
    return np.asarray(both[nearer, np.arange(len(a))])


def _new_file(motion: BodyMotion) -> str:
    """A hierarchy from the rest offsets, in centimetres, with rotations Z Y X."""
    _check.one_person(motion, "bvh")
    if motion.offsets is None:
        raise DataError("bvh holds rest offsets of the joints, found none")
    gone = np.flatnonzero(~motion.valid.all(axis=(1, 2)))
    if motion.translation is not None:
        gone = np.union1d(gone, np.flatnonzero(~np.isfinite(motion.translation).all(axis=(1, 2))))
    if len(gone):
        raise DataError(
            f"bvh cannot leave out a rotation, found one missing at frame {gone[0]} (fill or cut it)"
        )
    _check.even_times(motion, "bvh")
    scale = {"m": 100.0, "cm": 1.0, "mm": 0.1}.get(motion.unit)
    if scale is None:
        raise DataError(f"bvh holds lengths, found {motion.unit}")
    offsets = motion.offsets.reshape(-1, 3) * scale
    lines, order = _bvh_hierarchy.build(motion, offsets)
    parents = motion.skeleton.parents or ()
    local = motion.rotations if motion.relative_to == "parent" else to_local(motion.rotations, parents)
    angles = np.unwrap(to_euler(local[:, 0, order], "ZYX"), period=360, axis=0)
    root = np.broadcast_to(offsets[order[0]], (len(angles), 3))
    if motion.translation is not None:
        root = root + motion.translation[:, 0] * scale
    step = float(np.median(np.diff(motion.times))) if len(motion.times) > 1 else 1 / 30
    lines += ["MOTION", f"Frames: {len(angles)}", f"Frame Time: {step!r}"]
    rows = np.concatenate((root, angles.reshape(len(angles), -1)), axis=1)
    lines += [" ".join(f"{v:.6f}" for v in row) for row in rows.tolist()]
    return "\n".join(lines) + "\n"
