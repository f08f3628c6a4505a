"""Rotations of SMPL's joints from the rotations of another skeleton.

A joint of SMPL turns with the joint of the file that moves the same segment, behind a constant rotation from
SMPL's rest pose (standing, arms to the sides) to the file's. Where a segment is no single bone of the file
(the neck over two), the joint is swung onto the segment frame by frame. The body keeps its own lengths: its
offsets are in SMPL's rest pose, and its joints come out where :meth:`Clip.joints` puts them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from steadypose.data import _bodies, _neutral, _rig
from steadypose.data._rig import Rig
from steadypose.errors import DataError
from steadypose.rotations import from_axis_angle, to_local
from steadypose.sequence import BodyMotion
from steadypose.skeleton import skeleton

Floats = npt.NDArray[np.float64]

# Limbs, each with the joint its bone leads to; in the trunk and head rest poses agree.
_LIMBS = {
    "hip": "knee",
    "knee": "ankle",
    "ankle": "foot",
    "shoulder": "elbow",
    "elbow": "wrist",
    "wrist": "hand",
}


def to_smpl(motion: BodyMotion) -> BodyMotion:
    """A body's motion with the joints and the rest pose of SMPL (:func:`steadypose.data.mocap.to_smpl`)."""
    rig, layout = _bodies.rig_of(motion), skeleton("smpl24")
    if not rig.upright:
        raise DataError(
            "expected a skeleton that stands at rest, found one that does not (so its rotations cannot be "
            "told from SMPL's)"
        )
    assert layout.parents is not None
    x, turned = _bodies.placed(motion, rig)
    points = _rig.landmarks(rig, layout, rig.frame(rig.rest()))
    joints = points.positions(x, turned)
    still = np.broadcast_to(np.eye(3), (1, len(rig.names), 3, 3))
    rest = points.positions(rig.rest()[None], still)[0]
    axes = _axes(rig, rest)
    names, parents = layout.canonical, layout.parents
    world = turned[:, _carriers(rig)] @ axes
    offsets = np.zeros((len(names), 3))
    for j in range(1, len(names)):
        p = parents[j]
        local = np.einsum("fba,fb->fa", world[:, p], joints[:, j] - joints[:, p])
        offsets[j] = np.median(local, axis=0)
        if parents.count(p) == 1:  # else the segment is rigid with its joint
            world[:, p] = _swing(world[:, p] @ offsets[j], joints[:, j] - joints[:, p]) @ world[:, p]
    return replace(
        motion,
        rotations=to_local(world, parents)[:, None],
        skeleton=layout,
        translation=joints[:, None, 0],
        offsets=offsets,
        body_shape=None,
        representation="matrix",
        history=(*motion.history, "retargeted to smpl24 by name"),
    )


def _carriers(rig: Rig) -> list[int]:
    """The joint of the file that moves each of SMPL's segments."""
    carriers = []
    for name in skeleton("smpl24").canonical:
        side, _, part = name.partition("_")
        if name.startswith("spine_"):
            carriers.append(_rig.spine_carrier(rig, int(part)))
        elif name == "head":
            carriers.append(_rig.head_joint(rig))
        elif side not in ("left", "right"):
            carriers.append(rig.need(name))
        elif part == "collar" and rig.first(name) is None:
            carriers.append(_rig.spine_carrier(rig, 3))
        else:  # ends of limbs turn with what carries them
            carriers.append(rig.need(*(f"{side}_{p}" for p in _rig.SAME.get(part, (part,)))))
    return carriers


def _axes(rig: Rig, rest: Floats) -> Floats:
    """From SMPL's rest pose to every carrier's frame, shape (24, 3, 3)."""
    layout = skeleton("smpl24")
    neutral = _neutral.offsets(layout)
    frame = rig.frame(rig.rest())
    axes = np.tile(frame, (len(layout), 1, 1))
    for side in ("left", "right"):
        for start, end in _LIMBS.items():
            j, child = layout.index(f"{side}_{start}"), layout.index(f"{side}_{end}")
            bone = rest[child] - rest[j]
            if np.linalg.norm(bone) > 1e-6:
                axes[j] = _swing((frame @ neutral[child])[None], bone[None])[0] @ frame
        for start, end in (("ankle", "foot"), ("wrist", "hand")):
            axes[layout.index(f"{side}_{end}")] = axes[layout.index(f"{side}_{start}")]
    return axes


def _swing(a: Floats, b: Floats) -> Floats:
    """The smallest rotations that turn vectors (frames, 3) into others' directions; none for length 0."""
    length = np.linalg.norm(a, axis=-1, keepdims=True) * np.linalg.norm(b, axis=-1, keepdims=True)
    cross, dot = np.cross(a, b), (a * b).sum(axis=-1, keepdims=True)
    sine = np.linalg.norm(cross, axis=-1, keepdims=True)
    angle = np.arctan2(sine, dot)
    axis = np.where(sine > 1e-12 * length, cross / np.where(sine > 0, sine, 1), 0)
    return from_axis_angle(np.where(length > 0, angle * axis, 0))
