"""Which samples far from their path are slips, and which are fast motion.

A slip leaves its path in one step and comes back in one; motion gets up speed. And where a camera is too slow
to see that, motion takes the body along: bones keep their lengths, and what a limb hangs from moves with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

# Chosen on captured motion of training performers at 10 to 60 fps (experiments/cleaning).
JUMP = 0.5  # of the way off the path: what one step of a slip covers beyond the steps beside it …
JUMP_AT_END = 0.7  # … where there is a step on one side only
BRISK = 16.0  # body sizes per second squared: what limbs do all the time (30 m/s²)
VIOLENT = 150.0  # … and what none does (300 m/s²)
KEPT = 0.2  # of the way off the path: by how much bones may change
ALONG = (
    0.2,
    0.8,
)  # of the way off the path: how far what a limb hangs from moves with it; the whole body: all of it


@dataclass(frozen=True)
class Suspects:
    """Samples far from their path, sorted by curve and time.

    Parameters
    ----------
    curve, frame : ndarray of int, shape (suspects,)
    limit : ndarray, shape (suspects,)
        What is near to the path, in the unit of the values.
    """

    curve: Ints
    frame: Ints
    limit: Array

    def only(self, which: Bools | Ints) -> Suspects:
        return Suspects(self.curve[which], self.frame[which], self.limit[which])


@dataclass(frozen=True)
class Curves:
    """What suspects are judged by.

    Parameters
    ----------
    values : ndarray, shape (frames, curves, dims)
    valid : ndarray of bool, shape (frames, curves)
    times : ndarray, shape (frames,)
    size : ndarray, shape (curves,)
        Of the bodies.
    reach
        Frames within which a sample's neighbours in time are looked for.
    bones : ndarray of int, shape (bones, 2), optional
        Pairs of curves.
    """

    values: Array
    valid: Bools
    times: Array
    size: Array
    reach: int
    bones: Ints | None = None

    def at(self, frame: Ints, curve: Ints) -> Array:
        """Values in double precision; whatever it is where a frame is -1."""
        return self.values[frame, curve].astype(np.float64)

    def velocity(self, before: Ints, after: Ints, curve: Ints) -> Array:
        """Velocity from one frame to another; NaN where either is -1."""
        known = (before >= 0) & (after >= 0)
        time = np.where(known, self.times[after] - self.times[before], 1.0)
        found: Array = (self.at(after, curve) - self.at(before, curve)) / time[:, None]
        found[~known] = np.nan
        return found


def beside(there: Bools, frame: Ints, curve: Ints, direction: int, reach: int) -> Ints:
    """Nearest frame before (direction -1) or after (+1) that is there, up to ``reach`` + 1 away; else -1."""
    other, searching = frame + direction, frame >= 0
    for _ in range(reach):
        searching &= (other >= 0) & (other < len(there))
        searching[searching] = ~there[other[searching], curve[searching]]
        if not searching.any():
            break
        other[searching] += direction
    known = (frame >= 0) & (other >= 0) & (other < len(there))
    known[known] = there[other[known], curve[known]]
    return np.where(known, other, -1)


def find_slips(suspects: Suspects, curves: Curves) -> Suspects:
    """Those suspects that are slips.

    Parameters
    ----------
    suspects
        Samples far from the middle of what is around them.
    curves
        All samples.
    """
    suspects = _reached_step_by_step(suspects, curves)
    while True:
        off, before, after, pace = _off_the_path(suspects, curves)
        distance = _length(off)
        far = distance > np.maximum(suspects.limit, pace)
        if far.all():
            break
        suspects = suspects.only(far)
    if not len(suspects.frame):
        return suspects
    slip, push = _isolated(suspects, curves, distance)
    if curves.bones is not None and len(curves.bones):
        doubtful = np.flatnonzero(slip & (push < VIOLENT))
        some = suspects.only(doubtful)
        slip[doubtful] = ~_moves_with_body(some, curves, off[doubtful], before[doubtful], after[doubtful])
    return suspects.only(slip)


def _reached_step_by_step(suspects: Suspects, curves: Curves) -> Suspects:
    """The suspects without those near to a good sample just before or just after them, step by step.

    Such a sample is part of a motion, or good with a window spoilt by a slip or a step beside it.
    """
    suspect = np.zeros_like(curves.valid)
    suspect[suspects.frame, suspects.curve] = True
    near = []
    for direction in (-1, 1):
        other = beside(curves.valid, suspects.frame, suspects.curve, direction, curves.reach)
        apart = _length(curves.at(suspects.frame, suspects.curve) - curves.at(other, suspects.curve))
        near.append((other, (other >= 0) & (apart <= suspects.limit)))
    while True:
        still = suspect[suspects.frame, suspects.curve]
        good = [is_near & ~suspect[other, suspects.curve] for other, is_near in near]
        back = still & (good[0] | good[1])
        if not back.any():
            return suspects.only(still)
        suspect[suspects.frame[back], suspects.curve[back]] = False


def _off_the_path(suspects: Suspects, curves: Curves) -> tuple[Array, Ints, Ints, Array]:
    """Vectors from the straight line between the good samples before and after; those; the line's pace.

    Beside an end the path stays where the one good sample is. The pace is that of the line in one frame.
    """
    curve, frame, times = suspects.curve, suspects.frame, curves.times
    good = curves.valid.copy()
    good[frame, curve] = False
    before, after = (beside(good, frame, curve, way, 2 * curves.reach) for way in (-1, 1))
    first, last = np.where(before >= 0, before, after), np.where(after >= 0, after, before)
    span = times[last] - times[first]
    share = np.where(span > 0, times[frame] - times[first], 0.0) / np.where(span > 0, span, 1.0)
    start, stop = curves.at(first, curve), curves.at(last, curve)
    off = curves.at(frame, curve) - start - (stop - start) * share[:, None]
    off[first < 0] = 0.0  # nothing to judge by
    typical = float(np.median(np.diff(times)))
    pace = _length(stop - start) * np.where(span > 0, typical / np.where(span > 0, span, 1.0), 0.0)
    return off, before, after, pace


def _isolated(suspects: Suspects, curves: Curves, distance: Array) -> tuple[Bools, Array]:
    """Which suspects lie between two jumps, with nothing but suspects between; and how hard a push the larger
    of the two would take, in body sizes per second squared."""
    curve, frame = suspects.curve, suspects.frame
    (left, jumps_in, push_in), (right, jumps_out, push_out) = (
        _jumps(suspects, curves, distance, direction) for direction in (-1, 1)
    )
    # A stretch begins with a jump, or where the sample before is none of the suspects.
    begins = np.ones(len(frame), bool)
    begins[1:] = (curve[1:] != curve[:-1]) | (left[1:] != frame[:-1]) | jumps_in[1:]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(frame)) - 1
    stretch = np.cumsum(begins) - 1
    # An end of the recording is as good as a jump, but not on both sides.
    slip = jumps_in[first] & jumps_out[last] & ((left[first] >= 0) | (right[last] >= 0))
    push = np.maximum(push_in[first], push_out[last])
    return slip[stretch], push[stretch]


def _jumps(suspects: Suspects, curves: Curves, distance: Array, direction: int) -> tuple[Ints, Bools, Array]:
    """The sample just before (or after) each suspect, whether the step from there is a jump, and its push.

    A jump covers much of the way off the path, and differs by as much from the steps before and after it.
    Where there is no such sample (an end, a long gap) nothing speaks against a jump.
    """
    curve, frame, reach = suspects.curve, suspects.frame, curves.reach
    inner = frame
    outer = beside(curves.valid, frame, curve, direction, reach)
    beyond = beside(curves.valid, outer, curve, direction, reach)
    within = beside(curves.valid, inner, curve, -direction, reach)
    step = curves.velocity(outer, inner, curve)
    change = np.stack(
        [
            _length(step - curves.velocity(beyond, outer, curve)),
            _length(step - curves.velocity(inner, within, curve)),
        ]
    )
    lone = np.isnan(change).any(axis=0)
    change = np.nan_to_num(np.fmin(*change))
    time = np.abs(curves.times[outer] - curves.times[inner])
    # How far off the path this stretch gets within the next samples: the foot of a motion is no jump.
    way = np.maximum.reduce(
        [_distance_of(suspects, distance, other) for other in (outer, beyond, inner, within)]
    )
    jump = (
        (change * time > np.where(lone, JUMP_AT_END, JUMP) * way)
        & (_length(step) * time > JUMP * way)
        & (change > BRISK * curves.size[curve] * time)
    )
    push = np.where(outer >= 0, change / (np.where(outer >= 0, time, 1.0) * curves.size[curve]), 0.0)
    return outer, jump | (outer < 0), push


def _distance_of(suspects: Suspects, distance: Array, frame: Ints) -> Array:
    """How far off the path other frames of the suspects' curves are; 0 for good samples."""
    frames = int(suspects.frame.max()) + 2
    key, wanted = suspects.curve * frames + suspects.frame, suspects.curve * frames + frame
    at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    found = (key[at] == wanted) & (frame >= 0) & (frame < frames)
    return np.where(found, distance[at], 0.0)


