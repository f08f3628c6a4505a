"""Frames that repeat the one before: video of 12 frames a second stored at 60, a camera that fell behind.

Where the picture is the same, an estimator puts out the same numbers, to the last digit. Such a copy is no
measurement: it makes steps of smooth motion and looks like noise that goes away with more smoothing.
:func:`find_copies` tells copies from a body that is still; :func:`between` puts values back in their place.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._timed import complete
from steadypose.refine._rate import spline
from steadypose.refine.missing import leaps

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

LONGEST = 0.51  # seconds: who does not move for longer is still
LEAST = 0.03  # of a person's frames are copies, in so many holds at least …
FEWEST = 3  # … or none is
QUANTA = 4  # steps before and after a copy are longer than so many times the smallest there is
RETRACED = 0.3  # of the two steps: what is left of them where a path turns back
STEADY = 12  # frames on either side that tell a steady rate
_BLOCK = 1 << 21  # values per block


def find_copies(values: Floats, times: Floats, also: Floats | None = None) -> Bools:
    """Which frames repeat the one before, by person.

    A hold is a run of frames in which every number of a person is the same. It is a copied frame if it lasts
    half a second at most, if the person moves into it and out of it by more than the steps of rounded
    numbers, and does not turn back there (a path that turns may have the same numbers on both sides). At
    either end of the recording one of the two movements is enough. Copies are found only where they are 3 %
    of the frames.

    Parameters
    ----------
    values : ndarray, shape (frames, persons, numbers)
        Coordinates; NaN where missing.
    times : ndarray, shape (frames,)
        Seconds.
    also : ndarray, shape (frames, persons, numbers), optional
        Must be the same as well (confidence).

    Returns
    -------
    ndarray of bool, shape (frames, persons)
        True for copies; the first frame of a hold is none.
    """
    frames, persons = values.shape[:2]
    copies = np.zeros((frames, persons), bool)
    same = _same_as_before(values)
    if also is not None and same.any():
        same &= _same_as_before(also) | np.isnan(also).all(axis=2)
    for p in np.flatnonzero(same.any(axis=0)).tolist():
        start = np.flatnonzero(~same[:, p])  # of every hold, most of one frame
        stop = np.append(start[1:], frames)
        held = np.flatnonzero((stop - start > 1) & (times[stop - 1] - times[start] <= LONGEST))
        if len(held) < FEWEST:
            continue
        held = held[_moving(values[:, p], start[held], stop[held])]
        there = np.isfinite(values[:, p]).any(axis=1).sum()
        if len(held) >= FEWEST and (stop - start - 1)[held].sum() >= LEAST * there:
            copies[:, p] = _inside(start[held] + 1, stop[held], frames)
    return copies


def _same_as_before(values: Floats) -> Bools:
    """Where nothing of a person changes from the frame before, and something is there; (frames, persons)."""
    frames, persons = values.shape[:2]
    same = np.zeros((frames, persons), bool)
    rows = max(1, _BLOCK // max(1, values[0].size))
    for a in range(1, frames, rows):
        b = min(frames, a + rows)
        now, before = values[a:b], values[a - 1 : b - 1]
        equal = now == before
        lost = np.isnan(now)
        same[a:b] = (equal | (lost & np.isnan(before))).all(axis=2) & ~lost.all(axis=2)
    return same


def _moving(values: Floats, start: Indices, stop: Indices) -> Bools:
    """Which holds of one person a movement is cut by; values (frames, numbers)."""
    frames = len(values)
    some = np.unique(np.linspace(1, frames - 1, min(frames - 1, 2000)).astype(np.intp))
    steps = np.abs(values[some] - values[some - 1])
    steps = steps[steps > 0]
    least = QUANTA * float(steps.min(initial=np.inf))
    first, last = start > 0, stop < frames
    here = values[start].astype(np.float64)
    came = np.where(first[:, None], np.nan_to_num(here - values[np.maximum(start - 1, 0)]), 0.0)
    goes = np.where(last[:, None], np.nan_to_num(values[np.minimum(stop, frames - 1)] - here), 0.0)
    moves: Bools = ((np.abs(came).max(axis=1) > least) | ~first) & (
        (np.abs(goes).max(axis=1) > least) | ~last
    )
    long = np.linalg.norm(came, axis=1) + np.linalg.norm(goes, axis=1)
    turned = first & last & (np.linalg.norm(came + goes, axis=1) < RETRACED * long)
    moves &= (first | last) & ~turned
    return moves


def _inside(start: Indices, stop: Indices, frames: int) -> Bools:
    """True from each start to before its stop."""
    edges = np.zeros(frames + 1, np.intp)
    np.add.at(edges, start, 1)
    np.add.at(edges, stop, -1)
    inside: Bools = np.cumsum(edges[:-1]) > 0
    return inside


def capture_times(kept: Bools, times: Floats) -> Floats:
    """When the frames that are no copies were taken, in seconds.

    A frame was taken when it first appears. Where frames come at a steady rate of their own (24 stored at 30
    a second), that is rounded to the next stored frame: then the times lie on the straight line through
    twelve frames on either side, if none is further than a stored frame from it.
    """
    at = times[kept].astype(np.float64)
    step = np.diff(times)
    if len(at) < 2 * STEADY + 1 or np.ptp(step) > 0.25 * float(np.median(step)):
        return at
    around = np.lib.stride_tricks.sliding_window_view(at, 2 * STEADY + 1)
    offset = np.arange(-STEADY, STEADY + 1)
    middle = around.mean(axis=1)
    slope = around @ (offset / np.square(offset).sum())
    off = np.zeros((2, len(around)))  # furthest below and above the line
    for i, o in enumerate(offset):
        distance = around[:, i] - middle - slope * o
        np.minimum(off[0], distance, out=off[0])
        np.maximum(off[1], distance, out=off[1])
    apart = (off[1] - off[0]) / float(np.median(step))
    lined = np.flatnonzero((apart > 1e-3) & (apart <= 1.01))
    out = at.copy()
    out[STEADY + lined] = middle[lined]
    return out if (np.diff(out) > 0).all() else at


def between(values: Floats, taken: Floats, kept: Bools, times: Floats, size: Floats) -> Floats:
    """Values in all frames from those in some: a cubic spline between them, and what they were where it ends.

    Parameters
    ----------
    values : ndarray of float32, shape (kept frames, curves, dims)
        NaN where missing.
    taken : ndarray, shape (kept frames,)
        When they were taken, seconds.
    kept : ndarray of bool, shape (frames,)
        Which frames they are; the first is one of them.
    times : ndarray, shape (frames,)
        Seconds.
    size : ndarray, shape (curves,)
        Of the body each curve belongs to: across a leap nothing is interpolated.

    Returns
    -------
    ndarray of float32, shape (frames, curves, dims)
    """
    which = np.cumsum(kept) - 1  # the frame that each shows
    out: Floats = values[which].astype(np.float32)
    moved = np.flatnonzero(~kept | (times != taken[which]))
    known = complete(values)
    broken: Bools = np.asarray(~known[1:] | ~known[:-1] | (np.diff(taken) > 2 * LONGEST)[:, None])
    for c in range(values.shape[1]):
        seen = np.flatnonzero(known[:, c])
        leap = seen[leaps(values[seen, c], taken[seen], float(size[c]))]
        broken[leap - 1, c] = True
    whole = np.flatnonzero(~broken.any(axis=0))
    stretches = [(whole, 0, len(taken))] if whole.size else []
    for c in np.flatnonzero(broken.any(axis=0)).tolist():
        ends = [0, *(np.flatnonzero(broken[:, c]) + 1).tolist(), len(taken)]
        stretches += [(np.array([c]), a, b) for a, b in pairwise(ends)]
    for curves, a, b in stretches:
        inside = moved[np.searchsorted(which[moved], a) : np.searchsorted(which[moved], b)]
        if b - a > 1 and len(inside):
            at = np.clip(times[inside], taken[a], taken[b - 1])
            some = values[a:b, curves].reshape(b - a, -1).astype(np.float32)
            out[inside[:, None], curves] = spline(some, taken[a:b], at).reshape(len(at), len(curves), -1)
    return out
