"""Detections made ready for comparison: how far apart two bodies are, and who of one frame is who of another.

Up to :data:`ALL_PAIRS` pairs every body is compared with every other, and the assignment with the least total
distance is taken. In a larger crowd that would take time and memory by the square of the people: there each
is compared with its nearest few only, and the nearest pair goes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Pairs = list[tuple[int, int]]

ALL_PAIRS = 1 << 14
"""Most pairs of people between two frames that are all compared: 128 people in each."""
NEAREST = 16
"""With how many each is compared in a larger crowd."""

_CHUNK = 1 << 11  # pairs compared at once
_BATCH = 1 << 20  # pairs whose distances are held at once
_FARTHEST = 1e100  # coordinates beyond this are none, and their squares would overflow
_WEAKEST = 0.1  # weight of a keypoint with no confidence at all: it still counts where there is no better one


@dataclass(frozen=True, eq=False)
class Bodies:
    """Detections; scales and origins cancel out in ``distance``."""

    points: Points  # (dims, detections, keypoints), 0 where missing
    weight: Points  # (detections, keypoints), 0 where missing
    centre: Points  # (dims, detections)
    size: Points  # (detections,)
    seen: npt.NDArray[np.bool_]  # (detections,)

    @classmethod
    def of(cls, x: Points, confidence: npt.ArrayLike | None) -> Bodies:
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


def pairs(bodies: Bodies, tails: Ints, free: Ints, gate: Points) -> Pairs:
    """Which detection is whose: places in ``tails`` and in ``free``, each at most once.

    Parameters
    ----------
    tails : ndarray of int, shape (persons,)
        Where each person was seen last.
    free : ndarray of int, shape (detections,)
        Who could be one of them.
    gate : ndarray, shape (persons,)
        From which distance on a person is somebody else.
    """
    if len(tails) * len(free) > ALL_PAIRS:
        return _nearest_first(bodies, tails, free, gate)
    cost = bodies.distance(np.repeat(tails, len(free)), np.tile(free, len(tails)))
    return _assign(cost.reshape(len(tails), len(free)), gate[:, None])


def easy(bodies: Bodies, order: Ints, bounds: Ints, gates: Points) -> list[list[int] | None]:
    """For every frame the partners here of the people before, where everybody's nearest is another one.

    Each person then has their own least distance, so no other assignment can have a smaller total: the solver
    is not needed (nor imported). It is nearly always so, and many frames of as many people are tried at once.
    """
    count = np.diff(bounds)
    found: list[list[int] | None] = [None] * len(count)
    same = np.flatnonzero((count[:-1] == count[1:]) & (count[1:] ** 2 <= ALL_PAIRS))
    for people in np.unique(count[same]).tolist():
        every = same[count[same] == people]
        batch = max(1, _BATCH // people**2)
        for ts in (every[i : i + batch] for i in range(0, len(every), batch)):
            rows = order[bounds[ts][:, None] + np.arange(people)]
            columns = order[bounds[ts + 1][:, None] + np.arange(people)]
            cost = bodies.distance(np.repeat(rows, people), np.tile(columns, people).ravel())
            cost = cost.reshape(len(ts), people, people)
            nearest = cost.argmin(axis=2)
            alone = (np.sort(nearest, axis=1) == np.arange(people)).all(axis=1)
            inside = (cost.min(axis=2) < gates[ts][:, None]).all(axis=1)
            for i in np.flatnonzero(alone & inside).tolist():
                found[ts[i] + 1] = nearest[i].tolist()
    return found


def _assign(cost: Points, gate: Points) -> Pairs:
    """Rows and columns of the assignment of least total cost; staying apart costs as much as the gate."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.minimum(cost, gate))
    inside = (cost < gate)[rows, columns]
    return list(zip(rows[inside].tolist(), columns[inside].tolist(), strict=True))


def _nearest_first(bodies: Bodies, tails: Ints, free: Ints, gate: Points) -> Pairs:
    """The nearest pair is one, then the nearest of what is left, and so on."""
    rows, columns = _neighbours(bodies.centre[:, tails].T, bodies.centre[:, free].T)
    cost = bodies.distance(tails[rows], free[columns])
    near = np.flatnonzero(cost < gate[rows])
    near = near[np.argsort(cost[near], kind="stable")]
    found: dict[int, int] = {}
    taken: set[int] = set()
    for i, j in zip(rows[near].tolist(), columns[near].tolist(), strict=True):
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    return list(found.items())


def _neighbours(there: Points, here: Points) -> tuple[Ints, Ints]:
    """For everybody here the nearest few there, by their centres: (there, here) of every such pair."""
    from scipy.spatial import KDTree

    # A last coordinate tells apart who stands at the very same spot; the tree could not.
    thin = 1e-6 * max(float(np.ptp(there)), float(np.ptp(here)), 1e-300)
    there, here = (np.column_stack((x, np.linspace(0, thin, len(x)))) for x in (there, here))
    few = min(NEAREST, len(there))
    _, near = KDTree(there).query(here, k=few)
    return np.reshape(near, -1).astype(np.intp), np.repeat(np.arange(len(here)), few)
