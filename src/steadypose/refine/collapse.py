"""Frames in which an estimator lost the whole body: it falls to a heap, or is elsewhere, and comes back.

A body may crouch, roll, turn sideways or walk away from the camera, but it takes its time: what shrinks by a
third from one frame to the next is no body. Only such frames are looked for; they are missing as a whole,
for what is left of them is right by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose._timed import complete

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

# Chosen on captured motion of training performers through random cameras at 2 to 60 fps, and on one real
# recording (experiments/cleaning).
LEAST = 6  # keypoints that say how large a body is
PARTNERS = 12  # other keypoints at most to which each one's distance is measured
HEAP = 0.6  # of a body's distances in the frame before: less is a heap
FALL = 0.35  # logarithm of what the distances of a body can change by from one frame to the next …
FALL_RATE = 2.0  # … and per second between them
REACH = 0.5  # of a body's size: where it can be in the next frame …
SPEED = 4.0  # … and sizes per second between them
DRIFT = 1.5  # sizes per second that a body which was elsewhere may have moved when it is back
LONGEST = 1.0  # seconds after which a body of the same shape is believed to be smaller, or elsewhere
UNLIKE = 0.3  # spread of the logarithms of what the distances have shrunk by: no smaller body …
LONGEST_UNLIKE = 10.0  # … and seconds after which that, too, is believed
AROUND = 1.0  # seconds on either side in which three frames in four may be collapsed
APART = 0.25  # seconds without a person after which nothing is compared

_BLOCK = 1 << 16  # values per block
_RESTLESS = 0.5  # of the frames: where there are more falls than that, no frame says what the body is like


def find_collapses(
    positions: Array, times: Array, seen: Bools | None = None, size: Array | None = None
) -> Bools:
    """Frames in which a whole body collapses, or is elsewhere for a moment.

    A collapse begins where the distances between keypoints fall by a third or more in one step (the median
    over all pairs, so that single slips do not count), holds while they are below 60 % of what they were,
    and ends where they are back in one step. Or most keypoints jump further than any body moves, and are back
    within a second. What happens step by step is motion. At an end of a recording (or beside a long gap) one
    step is enough, and a collapse may last longer than a second, if the distances have shrunk by very
    different factors: a smaller picture of the same body is no collapse. Persons are judged by themselves.

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
        self.resized, self.displaced = self._sudden()

    def collapsed(self) -> Bools:
        """Which frames show no body."""
        found = np.zeros(len(self.frames), bool)
        steps = np.flatnonzero(self.resized | self.displaced)
        if len(steps) > _RESTLESS * len(self.frames):
            return found
        for i in steps.tolist():
            if not found[i - 1] and not found[i]:
                found[i : i + self._length(i - 1, 1)] = True
        for i in steps[::-1].tolist():  # what begins with a collapse has its one step after it
            if not found[i - 1] and not found[i]:
                found[i - self._length(i, -1) : i] = True
        return found

    def _length(self, last: int, way: int) -> int:
        """Frames beyond the frame ``last`` that are not the body which that one shows; 0 if they are."""
        for longest in (LONGEST, LONGEST_UNLIKE):
            beyond = self._beyond(last, way, longest)
            if not len(beyond):
                return 0
            extent, shift, unlike = _compare(self._at(np.array([last])), self._at(beyond))
            heap = bool(extent[0] < HEAP) and bool(self.resized[max(last, beyond[0])])
            sudden = self.resized if heap else self.displaced
            since = np.abs(self.times[beyond] - self.times[last])
            lost = extent < HEAP if heap else shift > self.size * (REACH + DRIFT * since)
            if not (lost[0] and sudden[max(last, beyond[0])]):
                return 0
            n = len(lost) if lost.all() else int(np.argmin(lost))
            no_smaller_body = heap and bool(unlike[0] > UNLIKE)
            if n < len(lost):
                ends = bool(sudden[max(beyond[n - 1], beyond[n])]) and (longest == LONGEST or no_smaller_body)
            elif beyond[-1] in (0, len(self.frames) - 1) or self._parted(beyond[-1], way):
                ends = no_smaller_body
            else:
                continue
            return n if ends and (not heap or self._smaller_than_usual(beyond[:n])) else 0
        return 0

    def _smaller_than_usual(self, which: Ints) -> bool:
        """Whether these frames show less than the body shows around them: one frame may be full of slips."""
        first, last = int(which.min()), int(which.max())
        start = int(np.searchsorted(self.times, self.times[first] - AROUND))
        stop = int(np.searchsorted(self.times, self.times[last] + AROUND, side="right"))
        around = np.concatenate([np.arange(start, first), np.arange(last + 1, stop)])
        now, usual = np.median(_extent(self._at(which))), np.quantile(_extent(self._at(around)), 0.75)
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

    def _sudden(self) -> tuple[Bools, Bools]:
        """Frames whose extent, and frames whose place, no motion reaches from the frame before."""
        resized, displaced = np.zeros((2, len(self.frames)), bool)
        time = np.diff(self.times)
        rows = max(1, _BLOCK // self.positions[0].size)
        for start in range(1, len(self.frames), rows):
            now = np.arange(start, min(len(self.frames), start + rows))
            some = now[self._moved(now) & (time[now - 1] <= APART)]
            if not len(some):
                continue
            extent, shift, _ = _compare(self._at(some - 1), self._at(some))
            resized[some] = np.abs(np.log(extent)) > FALL + FALL_RATE * time[some - 1]
            displaced[some] = shift > self.size * (REACH + SPEED * time[some - 1])
        return resized, displaced

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
        # A body that shrinks by a third moves its keypoints by about a third of its extent, and the half that
        # has to be elsewhere moves the mean by half as much.
        moved: Bools = (apart > 0.15 * wide) | (_length(together) > 0.4 * REACH * self.size)
        return moved


def _compare(one: Array, other: Array) -> tuple[Array, Array, Array]:
    """Extent of other bodies over that of the first ones, how far most keypoints moved, how unlike they are.

    On the keypoints that both have; 1, 0 and 0 where those are too few. How unlike: the interquartile range
    of the logarithms of what the distances have become.
    """
    common = complete(one + other)
    known = np.count_nonzero(complete(one), axis=1)
    enough = np.count_nonzero(common, axis=1) >= np.maximum(LEAST, known / 2)
    extent, shift, unlike = np.ones(len(common)), np.zeros(len(common)), np.zeros(len(common))
    if not enough.any():
        return extent, shift, unlike
    pair = [np.where(common[..., None], x, np.nan)[enough] for x in (one, other)]
    before, after = (_distances(x) for x in pair)
    least = 1e-9 * np.nanmax(before, axis=1, keepdims=True) + np.finfo(np.float64).tiny  # one on another
    low, middle, high = _quantiles(np.log((after + least) / (before + least)), (0.25, 0.5, 0.75))
    extent[enough], unlike[enough] = np.exp(middle), high - low
    shift[enough] = _quantiles(_length(pair[1] - pair[0]), (0.5,))[0]
    return extent, shift, unlike


def _extent(x: Array) -> Array:
    """Median distance between keypoints, shape (frames,)."""
    return _quantiles(_distances(x), (0.5,))[0]


def _distances(x: Array) -> Array:
    """Distances between keypoints (frames, keypoints, dims): all of them, or of many keypoints some."""
    count = x.shape[1]
    offsets = np.unique(np.linspace(1, max(1, count // 2), min(PARTNERS, max(1, count // 2))).astype(np.intp))
    one = np.tile(np.arange(count), len(offsets))
    return _length(x[:, one] - x[:, (one + np.repeat(offsets, count)) % count])


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
