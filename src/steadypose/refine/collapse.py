"""Frames in which an estimator lost the whole body: it falls to a heap, or is elsewhere, and comes back.

A body may crouch, roll, turn sideways or walk away from the camera, but it takes its time: what shrinks by a
third from one frame to the next is no body. Only such frames are looked for; they are missing as a whole,
for what is left of them is right by chance.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose._timed import complete

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

# Chosen on captured motion of training performers through random cameras at 5 to 60 fps, and on one real
# recording (experiments/cleaning).
CORE = 0.9  # of the keypoints say how large a body is: one may be anywhere
HEAP = 0.65  # of a body's extent in the frame before: less is a heap
FALL = 0.35  # logarithm of what the extent of a body can change by from one frame to the next …
FALL_RATE = 2.0  # … and per second between them
REACH = 0.5  # of a body's size: where it can be in the next frame …
SPEED = 4.0  # … and sizes per second between them
LONGEST = 1.0  # seconds after which a body of the same shape is believed to be smaller, or elsewhere
UNLIKE = 0.5  # spread of the logarithms of what keypoints' distances from the middle have shrunk by: no smaller body …
LONGEST_UNLIKE = 10.0  # … and seconds after which that, too, is believed
APART = 0.25  # seconds without a person after which nothing is compared

_BLOCK = 1 << 20  # values per block
_RESTLESS = 0.2  # of the frames: where there are more falls than that, no frame says what the body is like


def find_collapses(
    positions: Array, times: Array, seen: Bools | None = None, size: Array | None = None
) -> Bools:
    """Frames in which a whole body collapses, or is elsewhere for a moment.

    The extent of a body is the mean distance of its keypoints from their median. A collapse begins where the
    extent falls by a third or more in one step, holds while it is below 60 % of what it was, and ends where
    it is back in one step. Or the median jumps further than any body moves, and is back within a second.
    What happens step by step is motion. At an end of a recording (or beside a long gap) one step is enough, if
    the keypoints' distances have shrunk by very different factors; a smaller picture of the same body
    is none. Persons are judged by themselves.

    Parameters
    ----------
    positions : ndarray, shape (frames, persons, keypoints, dims)
        NaN where missing.
    times : ndarray, shape (frames,)
        Seconds.
    seen : ndarray of bool, shape (frames, persons, keypoints), optional
        Where they are not missing, if that is known already.
    size : ndarray, shape (persons,), optional
        Of the bodies, if that is known already.

    Returns
    -------
    ndarray of bool, shape (frames, persons)
        True where the body as a whole is not to be believed. Bodies of fewer than four keypoints never are.
    """
    collapsed = np.zeros(positions.shape[:2], bool)
    seen = complete(positions) if seen is None else seen
    size = body_size(positions, seen) if size is None else size
    for person in range(positions.shape[1]):
        count = np.count_nonzero(seen[:, person], axis=1)
        least = max(4, int(np.ceil(0.25 * count.max(initial=0))))
        frames = np.flatnonzero(count >= least)
        if len(frames) < 3:
            continue
        track = _Track(positions[:, person], frames, times, float(size[person]))
        collapsed[frames[track.collapsed()], person] = True
    return collapsed


class _Track:
    """One person in the frames that show enough of the body; indices below count those frames."""

    def __init__(self, positions: Array, frames: Ints, times: Array, size: float) -> None:
        self.positions, self.frames, self.times, self.size = positions, frames, times[frames], size

    def collapsed(self) -> Bools:
        """Which frames show no body."""
        found = np.zeros(len(self.frames), bool)
        sudden = self._sudden()
        steps = np.flatnonzero(sudden)
        if len(steps) > _RESTLESS * len(self.frames):
            return found
        for i in steps:
            if not found[i - 1] and not found[i]:
                found[i : i + self._length(i - 1, 1, sudden)] = True
        for i in steps[::-1]:  # what begins with a collapse has its one step after it
            if not found[i - 1] and not found[i]:
                found[i - self._length(i, -1, sudden) : i] = True
        return found

    def _length(self, last: int, way: int, sudden: Bools) -> int:
        """Frames beyond the frame ``last`` that are no body, as that one shows it; 0 if it is none that changes."""
        for longest in (LONGEST, LONGEST_UNLIKE):
            beyond = self._beyond(last, way, longest)
            if not len(beyond):
                return 0
            extent, shift, unlike = _compare(self._at(np.array([last])), self._at(beyond))
            lost = (extent < HEAP) | (shift > REACH * self.size)
            if not lost[0]:
                return 0
            n = len(lost) if lost.all() else int(np.argmin(lost))
            no_smaller_body = bool(np.median(unlike[:n]) > UNLIKE and np.median(extent[:n]) < HEAP)
            if n < len(lost):
                back = sudden[max(beyond[n - 1], beyond[n])]
                return n if back and (longest == LONGEST or no_smaller_body) else 0
            ends = beyond[-1] in (0, len(self.frames) - 1) or self._parted(beyond[-1], way)
            if ends:
                return n if no_smaller_body else 0
        return 0

    def _beyond(self, last: int, way: int, longest: float) -> Ints:
        """Frames from the one beside ``last`` on, without a gap, for some seconds."""
        if way > 0:
            stop = int(np.searchsorted(self.times, self.times[last] + longest, side="right"))
            beyond = np.arange(last + 1, stop)
        else:
            start = int(np.searchsorted(self.times, self.times[last] - longest))
            beyond = np.arange(last - 1, start - 1, -1)
        apart = np.abs(np.diff(self.times[np.concatenate([[last], beyond])])) > APART
        return beyond[: int(np.argmax(apart))] if apart.any() else beyond

    def _parted(self, i: int, way: int) -> bool:
        return abs(float(self.times[i + way] - self.times[i])) > APART

    def _at(self, which: Ints) -> Array:
        return self.positions[self.frames[which]].astype(np.float64)

    def _sudden(self) -> Bools:
        """Frames whose extent or place is not reached from the frame before in any motion."""
        sudden = np.zeros(len(self.frames), bool)
        time = np.diff(self.times)
        rows = max(1, _BLOCK // self.positions[0].size)
        for start in range(1, len(self.frames), rows):
            now = np.arange(start, min(len(self.frames), start + rows))
            some = now[self._moved(now) & (time[now - 1] <= APART)]
            if not len(some):
                continue
            extent, shift, _ = _compare(self._at(some - 1), self._at(some))
            change = np.abs(np.log(extent)) > FALL + FALL_RATE * time[some - 1]
            away = shift > self.size * (REACH + SPEED * time[some - 1])
            sudden[some[change | away]] = True
        return sudden

    def _moved(self, now: Ints) -> Bools:
        """Whether the keypoints moved at all by as much as a collapse takes: a cheap test that all fail."""
        before, after = self.positions[self.frames[now - 1]], self.positions[self.frames[now]]
        step, wide = after - before, before - np.nanmean(before, axis=1, keepdims=True)
        moved, extent = (_mean_size(x) for x in (step, wide))
        return np.asarray(moved > 0.1 * extent)


def _mean_size(x: Array) -> Array:
    """Mean of what is known of each frame, without signs; NaN where nothing is; x (frames, keypoints, dims)."""
    known = np.isfinite(x)
    count = known.sum(axis=(1, 2))
    total = np.where(known, np.abs(x), 0).sum(axis=(1, 2))
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _compare(one: Array, other: Array) -> tuple[Array, Array, Array]:
    """Extent of other bodies over that of the first ones, shift of the middle, and how unlike they are.

    On the keypoints that both have. How unlike: the interquartile range of the logarithms of what each
    keypoint's distance from the middle has become.
    """
    common = complete(one + other)[..., None]
    one, other = np.where(common, one, np.nan), np.where(common, other, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a frame with nothing in common
        middles = [np.nanmedian(x, axis=1, keepdims=True) for x in (one, other)]
        away = [_length(x - middle) for x, middle in zip((one, other), middles, strict=True)]
        extents = [_mean_of_nearest(d) for d in away]
        low, high = np.nanquantile(np.log(away[1] / away[0]), [0.25, 0.75], axis=1)
        extent = extents[1] / extents[0]
    shift = _length(middles[1] - middles[0])[:, 0]
    return np.nan_to_num(extent, nan=1.0, posinf=1.0), np.nan_to_num(shift), np.nan_to_num(high - low)


def _mean_of_nearest(away: Array) -> Array:
    """Mean distance from the middle of the nine tenths of the keypoints nearest to it."""
    ordered = np.sort(away, axis=1)  # NaN last
    count = np.ceil(CORE * np.isfinite(away).sum(axis=1, keepdims=True))
    mean: Array = np.where(np.arange(away.shape[1]) < count, ordered, 0.0).sum(axis=1) / count[:, 0]
    return mean


def _length(x: Array) -> Array:
    length: Array = np.sqrt(np.einsum("...d,...d->...", x, x))
    return length
