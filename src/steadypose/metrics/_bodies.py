"""Recordings of rotations against each other: angles, translation, and positions where offsets are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.metrics import _arrays, _rotations
from steadypose.metrics._changes import acceleration
from steadypose.metrics._match import MILLIMETRES
from steadypose.metrics._pairing import pair_frames, pair_persons
from steadypose.metrics._result import Evaluation, Table
from steadypose.rotations import forward_kinematics, to_global, to_local
from steadypose.sequence import BodyMotion, PoseSequence

Floats = npt.NDArray[np.float64]
Measure = Callable[[PoseSequence, PoseSequence | None, PoseSequence | None], Evaluation]


def evaluate_bodies(
    pred: BodyMotion,
    truth: BodyMotion | None,
    reference: BodyMotion | None,
    measure: Measure,
    per_joint: bool,
) -> Evaluation:
    """Angles and translation, then everything that positions give.

    Joints, persons and frames are matched as for positions (a faster truth is interpolated by slerp).
    Positions need rest offsets; where only one of the two has them, both use those, and a note says so.
    """
    if truth is None:
        found = {"angular_accel": acceleration(pred)}
        angles = Evaluation(found, {"angular_accel": "°/frame²"}, len(pred.times))
        return (
            angles if pred.offsets is None else _joined(angles, measure(forward_kinematics(pred), None, None))
        )
    notes: list[str] = []
    mine, theirs = pred.skeleton.common(truth.skeleton)
    if not mine:
        raise DataError(
            f"expected common joints of {pred.skeleton.name!r} and {truth.skeleton.name!r}, found none"
        )
    paired = pair_frames(pred.times, truth.times, notes)
    frames = paired.frames
    sides = []
    for a, b in zip(_local_global(pred), _local_global(truth), strict=True):
        sides.append((a[frames][:, :, mine], paired.rotations(b)[:, :, theirs]))
    local = sides[0]
    p, q = pair_persons(
        pred.persons,
        truth.persons,
        lambda i, j: float(_rotations.mpjae(local[0][:, i], local[1][:, j])),
        notes,
    )
    out = Table([pred.skeleton.keypoints[k] for k in mine], per_joint)
    x, y = local[0][:, p], local[1][:, q]
    out.add("mpjae", "°", lambda each: _rotations.mpjae(x, y, per_joint=each))
    if pred.space == truth.space:
        u, v = sides[1][0][:, p], sides[1][1][:, q]
        cuts = _arrays.find_cuts(pred.times[frames])
        out.add("mpjae_global", "°", lambda each: _rotations.mpjae(u, v, per_joint=each))
        out.add(
            "angular_accel",
            "°/frame²",
            lambda each: _rotations.angular_accel(u, v, cuts=cuts, per_joint=each),
        )
    else:
        notes.append(
            f"global angles left out: the prediction is in {pred.space}, the truth in {truth.space} space"
        )
    if pred.translation is not None and truth.translation is not None and pred.space == truth.space:
        scales = [MILLIMETRES.get(m.unit, np.nan) for m in (pred, truth)]
        at = paired.positions(truth.translation)[:, q] * scales[1]
        error = _rotations.translation_error(pred.translation[frames][:, p] * scales[0], at)
        out.scores["translation_error"], out.units["translation_error"] = error, "mm"
    angles = Evaluation(out.scores, out.units, len(frames), out.joints, tuple(notes))
    offsets = pred.offsets if pred.offsets is not None else truth.offsets
    if offsets is None:
        return angles
    bodies = [_with_offsets(m, pred, truth) for m in (pred, truth)]
    if bodies[0] is None or bodies[1] is None:
        return replace(angles, notes=(*angles.notes, "positions left out: only one side has rest offsets"))
    if (pred.offsets is None) != (truth.offsets is None):
        angles = replace(angles, notes=(*angles.notes, "positions of both from the rest offsets of one"))
    given = None if reference is None else _with_offsets(reference, pred, truth)
    made = [forward_kinematics(b) for b in bodies if b is not None]
    return _joined(angles, measure(made[0], made[1], None if given is None else forward_kinematics(given)))


def _local_global(m: BodyMotion) -> tuple[Floats, Floats]:
    """Rotations in the parents' frames and in the world's."""
    parents = m.skeleton.parents
    assert parents is not None
    if m.relative_to == "world":
        return to_local(m.rotations, parents), m.rotations
    return m.rotations, to_global(m.rotations, parents)


def _with_offsets(m: BodyMotion, pred: BodyMotion, truth: BodyMotion) -> BodyMotion | None:
    """A motion with its own rest offsets, or the other's where skeletons are the same."""
    if m.offsets is not None:
        return m
    other = pred.offsets if pred.offsets is not None else truth.offsets
    if other is None or other.shape[-2] != m.shape[2] or pred.skeleton.keypoints != truth.skeleton.keypoints:
        return None
    owner = pred if pred.offsets is not None else truth
    if other.ndim == 3 and owner.persons != m.persons:
        return None
    return replace(m, offsets=other * MILLIMETRES.get(owner.unit, 1.0) / MILLIMETRES.get(m.unit, 1.0))


def _joined(a: Evaluation, b: Evaluation) -> Evaluation:
    return Evaluation(
        {**a.scores, **b.scores},
        {**a.units, **b.units},
        b.frames,
        {**a.per_joint, **b.per_joint},
        tuple(dict.fromkeys((*a.notes, *b.notes))),
    )
