"""Every metric at once: two recordings in, a table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steadypose._timed import check_motion
from steadypose.errors import DataError
from steadypose.metrics import _arrays, _positions, _timing, _untruthed
from steadypose.metrics._align import TARGETS, align, is_targets
from steadypose.metrics._arrays import Floats, Protocol
from steadypose.metrics._bodies import evaluate_bodies
from steadypose.metrics._match import Matched, RootChoice, alone, match, pooled
from steadypose.metrics._result import Evaluation, Table
from steadypose.rotations import forward_kinematics
from steadypose.sequence import BodyMotion, Motion, PoseSequence
from steadypose.skeleton import Skeleton, canonical_name

Given = Motion | Mapping[str, Motion | Sequence[Motion]]

FEET = ("heel", "big_toe", "small_toe", "foot_index", "foot", "toe", "ankle")
CONTACT = {"ankle": 50.0}  # mm over the foot's own floor; 25 for the rest of the foot


def evaluate(
    pred: Given,
    truth: Given | None = None,
    protocol: Protocol = "default",
    root: RootChoice = "skeleton",
    per_joint: bool = False,
    reference: Given | None = None,
) -> Evaluation:
    """Measure a recording, against the truth where there is one.

    Parameters
    ----------
    pred
        A sequence; or a mapping from action to a sequence or several: then every action is evaluated, and all
        frames pooled.
    truth
        Of the same kind. Keypoints are matched by name, persons by name (or, where no name is in both, by
        least MPJPE), frames by time: at one rate the nearest within half a step; a faster truth is
        interpolated linearly; of a faster prediction only the frames nearest to the truth's count. A
        recording of rigid targets (Keraal's Vicon; positions, or both streams) is aligned first
        (:func:`align`) to ``reference``, or else to ``pred``. Without truth, what can be measured without it
        is.
    protocol
        ``"official"``: what the papers' code computes, for comparison with their tables. Accel counts a zero
        at both ends of every clip (SmoothNet), the root is the middle of the hips except for Human3.6M's and
        MPI-INF-3DHP's own skeletons, and jitter is divided by 100 instead of 10. Everything else is the same.
    root
        Subtracted from 3D positions before every metric but PA-MPJPE. ``"skeleton"``: the skeleton's root,
        the mean of its keypoints where it is virtual; nothing in 2D. ``None``: nothing. Or an index or a
        name, or several (their mean), of keypoints.
    per_joint
        Also give every metric by joint.
    reference
        The input of the method that made ``pred``: adds MPJPE and Accel on the frames where that input is
        worst (1 %). Same shape and times as ``pred``.

    Returns
    -------
    Evaluation
        Value by metric, with units: millimetres for 3D, the data's unit for 2D, rates per frame. Lag and
        peak-speed ratio stand beside Accel because a motionless output scores well on Accel alone.

    Raises
    ------
    DataError
        If the two cannot be compared; the message names what was expected and found.
    """
    official = _arrays.check_protocol(protocol)
    ask = (protocol, root, per_joint)
    if isinstance(pred, Mapping):
        return _evaluate_actions(pred, truth, reference, *ask)
    if isinstance(pred, PoseSequence) and is_targets(truth) and pred.skeleton.name != TARGETS:
        return _against_targets(pred, truth, reference, *ask)
    if isinstance(truth, Mapping) or isinstance(reference, Mapping):
        raise DataError("expected one sequence as truth and reference of one sequence, found a mapping")
    if isinstance(pred, BodyMotion) and (truth is None or isinstance(truth, BodyMotion)):
        if reference is not None and not isinstance(reference, BodyMotion):
            raise DataError("expected a reference with rotations like the prediction, found positions")
        _somebody(pred, truth)
        return evaluate_bodies(pred, truth, reference, lambda a, b, c: evaluate(a, b, *ask, c), per_joint)
    check_motion(pred)
    seen, known, given = (None if m is None else _positions_of(m) for m in (pred, truth, reference))
    assert seen is not None
    if known is None:
        return _untrue(alone(seen), protocol, per_joint, _standing(seen), seen.skeleton.bones)
    return _against(match(seen, known, root, official, given), protocol, per_joint)


def _against_targets(
    pred: PoseSequence,
    truth: Any,
    reference: Given | None,
    protocol: Protocol,
    root: RootChoice,
    per_joint: bool,
) -> Evaluation:
    """Against rigid targets of another device, aligned once to the input where it is given."""
    if reference is not None and not isinstance(reference, PoseSequence):
        raise DataError("expected one sequence of positions as reference, found something else")
    found = align(pred if reference is None else reference, truth)
    out = evaluate(pred, found.truth, protocol, root, per_joint, reference)
    notes = [*found.notes]
    if reference is None:
        notes.append(
            "aligned to this very recording: to compare versions, align once to the raw input (reference)"
        )
    return replace(out, notes=(*notes, *out.notes))


def _evaluate_actions(
    pred: Mapping[str, Motion | Sequence[Motion]],
    truth: Given | None,
    reference: Given | None,
    protocol: Protocol,
    root: RootChoice,
    per_joint: bool,
) -> Evaluation:
    if not pred:
        raise DataError("expected at least one action, found none")
    for other in (truth, reference):
        if other is not None and (not isinstance(other, Mapping) or set(pred) - set(other)):
            found = ", ".join(other) if isinstance(other, Mapping) else "one sequence"
            raise DataError(
                f"expected a truth (and reference) for every action ({', '.join(pred)}), found {found}"
            )
    official = protocol == "official"
    parts: dict[str, list[Matched]] = {}
    first: PoseSequence | None = None
    for action, sequences in pred.items():
        mine = _several(sequences)
        theirs, given = (
            _several(other[action]) if isinstance(other, Mapping) else [None] * len(mine)
            for other in (truth, reference)
        )
        if not mine or not len(mine) == len(theirs) == len(given):
            found = f"{len(mine)} against {len(theirs)} of the truth and {len(given)} of the reference"
            raise DataError(
                f"action {action!r}: expected as many sequences everywhere, at least one, found {found}"
            )
        first = first or mine[0]
        parts[action] = [
            alone(a) if b is None else match(a, b, root, official, c)
            for a, b, c in zip(mine, theirs, given, strict=True)
            if a is not None
        ]
    assert first is not None
    bones = first.skeleton.bones

    def measure(m: Matched) -> Evaluation:
        # Feet are left out: every recording may stand on another floor, along another axis.
        return (
            _against(m, protocol, per_joint)
            if truth is not None
            else _untrue(m, protocol, per_joint, None, bones)
        )

    whole = measure(pooled([m for each in parts.values() for m in each]))
    actions = {name: measure(pooled(each)) for name, each in parts.items()}
    return Evaluation(whole.scores, whole.units, whole.frames, whole.per_joint, whole.notes, actions)


def _against(m: Matched, protocol: Protocol, per_joint: bool) -> Evaluation:
    """All metrics with truth."""
    x, y, ref, cuts, unit = m.pred, m.truth, m.reference, m.cuts, m.unit
    assert y is not None
    out = Table(m.keypoints, per_joint)
    official = protocol == "official"
    errors = _positions.position_errors(x, y, None)
    out.mean("mpjpe", unit, errors)
    if x.shape[2] == 3:
        out.mean("pa_mpjpe", unit, _positions.aligned_errors(x, y))
        if m.rooted:
            out.add("n_mpjpe", unit, lambda each: _positions.n_mpjpe(x, y, per_joint=each))
        if unit == "mm":
            out.mean("pck_150mm", "%", _positions.correct(errors, [150.0]))
            out.mean("auc", "%", _positions.correct(errors, _positions.THRESHOLDS))
    out.add("mpjve", f"{unit}/frame", lambda each: _positions.mpjve(x, y, cuts=cuts, per_joint=each))
    second = _arrays.differences(x, y, 2, cuts)
    out.mean(
        "accel", f"{unit}/frame²", second, _positions.padding(second, len(x), cuts) if official else None
    )
    if ref is not None:
        worst = _positions.worst_frames(_positions.position_errors(ref, y, None), 0.01)
        out.mean("mpjpe_worst", unit, errors[worst])
        out.mean("accel_worst", f"{unit}/frame²", _positions.of_frames(second, worst, cuts, official))
    out.add("lag", "frames", lambda _: _timing.lag(x, y, cuts=cuts), by_joint=False)
    out.add("peak_speed_ratio", "", lambda each: _timing.peak_speed_ratio(x, y, cuts=cuts, per_joint=each))
    out.add("coverage", "%", lambda each: _coverage(m, each))
    return out.done(_counted(errors, m), m.notes)


def _untrue(
    m: Matched,
    protocol: Protocol,
    per_joint: bool,
    standing: tuple[list[int], list[float], list[float]] | None,
    bones: Any,
) -> Evaluation:
    """All metrics without truth."""
    x, cuts, unit = m.pred, m.cuts, m.unit
    out = Table(m.keypoints, per_joint)
    out.add(
        "accel_magnitude",
        f"{unit}/frame²",
        lambda each: _untruthed.accel_magnitude(x, cuts=cuts, per_joint=each),
    )
    third = _arrays.differences(x, None, 3, cuts)
    out.mean("jerk", f"{unit}/frame³", third)
    timed = bool(np.isfinite(m.fps))
    if timed and unit == "mm":
        # From millimetres and frames to metres and seconds.
        factor = m.fps**3 / 1000 / (100 if protocol == "official" else 10)
        out.add(
            "jitter",
            "10 m/s³" if protocol == "default" else "100 m/s³",
            lambda each: np.asarray(_arrays.mean(third, each)) * factor,
        )
    if timed:
        out.add(
            "high_frequency_power",
            "%",
            lambda each: _untruthed.high_frequency_power(
                x, m.fps, min(6.0, m.fps / 4), cuts=cuts, per_joint=each
            ),
        )
    if x.shape[2] == 3 and len(bones):
        out.add(
            "bone_length_variation",
            "%",
            lambda _: _untruthed.bone_length_variation(x, bones, clips=m.clips),
            by_joint=False,
        )
    if standing is not None:
        feet, up, heights = standing
        out.add(
            "foot_sliding",
            f"{unit}/frame",
            lambda _: _untruthed.foot_sliding(x, feet, up, heights, cuts=cuts),
            by_joint=False,
        )
    there = np.isfinite(x).all(axis=-1)
    out.add("coverage", "%", lambda each: 100.0 * there.mean(axis=0 if each else None))
    return out.done(_counted(np.where(there, 0.0, np.nan), m), m.notes)


def _coverage(m: Matched, each: bool) -> Any:
    """Percentage of the truth's keypoints that the prediction has, in all frames of the truth."""
    assert m.truth is not None and m.unpredicted is not None
    known = np.isfinite(m.truth).all(axis=-1)
    both = (known & np.isfinite(m.pred).all(axis=-1)).sum(axis=0)
    n = known.sum(axis=0) + m.unpredicted
    if not each:
        both, n = both.sum(), n.sum()
    return np.where(n > 0, 100.0 * both / np.maximum(n, 1e-9), np.nan)


def _counted(errors: Floats, m: Matched) -> int:
    """Frames in which anything was measured, a frame with several persons once a person."""
    return int(np.isfinite(errors).any(axis=1).sum()) if len(m.pred) else 0


def _standing(s: PoseSequence) -> tuple[list[int], list[float], list[float]] | None:
    """Foot keypoints, the direction up, and how high each foot keypoint is when it stands (mm); None in 2D.

    Up is the coordinate axis along which the head (or the shoulders) is farthest from the feet, on average.
    """
    if s.shape[3] != 3 or s.space != "world" or s.unit not in ("m", "cm", "mm"):
        return None
    feet, heights = _feet(s.skeleton)
    names = [canonical_name(n) for n in s.skeleton.keypoints]
    groups = (("head", "head_top", "nose"), ("neck", "left_shoulder", "right_shoulder"))
    tops = [[k for k, n in enumerate(names) if n in group] for group in groups]
    top = next((t for t in tops if t), [])
    if not feet or not top:
        return None
    x = s.positions.astype(np.float64)
    trunk = x[:, :, top].mean(axis=2) - x[:, :, feet].mean(axis=2)
    trunk = trunk[np.isfinite(trunk).all(axis=-1)]
    if not len(trunk):
        return None
    mean = trunk.mean(axis=0)
    axis = int(np.argmax(np.abs(mean)))
    up = [0.0, 0.0, 0.0]
    up[axis] = 1.0 if mean[axis] > 0 else -1.0
    return feet, up, heights


def _feet(skeleton: Skeleton) -> tuple[list[int], list[float]]:
    found = [
        (k, CONTACT.get(part, 25.0))
        for k, n in enumerate(canonical_name(n) for n in skeleton.keypoints)
        for part in FEET
        if n in (f"left_{part}", f"right_{part}")
    ]
    return [k for k, _ in found], [h for _, h in found]


def _somebody(*motions: Motion | None) -> None:
    for motion in motions:
        if motion is not None:
            check_motion(motion)
    if any(m is not None and not m.persons for m in motions):
        raise DataError("expected at least one person to measure, found a recording without any")


def _positions_of(motion: Motion) -> PoseSequence:
    """Positions of a recording: its own, or by forward kinematics."""
    _somebody(motion)
    return motion if isinstance(motion, PoseSequence) else forward_kinematics(motion)


def _several(sequences: Motion | Sequence[Motion]) -> list[PoseSequence | None]:
    if not isinstance(sequences, Sequence) or isinstance(sequences, str):
        check_motion(sequences)
    each = [sequences] if isinstance(sequences, PoseSequence | BodyMotion) else sequences
    return [_positions_of(m) for m in each]