def _moves_with_body(suspects: Suspects, curves: Curves, off: Array, before: Ints, after: Ints) -> Bools:
    """Whether the bones at these samples keep their lengths and what they lead to moves along, but less.

    In space, bones that keep their lengths on two sides are enough.
    """
    curve, frame = suspects.curve, suspects.frame
    distance = _length(off)
    kept, bones = np.zeros(len(frame), int), np.zeros(len(frame), int)
    along, anchored = np.zeros(len(frame), bool), np.zeros(len(frame), bool)
    for other in _neighbours(curves).T:
        near = other[curve]
        known = (near >= 0) & curves.valid[frame, near]
        ends = [(t, known & (t >= 0) & curves.valid[t, near]) for t in (before, after)]
        known &= ends[0][1] | ends[1][1]
        length = _length(curves.at(frame, curve) - curves.at(frame, near))
        usual, place = _between(curves, curve, near, frame, ends)
        with np.errstate(invalid="ignore"):
            same = known & (np.abs(length - usual) < KEPT * distance)
            share = np.einsum("nd,nd->n", curves.at(frame, near) - place, off) / distance**2
            along |= same & (share > ALONG[0]) & (share < ALONG[1])
            anchored |= same & (share < ALONG[1])
        bones += known
        kept += same
    enough = along | (anchored & (bones >= 2)) if curves.values.shape[2] == 3 else along
    moves: Bools = (bones > 0) & (kept == bones) & enough
    return moves


