"""Medians over a centred window that moves along time: for all curves at once, and in bounded memory.

A *curve* is one keypoint of one person. Arrays are ``values`` (frames, curves, dims) and ``valid``
(frames, curves).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Span = tuple[Ints, Ints]

_BLOCK = (
    1 << 14
)  # values worked on together: a block and what is derived from it stay in the processor's cache
_GATHER = 1 << 21  # values gathered together where windows differ from frame to frame
_LARGEST_NETWORK = 40  # half windows above this are sorted one by one: the network would not fit the cache


def window_span(
    times: Floats,
    window: float,
    first: Ints | None = None,
    last: Ints | None = None,
    *,
    lopsided: bool = False,
) -> tuple[int, Span]:
    """Which frames a centred window of some seconds holds, for even and uneven times alike.

    A frame belongs to the window of another if their times differ by at most ``window / 2``, or by what
    is left to the nearer end of the recording if that is less: a window that reaches further to one side
    than to the other would drag the end of a moving curve inwards.

    Parameters
    ----------
    times : ndarray, shape (frames,)
        Seconds, strictly increasing.
    window
        Full width in seconds.
    first, last : ndarray of int, shape (frames,) or (frames, curves), optional
        First and last frame of the stretch that each frame belongs to; None: the whole recording.
    lopsided
        Keep the full reach towards the inside near the ends: to judge the first and last frames, not to
        smooth them.

    Returns
    -------
    half : int
        The most frames that any window has on one side.
    span : pair of ndarray of int
        Frames before and after each frame that its window holds; shape as ``first``, or (frames,).
    """
    at = np.arange(len(times))
    first = np.zeros(len(times), np.intp) if first is None else first
    last = np.full(len(times), len(times) - 1) if last is None else last
    if first.ndim == 2:
        at = at[:, None]
    here = times[at]
    room = np.minimum(here - times[first], times[last] - here)
    reach = np.full_like(here, window / 2) if lopsided else np.minimum(window / 2, room)
    slack = 1e-6 * window  # frame times are rounded: a frame exactly at the edge is in
    before = at - np.maximum(np.searchsorted(times, here - reach - slack), first)
    after = np.minimum(np.searchsorted(times, here + reach + slack, side="right") - 1, last) - at
    return int(max(before.max(), after.max())), (before, after)


def rolling_median(values: Floats, valid: Bools, half: int, span: Span | None = None) -> Floats:
    """Median of every coordinate over a centred window of ``2 * half + 1`` frames, ignoring what is missing.

    Parameters
    ----------
    values : ndarray, shape (frames, curves, dims)
        Finite where valid.
    valid : ndarray of bool, shape (frames, curves)
        False: missing, whatever the value.
    half
        Frames on either side of the middle.
    span : pair of ndarray of int, shape (frames,) or (frames, curves), optional
        Frames before and after each frame that its window holds, each at most ``half``
        (:func:`window_span`). None: ``half``, and fewer towards the ends, on both sides alike.

    Returns
    -------
    ndarray, shape (frames, curves, dims)
        As ``values``; NaN where a window holds nothing.

    Notes
    -----
    The same sorted runs serve many windows: runs of n frames at every offset are merged from runs of half
    that length by Batcher's odd-even merge (1968), as minima and maxima of whole blocks, and the middle
    of a window is picked from the two runs it consists of. Missing values are +inf and -inf in turn along
    each curve. A window then holds as many of the one as of the other and its middle is the median of the
    rest, or one more of either, and its middle is the upper or lower of the two middle values; with the
    signs exchanged it is the other.
    """
    frames, curves, dims = values.shape
    half, span = _within(frames, half, span)
    out = np.empty_like(values)
    if half <= _LARGEST_NETWORK:
        rows = max(8 * half + 8, _BLOCK // max(1, curves * dims))
        columns = max(1, 4 * _BLOCK // rows // dims)
        for c in range(0, curves, columns):
            for start in range(0, frames, rows):
                stop = min(frames, start + rows)
                out[start:stop, c : c + columns] = _block_median(
                    values[:, c : c + columns], valid[:, c : c + columns], half, start, stop
                )
        at, curve = _narrower(half, span, curves)
    else:
        at, curve = (i.ravel() for i in np.indices((frames, curves)))
    step = max(1, _GATHER // ((2 * half + 1) * dims))
    for i in range(0, len(at), step):
        t, k = at[i : i + step], curve[i : i + step]
        index, inside = _windows(t, k, half, span, frames)
        inside &= valid[index, k[:, None]]
        window = np.where(inside[..., None], values[index, k[:, None]], values.dtype.type(np.inf))
        window.sort(axis=1)
        out[t, k] = _middle(window, inside.sum(axis=1))
    return out


def rolling_medoid(values: Floats, valid: Bools, half: int, span: Span | None = None) -> Floats:
    """Vector median over a centred window: that sample whose summed distance to the others is least.

    Distances are Euclidean over ``dims``, so the result turns with the samples: for rotation matrices
    (dims = 9) it is a rotation matrix, whatever constant rotation is multiplied from the left or the
    right. Of equal sums the sample nearest to the middle in time wins.

    Parameters
    ----------
    values : ndarray, shape (frames, curves, dims)
        Finite where valid.
    valid, half, span
        As in :func:`rolling_median`.

    Returns
    -------
    ndarray, shape (frames, curves, dims)
        As ``values``; NaN where a window holds nothing.

    References
    ----------
    Astola, Haavisto, Neuvo: Vector median filters, Proceedings of the IEEE 78 (1990).
    """
    frames, curves, dims = values.shape
    half, (before, after) = _within(frames, half, span)
    # Offsets from the middle outwards, so that the nearest sample wins a tie.
    offsets = sorted(range(-half, half + 1), key=abs)
    out = np.empty_like(values)
    rows = max(8 * half + 8, _GATHER // max(1, curves * (2 * half + dims)))
    for start in range(0, frames, rows):
        stop = min(frames, start + rows)
        low, high = max(0, start - half), min(frames, stop + half)
        x = np.where(valid[low:high, :, None], values[low:high], np.nan)
        ahead, back = _distance_sums(x, 2 * half)
        at = np.arange(start, stop)
        b, a = (
            np.broadcast_to(s[start:stop].reshape(stop - start, -1), (stop - start, curves))
            for s in (before, after)
        )
        best = np.full((stop - start, curves), np.inf)
        choice = np.full((stop - start, curves), -1)
        column = np.arange(curves)
        for offset in offsets:
            i = np.clip(at + offset, low, high - 1)
            inside = (offset >= -b) & (offset <= a) & valid[i]
            total = (
                ahead[np.maximum(a - offset, 0), (i - low)[:, None], column]
                + back[np.maximum(b + offset, 0), (i - low)[:, None], column]
            )
            better = inside & (total < best)
            best = np.where(better, total, best)
            choice = np.where(better, i[:, None], choice)
        out[start:stop] = np.where((choice >= 0)[..., None], values[choice, column], np.nan)
    return out


def _within(frames: int, half: int, span: Span | None) -> tuple[int, Span]:
    half = max(0, min(half, frames - 1))
    if span is None:
        at = np.arange(frames)
        even = np.minimum(half, np.minimum(at, frames - 1 - at))
        return half, (even, even)
    return half, (np.minimum(span[0], half), np.minimum(span[1], half))


def _narrower(half: int, span: Span, curves: int) -> tuple[Ints, Ints]:
    """Frames and curves whose window is not the full one."""
    narrow = (span[0] < half) | (span[1] < half)
    if narrow.ndim == 2:
        at, curve = np.nonzero(narrow)
        return at, curve
    at = np.flatnonzero(narrow)
    return np.repeat(at, curves), np.tile(np.arange(curves), len(at))


def _windows(at: Ints, curve: Ints, half: int, span: Span, frames: int) -> tuple[Ints, Bools]:
    """Frames in the windows of some samples, and which of them are in the window; shape (samples, window)."""
    offset = np.arange(-half, half + 1)
    before, after = (s[at] if s.ndim == 1 else s[at, curve] for s in span)
    inside = (offset >= -before[:, None]) & (offset <= after[:, None])
    return np.clip(at[:, None] + offset, 0, frames - 1), inside


def _middle(window: Floats, count: Ints) -> Floats:
    """Median of the first ``count`` of sorted values along axis 1; NaN for none."""
    low = np.maximum(count - 1, 0)[:, None, None] // 2
    high = np.minimum(count // 2, window.shape[1] - 1)[:, None, None]
    middle = np.take_along_axis(window, low, 1) + np.take_along_axis(window, high, 1)
    return np.where(count[:, None] > 0, middle[:, 0] * window.dtype.type(0.5), np.nan)


def _block_median(values: Floats, valid: Bools, half: int, start: int, stop: int) -> Floats:
    """Medians of full windows for frames ``start`` to ``stop``; what lies outside the recording is
    missing."""
    frames, curves, dims = values.shape
    low, high = max(0, start - half), min(frames, stop + half)
    pad = ((low - (start - half), stop + half - high), (0, 0))
    missing = np.pad(~valid[low:high], pad, constant_values=True)
    x = np.pad(values[low:high], (*pad, (0, 0)))
    if not missing.any():
        return _network_median(x.reshape(len(x), -1), half).reshape(-1, curves, dims)
    sign = np.where(np.cumsum(missing, axis=0) & 1, np.inf, -np.inf).astype(values.dtype)
    both = []
    for fill in (sign, -sign):
        np.copyto(x, fill[..., None], where=missing[..., None])
        both.append(_network_median(x.reshape(len(x), -1), half))
    with np.errstate(invalid="ignore"):  # inf - inf: a window that holds nothing
        return ((both[0] + both[1]) * values.dtype.type(0.5)).reshape(-1, curves, dims)


def _network_median(x: Floats, half: int) -> Floats:
    """Medians of all windows of ``2 * half + 1`` rows; shape (rows - 2 * half, columns)."""
    if half == 0:
        return x.copy()
    rows = len(x) - 2 * half
    runs: dict[int, list[Floats]] = {1: [x]}
    left, right = _sorted_runs(runs, half + 1), _sorted_runs(runs, half)
    right = [r[half + 1 :] for r in right]
    # The middle of two sorted lists: over all ways to take half + 1 from both, the least of what was
    # taken last.
    out = left[half][:rows].copy()
    last = np.empty_like(out)
    for i in range(half):
        np.maximum(left[i][:rows], right[half - 1 - i][:rows], out=last)
        np.minimum(out, last, out=out)
    return out


def _sorted_runs(runs: dict[int, list[Floats]], length: int) -> list[Floats]:
    """The ``length`` rows from each row on, sorted: a list from the least to the greatest."""
    if length not in runs:
        head, tail = (length + 1) // 2, length // 2
        rows = len(runs[1][0]) - length + 1
        lane = [r[:rows] for r in _sorted_runs(runs, head)] + [
            r[head : head + rows] for r in _sorted_runs(runs, tail)
        ]
        order, comparators = _odd_even_merge(head, tail)
        for a, b in comparators:
            lane[a], lane[b] = np.minimum(lane[a], lane[b]), np.maximum(lane[a], lane[b])
        runs[length] = [lane[i] for i in order]
    return runs[length]


@cache
def _odd_even_merge(left: int, right: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Batcher's merge of two sorted lists: where each rank ends up, and which pairs are compared in turn."""

    def merge(a: list[int], b: list[int]) -> tuple[list[int], list[tuple[int, int]]]:
        if not a or not b:
            return a or b, []
        if len(a) == len(b) == 1:
            return a + b, [(a[0], b[0])]
        even, first = merge(a[0::2], b[0::2])
        odd, second = merge(a[1::2], b[1::2])
        pairs = list(zip(odd, even[1:], strict=False))
        order = [even[0], *(i for pair in pairs for i in pair)]
        order += odd[len(pairs) :] + even[len(pairs) + 1 :]
        return order, first + second + pairs

    return merge(list(range(left)), list(range(left, left + right)))


def _distance_sums(x: Floats, most: int) -> tuple[Floats, Floats]:
    """Summed distance of each sample to the next (and to the previous) 0 … ``most`` ones; missing ones
    count 0.

    Shape (most + 1, frames, curves) each.
    """
    frames, curves = x.shape[:2]
    ahead, back = np.zeros((2, most + 1, frames, curves))
    for lag in range(1, most + 1):
        if lag < frames:
            apart = np.nan_to_num(np.sqrt(np.square(x[lag:] - x[:-lag]).sum(axis=-1, dtype=np.float64)))
            ahead[lag, : frames - lag] = apart
            back[lag, lag:] = apart
    return ahead.cumsum(axis=0), back.cumsum(axis=0)
