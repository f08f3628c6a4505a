"""Frames in which an estimator lost the whole body: it falls to a heap, or is elsewhere, and comes back.

A body may crouch, roll, turn sideways or walk away from the camera, but it takes its time: what shrinks by a
third from one frame to the next is no body. Only such frames are looked for; they are missing as a whole,
for what is left of them is right by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._size import SAMPLED_FRAMES, body_size
from steadypose._timed import complete

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

# Chosen on captured motion of training performers through random cameras at 2 to 60 fps, and on one real
# recording (experiments/cleaning).
LEAST = 6  # keypoints that say how large a body is
HEAP = 0.65  # of a body's extent in the frame before: less is a heap
FALL = 0.35  # logarithm of what the extent of a body can change by from one frame to the next …
FALL_RATE = 2.0  # … and per second between them
REACH = 0.5  # of a body's size: where it can be in the next frame …
SPEED = 4.0  # … and sizes per second between them
DRIFT = 1.5  # sizes per second that a body which was elsewhere may have moved when it is back
LONGEST = 1.0  # seconds after which a body of the same shape is believed to be smaller, or elsewhere
UNLIKE = 0.5  # spread of the logarithms of what distances from the middle have shrunk by: no smaller body …
LONGEST_UNLIKE = 10.0  # … and seconds after which that, too, is believed
APART = 0.25  # seconds without a person after which nothing is compared

_BLOCK = 1 << 16  # values per block
_RESTLESS = 0.5  # of the frames: where there are more falls than that, no frame says what the body is like


def find_collapses(
    positions: Array, times: Array, seen: Bools | None = None, size: Array | None = None
) -> Bools:
    """Frames in which a whole body collapses, or is elsewhere for a moment.

    The extent of a body is the mean distance of its keypoints from their median. A collapse begins where the
    extent falls by a third or more in one step, holds while it is below 65 % of what it was, and ends where
    it is back in one step. Or most keypoints jump further than any body moves, and are back within a second.
    What happens step by step is motion. At an end of a recording (or beside a long gap) one step is enough,
    and a collapse may last longer than a second, if the keypoints' distances have shrunk by very different
    factors: a smaller picture of the same body is no collapse. Persons are judged by themselves.

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
        True where the body as a whole is not to be believed. Bodies of fewer than six keypoints never are.
    """
    collapsed = np.zeros(positions.shape[:2], bool)
    seen = complete(positions) if seen is None else seen
    size = body_size(positions, seen) if size is None else size
    for person in range(positions.shape[1]):
        count = np.count_nonzero(seen[:, person], axis=1)
        least = max(LEAST, int(np.ceil(0.25 * count.max(initial=0))))
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
        for i in steps.tolist():
            if not found[i - 1] and not found[i]:
                found[i : i + self._length(i - 1, 1, sudden)] = True
        for i in steps[::-1].tolist():  # what begins with a collapse has its one step after it
            if not found[i - 1] and not found[i]:
                found[i - self._length(i, -1, sudden) : i] = True
        return found

    def _length(self, last: int, way: int, sudden: Bools) -> int:
        """Frames beyond the frame ``last`` that are not the body which that one shows; 0 if they are."""
        for longest in (LONGEST, LONGEST_UNLIKE):
            beyond = self._beyond(last, way, longest)
            if not len(beyond):
                return 0
            extent, shift, unlike = _compare(self._at(np.array([last])), self._at(beyond))
            heap = bool(extent[0] < HEAP)
            since = np.abs(self.times[beyond] - self.times[last])
            lost = extent < HEAP if heap else shift > self.size * (REACH + DRIFT * since)
            if not lost[0]:
                return 0
            n = len(lost) if lost.all() else int(np.argmin(lost))
            no_smaller_body = heap and bool(unlike[0] > UNLIKE)
            if n < len(lost):
                back = sudden[max(beyond[n - 1], beyond[n])]
                return n if back and (longest == LONGEST or no_smaller_body) else 0
            if beyond[-1] in (0, len(self.frames) - 1) or self._parted(beyond[-1], way):
                return n if no_smaller_body and self._smaller_than_usual(beyond) else 0
        return 0

    def _smaller_than_usual(self, which: Ints) -> bool:
        some = np.arange(0, len(self.frames), max(1, len(self.frames) // SAMPLED_FRAMES))
        now, usual = (np.median(_extent(self._at(w))) for w in (which, some))
        return bool(now < HEAP * usual)

    def _beyond(self, last: int, way: int, longest: float) -> Ints:
        """Frames from the one beside ``last`` on, up to a gap, for some seconds."""
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
        """Whether keypoints moved at all by as much as it takes: a cheap test that nearly all frames fail."""
        before, after = self.positions[self.frames[now - 1]], self.positions[self.frames[now]]
        step = after - before
        common = complete(step)[..., None]
        count = np.maximum(np.count_nonzero(common, axis=1), 1)
        step, before = np.where(common, step, 0), np.where(common, before, 0)
        together, middle = step.sum(axis=1) / count, before.sum(axis=1) / count
        apart, wide = (
            np.abs(np.where(common, x - mean[:, None], 0)).sum(axis=(1, 2)) / count[:, 0]
            for x, mean in ((step, together), (before, middle))
        )
        # An extent that shrinks by a third moves its keypoints by a third of it, and the half that has to be
        # elsewhere moves the mean by half as much.
        moved: Bools = (apart > 0.2 * wide) | (_length(together) > 0.4 * REACH * self.size)
        return moved


def _compare(one: Array, other: Array) -> tuple[Array, Array, Array]:
    """Extent of other bodies over that of the first ones, how far most keypoints moved, how unlike they are.

    On the keypoints that both have; 1, 0 and 0 where those are too few. Half of the keypoints have to agree
    to an extent, so that a few slips are no collapse. How unlike: the interquartile range of the logarithms
    of what each keypoint's distance from the middle has become.
    """
    common = complete(one + other)
    known = np.count_nonzero(complete(one), axis=1)
    enough = np.count_nonzero(common, axis=1) >= np.maximum(LEAST, known / 2)
    extent, shift, unlike = np.ones(len(common)), np.zeros(len(common)), np.zeros(len(common))
    if not enough.any():
        return extent, shift, unlike
    pair = [np.where(common[..., None], x, np.nan)[enough] for x in (one, other)]
    away = [_from_middle(x) for x in pair]
    extents = [_mean_of_nearest(d) for d in away]
    least = 1e-6 * extents[0] + np.finfo(np.float64).tiny  # a keypoint right in the middle
    change = np.log((extents[1] + least) / (extents[0] + least))
    shrunk = np.log((away[1] + least[:, None]) / (away[0] + least[:, None]))
    low, middle, high = _quantiles(shrunk, (0.25, 0.5, 0.75))
    extent[enough] = np.exp(np.clip(middle, np.minimum(change, 0.0), np.maximum(change, 0.0)))
    shift[enough] = _quantiles(_length(pair[1] - pair[0]), (0.5,))[0]
    unlike[enough] = high - low
    return extent, shift, unlike


def _extent(x: Array) -> Array:
    return _mean_of_nearest(_from_middle(x))


def _from_middle(x: Array) -> Array:
    """Distances of keypoints from their median; x (frames, keypoints, dims)."""
    return _length(x - np.stack([_quantiles(c, (0.5,))[0] for c in np.moveaxis(x, 2, 0)], axis=1)[:, None])


def _mean_of_nearest(away: Array) -> Array:
    """Mean distance from the middle, without the tenth of the keypoints (one at least) that is furthest."""
    count = np.count_nonzero(np.isfinite(away), axis=1)
    count -= np.maximum(1, count // 10)
    nearest = np.where(np.arange(away.shape[1]) < count[:, None], np.sort(away, axis=1), 0.0)
    mean: Array = nearest.sum(axis=1) / np.maximum(count, 1)
    return mean


def _quantiles(x: Array, shares: tuple[float, ...]) -> list[Array]:
    """Quantiles of what is known of every row (one value at least): a sort is faster than NumPy's for NaN."""
    ordered = np.sort(x, axis=1)  # NaN last
    last = np.count_nonzero(np.isfinite(x), axis=1) - 1
    rows = np.arange(len(x))
    found = []
    for share in shares:
        low = (share * last).astype(np.intp)
        part = share * last - low
        found.append(ordered[rows, low] * (1 - part) + ordered[rows, np.minimum(low + 1, last)] * part)
    return found


def _length(x: Array) -> Array:
    length: Array = np.sqrt(np.einsum("...d,...d->...", x, x))
    return length