def _between(
    curves: Curves, curve: Ints, near: Ints, frame: Ints, ends: list[tuple[Ints, Bools]]
) -> tuple[Array, Array]:
    """Length of a bone, and place of its other end, in the middle of two frames as far as they are known."""
    (first, has_first), (last, has_last) = ends
    first, last = np.where(has_first, first, last), np.where(has_last, last, first)
    span = curves.times[last] - curves.times[first]
    share = (curves.times[frame] - curves.times[first]) / np.where(span > 0, span, 1.0)
    share = np.where(span > 0, share, 0.0)
    lengths = [_length(curves.at(t, curve) - curves.at(t, near)) for t in (first, last)]
    places = [curves.at(t, near) for t in (first, last)]
    return (lengths[0] + lengths[1]) / 2, places[0] + (places[1] - places[0]) * share[:, None]


def _neighbours(curves: Curves) -> Ints:
    """The curves that each curve has a bone to, shape (curves, most bones of one); -1 for none."""
    assert curves.bones is not None
    lists: list[list[int]] = [[] for _ in range(curves.values.shape[1])]
    for a, b in curves.bones:
        lists[a].append(int(b))
        lists[b].append(int(a))
    most = max(1, *(len(one) for one in lists))
    return np.array([one + [-1] * (most - len(one)) for one in lists], dtype=np.intp)


def _length(x: Array) -> Array:
    length: Array = np.sqrt(np.einsum("...d,...d->...", x, x))
    return length
