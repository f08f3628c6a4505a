"""PHALP and 4D-Humans results: one entry a frame (its image's path), each with lists of one item a track.

``smpl[i]`` holds matrices ``global_orient`` (1, 3, 3), ``body_pose`` (23, 3, 3) and ``betas``; ``camera[i]``
is the translation in the camera's frame; ``3d_joints[i]`` (45, 3) are OpenPose's 25, 19 of SPIN's and the
body's origin, ``2d_joints[i]`` (90,) their projections as fractions of the square the image is padded to.

Ghosts: a track that was not detected in a frame (``tracked_time`` above 0, or its id not among
``tracked_ids``) is listed with its last detection repeated. That is no measurement: such a row is read as
missing. Where processing fills it (a short gap), the filled pose is written; otherwise the repetition stays
as it was. No entry is ever added or removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from steadypose._layouts import layouts
from steadypose.errors import FormatError, SteadyposeError
from steadypose.io import _pickle
from steadypose.io._fields import VALUES, Array, Codec, Field, Place, Rows, checked, need, numeric
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import MATRICES, Body, Kept, Part, Points, check_rotations, filled_in, new
from steadypose.io._tracks import is_tracks, pickled
from steadypose.rotations import from_axis_angle
from steadypose.sequence import Motion
from steadypose.skeleton import Skeleton


def _skeleton45() -> Skeleton:
    first = layouts()["spin49"].subset(range(44))
    assert first.parents is not None
    return Skeleton("phalp45", (*first.keypoints, "origin"), (*first.parents, -1), first.root, first.edges)


@dataclass(frozen=True, eq=False)
class _Detections:
    """Every item of every frame's lists, in the file's order."""

    probe: Probe
    content: dict[Any, Any]
    where: tuple[tuple[Any, int], ...]  # frame's key, index in its lists
    rows: Rows
    ghost: Array

    def collect(self, name: str, inner: str | None, shape: tuple[int | None, ...]) -> list[Array]:
        """One array a detection; all of one shape."""
        found: list[Array] = []
        for key, i in self.where:
            place = f"frame {key}, {name}[{i}]"
            items = need(self.content[key], name, f"frame {key}", self.probe)
            if not isinstance(items, list) or i >= len(items):
                raise self.probe.error(place, "an item of every track", "fewer")
            value = items[i] if inner is None else need(items[i], inner, place, self.probe)
            array = numeric(value, shape, place if inner is None else f"{place}.{inner}", self.probe)
            if found and array.shape != found[0].shape:
                raise self.probe.error(place, f"shape {found[0].shape}, as before", f"{array.shape}")
            found.append(array)
        return found

    def places(self, name: str, inner: str | None, items: slice = slice(None)) -> tuple[Place, ...]:
        tail = () if inner is None else (inner,)
        return tuple(
            Place((key, name, i, *tail), slice(n, n + 1), items) for n, (key, i) in enumerate(self.where)
        )

    def field(self, name: str, shape: tuple[int | None, ...], items: tuple[int, ...], codec: Codec) -> Field:
        original = np.stack([a.reshape(items) for a in self.collect(name, None, shape)])
        return Field(self.rows, original, self.places(name, None), codec, self.ghost)


def sniff(probe: Probe) -> bool:
    """Whether frames list tracks with SMPL parameters."""
    return is_tracks(probe, {"tid", "smpl"})


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``pose``, ``joints3d`` and ``joints2d``, of which the file need not have the last two."""
    content = pickled(probe)
    times, names, found, notes = _detections(content, probe, options)
    body = _body(found)
    parts: dict[str, Part] = {"pose": body}
    streams: dict[str, Motion] = {"pose": body.motion(layouts()["smpl24"], times, names, "camera", notes)}
    first = content[found.where[0][0]]
    if isinstance(first.get("3d_joints"), list):
        joints = Points(found.field("3d_joints", (45, 3), (45, 3), VALUES))
        parts["joints3d"] = joints
        streams["joints3d"] = joints.motion(_skeleton45(), times, names, "m", "root-relative", notes)
    if isinstance(first.get("2d_joints"), list):
        joints = Points(found.field("2d_joints", (90,), (45, 2), VALUES))
        parts["joints2d"] = joints
        streams["joints2d"] = joints.motion(_skeleton45(), times, names, "normalized", "image", notes)
    return tie(streams, "phalp", probe.path, Kept(content, parts, _pickle.compression(probe.head)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other rotations, translations and joints; or a new one of poses alone.

    ``joblib.load`` reads both.
    """
    if document is not None:
        _pickle.dump(filled_in(streams, document, "phalp"), target, document.envelope)
        return
    if len(streams) != 1:
        raise SteadyposeError(f"phalp: expected one sequence for a new file, found {', '.join(streams)}")
    motion = next(iter(streams.values()))
    made = new(motion, (24,), "phalp")
    R = from_axis_angle(made.poses.reshape(*made.there.shape, 24, 3))
    content: dict[str, dict[str, Any]] = {}
    for f, number in enumerate(made.numbers.tolist()):
        seen = np.flatnonzero(made.there[f]).tolist()
        content[f"{number:06d}.jpg"] = {
            "time": number,
            "tid": [p + 1 for p in seen],
            "tracked_ids": [p + 1 for p in seen],
            "tracked_time": [0] * len(seen),
            "smpl": [
                {"global_orient": R[f, p, :1], "body_pose": R[f, p, 1:], "betas": made.betas[f, p]}
                for p in seen
            ],
            "camera": [made.trans[f, p] for p in seen],
        }
    _pickle.dump(content, target, "zlib")


def _detections(
    content: Any, probe: Probe, options: ReadOptions
) -> tuple[Array, tuple[str, ...], _Detections, list[str]]:
    if not isinstance(content, dict):
        raise probe.error("", "a mapping of frames", type(content).__name__)
    keys = _in_order(content, probe)
    tracks: dict[str, int] = {}
    where: list[tuple[Any, int]] = []
    frame: list[int] = []
    person: list[int] = []
    ghost: list[bool] = []
    for f, (_, key) in enumerate(keys):
        place = f"frame {key}"
        ids = need(content[key], "tid", place, probe)
        if not isinstance(ids, list):
            raise probe.error(place, "a list of track ids", type(ids).__name__)
        coasting = _coasting(content[key], ids, place, probe)
        for i, track in enumerate(ids):
            where.append((key, i))
            frame.append(f)
            person.append(tracks.setdefault(str(track), len(tracks)))
            ghost.append(coasting[i])
    if not where:
        raise probe.error("", "at least one person", "none in any frame")
    names = tuple(tracks)
    at = checked(np.array(frame), np.array(person), [key for _, key in keys], names, probe)
    times, notes = timeline([number for number, _ in keys], options)
    if any(ghost):
        notes = [
            *notes,
            f"{sum(ghost)} of {len(ghost)} poses repeat the last detection of a lost track: taken as missing",
        ]
    return times, names, _Detections(probe, content, tuple(where), at, np.array(ghost)), notes


def _in_order(content: dict[Any, Any], probe: Probe) -> list[tuple[float, Any]]:
    """Numbers and keys of the frames, by number; the file's order where frames have no ``time``."""
    numbered = []
    for n, (key, frame) in enumerate(content.items()):
        if not isinstance(frame, dict):
            raise probe.error(f"frame {key}", "a mapping", type(frame).__name__)
        numbered.append((float(numeric(frame.get("time", n), (), f"frame {key}, time", probe)), key))
    numbered.sort(key=lambda pair: pair[0])
    for (a, _), (b, key) in pairwise(numbered):
        if a == b:
            raise probe.error(f"frame {key}", "a time of its own", f"{b:g} again")
    return numbered


def _coasting(frame: dict[Any, Any], ids: Sequence[Any], place: str, probe: Probe) -> list[bool]:
    since = frame.get("tracked_time")
    if isinstance(since, list) and len(since) == len(ids):
        return [float(numeric(s, (), f"{place}, tracked_time", probe)) > 0 for s in since]
    seen = frame.get("tracked_ids")
    return [track not in seen for track in ids] if isinstance(seen, list) else [False] * len(ids)


def _body(found: _Detections) -> Body:
    orient = np.stack([a.reshape(1, 3, 3) for a in _orients(found)])
    pose = np.stack(found.collect("smpl", "body_pose", (23, 3, 3)))
    original = np.concatenate([orient, pose], axis=1)
    check_rotations(original, "smpl", found.probe)
    places = (
        *found.places("smpl", "global_orient", slice(0, 1)),
        *found.places("smpl", "body_pose", slice(1, None)),
    )
    rotations = Field(found.rows, original, places, MATRICES, found.ghost)
    shape = np.stack(found.collect("smpl", "betas", (None,)))
    return Body(rotations, found.field("camera", (3,), (1, 3), VALUES), shape, "matrix")


def _orients(found: _Detections) -> list[Array]:
    """``global_orient`` as (1, 3, 3), or without the first axis."""
    try:
        return found.collect("smpl", "global_orient", (1, 3, 3))
    except FormatError:
        return found.collect("smpl", "global_orient", (3, 3))
