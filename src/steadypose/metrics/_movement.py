"""The fastest movements of a recording, and what of them is left after refinement, without any truth.

The input has noise, and a single noisy frame is faster than any movement. So both curves are seen through the
same short window of time, slips are left out, and only what is clearly faster than the noise counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from steadypose._timed import complete
from steadypose.metrics._arrays import Floats

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

WINDOW = 0.05  # seconds to either side over which a velocity is measured
LATE = 0.1  # seconds by which the peak may come later or earlier in the refined curve
ABOVE = 4.0  # times its noise a velocity must be: white noise alone never is, in a million frames
FASTEST = 0.75  # of the highest peak: movements this fast count as the fastest
MOVING = 0.25  # of its peak: as long as it is that fast it is the same movement
SUDDEN = 3.0  # times the median step around it a step must be to count as a slip …
MOST_OF_THE_WAY = 0.7  # … or this share of the way through the window
BLOCK = 1 << 16  # frames at a time
MOST = 1000  # movements of one curve


@dataclass(frozen=True)
class Movement:
    """The fastest movements of a recording, and how much of them is left.

    Parameters
    ----------
    speed
        Of the fastest, in the input, unit a second; NaN where nothing stands above the noise.
    speed_kept
        Peak speed after over before, of the fastest movements together.
    reach_kept
        The way from where they begin to where they end, after over before: their gain.
    frame, curve
        Where the fastest is.
    """

    speed: float = float("nan")
    speed_kept: float = float("nan")
    reach_kept: float = float("nan")
    frame: int = -1
    curve: int = -1


def fastest_movements(before: Array, after: Array, fps: float, cuts: tuple[int, ...] = ()) -> Movement:
    """Find the fastest movements of the input and measure what is left of them.

    Velocities are slopes of a line fitted over 0.1 s (three frames at least), of both curves alike. A
    velocity counts where it is 4 times what the curve's noise alone makes, the noise being read off the
    median third difference; and where no slip is in its window: a step three times as large as both beside
    it, or one out and one back. The fastest movements are the stretches, of all curves, with at least 0.75 of
    the highest speed. Speed: the sum of their peaks after over the sum before, where the peak may come up to
    0.1 s earlier or later. Reach: how far they go while they have a quarter of their peak speed and the same
    direction, after projected onto before.

    Parameters
    ----------
    before, after : ndarray, shape (frames, curves, dims)
        NaN where missing; only what both have counts.
    fps
        Frames a second.
    cuts
        Frames that start a new clip.
    """
    frames, curves, _ = before.shape
    if frames < 3 or not np.isfinite(fps):
        return Movement()
    half = max(1, int(WINDOW * fps + 1e-6))
    peaks, at = np.zeros(curves), np.zeros(curves, np.intp)
    for c in range(curves):
        speed = _Curve(before[:, c], after[:, c], half, fps, cuts).clear_speed()
        at[c] = int(np.argmax(speed))
        peaks[c] = speed[at[c]]
    if not peaks.max(initial=0.0) > 0:
        return Movement()
    top = int(np.argmax(peaks))
    limit = FASTEST * peaks[top]
    sums = np.zeros(4)
    for one in np.flatnonzero(peaks >= limit):
        sums += _Curve(before[:, one], after[:, one], half, fps, cuts).left(limit)
    reach = float(sums[2] / sums[3]) if sums[3] > 0 else float("nan")
    return Movement(float(peaks[top]), float(sums[0] / sums[1]), reach, int(at[top]), top)


class _Curve:
    """One curve before and after, seen through the window; arrays (frames, dims)."""

    def __init__(self, before: Array, after: Array, half: int, fps: float, cuts: tuple[int, ...]) -> None:
        both = complete(before) & complete(after)
        self.half, self.fps, self.cuts = half, fps, cuts
        # From the first sample on: what stands still stands still to the last bit.
        origin = before[int(np.argmax(both))].astype(np.float64)
        self.x = [np.where(both[:, None], v.astype(np.float64) - origin, np.nan) for v in (before, after)]
        self.velocity = [self._slopes(v) for v in self.x]
        self.even = self._even(self.x[0])

    def clear_speed(self) -> Floats:
        """Speed of the input where it stands above the noise and no slip is near; else 0."""
        speed = _lengths(self.velocity[0])
        with np.errstate(invalid="ignore"):
            clear = (speed > ABOVE * self._noise(self.x[0])) & self.even
        return np.where(clear, speed, 0.0)

    def left(self, limit: float) -> Floats:
        """Of the movements above a limit the sums: peaks after, peaks before, reach after, reach before."""
        speed = self.clear_speed()
        after = np.where(self.even, np.nan_to_num(_lengths(self.velocity[1])), 0.0)
        late = round(LATE * self.fps)
        fast = np.concatenate([[False], speed >= limit, [False]])
        starts, stops = np.flatnonzero(~fast[:-1] & fast[1:]), np.flatnonzero(fast[:-1] & ~fast[1:])
        peak = np.maximum.reduceat(np.append(speed, 0.0), np.stack([starts, stops], 1).ravel())[::2]
        sums = np.zeros(4)
        for i in np.argsort(-peak, kind="stable")[:MOST]:
            start, stop = int(starts[i]), int(stops[i])
            at = start + int(np.argmax(speed[start:stop]))
            around = slice(max(0, start - late), stop + late)
            sums[:2] += after[around].max(), speed[around].max()
            first, last = self._ends(at, float(speed[at]))
            a, b = (self._place(v, last) - self._place(v, first) for v in (self.x[1], self.x[0]))
            if np.isfinite(a @ b):  # an end beside a gap is not known
                sums[2:] += a @ b, b @ b
        return sums

    def _slopes(self, x: Array) -> Floats:
        """Velocity by a line through the window around every frame; NaN where it is not whole."""
        h = self.half
        out = np.full(x.shape, np.nan)
        if len(x) <= 2 * h:
            return out
        weights = np.arange(h, -h - 1, -1) / (h * (h + 1) * (2 * h + 1) / 3) * self.fps
        for d in range(x.shape[1]):
            out[h:-h, d] = np.convolve(x[:, d], weights, "valid")
        for c in self.cuts:
            out[max(0, c - h) : c + h] = np.nan
        return out

    def _noise(self, x: Array) -> float:
        """Length of the velocity that the curve's noise alone makes, root mean square."""
        third = np.diff(x, 3, axis=0)
        square = np.einsum("fd,fd->f", third, third)
        square = square[np.isfinite(square)]
        if not square.size:
            return float("inf")
        dims, n = x.shape[1], 2 * self.half + 1
        # Third differences of white noise have 20 times its variance; median of a chi-square variable over
        # its mean after Wilson and Hilferty (1931).
        power = float(np.median(square)) / (1 - 2 / (9 * dims)) ** 3 / 20
        return float(np.sqrt(power * 12 / (n * (n * n - 1)))) * self.fps

    def _even(self, x: Array) -> Bools:
        """Frames whose window is a movement: many steps, none of which makes up most of the way.

        Where a body is fastest its steps are alike; a slip is one step, or one out and one back.
        """
        even = np.zeros(len(x), bool)
        size = np.full(len(x) + 2 * self.half + 4, np.nan)
        step = np.diff(x, axis=0)
        wide = max(self.half, 2)
        size[wide : wide + len(step)] = _lengths(step)
        h = self.half
        for start in range(0, len(x), BLOCK):
            stop = min(start + BLOCK, len(x))
            around = sliding_window_view(size[start : stop + 2 * wide - 1], 2 * wide)
            own = around[:, wide - h : wide + h]
            largest = own.max(axis=1)
            at = np.arange(start, stop)
            way = x[np.minimum(at + h, len(x) - 1)] - x[np.maximum(at - h, 0)]
            with np.errstate(invalid="ignore"):
                even[start:stop] = (largest <= MOST_OF_THE_WAY * _lengths(way)) & (
                    largest <= SUDDEN * np.median(around, axis=1)
                )
        return even

    def _ends(self, at: int, peak: float) -> tuple[int, int]:
        """Frames just before and after the movement whose peak is at a frame."""
        v = self.velocity[0]
        reach = max(1, round(self.fps))
        low, high = max(0, at - reach), min(len(v), at + reach + 1)
        along = v[low:high] @ v[at]  # NaN is no movement
        going = along >= MOVING * peak * peak
        middle = at - low
        before, after = np.flatnonzero(~going[:middle]), np.flatnonzero(~going[middle:])
        first = low + int(before[-1]) if before.size else low
        last = low + middle + int(after[0]) if after.size else high - 1
        return first, last

    def _place(self, x: Array, at: int) -> Floats:
        """Mean over half of the window around a frame."""
        near = self.half // 2
        place: Floats = x[max(0, at - near) : at + near + 1].mean(axis=0)
        return place


def _lengths(x: Floats) -> Floats:
    """Of vectors (frames, dims); NaN where one is not whole."""
    length: Floats = np.sqrt(np.einsum("fd,fd->f", x, x))
    return length
