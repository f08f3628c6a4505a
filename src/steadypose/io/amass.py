"""AMASS sequences (npz): SMPL+H (52 joints), SMPL-X (55), or SMPL (24, or the 22 without hands).

``poses`` (T, joints × 3), ``trans`` (T, 3, metres), ``betas``, ``mocap_framerate`` (SMPL-X release:
``mocap_frame_rate``). The SMPL-X release holds the pose a second time in parts (``root_orient``,
``pose_body``, ``pose_jaw``, ``pose_eye``, ``pose_hand``), which are kept the same. ``dmpls``, markers and the
rest are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.errors import SteadyposeError
from steadypose.io import _npy
from steadypose.io._fields import VALUES, Array, Field, Place, numeric
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import (
    AXIS_ANGLE,
    Body,
    Kept,
    filled_in,
    new_of_one,
    one_person,
    one_shape,
    skeleton_of,
)
from steadypose.sequence import Motion

_RATES = ("mocap_framerate", "mocap_frame_rate")
# Columns of ``poses`` that the SMPL-X release has a second time, by joints.
_PARTS = {
    "root_orient": slice(0, 1),
    "pose_body": slice(1, 22),
    "pose_jaw": slice(22, 23),
    "pose_eye": slice(23, 25),
    "pose_hand": slice(25, 55),
}


def sniff(probe: Probe) -> bool:
    """Whether the arrays have AMASS' names."""
    return {"poses", "trans"} <= set(probe.npz_keys)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One stream, ``pose``."""
    content = _npy.load_npz(probe.path)
    for key in ("poses", "trans"):
        if key not in content:
            raise probe.error("", f"the array {key!r}", ", ".join(list(content)[:12]))
    poses = numeric(content["poses"], (None, None), "poses", probe)
    count = len(poses)
    body = skeleton_of(poses.shape[1] // 3) if poses.shape[1] % 3 == 0 else None
    if body is None:
        raise probe.error("poses", "66, 72, 156 or 165 numbers a frame", str(poses.shape[1]))
    rows = one_person(count, probe)
    trans = numeric(content["trans"], (count, 3), "trans", probe)
    places = [Place(("poses",))]
    for name, joints in _PARTS.items():
        if (
            len(body) == 55
            and name in content
            and np.shape(content[name]) == (count, 3 * len(range(55)[joints]))
        ):
            places.append(Place((name,), items=joints))
    part = Body(
        Field(rows, poses.reshape(count, -1, 3), tuple(places), AXIS_ANGLE),
        Field(rows, trans[:, None], (Place(("trans",)),), VALUES),
        _betas(content, count, probe),
    )
    rate = next((float(numeric(content[k], (), k, probe)) for k in _RATES if k in content), None)
    times, notes = timeline(np.arange(count), options, rate)
    motion = part.motion(body, times, ("0",), "world", notes)
    kept = Kept(content, {"pose": part}, _npy.is_compressed(probe.path))
    return tie({"pose": motion}, "amass", probe.path, kept)


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other rotations and translation; or a new one of one person."""
    if document is not None:
        _npy.save_npz(filled_in(streams, document, "amass"), target, document.envelope)
        return
    if len(streams) != 1:
        raise SteadyposeError(f"amass holds one sequence, found {len(streams)}: {', '.join(streams)}")
    _npy.save_npz(_new(next(iter(streams.values()))), target)


def _betas(content: Mapping[str, Any], count: int, probe: Probe) -> Array | None:
    if "betas" not in content:
        return None
    betas = content["betas"]
    if np.ndim(betas) == 1:  # one body for the whole sequence
        return np.broadcast_to(numeric(betas, (None,), "betas", probe), (count, len(betas)))
    betas = numeric(betas, (None, None), "betas", probe)
    if len(betas) not in (1, count):
        raise probe.error("betas", f"one set, or one a frame ({count})", str(len(betas)))
    return np.broadcast_to(betas, (count, betas.shape[1]))


def _new(motion: Motion) -> dict[str, Array]:
    made = new_of_one(motion, (22, 24, 52, 55), "amass")
    smplx = len(motion.skeleton) == 55
    rate = motion.fps if len(motion.times) > 1 else 30.0
    return {
        "poses": made.poses[:, 0],
        "trans": made.trans[:, 0],
        "betas": one_shape(made.betas[:, 0]),
        "gender": np.array("neutral"),
        "mocap_frame_rate" if smplx else "mocap_framerate": np.array(rate),
    }
