"""A body for motion that comes without one: SMPL's joints with round figures of an adult of 1.72 m.

AMASS holds rotations, and shape coefficients that mean lengths only with the SMPL model, which is not free.
The figures here are not the model's. Limbs are parts of the stature as in :mod:`steadypose.data._rig`
(0.186 and 0.146 for upper arm and forearm); the rest is placed by eye between them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from steadypose.skeleton import Skeleton

# (left, up, forward) of the parent in the rest pose of SMPL: standing, arms to the sides. Left of the body.
_LEFT = {
    "hip": (0.080, -0.090, 0.0),
    "knee": (0.020, -0.420, 0.0),
    "ankle": (0.0, -0.422, -0.020),
    "foot": (0.020, -0.060, 0.120),
    "collar": (0.070, 0.110, -0.010),
    "shoulder": (0.110, 0.010, -0.010),
    "elbow": (0.320, 0.0, 0.0),
    "wrist": (0.251, 0.0, 0.0),
    "hand": (0.085, -0.010, 0.0),
    "eye": (0.032, 0.050, 0.090),
    "hand_index_1": (0.095, 0.0, 0.025),
    "hand_middle_1": (0.098, 0.0, 0.0),
    "hand_ring_1": (0.092, 0.0, -0.018),
    "hand_pinky_1": (0.085, 0.0, -0.036),
    "hand_thumb_1": (0.025, -0.012, 0.030),
}
_PHALANX = (0.032, 0.0, 0.0)
_MIDDLE = {
    "pelvis": (0.0, 0.0, 0.0),
    "spine_1": (0.0, 0.110, -0.010),
    "spine_2": (0.0, 0.130, 0.0),
    "spine_3": (0.0, 0.055, 0.005),
    "neck": (0.0, 0.190, -0.010),
    "head": (0.0, 0.080, 0.030),
    "jaw": (0.0, 0.0, 0.020),
}


def offsets(skeleton: Skeleton) -> npt.NDArray[np.float64]:
    """Rest offsets of SMPL's joints (24, SMPL+H's or SMPL-X's), shape (joints, 3), in metres."""
    return np.array([_offset(name) for name in skeleton.canonical])


def _offset(name: str) -> tuple[float, float, float]:
    side, _, part = name.partition("_")
    if side not in ("left", "right"):
        return _MIDDLE[name]
    x, y, z = _LEFT.get(part, _PHALANX)
    return (x if side == "left" else -x), y, z
