"""VIBE, MEVA, TCMR and PARE results: one entry a person, written by joblib.

``pose`` is axis-angle (T, 72) or, in PARE, matrices (T, 24, 3, 3), in the camera's frame; there is no
translation. ``joints3d`` (T, 49, 3) are SPIN's joints (TCMR, PARE), ``smpl_joints2d`` their projections in
pixels (PARE), ``joints2d`` detections if a pose tracker was used. ``frame_ids`` are frames of the video,
whose rate is not in the file.

Two arrays say where the body is in the image. ``orig_cam`` (scale x, scale y, offset x, offset y; in the
whole image) moves smoothly when the person does: a stream of two points, scale and offset. ``pred_cam`` is
relative to each frame's crop (``bboxes``) and jumps with it: it stays as it was. ``verts`` (T, 6890, 3) is
what the demos draw: one stream a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from steadypose._layouts import layouts
from steadypose.errors import SteadyposeError
from steadypose.io import _pickle
from steadypose.io._fields import Columns, need
from steadypose.io._probe import Probe, ReadOptions, tie
from steadypose.io._smpl import (
    AXIS_ANGLE,
    MATRICES,
    Body,
    Kept,
    Part,
    Points,
    check_rotations,
    filled_in,
    new,
)
from steadypose.io._tracks import Tracks, is_tracks, pickled
from steadypose.sequence import Motion, Space, Unit, numbered
from steadypose.skeleton import Skeleton

CAMERA = Skeleton("weak-perspective camera", ("scale", "offset"))
_JOINTS: tuple[tuple[str, Unit, Space], ...] = (
    ("joints3d", "m", "root-relative"),
    ("smpl_joints2d", "px", "image"),
    ("joints2d", "px", "image"),
)


def sniff(probe: Probe) -> bool:
    """Whether persons have poses (WHAM, which also has translations, has been asked before)."""
    return is_tracks(probe, {"pose", "frame_ids"})


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """``pose``, and of ``orig_cam``, the joints and ``verts/<person>`` those that the file has."""
    tracks = Tracks(pickled(probe), probe, options)
    body = _body(tracks, probe)
    parts: dict[str, Part] = {"pose": body}
    streams: dict[str, Motion] = {
        "pose": body.motion(layouts()["smpl24"], tracks.times, tracks.names, "camera", tracks.notes)
    }
    if tracks.has("orig_cam"):
        camera = Points(tracks.field("orig_cam", (4,), (2, 2)))
        parts["orig_cam"] = camera
        streams["orig_cam"] = camera.motion(
            CAMERA, tracks.times, tracks.names, "normalized", "image", tracks.notes
        )
    for name, unit, space in _JOINTS:
        if tracks.has(name):
            points = _joints(tracks, name, 3 if name == "joints3d" else 2)
            count = points.points.original.shape[1]
            skeleton = layouts()["spin49"] if count == 49 else numbered(count)
            parts[name] = points
            streams[name] = points.motion(skeleton, tracks.times, tracks.names, unit, space, tracks.notes)
    for name, (vertices, motion) in tracks.vertices("root-relative").items():
        parts[name], streams[name] = vertices, motion
    return tie(streams, "vibe", probe.path, Kept(tracks.content, parts, _pickle.compression(probe.head)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other rotations and points; or a new one of poses alone.

    ``joblib.load`` reads both.
    """
    if document is not None:
        _pickle.dump(filled_in(streams, document, "vibe"), target, document.envelope)
        return
    if len(streams) != 1:
        raise SteadyposeError(f"vibe: expected one sequence for a new file, found {', '.join(streams)}")
    motion = next(iter(streams.values()))
    made = new(motion, (24,), "vibe")
    content = {
        person: {
            "pose": made.poses[there, p],
            "betas": made.betas[there, p],
            "frame_ids": made.numbers[there],
        }
        for p, person in enumerate(motion.persons)
        for there in (made.there[:, p],)
    }
    _pickle.dump(content, target)


def _body(tracks: Tracks, probe: Probe) -> Body:
    shape = tracks.field("betas", (None,), (-1,)).original if tracks.has("betas") else None
    first = need(tracks.content[tracks.keys[0]], "pose", f"person {tracks.keys[0]}", probe)
    if not isinstance(first, np.ndarray) or first.ndim != 4:
        return Body(tracks.field("pose", (72,), (24, 3), AXIS_ANGLE), None, shape)
    pose = tracks.field("pose", (24, 3, 3), (24, 3, 3), MATRICES)
    check_rotations(pose.original, "pose", probe)
    return Body(pose, None, shape, "matrix")


def _joints(tracks: Tracks, name: str, dims: int) -> Points:
    field = tracks.field(name, (None, None), codec=Columns(dims))
    if field.original.shape[2] not in (dims, 3):
        place = tracks.at(tracks.keys[0], name)
        raise tracks.probe.error(place, f"{dims} coordinates a joint", str(field.original.shape[2]))
    return Points(field)
