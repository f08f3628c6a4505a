"""Where the points of a layout are on the skeleton of a file, found by the names of its joints.

A landmark is a joint, a point between two joints, or a point that is rigid with a joint. Points that no
skeleton has (nose, eyes, ears, and the top of the head where its bone ends without a length) are placed by
round figures of adults' heads as fractions of the stature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.rotations import project
from steadypose.skeleton import Skeleton, skeleton

Floats = npt.NDArray[np.float64]

# Thigh, shank and hip-to-shoulder of an adult in parts of the stature (Drillis and Contini 1966, as in
# Winter, Biomechanics and Motor Control of Human Movement, figure 4.1).
_THIGH, _SHANK, _TRUNK = 0.245, 0.246, 0.288

# (left, up, forward) of the middle between the ears, in parts of the stature.
_FACE = {
    "left_ear": (0.043, 0.0, 0.0),
    "right_ear": (-0.043, 0.0, 0.0),
    "left_eye": (0.019, 0.008, 0.053),
    "right_eye": (-0.019, 0.008, 0.053),
    "nose": (0.0, -0.014, 0.071),
    # Human3.6M's "neck/nose" and its top of the head, which is no crown: both as far apart as there.
    "neck_base": (0.0, -0.045, 0.020),
    "head_top": (0.0, 0.035, 0.0),
}
# Height of the middle between the ears above a head joint with a bone, and above one without.
_ABOVE_BONE, _ABOVE_SKULL_BASE = 0.020, 0.055

# What another layout calls a landmark of ours.
_MEANING = {
    "h36m17": {"pelvis": "middle_hip", "head": "head_top", "spine": "middle_trunk", "thorax": "neck"},
    "coco17": {},
    "smpl24": {},
}


@dataclass(frozen=True)
class Rig:
    """The joints of one skeleton by what they are.

    Parameters
    ----------
    names
        Canonical names of the joints; ends of chains are called after their joint, ``head_end``.
    parents, offsets
        The skeleton at rest, in metres.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Floats

    @cached_property
    def order(self) -> list[int]:
        """Joints so that every parent comes before its children."""
        depths = []
        for j in range(len(self.parents)):
            depth = 0
            while (j := self.parents[j]) >= 0:
                depth += 1
            depths.append(depth)
        return sorted(range(len(depths)), key=depths.__getitem__)

    def first(self, *names: str) -> int | None:
        """The first of these joints that there is."""
        return next((self.names.index(n) for n in names if n in self.names), None)

    def need(self, *names: str) -> int:
        found = self.first(*names)
        if found is None:
            raise DataError(
                f"expected a joint {' or '.join(map(repr, names))} in the skeleton, "
                f"found {', '.join(self.names)}"
            )
        return found

    def path(self, start: int, end: int) -> list[int]:
        """Joints from an ancestor down to a joint, both included."""
        path = [end]
        while path[0] != start:
            if self.parents[path[0]] < 0:
                raise DataError(f"expected {self.names[end]} above {self.names[start]} in the skeleton")
            path.insert(0, self.parents[path[0]])
        return path

    def length(self, start: int, end: int) -> float:
        """Along the bones from an ancestor down to a joint."""
        return float(sum(np.linalg.norm(self.offsets[j]) for j in self.path(start, end)[1:]))

    @property
    def stature(self) -> float:
        """Estimated from legs and trunk, in metres."""
        legs = [self.length(self.need(f"{s}_hip"), self.need(f"{s}_ankle")) for s in ("left", "right")]
        rest = self.rest()
        trunk = float(np.linalg.norm(self.middle(rest, "shoulder") - self.middle(rest, "hip")))
        if not self.upright:  # at rest the bones of such a file lie along each other's axes
            trunk = self.length(self.need("pelvis"), self.need("neck", "thorax"))
        return float((np.mean(legs) + trunk) / (_THIGH + _SHANK + _TRUNK))

    def rest(self) -> Floats:
        """Positions at rest (no rotation), shape (joints, 3)."""
        x = np.zeros_like(self.offsets)
        for j in self.order:
            x[j] = self.offsets[j] + (x[self.parents[j]] if self.parents[j] >= 0 else 0)
        return x

    def middle(self, x: Floats, part: str) -> Floats:
        """Half-way between both sides' hips or shoulders."""
        return np.asarray((x[..., self.need(f"left_{part}"), :] + x[..., self.need(f"right_{part}"), :]) / 2)

    def frame(self, x: Floats) -> Floats:
        """Axes of the trunk as columns: left, up, forward; shape (..., 3, 3)."""
        left = x[..., self.need("left_hip"), :] - x[..., self.need("right_hip"), :]
        up = x[..., self.need("neck", "thorax"), :] - self.middle(x, "hip")
        up = up / np.linalg.norm(up, axis=-1, keepdims=True)
        left = left - (left * up).sum(axis=-1, keepdims=True) * up
        left = left / np.linalg.norm(left, axis=-1, keepdims=True)
        return np.stack([left, up, np.cross(left, up)], axis=-1)

    @property
    def upright(self) -> bool:
        """Whether the body stands at rest: then its rest pose says which way every joint looks."""
        x = self.rest()
        legs = x[self.need("left_ankle")] + x[self.need("right_ankle")] - 2 * self.middle(x, "hip")
        trunk = x[self.need("neck", "thorax")] - self.middle(x, "hip")
        cosine = -legs @ trunk / (np.linalg.norm(legs) * np.linalg.norm(trunk))
        return bool(cosine > 0.9)


