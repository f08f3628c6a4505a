"""How far single samples are believed: by their estimator, and by how they lie beside a smooth curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from steadypose.refine._kalman import TAIL, USUAL_CUTOFF, smoothing_spline
from steadypose.refine.filters import Floats, Values

__all__ = ["belief", "drawn_to_spline"]

WHOLLY = 0.999  # weight from which a sample counts as it is
EVEN, HEAVY = 0.75, 0.25  # median over mean of squared distances, beside the normal distribution's: from here
# on far samples count less, and there as a Student-t distribution has it
CALM, CALM_Z = 0.3, -0.5244  # a low quantile of distances, and the normal distribution's
LITTLE = 0.02  # of a sample's weight: not worth another pass


def belief(x: Values, y: Values, weights: Values | None) -> npt.NDArray[np.float32] | None:
    """Weights of samples beside a first smooth curve; None if all count as they are.

    A sample that lies far off *alone* counts less, as a Student-t likelihood has it, if such samples are more
    than noise of one size would make. Where neighbours lie off to the same side it is the curve that is
    wrong: that is motion.

    Parameters
    ----------
    x, y : ndarray of float32, shape (frames, keypoints, axes)
        Samples, and the curve.
    weights : ndarray of float32, shape (frames, keypoints), optional
        From confidence.

    Returns
    -------
    ndarray of float32, shape (frames, keypoints), or None
        From 0 to 1.
    """
    off = x - y
    square = _dot(off, off)
    mean = square.mean(axis=0)
    axes = min(x.shape[2], 3)  # rotations turn in three
    normal = _quantile_over_mean(0.0, axes)  # of the median
    ordered = np.sort(square.T)  # many times as quick as np.quantile
    middle, calm = (ordered[:, round(share * (len(square) - 1))] for share in (0.5, CALM))
    tiny = np.finfo(np.float32).tiny
    ratio = middle / (normal * np.maximum(mean, tiny))
    heavy = np.clip((EVEN - ratio) / (EVEN - HEAVY), 0, 1)
    heavy[mean <= tiny] = 0
    found: npt.NDArray[np.float32] | None = None
    if (heavy > 0).any():
        with_next = _dot(off[1:], off[:-1])
        alike = np.zeros_like(square)
        alike[1:] = with_next
        alike[:-1] = np.maximum(alike[:-1], with_next)
        alone = 1 - np.clip(alike / np.maximum(square, tiny), 0, 1)
        # Where half of the samples are far off, the median is theirs.
        as_middle = calm * (normal / _quantile_over_mean(CALM_Z, axes))
        typical = np.maximum(np.minimum(middle, as_middle), mean * 1e-4)
        student = 1 / (1 + square / np.maximum(TAIL**2 * typical, tiny))
        found = (1 - heavy * alone * (1 - student)).astype(np.float32)
        if found.min() > 1 - LITTLE:
            found = None
    if weights is None or not (weights < WHOLLY).any():
        return found
    return weights if found is None else (weights * found).astype(np.float32)


def _quantile_over_mean(z: float, axes: int) -> float:
    """A quantile of a chi-square variable over its mean; z is the normal one's (Wilson, Hilferty 1931)."""
    part = 2 / (9 * axes)
    return float((1 - part + z * part**0.5) ** 3)


def _dot(a: Values, b: Values) -> Values:
    product: Values = np.einsum("tkd,tkd->tk", a, b)
    return product


def drawn_to_spline(values: Values, weights: Values, times: Floats) -> Values:
    """Samples drawn towards a smoothing spline by as much as they are not believed.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, curves, axes)
    weights : ndarray of float32, shape (frames, curves)
    times : ndarray, shape (frames,)
    """
    doubted = np.flatnonzero((weights < WHOLLY).any(axis=0))
    if not doubted.size:
        return values
    some, w = values[:, doubted], weights[:, doubted]
    smooth = smoothing_spline(some, w, times, np.array([USUAL_CUTOFF]))
    out = values.copy()
    for at in range(0, len(values), 1 << 14):
        rows = slice(at, at + (1 << 14))
        out[rows, doubted] += (1 - w[rows, :, None]) * (smooth[rows] - some[rows])
    return out
