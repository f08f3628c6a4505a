"""Who is who over time, for formats that do not say: detections of neighbouring frames linked by distance.

Between two frames every detection is compared with every other by the mean distance of the keypoints both
have, as a fraction of the persons' size, and the assignment with the least total distance is taken (the
Hungarian method). A distance beyond the gate is never a match, so that a person who leaves is not continued
by another who enters, and a single person is split where no body could have got from one place to the other.
A person who was lost is picked up again within a short memory, among the detections that others left over.

There is no motion model: at video rates a person moves by a few hundredths of their size from frame to
frame, far less than what separates two people, and a velocity is only as good as the jitter it comes from.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _bodies
from steadypose.io._bodies import Bodies, Ints, Points
from steadypose.io._bounded import spread

GATE = 0.4
"""Largest mean keypoint distance from one frame to the next, as a fraction of the bounding box diagonal."""
GATE_GROWTH, GATE_MOST = 0.04, 0.8
"""What every further frame without the person adds to the gate, and where that ends."""
MEMORY = 60
"""Frames after which a lost person is given up: one or two seconds of most video."""
CONFIRMED = 3
"""Frames after which a person is known, and goes before newcomers."""
APART = 120
"""Frames between two detections of nobody known that share a row: no filter reaches across that."""


class TwiceError(DataError):
    """One person twice in a frame; ``detection`` is the number of the second."""

    def __init__(self, person: Hashable, detection: int) -> None:
        super().__init__(f"expected each person once a frame, found {person} twice")
        self.detection = detection


@dataclass(frozen=True, eq=False)
class Slots:
    """Which detection is which person in which frame.

    Parameters
    ----------
    index : ndarray of int, shape (frames, persons)
        Number of the detection in the file; -1 where the person is absent.
    persons
        Their names.
    note
        For the history: how they came about; empty if the file itself says who is who.
    """

    index: Ints
    persons: tuple[str, ...]
    note: str = ""

    def gather(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Values of shape (detections, ...) as (frames, persons, ...), NaN where a person is absent."""
        full = np.full((*self.index.shape, *values.shape[1:]), np.nan, np.float32)
        there = self.index >= 0
        with np.errstate(
            over="ignore"
        ):  # what single precision cannot hold becomes infinite, that is, missing
            full[there] = values[self.index[there]]
        return full


def by_identity(ids: Sequence[Hashable], frame: npt.ArrayLike, frames: int, values: int = 1) -> Slots:
    """Slots for a file that says who is who; persons in the order in which they first appear.

    Parameters
    ----------
    ids
        The identity of each detection.
    frame : array_like of int, shape (detections,)
        Index of each detection's frame.
    frames
        Number of frames.
    values
        Coordinates per person and frame, to refuse what would not fit into memory.

    Raises
    ------
    TwiceError
        If an identity appears twice in a frame.
    DataError
        If there are too many persons to be held.
    """
    names = {person: p for p, person in enumerate(dict.fromkeys(ids))}
    _check_size(len(ids), frames, len(names), values)
    index = np.full((frames, len(names)), -1, np.intp)
    for n, (person, f) in enumerate(zip(ids, np.asarray(frame, np.intp), strict=True)):
        if index[f, names[person]] >= 0:
            raise TwiceError(person, n)
        index[f, names[person]] = n
    return Slots(index, tuple(str(person) for person in names))


def link(
    points: npt.ArrayLike,
    frame: npt.ArrayLike,
    numbers: Sequence[int],
    confidence: npt.ArrayLike | None = None,
) -> Slots:
    """Link detections into persons.

    Parameters
    ----------
    points : array_like, shape (detections, keypoints, dims)
        NaN where missing; a detection without any point belongs to nobody.
    frame : array_like of int, shape (detections,)
        Index of each detection's frame.
    numbers
        The number of every frame, strictly increasing; a step above the usual one is frames that are missing.
    confidence : array_like, shape (detections, keypoints), optional
        Weighs the keypoints; NaN counts as certain.

    Returns
    -------
    Slots
        Persons are named "0", "1", ... in the order of frames seen times size, so that "0" is the main one.
        The result does not depend on the order of detections within a frame, nor on where the image's
        origin lies or on its scale.

    Raises
    ------
    DataError
        If there are so many different persons that the file cannot be one video.
    """
    x = np.asarray(points, np.float64)
    at = np.asarray(frame, np.intp)
    bodies = Bodies.of(x, confidence)
    # In an order of their own, so that nothing hangs on the file's; it is the same wherever the origin lies.
    order = np.lexsort((*bodies.centre[::-1], at))
    order = order[bodies.seen[order]]
    track = _tracks(bodies, order, at[order], np.asarray(numbers, np.float64))
    count = int(track.max()) + 1 if len(track) else 0
    _check_size(len(order), len(numbers), count, int(np.prod(x.shape[1:])))
    weight = np.bincount(track, weights=bodies.size[order], minlength=count)
    weight = np.round(weight / weight.max(initial=1e-300), 6)  # equals stay in order whatever the rounding
    rank = np.empty(count, np.intp)
    rank[np.argsort(-weight, kind="stable")] = np.arange(count)
    index = np.full((len(numbers), count), -1, np.intp)
    index[at[order], rank[track]] = order
    note = (
        f"no identities in the file: {count} person{'s' * (count != 1)} linked over time by keypoint distance"
    )
    return Slots(index, tuple(str(p) for p in range(count)), note)


