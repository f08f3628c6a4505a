"""One body for every file of motion capture: metres, z up, on the floor, with the ends of its bones.

Joints keep their own axes; turning a file upright turns its root alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from steadypose.data._rig import Rig
from steadypose.errors import DataError
from steadypose.io.bvh import Document
from steadypose.rotations import to_global
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton

Floats = npt.NDArray[np.float64]

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # (x, y, z) with y up becomes (x, -z, y)
_STATURES = (0.9, 2.5)  # of people; beyond, the unit is wrong
_LOW = 5  # percentile of the height of the lower foot that is the floor: single frames pop below it


def rig_of(motion: BodyMotion) -> Rig:
    """The joints of a body by what they are."""
    assert motion.skeleton.parents is not None and motion.offsets is not None
    names = [
        f"{motion.skeleton.canonical[p]}_end" if name.endswith(_END) and p >= 0 else canonical
        for name, canonical, p in zip(
            motion.skeleton.keypoints, motion.skeleton.canonical, motion.skeleton.parents, strict=True
        )
    ]
    return Rig(tuple(names), motion.skeleton.parents, motion.offsets.reshape(-1, 3))


_END = " end"


def with_ends(motion: BodyMotion, lengths: bool = True) -> BodyMotion:
    """With the End Sites of a BVH file as joints of their own (those that have a length)."""
    assert motion.source is not None and motion.offsets is not None and motion.skeleton.parents is not None
    document: Document = motion.source.document
    ends = [(k, j.end) for k, j in enumerate(document.joints) if j.end is not None and any(j.end)]
    names = motion.skeleton.keypoints
    layout = Skeleton(
        motion.skeleton.name,
        (*names, *(names[k] + _END for k, _ in ends)),
        (*motion.skeleton.parents, *(k for k, _ in ends)),
        motion.skeleton.root,
    )
    frames = motion.shape[0]
    still = np.broadcast_to(np.eye(3), (frames, 1, len(ends), 3, 3))
    return replace(
        motion,
        rotations=np.concatenate((motion.rotations, still), axis=2),
        skeleton=layout,
        offsets=np.concatenate(
            (motion.offsets.reshape(-1, 3), np.array([o for _, o in ends]).reshape(-1, 3))
        ),
        source=None,
    )


def whole(motion: BodyMotion) -> BodyMotion:
    """With the bones that conversions of CMU's skeleton dropped, in the file's unit.

    Where neck and collar bones start at the very joint they hang from, the thorax is missing: it was as long
    as the bone below it (to 1 % for subjects 01, 02, 03 and 05). Where the fingers start on the hand joint,
    the outer third of the forearm is missing: half as long as the rest of it.
    """
    assert motion.offsets is not None and motion.skeleton.parents is not None
    offsets = motion.offsets.reshape(-1, 3).copy()
    at = {c: k for k, c in enumerate(motion.skeleton.canonical)}
    upper = [at[n] for n in ("neck", "left_collar", "right_collar") if n in at]
    notes: list[str] = []
    if len(upper) == 3 and not offsets[upper].any():
        below = motion.skeleton.parents[upper[0]]
        offsets[upper] = [0, np.linalg.norm(offsets[below]), 0]
        notes.append("thorax put back")
    for side in ("left", "right"):
        hand = at.get(f"{side}_wrist")
        dropped = [at[n] for n in (f"{side}_finger_base", f"{side}_thumb") if n in at]
        if hand is not None and dropped and not offsets[dropped].any():
            offsets[dropped] = offsets[hand] / 2
            notes.append(f"{side} wrist bone put back")
    return replace(motion, offsets=offsets, history=(*motion.history, *notes)) if notes else motion


def normalised(motion: BodyMotion, unit: float, up: str) -> BodyMotion:
    """In metres, z up, with the floor at z = 0.

    Parameters
    ----------
    motion
        One person, rotations relative to the parents, with rest offsets.
    unit
        Metres in one length unit of the motion.
    up
        ``"y"`` or ``"z"``.

    Raises
    ------
    DataError
        If the motion has no translation, or the body is not of a person's size.
    """
    if motion.offsets is None or motion.translation is None:
        raise DataError("expected a motion with rest offsets and translation, found none")
    turn = _Z_UP if up == "y" else np.eye(3)
    offsets = motion.offsets.reshape(-1, 3) * unit
    assert motion.skeleton.parents is not None
    root = motion.skeleton.parents.index(-1)
    translation = (motion.translation * unit + offsets[root]) @ turn.T
    offsets[root] = 0
    rotations = motion.rotations.copy()
    rotations[:, :, root] = turn @ rotations[:, :, root]
    body = replace(
        motion,
        rotations=rotations,
        translation=translation,
        offsets=offsets,
        unit="m",
        source=None,
        history=tuple(n for n in motion.history if not n.startswith("no unit")),
    )
    rig = rig_of(body)
    low, high = _STATURES
    if not low < rig.stature < high:
        raise DataError(
            f"expected a body of {low:g} to {high:g} m, found {rig.stature:.3g} m (say the unit of the file)"
        )
    floor = floor_height(rig, *placed(body))
    note = f"metres, z up, floor at the feet ({floor:+.3f} m moved to 0)"
    return replace(body, translation=translation - [0, 0, floor], history=(*body.history, note))


def placed(body: BodyMotion, offsets: Floats | None = None) -> tuple[Floats, Floats]:
    """Positions (frames, joints, 3) and global rotations (frames, joints, 3, 3) of a motion's one person.

    :func:`steadypose.rotations.forward_kinematics` without what it does for many persons and marks, and in
    double precision.
    """
    assert body.skeleton.parents is not None and body.translation is not None
    parents = body.skeleton.parents
    bones = body.offsets.reshape(-1, 3) if offsets is None and body.offsets is not None else offsets
    assert bones is not None
    turned = to_global(body.rotations[:, 0], parents)
    x = np.empty((*turned.shape[:2], 3))
    for j in range(len(parents)):
        p = parents[j]
        x[:, j] = body.translation[:, 0] if p < 0 else x[:, p] + turned[:, p] @ bones[j]
    return x, turned


def floor_height(rig: Rig, x: Floats, _turned: Floats) -> float:
    """Height of the floor: that of the lower foot, in the lowest frames."""
    parts = ("ankle", "toe", "foot", "ankle_end", "toe_end", "foot_end")
    feet = [j for s in ("left", "right") for p in parts if (j := rig.first(f"{s}_{p}")) is not None]
    return float(np.nanpercentile(x[:, feet, 2].min(axis=1), _LOW))
