"""One body for every file of motion capture: metres, z up, on the floor, with the ends of its bones.

Joints keep their own axes; turning a file upright turns its root alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from steadypose.data._rig import Rig, landmarks
from steadypose.errors import DataError
from steadypose.rotations import to_global
from steadypose.sequence import BodyMotion, PoseSequence
from steadypose.skeleton import Skeleton

Floats = npt.NDArray[np.float64]

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # (x, y, z) with y up becomes (x, -z, y)
_STATURES = (0.9, 2.5)  # of people; beyond, the unit is wrong
_LOW = 5  # percentile of the height of the lower foot that is the floor: single frames pop below it
_FEET = ("ankle", "heel", "toe", "foot", "big_toe", "ankle_end", "toe_end", "foot_end")
_END = " end"


def rig_of(motion: BodyMotion) -> Rig:
    """The joints of a body by what they are."""
    assert motion.offsets is not None
    return _rig(motion.skeleton, motion.offsets.reshape(-1, 3))


def _rig(layout: Skeleton, offsets: Floats) -> Rig:
    assert layout.parents is not None
    names = [
        f"{layout.canonical[p]}_end" if p >= 0 and name == layout.keypoints[p] + _END else canonical
        for name, canonical, p in zip(layout.keypoints, layout.canonical, layout.parents, strict=True)
    ]
    return Rig(tuple(names), layout.parents, offsets)


def body(motion: BodyMotion, ends: dict[str, Floats], unit: float, up: str, skip: int = 0) -> BodyMotion:
    """A motion in metres, z up, with the floor at z = 0.

    Parameters
    ----------
    motion
        One person, rotations relative to the parents, with rest offsets and translation.
    ends
        Where the bones of joints without children end, relative to the joint.
    unit
        Metres in one length unit of the motion.
    up
        ``"y"`` or ``"z"``.
    skip
        Frames at the start to leave out.

    Raises
    ------
    DataError
        If something of that is missing, or the body is not of a person's size.
    """
    parents = motion.skeleton.parents
    assert parents is not None
    if motion.offsets is None or motion.translation is None:
        raise DataError("expected rest offsets and a translation, found a motion without")
    if list(parents).count(-1) != 1 or motion.shape[1] != 1:
        raise DataError(f"expected one person with one root, found {motion.shape[1]}")
    if not 0 <= skip < motion.shape[0]:
        raise DataError(f"expected more than {skip} frames, found {motion.shape[0]}")
    offsets, notes = _whole(motion.skeleton, motion.offsets.reshape(-1, 3))
    layout, offsets = _with_ends(motion.skeleton, offsets, ends)
    turn, root = _Z_UP if up == "y" else np.eye(3), parents.index(-1)
    translation = (motion.translation[skip:] + offsets[root]) * unit @ turn.T
    offsets[root] = 0
    offsets *= unit
    rotations = np.empty((motion.shape[0] - skip, 1, len(layout), 3, 3))
    rotations[:, :, : len(parents)] = motion.rotations[skip:]
    rotations[:, :, len(parents) :] = np.eye(3)
    rotations[:, :, root] = turn @ rotations[:, :, root]
    rig = _rig(layout, offsets)
    low, high = _STATURES
    if not low < rig.stature < high:
        raise DataError(
            f"expected a body of {low:g} to {high:g} m, found {rig.stature:.3g} m (say the unit of the file)"
        )
    landmarks(rig, "h36m17", np.eye(3))  # a joint that is lacking is better said of the file
    coarse = slice(None, None, max(1, round(motion.fps / 30)) if len(motion.times) > 1 else 1)
    floor = floor_height(rig.names, _at(rotations[coarse, 0], translation[coarse, 0], rig)[0])
    history = [n for n in motion.history if not n.startswith("no unit")]
    note = f"metres, z up, floor at the feet (moved by {-floor:+.3f} m)"
    return replace(
        motion,
        rotations=rotations,
        times=motion.times[skip:] - motion.times[skip],
        skeleton=layout,
        translation=translation - [0, 0, floor],
        body_shape=None if motion.body_shape is None else motion.body_shape[skip:],
        offsets=offsets,
        unit="m",
        space="world",
        filled=None,
        source=None,
        history=(*history, *notes, note),
    )


def points(motion: PoseSequence, unit: float, up: str, skip: int = 0) -> PoseSequence:
    """Positions of one person in metres, z up, with the floor at z = 0.

    The floor is under the feet, or under all points where none of them is known to be a foot.
    """
    if motion.shape[1] != 1 or motion.shape[3] != 3:
        raise DataError(f"expected one person in 3D, found {motion.shape[1]} in {motion.shape[3]}D")
    if not 0 <= skip < motion.shape[0]:
        raise DataError(f"expected more than {skip} frames, found {motion.shape[0]}")
    if not motion.valid[skip:].any():
        raise DataError("expected a point that is seen in some frame, found none")
    turn = _Z_UP if up == "y" else np.eye(3)
    x = motion.positions[skip:].astype(np.float64) * unit @ turn.T
    floor = floor_height(motion.skeleton.canonical, x[:, 0])
    return replace(
        motion,
        positions=(x - [0, 0, floor]).astype(np.float32),
        times=motion.times[skip:] - motion.times[skip],
        confidence=None,
        filled=None,
        unit="m",
        space="world",
        source=None,
        history=(*motion.history, f"metres, z up, floor at the feet (moved by {-floor:+.3f} m)"),
    )


def _whole(layout: Skeleton, offsets: Floats) -> tuple[Floats, list[str]]:
    """Offsets with the bones that conversions of CMU's skeleton dropped, and what was done.

    Where neck and collar bones start at the very joint they hang from, the thorax is missing: it was as long
    as the bone below it (to 2 % for subjects 01, 02, 03 and 05). Where the fingers start on the hand joint,
    the outer third of the forearm is missing: half as long as the rest of it.
    """
    assert layout.parents is not None
    offsets = offsets.copy()
    at = {c: k for k, c in enumerate(layout.canonical)}
    upper = [at[n] for n in ("neck", "left_collar", "right_collar") if n in at]
    notes: list[str] = []
    if len(upper) == 3 and not offsets[upper].any():
        offsets[upper] = np.array([0, np.linalg.norm(offsets[layout.parents[upper[0]]]), 0])
        notes.append("thorax put back")
    for side in ("left", "right"):
        dropped = [at[n] for n in (f"{side}_finger_base", f"{side}_thumb") if n in at]
        if f"{side}_wrist" in at and dropped and not offsets[dropped].any():
            offsets[dropped] = offsets[at[f"{side}_wrist"]] / 2
            notes.append(f"{side} wrist bone put back")
    return offsets, notes


def _with_ends(layout: Skeleton, offsets: Floats, ends: dict[str, Floats]) -> tuple[Skeleton, Floats]:
    """With the ends of bones as joints of their own (those that have a length)."""
    assert layout.parents is not None
    names = layout.keypoints
    long = {n: v for n, v in ends.items() if np.any(v)}
    if not long:
        return layout, offsets
    parents = (*layout.parents, *(names.index(n) for n in long))
    grown = Skeleton(layout.name, (*names, *(n + _END for n in long)), parents, layout.root)
    return grown, np.concatenate((offsets, np.array(list(long.values()))))


def placed(motion: BodyMotion, rig: Rig) -> tuple[Floats, Floats]:
    """Positions (frames, joints, 3) and global rotations (frames, joints, 3, 3) of a motion's one person.

    In double precision, and with the lengths of ``rig``; else as
    :func:`steadypose.rotations.forward_kinematics` has them.
    """
    assert motion.translation is not None
    return _at(motion.rotations[:, 0], motion.translation[:, 0], rig)


def _at(rotations: Floats, translation: Floats, rig: Rig) -> tuple[Floats, Floats]:
    turned = to_global(rotations, rig.parents)
    x = np.empty((*turned.shape[:2], 3))
    for j in rig.order:
        p = rig.parents[j]
        x[:, j] = translation if p < 0 else x[:, p] + turned[:, p] @ rig.offsets[j]
    return x, turned


def floor_height(names: tuple[str, ...], x: Floats) -> float:
    """Height of the floor: that of the lower foot in the lowest frames."""
    feet = [k for k, n in enumerate(names) if n.partition("_")[2] in _FEET] or list(range(len(names)))
    z = x[:, feet, 2]
    seen = np.isfinite(z).any(axis=1)
    if not seen.any():
        raise DataError("expected feet in some frame, found none")
    return float(np.percentile(np.nanmin(z[seen], axis=1), _LOW))
