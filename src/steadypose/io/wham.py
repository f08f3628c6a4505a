"""WHAM results (``wham_output.pkl``): one entry a person, written by joblib.

``pose`` (T, 72) and ``trans`` are in the camera's frame, ``pose_world`` and ``trans_world`` in the world; the
body's rotations are the same in both. ``frame_ids`` are the frames of the video in which the person was
tracked; the video's rate is not in the file. ``verts`` (T, 6890, 3), the body's surface in the camera's
frame, is what WHAM draws: one stream a person, so that the drawing becomes as steady as the pose.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from steadypose._layouts import layouts
from steadypose.io import _pickle
from steadypose.io._fields import Array
from steadypose.io._probe import Probe, ReadOptions, tie
from steadypose.io._smpl import AXIS_ANGLE, Body, Kept, Part, by_space, filled_in, new
from steadypose.io._tracks import Tracks, is_tracks, pickled
from steadypose.sequence import Motion, Space

_BODIES: tuple[tuple[str, str, str, Space], ...] = (
    ("world", "pose_world", "trans_world", "world"),
    ("camera", "pose", "trans", "camera"),
)


def sniff(probe: Probe) -> bool:
    """Whether persons have poses and translations."""
    return any(is_tracks(probe, {"frame_ids", pose, trans}) for _, pose, trans, _ in _BODIES)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``world``, ``camera``, and ``verts/<person>``: those the file has."""
    tracks = Tracks(pickled(probe), probe, options)
    parts: dict[str, Part] = {}
    streams: dict[str, Motion] = {}
    for name, pose, trans, space in _BODIES:
        if not (tracks.has(pose) and tracks.has(trans)):
            continue
        body = Body(
            tracks.field(pose, (72,), (24, 3), AXIS_ANGLE),
            tracks.field(trans, (3,), (1, 3)),
            tracks.field("betas", (None,), (-1,)).original,
        )
        parts[name] = body
        streams[name] = body.motion(layouts()["smpl24"], tracks.times, tracks.names, space, tracks.notes)
    if not streams:
        raise probe.error("", "pose and trans, or pose_world and trans_world, of every person", "neither")
    for name, (points, motion) in tracks.vertices("camera").items():
        parts[name], streams[name] = points, motion
    kept = Kept(tracks.content, parts, _pickle.compression(probe.head))
    return tie(streams, "wham", probe.path, kept)


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other rotations, translations and vertices; or a new one of poses alone.

    ``joblib.load`` reads both.
    """
    if document is not None:
        _pickle.dump(filled_in(streams, document, "wham"), target, document.envelope)
        return
    content: dict[str, dict[str, Array]] = {}
    for space, motion in by_space(streams, "wham").items():
        made = new(motion, (24,), "wham")
        pose, trans = ("pose", "trans") if space == "camera" else ("pose_world", "trans_world")
        for p, person in enumerate(motion.persons):
            entry = content.setdefault(person, {})
            there = made.there[:, p]
            entry |= {pose: made.poses[there, p], trans: made.trans[there, p], "betas": made.betas[there, p]}
            entry["frame_ids"] = made.numbers[there]
    _pickle.dump(content, target)
