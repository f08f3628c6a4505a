"""Noise that pieces of motion get: white, sparse, correlated or slow noise, or an estimator's.

Some pieces have one kind of one size throughout; the rest a kind or two, and their keypoints and axes differ.
"""

from __future__ import annotations

import numpy as np

from steadypose.data._processes import correlated, runs
from steadypose.data.refine_sets import estimated
from steadypose.sequence import Floats

__all__ = ["noise_like_estimators"]

_PURE = 0.3  # share of pieces whose keypoints all have errors of one kind and size, none in common
_COMMON = 0.45  # share of pieces in which groups of keypoints have a part of their errors in common
_MIXED = 0.4  # share of pieces some of whose keypoints have errors of another kind
_UNEVEN = 0.45  # share of pieces whose keypoints shake very differently …
_FEW = 0.2  # … and of those in which only some do
_SMOOTHED = (0.02, 0.12)  # seconds: time constant of an estimator's own one-pole filter


def noise_like_estimators(
    shape: tuple[int, ...],
    fps: float,
    level: float,
    rng: np.random.Generator,
    estimator: bool = True,
    smoothed: bool = False,
) -> Floats:
    """Errors of some kind, of a size.

    Parameters
    ----------
    shape
        (frames, keypoints, axes).
    fps
        Frames a second.
    level
        Typical size, in the units of the result; 0: none.
    rng
        The source of chance.
    estimator
        Whether they are errors that last, as estimators make them
        (:func:`steadypose.data.refine_sets.estimated`); else white, sparse or correlated noise.
    smoothed
        Whether the estimator has filtered them once itself.
    """
    if level == 0:
        return np.zeros(shape)

    def errors(of: tuple[int, ...]) -> Floats:
        if not estimator:
            return _of_a_kind(of, fps, level, rng)
        found = estimated(of, fps, (0.999 * level, 1.001 * level), 0.0, rng)
        return _one_pole(found, fps, rng) if smoothed else found

    if rng.random() < _PURE:
        return errors(shape)
    each = _levels(shape[1], rng)[:, None]
    own = errors(shape)
    if rng.random() < _MIXED:  # hands may slip while the trunk is filtered
        others = rng.random(shape[1]) < rng.uniform(0.1, 0.5)
        own[:, others] = errors(shape)[:, others]
    if rng.random() >= _COMMON:
        return own * each
    # What frames a body, a crop or a camera, moves much of it as one.
    groups = rng.integers(rng.integers(1, 5), size=shape[1])
    share = rng.uniform(0.1, 0.9)
    common = errors((shape[0], int(groups.max()) + 1, shape[2]))[:, groups]
    return np.asarray(each * (np.sqrt(1 - share) * own + np.sqrt(share) * common))


def _levels(keypoints: int, rng: np.random.Generator) -> Floats:
    """Factor of every keypoint: hands may shake many times as much as the trunk, which hardly does."""
    kind = rng.random()
    if kind < _UNEVEN:
        return np.asarray(np.exp(rng.normal(0, 1.1, keypoints)))
    if kind < _UNEVEN + _FEW:
        return np.where(rng.random(keypoints) < rng.uniform(0.1, 0.6), 1.0, rng.uniform(0, 0.1))
    return np.ones(keypoints)


def _of_a_kind(shape: tuple[int, ...], fps: float, level: float, rng: np.random.Generator) -> Floats:
    kind = rng.choice(6, p=(0.36, 0.2, 0.1, 0.18, 0.11, 0.05))
    noise = _KINDS[kind](shape, fps, rng)
    if rng.random() < 0.5:
        noise = noise * np.exp(rng.normal(0, 0.4, (1, shape[1], 1)))
    if rng.random() < 0.3:  # along one axis, such as depth
        noise = noise * np.where(rng.permutation(shape[2]) == 0, rng.uniform(1, 4), 1.0)
    return np.asarray(level * noise)


def _one_pole(noise: Floats, fps: float, rng: np.random.Generator) -> Floats:
    from scipy.signal import lfilter

    a = float(np.exp(-1 / (rng.uniform(*_SMOOTHED) * fps)))
    start = noise[:1] * a
    return np.asarray(lfilter([1 - a], [1, -a], noise, axis=0, zi=start)[0])


def _white(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Floats:
    return np.asarray(rng.standard_normal(shape))


def _sparse(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Floats:
    """Some samples, the others exact."""
    hit = rng.random((*shape[:2], 1)) < rng.uniform(0.05, 0.8)
    return np.asarray(hit * rng.standard_normal(shape))


def _in_bursts(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Floats:
    frames, keypoints, _ = shape
    burst = runs((frames, keypoints), rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.8), fps, rng)
    level = np.where(burst, rng.uniform(2, 6), 1.0)[..., None]
    return np.asarray(level * rng.standard_normal(shape))


def _with_memory(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Floats:
    constant = float(np.exp(rng.uniform(np.log(0.02), np.log(1.0))))
    return correlated(shape, constant * fps, rng, rng.random() < 0.3)


def _slow_and_white(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Floats:
    slow = correlated(shape, rng.uniform(0.8, 3.0) * fps, rng, rng.random() < 0.5)
    return np.asarray(slow + rng.uniform(0.1, 1) * rng.standard_normal(shape))


def _rounded(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Floats:
    """Evenly distributed, as rounding to whole units leaves it."""
    return np.asarray(rng.uniform(-1.7, 1.7, shape))


_KINDS = (_white, _sparse, _in_bursts, _with_memory, _slow_and_white, _rounded)
