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

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError

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
LARGEST = 250_000_000
"""Most coordinates (frames x persons x keypoints x dims) a sequence may have: one gigabyte."""

_CHUNK = 1 << 11  # pairs compared at once
_FARTHEST = 1e100  # coordinates beyond this are none, and their squares would overflow
_WEAKEST = 0.1  # weight of a keypoint with no confidence at all: it still counts where there is no better one

Points = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


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
    _check_size(frames, len(names), values)
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
    bodies = _Bodies.of(x, confidence)
    # In an order of their own, so that nothing hangs on the file's; it is the same wherever the origin lies.
    order = np.lexsort((*bodies.centre[::-1], at))
    order = order[bodies.seen[order]]
    track = _tracks(bodies, order, at[order], np.asarray(numbers, np.float64))
    count = int(track.max()) + 1 if len(track) else 0
    _check_size(len(numbers), count, int(np.prod(x.shape[1:])))
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


def _check_size(frames: int, persons: int, values: int) -> None:
    if frames * persons * values > LARGEST:
        raise DataError(
            f"expected persons who stay for a while, found {persons} different ones in {frames} frames"
        )


@dataclass(frozen=True, eq=False)
class _Bodies:
    """Detections made ready for comparison; scales and origins cancel out in ``distance``."""

    points: Points  # (dims, detections, keypoints), 0 where missing
    weight: Points  # (detections, keypoints), 0 where missing
    centre: Points  # (dims, detections)
    size: Points  # (detections,)
    seen: npt.NDArray[np.bool_]  # (detections,)

    @classmethod
    def of(cls, x: Points, confidence: npt.ArrayLike | None) -> _Bodies:
        points = np.ascontiguousarray(np.moveaxis(x, -1, 0))
        there = np.logical_and.reduce(np.abs(points) < _FARTHEST)  # False for NaN too
        count = there.sum(axis=1)
        seen = count > 0
        points[:, ~there] = np.nan
        span = np.fmax.reduce(points, axis=2) - np.fmin.reduce(points, axis=2)
        size = np.where(seen, np.linalg.norm(span, axis=0), 0.0)
        points[:, ~there] = 0.0
        centre = points.sum(axis=2) / np.maximum(count, 1)
        # One or two points say little about how large a person is: nobody is far smaller than is usual here.
        usual = float(np.median(size[size > 0])) if (size > 0).any() else float(np.ptp(centre, axis=1).max())
        size = np.maximum(size, usual / 4 if usual > 0 else 1.0)
        c = np.ones(there.shape) if confidence is None else np.asarray(confidence, np.float64)
        weight = np.fmin(np.fmax(c, _WEAKEST), 1.0)
        weight[np.isnan(c)] = 1.0
        weight[~there] = 0.0
        return cls(points, weight, centre, size, seen)

    def distance(self, a: Ints, b: Ints) -> Points:
        """How far apart detections are, in persons: for pairs (pairs,) of numbers, each at most 1.

        No keypoint counts with more than 1, so that a single wild one cannot tear a person in two.
        """
        out = np.empty(len(a))
        for i in range(0, len(a), _CHUNK):
            p, q = a[i : i + _CHUNK], b[i : i + _CHUNK]
            scale = np.sqrt(self.size[p] * self.size[q])
            apart = np.sqrt(sum(np.square(x[p] - x[q]) for x in self.points)) / scale[:, None]
            weight = self.weight[p] * self.weight[q]
            total = weight.sum(axis=1)
            common = total > 0
            mean = (np.minimum(apart, 1.0) * weight).sum(axis=1) / np.where(common, total, 1.0)
            between = np.sqrt(sum(np.square(x[p] - x[q]) for x in self.centre)) / scale
            out[i : i + _CHUNK] = np.where(common, mean, np.minimum(between, 1.0))
        return out


def _tracks(bodies: _Bodies, order: Ints, at: Ints, numbers: Points) -> Ints:
    """Track of every detection in ``order`` (sorted by frame), numbered as they begin."""
    step = float(np.median(np.diff(numbers))) if len(numbers) > 1 else 1.0
    frames, start = np.unique(at, return_index=True)  # only frames in which there is somebody
    when = numbers[frames] / step  # in usual steps
    bounds = [*start.tolist(), len(at)]
    age = np.diff(when)
    easy = _easy(bodies, order, np.asarray(bounds, np.intp), np.where(age <= MEMORY, _gate(age), 0.0))
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
            cost = bodies.distance(np.repeat(tails, len(free)), np.tile(order[free], len(group)))
            gate = _gate(np.array([now - seen[k] for k in group]))
            for i, j in _assign(cost.reshape(len(group), len(free)), gate[:, None]):
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
    ends: list[float] = []  # of the rows that are shared
    for k in np.flatnonzero(length < CONFIRMED)[np.argsort(first[length < CONFIRMED], kind="stable")]:
        row = next((r for r, end in enumerate(ends) if first[k] - end > APART), len(ends))
        ends[row : row + 1] = [float(last[k])]
        rows[k] = int((length >= CONFIRMED).sum()) + row
    return np.asarray(rows[track], np.intp)


def _gate(age: Points) -> Points:
    return np.minimum(GATE + GATE_GROWTH * (np.maximum(age, 1.0) - 1.0), GATE_MOST)


def _easy(bodies: _Bodies, order: Ints, bounds: Ints, gates: Points) -> list[list[int] | None]:
    """For every frame the partners here of the people before, where everybody's nearest is another one.

    Each person then has their own least distance, so no other assignment can have a smaller total: the solver
    is not needed (nor imported). It is nearly always so, and all frames of as many people are tried at once.
    """
    count = np.diff(bounds)
    easy: list[list[int] | None] = [None] * len(count)
    same = np.flatnonzero(count[:-1] == count[1:])
    for people in np.unique(count[same]).tolist():
        ts = same[count[same] == people]
        rows = order[bounds[ts][:, None] + np.arange(people)]
        columns = order[bounds[ts + 1][:, None] + np.arange(people)]
        cost = bodies.distance(np.repeat(rows, people), np.tile(columns, people).ravel())
        cost = cost.reshape(len(ts), people, people)
        nearest = cost.argmin(axis=2)
        alone = (np.sort(nearest, axis=1) == np.arange(people)).all(axis=1)
        inside = (cost.min(axis=2) < gates[ts][:, None]).all(axis=1)
        for i in np.flatnonzero(alone & inside).tolist():
            easy[ts[i] + 1] = nearest[i].tolist()
    return easy


def _assign(cost: Points, gate: Points) -> list[tuple[int, int]]:
    """Rows and columns of the assignment of least total cost; staying apart costs as much as the gate."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.minimum(cost, gate))
    inside = (cost < gate)[rows, columns]
    return list(zip(rows[inside].tolist(), columns[inside].tolist(), strict=True))
