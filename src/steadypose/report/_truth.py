"""The truth brought to the frames, persons, keypoints and unit of the recording it belongs to."""

from __future__ import annotations

import numpy as np

from steadypose import metrics
from steadypose.errors import DataError
from steadypose.metrics._pairing import pair_frames, pair_persons
from steadypose.rotations import to_global, to_local
from steadypose.sequence import BodyMotion, Floats, Motion, PoseSequence

MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


def truth_like(before: Motion, truth: Motion) -> Floats:
    """Positions (rotations) of the truth at the frames, persons and keypoints of ``before``; else NaN.

    Frames and persons are matched as :func:`steadypose.evaluate` does. Where one has rotations and the other
    positions there is nothing to compare: all NaN.

    Raises
    ------
    DataError
        If nothing corresponds.
    """
    if isinstance(before, PoseSequence) and isinstance(truth, PoseSequence):
        mine: Floats = before.positions
        theirs: Floats = truth.positions * np.float32(_factor(before, truth))
        if mine.shape[3] != theirs.shape[3]:
            raise DataError(f"expected a truth in {mine.shape[3]} dimensions, found {theirs.shape[3]}")
    elif isinstance(before, BodyMotion) and isinstance(truth, BodyMotion):
        mine, theirs = before.rotations, truth.rotations
        if before.relative_to != truth.relative_to:
            turn = to_local if before.relative_to == "parent" else to_global
            theirs = turn(truth.rotations, truth.skeleton.parents or ())
    else:
        return np.full_like(_values(before), np.nan)
    k, theirs_k = before.skeleton.common(truth.skeleton)
    if not k:
        raise DataError(
            f"expected common keypoints, found none between skeletons {before.skeleton.name!r} and "
            f"{truth.skeleton.name!r}"
        )
    frames = pair_frames(before.times, truth.times, [])
    at = frames.positions(theirs) if isinstance(truth, PoseSequence) else frames.rotations(theirs)
    x, y = mine[frames.frames][:, :, k], at[:, :, theirs_k]
    p, q = pair_persons(before.persons, truth.persons, lambda i, j: _distance(x[:, i], y[:, j]), [])
    out = np.full_like(mine, np.nan)
    out[np.ix_(*(np.asarray(i) for i in (frames.frames, p, k)))] = y[:, q]
    return out


def _values(motion: Motion) -> Floats:
    return motion.positions if isinstance(motion, PoseSequence) else motion.rotations


def _factor(before: PoseSequence, truth: PoseSequence) -> float:
    if before.unit == truth.unit:
        return 1.0
    if before.unit not in MILLIMETRES or truth.unit not in MILLIMETRES:
        raise DataError(f"expected a truth in the recording's unit, {before.unit}, found {truth.unit}")
    return MILLIMETRES[truth.unit] / MILLIMETRES[before.unit]


def _distance(x: Floats, y: Floats) -> float:
    if x.ndim == 4:
        return float(metrics.mpjae(x, y))
    return float(metrics.mpjpe(x, y, root=None))
