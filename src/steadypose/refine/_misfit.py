"""How far the vector from a right keypoint to the left one is from going on as it did, or turned round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

MOMENT = 1 / 30  # seconds over which speeds are measured
LONGEST_STEP = 0.11  # seconds between two frames that can be compared
LONGEST_GAP = 0.25  # seconds without a keypoint after which it tells nothing of before


@dataclass(frozen=True)
class Misfit:
    """Squared distances from what motion predicts, each of shape (steps,); NaN where unknown.

    ``kept``: of the vector across if it did not turn; ``turned``: if it did; ``middle``: of the middle (twice
    it, as the vector across is a difference and no mean).
    """

    seconds: Floats
    kept: Floats
    turned: Floats
    middle: Floats
    speed_kept: Floats
    speed_turned: Floats
    speed_middle: Floats


class Window:
    """Some frames of pairs of keypoints.

    Parameters
    ----------
    x : ndarray, shape (frames, keypoints, dims)
        In body sizes; NaN where missing.
    times : ndarray, shape (frames,)
        Seconds.
    pairs : ndarray of int, shape (pairs, 2)
        Left and right keypoints.
    step
        Usual time between frames, seconds.

    Attributes
    ----------
    known : ndarray of bool, shape (frames, pairs)
        Where there is something to compare a pair with.
    """

    def __init__(self, x: Floats, times: Array, pairs: Ints, step: float) -> None:
        self.times, self.step, self.lag = times, step, max(1, round(MOMENT / step))
        left, right = (x.take(pairs[:, side], axis=1) for side in (0, 1))
        self.across, self.middle = left - right, left + right
        present = np.isfinite(self.across).all(axis=-1)
        # A frame that repeats the one before tells nothing new: 12 frames a second stored as 60 stay 12.
        same = (x[1:] == x[:-1]) | (np.isnan(x[1:]) & np.isnan(x[:-1]))
        self.fresh = present & ~np.concatenate([[False], same.all(axis=(1, 2))])[:, None]
        rows = np.arange(len(x))[:, None]
        self.last = np.maximum.accumulate(np.where(self.fresh, rows, -1), axis=0)
        self.next = np.minimum.accumulate(np.where(self.fresh, rows, len(x))[::-1], axis=0)[::-1]
        self.known = np.zeros(present.shape, bool)
        before = np.maximum.accumulate(np.where(present, rows, -1), axis=0)[:-1]
        gap = times[1:, None] - times[before]
        self.known[1:] = self.fresh[1:] & (before >= 0) & (self.last[:-1] >= 0) & (gap <= LONGEST_GAP)

    def against(self, span: int) -> Bools:
        """Where both ends of a step over ``span`` frames are seen and point against each other, at the frame
        in (or just before) its middle; (frames, pairs)."""
        x, against = self.across, np.zeros(self.fresh.shape, bool)
        if span < len(x):
            with np.errstate(invalid="ignore"):
                turned = np.einsum("fpd,fpd->fp", x[span:], x[:-span]) < 0
            first = 1 + (span - 1) // 2
            against[first : first + len(turned)] = turned & self.fresh[span:] & self.fresh[:-span]
        return against

    def doubtful(self) -> Bools:
        """Steps that may be turns: the ends point against each other, or the sides meet; (frames, pairs)."""
        x, lag = self.across, self.lag
        before = self._before(x)
        with np.errstate(invalid="ignore"):
            doubtful: Bools = np.einsum("fpd,fpd->fp", before, x) < 0
            if len(x) > 2 * lag + 1:
                square, change = _square(x), _square(x[lag:] - x[:-lag])
                near = (
                    square[lag : -lag - 1] + square[lag + 1 : -lag] < change[: -lag - 1] + change[lag + 1 :]
                )
                doubtful[lag + 1 : -lag] |= near
        return doubtful & self.known

    def leaps(self) -> Floats:
        """Squared steps of the middles, 0 where unknown; (frames, pairs)."""
        return np.where(self.known, _square(self.middle - self._before(self.middle)), 0.0)

    def misfit(self, span: int, row: Ints, pair: Ints) -> Misfit:
        """Of steps over ``span`` frames in whose middle is the step into ``row`` (or just after it).

        Motion is given the best of three predictions: none; as before the step; as after it.
        """
        before = row - 1 - (span - 1) // 2
        b, n = self._at(self.last, before, pair), self._at(self.next, before + span, pair)
        q, a = self._at(self.last, b - self.lag, pair), self._at(self.next, n + self.lag, pair)
        tq, tb, tn, ta = (self._time(i) for i in (q, b, n, a))
        seconds, moment = tn - tb, self.lag * self.step
        reach = moment + LONGEST_STEP
        since = np.where((tb - tq <= reach) & (seconds <= LONGEST_GAP), tb - tq, np.nan)[:, None]
        until = np.where(ta - tn <= reach, ta - tn, np.nan)[:, None]
        seconds = np.fmin(seconds, LONGEST_GAP)  # a body that stood still did not move for longer
        squares = []
        for x, signs in ((self.across, (1, -1)), (self.middle, (1,))):
            flat = x.reshape(-1, x.shape[2])
            xq, xb, xn, xa = (
                flat.take(np.clip(i, 0, len(x) - 1) * x.shape[1] + pair, axis=0) for i in (q, b, n, a)
            )
            come, go = (xb - xq) / since, (xa - xn) / until
            for sign in signs:
                step = xn - sign * xb
                fit = np.fmin(
                    _square(step - sign * come * seconds[:, None]), _square(step - go * seconds[:, None])
                )
                squares += [np.fmin(_square(step), fit), _square(go - sign * come) * moment**2]
        kept, speed_kept, turned, speed_turned, middle, speed_middle = squares
        return Misfit(seconds, kept, turned, middle, speed_kept, speed_turned, speed_middle)

    def _before(self, x: Floats) -> Floats:
        """What was seen last before every frame; NaN before the first."""
        before = np.full(x.shape, np.nan)
        last = self.last[:-1]
        flat = x.reshape(-1, x.shape[2]).take(
            np.maximum(last, 0) * x.shape[1] + np.arange(x.shape[1]), axis=0
        )
        before[1:] = np.where(last[..., None] >= 0, flat, np.nan)
        return before

    def _at(self, table: Ints, row: Ints, pair: Ints) -> Ints:
        """What a table says of rows; -1 before the first and one too many after the last."""
        inside = table.reshape(-1).take(np.clip(row, 0, len(table) - 1) * table.shape[1] + pair)
        return np.where(row < 0, -1, np.where(row >= len(table), len(table), inside))

    def _time(self, row: Ints) -> Floats:
        there = (row >= 0) & (row < len(self.times))
        return np.where(there, self.times.take(np.clip(row, 0, len(self.times) - 1)), np.nan)


def _square(x: Floats) -> Floats:
    square: Floats = np.einsum("...d,...d->...", x, x)
    return square
