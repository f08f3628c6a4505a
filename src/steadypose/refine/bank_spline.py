"""What generalised cross-validation would let pass of every band, and how noisy it holds a curve.

Members of a sine series are to a smoothing spline what frequencies are to a filter: of the one at frequency f
it passes 1 / (1 + (f / cutoff) ** 4). Its score (Craven and Wahba 1979; ``refine/gcv.py``) follows from the
squares of the series alone, for many cutoffs at once. Not the best cutoff is taken but all of them, by how
much their scores tell.

That is right where noise is independent from frame to frame, and wrong where errors last. A network that is
told both this and how large the bands are can learn which of it to believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from steadypose.refine.bank import BankSpec, Values

__all__ = ["Splined", "splined"]

SLOWEST, HIGHEST, CUTOFFS = 0.1, 4.0, 36  # hertz; of the frame rate: it passes all; how many, evenly in log
TELLS = 0.25  # of frames × log score: neighbouring cutoffs have most of their residuals in common
ALL = 8.0  # logit at which a band counts as passed
TINY = 1e-30


@dataclass(frozen=True)
class Splined:
    """What cross-validation says of curves.

    Parameters
    ----------
    passing : ndarray of float32, shape (bands, ...)
        Logits of the share of each band that passes.
    noise : ndarray of float32, shape (...)
        Variance of the noise, per frame.
    free : ndarray of float32, shape (...)
        Logits of the share of frames that are left to the noise.
    """

    passing: Values
    noise: Values
    free: Values


def splined(squares: Values, fps: float, spec: BankSpec) -> Splined:
    """Cross-validated splines of curves.

    Parameters
    ----------
    squares : ndarray of float32, shape (frames, ...)
        Of the members of the curves' sine series; means over the axes that share one cutoff.
    fps
        Frames a second.
    spec
        Which bands.
    """
    frames, *shape = squares.shape
    taken, free, passed = _cutoffs(frames, fps, spec)
    left = (taken @ squares.reshape(frames, -1)) / frames  # (cutoffs, curves): mean squares of residuals
    score = np.log(left + TINY) - 2 * np.log(free)[:, None]
    share = np.exp(-TELLS * frames * (score - score.min(axis=0)))
    share /= share.sum(axis=0)

    def mean(of: Values) -> Values:
        """Over cutoffs; (..., cutoffs) in, (..., curves) out."""
        found: Values = (of @ share).astype(np.float32)
        return found

    noise = ((left / free[:, None]) * share).sum(axis=0)
    return Splined(
        _logit(mean(passed)).reshape(-1, *shape),
        np.asarray(noise, np.float32).reshape(shape),
        _logit(mean(free)).reshape(shape),
    )


@lru_cache(maxsize=8)  # a tenth of a megabyte for 12 s at 60 frames a second
def _cutoffs(frames: int, fps: float, spec: BankSpec) -> tuple[Values, Values, Values]:
    """Of every cutoff: squares of what it takes of each member of a series, the mean of what it takes, and
    what it passes of each band; (cutoffs, frames), (cutoffs,), (bands, cutoffs).
    """
    at = (np.arange(frames) + 1) / (2 * frames)  # per frame
    cutoffs = np.geomspace(min(SLOWEST / fps, 0.1), HIGHEST, CUTOFFS)
    bend = (np.sin(np.pi * at) / np.sin(np.pi * np.minimum(cutoffs, 0.5))[:, None]) ** 4
    bend *= np.where(cutoffs > 0.5, (2 * cutoffs) ** -4.0, 1)[:, None]
    taken = bend / (1 + bend)
    weights = np.square(spec.responses(frames, fps).astype(np.float64))
    passed = weights @ (1 - taken).T / np.maximum(weights.sum(axis=1, keepdims=True), TINY)
    return (
        np.asarray(np.square(taken), np.float32),
        np.asarray(taken.mean(axis=1), np.float32),
        np.asarray(passed, np.float32),
    )


def _logit(share: Values) -> Values:
    least = np.float32(np.exp(-ALL))
    clipped = np.clip(share, least, 1 - least)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)
