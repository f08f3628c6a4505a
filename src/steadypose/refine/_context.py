"""What a whole curve tells a network that sees one window of it at a time: how much it shakes, how it moves.

Second differences over growing spans separate the two: noise has the same size in all of them, motion grows
with the square of the span.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SPANS", "context_of", "relative"]

Values = npt.NDArray[np.float32]

SPANS = (1, 2, 3, 4, 6, 8, 12, 16)  # frames from the middle of a second difference to its ends
# The calmest that curves in training are over each span, relative to a window, but for one in a thousand;
# what is calmer still, such as a straight line, counts as that: a network knows nothing of it.
CALMEST = np.array([-7.0, -5.75, -5.15, -4.8, -4.4, -3.95, -3.45, -3.2], np.float32)
WILDEST = 4.0
EXCERPT, EXCERPTS = 1024, 16  # frames and number of pieces of a long recording
_NORMAL = 0.6745 * 6**0.5  # median |second difference| of white noise of unit deviation


def context_of(values: npt.NDArray[np.floating[Any]]) -> Values:
    """Logarithm of the size of second differences over each of ``SPANS``.

    Parameters
    ----------
    values : ndarray, shape (frames, channels)
        Without NaN, at an even rate.

    Returns
    -------
    ndarray of float32, shape (channels, len(SPANS))
        Natural logarithm of the median |x(t - s) - 2 x(t) + x(t + s)|, in the units of the curve, as a
        standard deviation of white noise that would give the same; spans longer than the curve take the value
        of the longest that fits. -inf never occurs: a curve at rest has the smallest positive number.
    """
    frames, channels = values.shape
    found = np.full((channels, len(SPANS)), np.log(np.finfo(np.float32).tiny), np.float32)
    if frames > EXCERPT * EXCERPTS:
        # As many pieces from the front as, mirrored, from the back: the same curve backwards has the same.
        starts = np.linspace(0, (frames - EXCERPT) // 2, EXCERPTS // 2).astype(np.intp)
        starts = np.concatenate([starts, frames - EXCERPT - starts])
        pieces = np.stack([values[s : s + EXCERPT] for s in starts])
    else:
        pieces = values[None]
    length = pieces.shape[1]
    for at, span in enumerate(SPANS):
        if length < 2 * span + 1:
            found[:, at:] = found[:, max(at - 1, 0) : max(at - 1, 0) + 1]
            break
        bend = np.abs(pieces[:, : -2 * span] - 2 * pieces[:, span:-span] + pieces[:, 2 * span :])
        middle = np.median(bend.reshape(-1, channels), axis=0) / _NORMAL
        found[:, at] = np.log(np.maximum(middle, np.finfo(np.float32).tiny))
    return found


def relative(context: Values, scale: Values) -> Values:
    """A context beside windows of that scale: the same whatever the unit.

    Parameters
    ----------
    context : ndarray, shape (..., numbers)
        From :func:`context_of`.
    scale : ndarray, broadcastable to shape (..., 1)
        Of :func:`steadypose.refine.windows.normalise`.

    Returns
    -------
    ndarray of float32, shape (..., numbers)
        Logarithms of ratios, from ``CALMEST`` to ``WILDEST``.
    """
    ratio: Values = np.clip(context - np.log(scale), CALMEST, WILDEST).astype(np.float32)
    return ratio
