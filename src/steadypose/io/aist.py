"""AIST++ annotations: ``motions`` (SMPL), ``keypoints3d`` and ``keypoints2d`` pickles of the dataset.

``smpl_poses`` (N, 72) and ``smpl_trans`` (N, 3, centimetres: divided by ``smpl_scaling`` it is in the body's
metres) are one dancer at 60 fps; ``keypoints3d_optim`` and ``keypoints3d`` (N, 17, 3) are COCO's keypoints in
centimetres; ``keypoints2d`` (views, N, 17, 3) are x, y and score in each of the cameras c01 … c09.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steadypose._layouts import layouts
from steadypose.errors import SteadyposeError
from steadypose.io import _pickle
from steadypose.io._check import in_unit
from steadypose.io._check import one_person as check_one_person
from steadypose.io._fields import VALUES, Array, Columns, Field, Place, in_layout, need, numeric
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import (
    AXIS_ANGLE,
    Body,
    Kept,
    Part,
    Points,
    filled_in,
    new,
    one_person,
)
from steadypose.io._tracks import pickled
from steadypose.sequence import BodyMotion, Motion

FPS = 60.0
_KEYS = ("smpl_poses", "keypoints3d_optim", "keypoints3d", "keypoints2d")


def sniff(probe: Probe) -> bool:
    """Whether a pickle has the dataset's keys."""
    content = probe.pickle
    if not isinstance(content, dict):
        return False
    return {"smpl_poses", "smpl_trans"} <= set(content) or any(
        isinstance(content.get(k), np.ndarray) for k in _KEYS[1:]
    )


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``pose``, ``keypoints3d_optim``, ``keypoints3d``, ``c01`` …: those the file has."""
    content = pickled(probe)
    if not isinstance(content, dict):
        raise probe.error("", "a mapping of arrays", type(content).__name__)
    parts: dict[str, Part] = {}
    streams: dict[str, Motion] = {}
    if "smpl_poses" in content:
        pose = numeric(content["smpl_poses"], (None, 72), "smpl_poses", probe)
        count = len(pose)
        trans = numeric(need(content, "smpl_trans", "", probe), (count, 3), "smpl_trans", probe)
        rows = one_person(count, probe)
        body = Body(
            Field(rows, pose.reshape(-1, 24, 3), _whole("smpl_poses"), AXIS_ANGLE),
            Field(rows, trans[:, None], _whole("smpl_trans"), VALUES),
            None,
        )
        times, notes = timeline(np.arange(count), options, FPS)
        parts["pose"] = body
        streams["pose"] = body.motion(layouts()["smpl24"], times, ("0",), "world", notes, unit="cm")
    for name in _KEYS[1:3]:
        if name in content:
            x = numeric(content[name], (None, 17, 3), name, probe)
            points = Points(Field(one_person(len(x), probe), x, _whole(name), VALUES))
            times, notes = timeline(np.arange(len(x)), options, FPS)
            parts[name] = points
            streams[name] = points.motion(layouts()["coco17"], times, ("0",), "cm", "world", notes)
    if "keypoints2d" in content:
        x = numeric(content["keypoints2d"], (None, None, 17, 3), "keypoints2d", probe)
        times, notes = _times(content.get("timestamps"), x.shape[1], options, probe)
        for view in range(len(x)):
            name = f"c{view + 1:02d}"
            field = Field(
                one_person(x.shape[1], probe), x[view], _whole("keypoints2d", view), Columns(2, zero=True)
            )
            parts[name] = Points(field)
            streams[name] = Points(field).motion(layouts()["coco17"], times, ("0",), "px", "image", notes)
    return tie(streams, "aist", probe.path, Kept(content, parts, _pickle.compression(probe.head)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other coordinates; or a new file of one motion or of 3D keypoints."""
    if document is None:
        _pickle.dump(_new(streams), target)
    else:
        _pickle.dump(filled_in(streams, document, "aist"), target, document.envelope)


def _whole(*path: Any) -> tuple[Place, ...]:
    return (Place(path),)


def _times(stamps: Any, count: int, options: ReadOptions, probe: Probe) -> tuple[Array, list[str]]:
    """The file's time stamps if they are (milli-, micro-)seconds of about 60 fps; else frames at 60 fps."""
    if isinstance(stamps, np.ndarray) and stamps.shape == (count,) and count > 1 and options.fps is None:
        t = numeric(stamps, (count,), "timestamps", probe).astype(np.float64)
        step = np.diff(t)
        for unit in (1.0, 1e-3, 1e-6):
            if (step > 0).all() and abs(np.median(step) * unit * FPS - 1) < 0.1:
                return (t - t[0]) * unit, []
    return timeline(np.arange(count), options, FPS)


def _new(streams: Mapping[str, Motion]) -> dict[str, Array]:
    content: dict[str, Array] = {}
    for motion in streams.values():
        check_one_person(motion, "aist")
        if isinstance(motion, BodyMotion):
            made = new(motion, (24,), "aist")
            # The body model's metres times the scaling, plus the translation, are centimetres.
            content |= {"smpl_poses": made.poses[:, 0], "smpl_scaling": np.array([100.0])}
            content["smpl_trans"] = 100 * made.trans[:, 0]
        elif motion.shape[3] == 3:
            named = in_layout(motion, layouts()["coco17"], "aist")
            content["keypoints3d_optim"] = in_unit(named, "cm")[:, 0].astype(np.float64)
        else:
            raise SteadyposeError(
                "aist: expected rotations or 3D keypoints for a new file, found 2D keypoints"
            )
    return content
