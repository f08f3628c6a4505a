"""Keypoints that are in the file, and were not seen: their estimator says so.

With a threshold (:func:`below`) its word alone decides. Without one (:func:`find_strays`) it takes two
witnesses: confidence far below what this keypoint usually has, and a leap off the path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

# Chosen on captured motion at 30 and 60 fps through simulated detectors, with planted distractors
# (experiments/missing); in clean motion at 24 fps and more nothing is a leap.
LOW = 0.6  # of the confidence that the keypoint usually has
REACH = 0.05  # of the body's size: a step as short as this is no leap …
STEPS = 2.0  # … nor is one up to so many times as fast as the faster of the steps before and after it


def below(confidence: Floats, least: float) -> Bools:
    """Where confidence is below a threshold; where it is not known (NaN) it is not."""
    doubted: Bools = confidence < np.float32(least)
    return doubted


def find_strays(
    values: Floats,
    valid: Bools,
    confidence: Floats,
    times: Floats,
    size: Floats,
    cuts: Bools | None = None,
) -> Bools:
    """Keypoints that leap off their path while their estimator doubts them.

    A leap is a step from one sample to the next that is longer than 5 % of the body's size and twice as fast,
    less that, as the faster of the steps before and after it: what moves fast does so for more than one
    frame. Leaps cut a path into stretches. A stretch strays if all of its samples have less than 0.6 of the
    confidence that this keypoint usually has (the median over the recording). So nothing is found where an
    estimator is never sure, where a keypoint is hidden most of the time, or in what drifts off and back.

    Parameters
    ----------
    values : ndarray, shape (frames, curves, dims)
        Finite where valid. A curve is one keypoint of one person.
    valid : ndarray of bool, shape (frames, curves)
    confidence : ndarray, shape (frames, curves)
        NaN where it is not known: there nothing strays.
    times : ndarray, shape (frames,)
        Seconds.
    size : ndarray, shape (curves,)
        Of the body each curve belongs to.
    cuts : ndarray of bool, shape (frames, curves), optional
        True where another body begins: what was before says nothing about it.

    Returns
    -------
    ndarray of bool, shape (frames, curves)
    """
    stray = np.zeros(valid.shape, bool)
    for k in range(valid.shape[1]):
        at = np.flatnonzero(valid[:, k])
        begins = np.empty(0, np.intp) if cuts is None else np.flatnonzero(cuts[:, k])
        for part in np.split(at, np.searchsorted(at, begins)):
            believed = confidence[part, k]
            known = believed[np.isfinite(believed)]
            if not known.size:
                continue
            low = believed < LOW * float(np.median(known))
            if low.any():
                stretch = np.cumsum(leaps(values[part, k], times[part], float(size[k])))
                doubted = np.bincount(stretch, ~low) == 0
                stray[part, k] = doubted[stretch]
    return stray


def leaps(path: Floats, times: Floats, size: float) -> Bools:
    """Which samples of one curve are a leap away from the one before.

    Parameters
    ----------
    path : ndarray, shape (samples, dims)
    times : ndarray, shape (samples,)
        Seconds.
    size
        Of the body.

    Returns
    -------
    ndarray of bool, shape (samples,)
    """
    leap = np.zeros(len(path), bool)
    if len(path) < 2:
        return leap
    step = np.linalg.norm(np.diff(path.astype(np.float64), axis=0), axis=1)
    speed = step / np.diff(times)
    beside = np.zeros_like(speed)
    beside[1:] = speed[:-1]
    beside[:-1] = np.maximum(beside[:-1], speed[1:])
    leap[1:] = step > REACH * size + STEPS * beside * np.diff(times)
    return leap