@dataclass(frozen=True)
class Landmarks:
    """Points of a layout as weighted sums of points that are rigid with joints.

    Parameters
    ----------
    joints, local
        The joint that carries each point, and where the point is in the joint's frame, in metres.
    weights : ndarray, shape (landmarks, points)
    """

    joints: npt.NDArray[np.intp]
    local: Floats
    weights: Floats

    def positions(self, x: Floats, turned: Floats) -> Floats:
        """Landmarks from positions (frames, joints, 3) and global rotations (frames, joints, 3, 3)."""
        points = x[:, self.joints].copy()
        moved = np.flatnonzero(self.local.any(axis=1))
        points[:, moved] += (turned[:, self.joints[moved]] @ self.local[moved, :, None])[..., 0]
        marks: Floats = np.einsum("lp,fpd->fld", self.weights, points)
        return marks


def landmarks(rig: Rig, layout: Skeleton | str, head_axes: Floats) -> Landmarks:
    """Where the points of a layout are.

    Parameters
    ----------
    head_axes : ndarray, shape (3, 3)
        Left, up and forward, as columns, in the frame of the joint that carries the head.

    Raises
    ------
    DataError
        If the skeleton lacks a joint that the layout needs; the message names it.
    """
    target = skeleton(layout)
    if target.name not in _MEANING:
        raise DataError(f"expected a layout among {', '.join(_MEANING)}, found {target.name!r}")
    meaning = _MEANING[target.name]
    terms = [_terms(rig, meaning.get(n, n), head_axes) for n in target.canonical]
    flat = [t for one in terms for t in one]
    weights = np.zeros((len(terms), len(flat)))
    weights[np.repeat(np.arange(len(terms)), [len(t) for t in terms]), np.arange(len(flat))] = [
        w for w, _, _ in flat
    ]
    return Landmarks(np.array([j for _, j, _ in flat]), np.array([o for _, _, o in flat]), weights)


Term = tuple[float, int, Floats]  # weight, joint, place in its frame
_AT = np.zeros(3)

# Joints by other names: the first that a skeleton has.
SAME = {
    "wrist": ("finger_base", "wrist", "hand"),  # CMU: the hand bends where its fingers begin
    "hand": ("hand_index_1", "hand_middle_1", "hand_end", "wrist_end", "finger_base", "wrist"),
    "foot": ("toe", "foot", "ankle_end", "big_toe", "ankle"),
    "collar": ("collar", "shoulder"),
}


