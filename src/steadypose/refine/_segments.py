"""Which stretches of which curves are filtered together, and what bridges the short gaps in them.

A curve is one keypoint of one person. A gap no longer than ``max_gap`` is filled and filtered across; a
longer one separates two segments that never see each other. Inside a segment every value is there, so no
filter has to know about NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Segments:
    """Runs of frames of curves, between gaps too long to fill.

    Parameters
    ----------
    curve, start, stop : ndarray of int, shape (segments,)
        Segment i is frames ``start[i]:stop[i]`` of curve ``curve[i]``; its first and last frame are valid.
    gap_curve, gap_before, gap_after : ndarray of int, shape (gaps,)
        Short gaps inside segments: the last valid frame before each and the first after it.
    """

    curve: Indices
    start: Indices
    stop: Indices
    gap_curve: Indices
    gap_before: Indices
    gap_after: Indices

    def covered(self, shape: tuple[int, ...]) -> Bools:
        """True between the ends of a segment; shape (frames, curves)."""
        edges = np.zeros((shape[0] + 1, shape[1]), np.int8)
        edges[self.start, self.curve] += 1
        edges[self.stop, self.curve] -= 1
        inside: Bools = np.cumsum(edges[:-1], axis=0, dtype=np.int8) > 0
        return inside

    def groups(self) -> Iterator[tuple[slice, Indices]]:
        """Frames and curves that can be filtered as one array: curves whose segment has the same ends."""
        ends = np.stack([self.start, self.stop], axis=1)
        unique, which = np.unique(ends, axis=0, return_inverse=True)
        order = np.argsort(which, kind="stable")
        bounds = np.searchsorted(which[order], np.arange(len(unique) + 1))
        for i, (start, stop) in enumerate(unique):
            yield slice(int(start), int(stop)), self.curve[order[bounds[i] : bounds[i + 1]]]


def find_segments(valid: Bools, times: Floats, max_gap: float, cuts: Bools | None = None) -> Segments:
    """Segments and short gaps of every curve.

    Parameters
    ----------
    valid : ndarray of bool, shape (frames, curves)
        Where there is something to filter.
    times : ndarray, shape (frames,)
        Seconds.
    max_gap : float
        Longest time from one valid frame to the next that counts as one segment, in seconds (never less than
        one and a half frames).
    cuts : ndarray of bool, shape (frames, curves), optional
        True at a frame that begins a new segment whatever the time (another body).
    """
    frames = len(times)
    step = float(np.median(np.diff(times))) if frames > 1 else 0.0
    limit = max(max_gap, 1.5 * step)
    late = np.flatnonzero(np.diff(times) > limit) + 1
    none = np.empty(0, np.intp)
    if valid.all() and not late.size and cuts is None:  # the usual case: one segment a curve
        curve = np.arange(valid.shape[1])
        return Segments(curve, np.zeros_like(curve), np.full_like(curve, frames), none, none, none)
    # Runs of valid frames, each broken where the clock itself jumps or a new body begins.
    begins = valid.copy()
    begins[1:] &= ~valid[:-1]
    begins[late] |= valid[late]
    if cuts is not None:
        begins |= cuts & valid
    run_curve, run_start = np.nonzero(begins.T)
    ends = valid.copy()
    ends[:-1] &= ~valid[1:] | begins[1:]
    run_last = np.nonzero(ends.T)[1]
    if run_curve.size == 0:
        return Segments(none, none, none, none, none, none)
    # Two runs of one curve are one segment if the time between them is short.
    joined = np.zeros(len(run_curve), bool)
    joined[1:] = (run_curve[1:] == run_curve[:-1]) & (times[run_start[1:]] - times[run_last[:-1]] <= limit)
    if cuts is not None:
        changed = np.cumsum(cuts, axis=0)
        joined[1:] &= changed[run_start[1:], run_curve[1:]] == changed[run_last[:-1], run_curve[:-1]]
    first = np.flatnonzero(~joined)
    last = np.append(first[1:], len(run_curve)) - 1
    inside = np.flatnonzero(joined)
    return Segments(
        run_curve[first],
        run_start[first],
        run_last[last] + 1,
        run_curve[inside],
        run_last[inside - 1],
        run_start[inside],
    )


def fill_gaps(values: Values, valid: Bools, times: Floats, segments: Segments) -> Bools:
    """Bridge the short gaps in place by monotone cubic Hermite curves; returns what was filled.

    The slope at either end of a gap is that of the run it belongs to over up to 0.1 s, limited after
    Fritsch and Carlson (1980, "Monotone piecewise cubic interpolation"), so that a bridge never leaves the
    range of its ends.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, curves, dims)
        Changed in place.
    valid : ndarray of bool, shape (frames, curves)
    times : ndarray, shape (frames,)
    segments
        Of these values.

    Returns
    -------
    ndarray of bool, shape (frames, curves)
    """
    filled = np.zeros(valid.shape, bool)
    if segments.gap_curve.size == 0:
        return filled
    curve, a, b = segments.gap_curve, segments.gap_before, segments.gap_after
    secant = (values[b, curve] - values[a, curve]) / (times[b] - times[a])[:, None]
    left = _slope(values, valid, times, curve, a, -1, secant)
    right = _slope(values, valid, times, curve, b, +1, secant)
    # One row per missing frame: which gap, which frame.
    length = b - a - 1
    gap = np.repeat(np.arange(len(a)), length)
    frame = a[gap] + 1 + np.arange(len(gap)) - np.repeat(np.cumsum(length) - length, length)
    h = (times[b] - times[a])[gap]
    u = (times[frame] - times[a[gap]]) / h
    u, h = u[:, None], h[:, None]
    y = (
        (1 + 2 * u) * (1 - u) ** 2 * values[a[gap], curve[gap]]
        + u * (1 - u) ** 2 * h * left[gap]
        + u * u * (3 - 2 * u) * values[b[gap], curve[gap]]
        + u * u * (u - 1) * h * right[gap]
    )
    values[frame, curve[gap]] = y
    filled[frame, curve[gap]] = True
    return filled


def _slope(
    values: Values, valid: Bools, times: Floats, curve: Indices, at: Indices, direction: int, secant: Floats
) -> Floats:
    """Slope (gaps, dims) beside the frames ``at``, over the furthest frame of the same run within 0.1 s."""
    frames = len(times)
    far = at.copy()
    alive = np.ones(len(at), bool)
    step = float(np.median(np.diff(times)))
    for _ in range(max(1, round(0.1 / step)) if step > 0 else 1):
        next_ = np.clip(far + direction, 0, frames - 1)
        alive &= (next_ != far) & valid[next_, curve] & (np.abs(times[next_] - times[at]) <= 0.1 + 1e-9)
        if not alive.any():
            break
        far = np.where(alive, next_, far)
    dt = times[far] - times[at]
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (values[far, curve] - values[at, curve]) / dt[:, None]
    slope = np.where((dt == 0)[:, None], secant, slope)
    same_way = slope * secant > 0
    limit: Floats = np.where(same_way, np.sign(secant) * np.minimum(np.abs(slope), 3 * np.abs(secant)), 0.0)
    return limit
