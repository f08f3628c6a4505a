"""From the skeleton of a file to the points of a layout."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from steadypose.data import _bodies, _rig
from steadypose.data._rig import Rig
from steadypose.errors import DataError
from steadypose.sequence import BodyMotion, Motion, PoseSequence
from steadypose.skeleton import Skeleton, skeleton

Floats = npt.NDArray[np.float64]

# Bones (by the joint they end in) whose lengths go together.
GROUPS: dict[str, tuple[str, ...]] = {
    "legs": ("knee", "ankle", "toe", "foot", "ankle_end", "toe_end", "foot_end"),
    "arms": ("elbow", "wrist", "hand", "finger", "thumb", "index", "middle", "ring", "pinky"),
    "trunk": ("lower_back", "spine", "spine_1", "spine_2", "spine_3", "spine_4", "chest", "thorax", "neck"),
    "head": ("neck_1", "neck_end", "head", "head_end", "head_top"),
    "hips": ("hip_joint", "hip"),
    "shoulders": ("collar", "shoulder"),
}


def stature(motion: Motion) -> float:
    """Height of a body in metres."""
    if not isinstance(motion, BodyMotion):
        raise DataError("expected joint rotations with rest offsets, found positions")
    return _bodies.rig_of(motion).stature


def joints(
    motion: Motion, layout: Skeleton | str, height: float | None, proportions: Mapping[str, float]
) -> PoseSequence:
    """Positions of the keypoints of a layout (:meth:`Clip.joints`)."""
    target = skeleton(layout)
    if isinstance(motion, PoseSequence):
        if proportions or height is not None:
            raise DataError("expected joint rotations to change the proportions of a body, found positions")
        return motion.remap(target)
    rig, scale = _scaled(_bodies.rig_of(motion), height, proportions)
    x, turned = _bodies.placed(motion, rig)
    # The path grows with the legs, so that feet stay planted and on the floor.
    assert motion.translation is not None
    x += (scale - 1) * motion.translation[:, :1]
    marks = _rig.landmarks(rig, target, _rig.mean_head_axes(rig, x, turned))
    return PoseSequence(
        marks.positions(x, turned)[:, None].astype(np.float32),
        motion.times,
        target,
        persons=motion.persons,
        unit="m",
        space="world",
        history=(*motion.history, f"retargeted to {target.name} by name"),
    )


def _scaled(rig: Rig, height: float | None, proportions: Mapping[str, float]) -> tuple[Rig, float]:
    """The skeleton with other lengths, and how much farther it walks."""
    unknown = [g for g in proportions if g not in GROUPS]
    if unknown:
        raise DataError(f"expected groups of bones among {', '.join(GROUPS)}, found {unknown[0]!r}")
    factors = np.ones(len(rig.names))
    for group, factor in proportions.items():
        if not (np.isfinite(factor) and factor > 0):
            raise DataError(f"expected a factor above 0 for {group}, found {factor}")
        factors[[_in(name, group) for name in rig.names]] = factor
    changed = Rig(rig.names, rig.parents, rig.offsets * factors[:, None])
    scale = 1.0
    if height is not None:
        if not (np.isfinite(height) and height > 0):
            raise DataError(f"expected a stature above 0 m, found {height}")
        scale = height / changed.stature
        changed = Rig(rig.names, rig.parents, changed.offsets * scale)
    return changed, scale * proportions.get("legs", 1.0)


def _in(name: str, group: str) -> bool:
    """Whether the bone that ends in a joint belongs to a group."""
    part = name.removeprefix("left_").removeprefix("right_")
    return part in GROUPS[group] or (group == "arms" and part.split("_")[0] in GROUPS["arms"])