def _terms(rig: Rig, name: str, head_axes: Floats) -> list[Term]:
    """A landmark as a sum of points."""
    side, _, part = name.partition("_")
    if name == "middle_hip":
        return [(0.5, rig.need("left_hip"), _AT), (0.5, rig.need("right_hip"), _AT)]
    if name == "middle_trunk":
        return _between(rig, 0.5)
    if name in _FACE:
        return [(1.0, head_joint(rig), head_axes @ _head_point(rig, name, head_axes))]
    if name == "head":
        return [(1.0, head_joint(rig), _AT)]
    if name in ("spine_1", "spine_2", "spine_3"):
        return _spine(rig, int(name[-1]))
    if name == "neck":
        return [(1.0, rig.need("neck", "thorax"), _AT)]
    parts = SAME.get(part, (part,)) if side in ("left", "right") else ()
    return [(1.0, rig.need(*(f"{side}_{p}" for p in parts)) if parts else rig.need(name), _AT)]


def head_joint(rig: Rig) -> int:
    """The joint that carries the head."""
    return rig.need("head", "neck")


def _head_point(rig: Rig, name: str, head_axes: Floats) -> Floats:
    """Left, up, forward of the joint that carries the head, in metres."""
    height, joint = rig.stature, head_joint(rig)
    end = rig.first(f"{rig.names[joint]}_end", "head_top")
    bone = np.zeros(3) if end is None else head_axes.T @ rig.offsets[end]
    if end is not None and rig.names[joint] == "head":
        if name == "head_top":
            return bone
        centre = np.array([0, _ABOVE_BONE * height, 0])
    elif end is not None:  # the only bone above the neck ends in the middle of the head
        centre = bone
    else:
        centre = np.array([0, _ABOVE_SKULL_BASE * height, 0])
    return np.asarray(centre + np.array(_FACE[name]) * height)


def _trunk(rig: Rig) -> list[int]:
    return rig.path(rig.need("pelvis"), rig.need("neck", "thorax"))


def _between(rig: Rig, part: float) -> list[Term]:
    """A point part of the way along the bones from the middle of the hips up to the neck."""
    joints = _trunk(rig)
    root = rig.rest()[joints[0]]
    lengths = [float(np.linalg.norm(rig.middle(rig.rest(), "hip") - root))]
    lengths += [float(np.linalg.norm(rig.offsets[j])) for j in joints[1:]]
    ends = np.cumsum(lengths)
    k = int(np.searchsorted(ends, part * ends[-1]))
    t = 1 - (ends[k] - part * ends[-1]) / lengths[k]
    below: Sequence[Term] = _terms(rig, "middle_hip", np.eye(3)) if k == 0 else [(1.0, joints[k - 1], _AT)]
    return [*((w * (1 - t), j, o) for w, j, o in below), (t, joints[k], _AT)]


def _spine(rig: Rig, number: int) -> list[Term]:
    """SMPL's three: the joints between pelvis and neck; those lacking lie on the lowest bone."""
    root, *joints, neck = _trunk(rig)
    lacking = max(0, 3 - len(joints))
    if number > lacking:
        return [(1.0, spine_carrier(rig, number), _AT)]
    t = number / (lacking + 1)
    return [(1 - t, root, _AT), (t, (*joints, neck)[0], _AT)]


def spine_carrier(rig: Rig, number: int) -> int:
    """The joint that turns with one of SMPL's three spine joints: one above the pelvis, or the pelvis."""
    root, *joints, _ = _trunk(rig)
    joints = [joints[0], joints[len(joints) // 2], joints[-1]] if len(joints) > 3 else joints
    lacking = 3 - len(joints)
    return joints[number - 1 - lacking] if number > lacking else root


def mean_head_axes(rig: Rig, x: Floats, turned: Floats) -> Floats:
    """Axes of the head's joint: of the rest pose, or else as people look on the average: straight on."""
    if rig.upright:
        return rig.frame(rig.rest())
    axes = np.swapaxes(turned[:, head_joint(rig)], -1, -2) @ rig.frame(x)
    return project(np.nanmean(axes, axis=0))