def _check_size(detections: int, frames: int, persons: int, values: int) -> None:
    if frames * persons * values * 4 > spread(detections * values * 4):
        raise DataError(
            f"expected persons who stay for a while, found {persons} different ones in {frames} frames"
        )


def _tracks(bodies: Bodies, order: Ints, at: Ints, numbers: Points) -> Ints:
    """Track of every detection in ``order`` (sorted by frame), numbered as they begin."""
    step = float(np.median(np.diff(numbers))) if len(numbers) > 1 else 1.0
    frames, start = np.unique(at, return_index=True)  # only frames in which there is somebody
    when = numbers[frames] / step  # in usual steps
    bounds = [*start.tolist(), len(at)]
    age = np.diff(when)
    easy = _bodies.easy(bodies, order, np.asarray(bounds, np.intp), np.where(age <= MEMORY, _gate(age), 0.0))
    track = [-1] * len(at)
    last: list[int] = []  # of every track: its last detection, when that was, and how many there are
    seen: list[float] = []
    length: list[int] = []
    alive: list[int] = []
    settled = 0  # frames before this one are in these lists; those after it were easy
    for t in range(len(frames)):
        before, start, now = bounds[t - 1], bounds[t], float(when[t])
        if t and (partner := easy[t]) is not None:
            for i, j in enumerate(partner):
                track[start + j] = track[before + i]
            continue
        for n in range(before, start) if t else ():
            k = track[n]
            last[k], seen[k] = n, float(when[t - 1])
            length[k] += t - settled
        settled = t
        alive = [k for k in alive if now - seen[k] <= MEMORY]
        known = [k for k in alive if length[k] >= CONFIRMED]
        present = [k for k in known if seen[k] == when[t - 1]]
        absent = [k for k in known if seen[k] != when[t - 1]]
        free = list(range(start, bounds[t + 1]))
        # Whoever is known goes before a newcomer, who may be but half of a body torn in two for a frame.
        for group in (present, absent, [k for k in alive if length[k] < CONFIRMED]):
            if not group or not free:
                continue
            tails = order[[last[k] for k in group]]
            gate = _gate(np.array([now - seen[k] for k in group]))
            for i, j in _bodies.pairs(bodies, tails, order[free], gate):
                track[free[j]] = group[i]
            free = [n for n in free if track[n] < 0]
        for n in free:
            track[n] = len(last)
            alive.append(len(last))
            last.append(n)
            seen.append(now)
            length.append(0)
    return _packed(np.array(track, np.intp), when[np.searchsorted(frames, at)])


def _packed(track: Ints, when: Points) -> Ints:
    """Tracks too short to be anybody, one after the other, well apart, on as few rows as possible.

    A long video has hundreds of such ghosts; a row for each would make the arrays many times larger.
    """
    count = int(track.max(initial=-1)) + 1
    length = np.bincount(track, minlength=count)
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, track, when)
    np.maximum.at(last, track, when)
    rows = np.cumsum(length >= CONFIRMED) - 1
    shared = int((length >= CONFIRMED).sum())  # the first of the rows that are shared
    busy: list[tuple[float, int]] = []  # until when a row is taken
    idle: list[int] = []
    made = 0
    for k in np.flatnonzero(length < CONFIRMED)[np.argsort(first[length < CONFIRMED], kind="stable")]:
        while busy and first[k] - busy[0][0] > APART:
            heapq.heappush(idle, heapq.heappop(busy)[1])
        row = heapq.heappop(idle) if idle else made
        made += row == made
        heapq.heappush(busy, (float(last[k]), row))
        rows[k] = shared + row
    return np.asarray(rows[track], np.intp)


def _gate(age: Points) -> Points:
    return np.minimum(GATE + GATE_GROWTH * (np.maximum(age, 1.0) - 1.0), GATE_MOST)
