"""Which frames and which persons of two recordings belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.rotations import slerp

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]

SAME_RATE = 0.02  # rates closer than this are one rate: 29.97 and 30
MOST_COMPARED = 10_000  # pairs of persons whose errors are all measured to find out who is who


@dataclass(frozen=True)
class Sampling:
    """Frames of the prediction that have a truth, and where in the truth they lie.

    Parameters
    ----------
    frames : ndarray of int, shape (n,)
        Of the prediction.
    before, after : ndarray of int, shape (n,)
        Of the truth, around them.
    weight : ndarray, shape (n,)
        0 is at ``before``, 1 at ``after``.
    """

    frames: Indices
    before: Indices
    after: Indices
    weight: Floats

    def positions(self, x: Array) -> Array:
        """Values of the truth (frames first), linearly between neighbours."""
        return self._between(x, lambda a, b, w: (1 - w) * a + w * b)

    def rotations(self, m: Array) -> Array:
        """Rotations of the truth, shape (frames, persons, joints, 3, 3), by slerp between neighbours."""
        return self._between(m, lambda a, b, w: slerp(a, b, w[..., 0, 0]))

    def _between(self, x: Array, mix: Callable[[Array, Array, Array], Array]) -> Array:
        out: Array = x[np.where(self.weight == 1, self.after, self.before)]
        # Only where it has to be: a missing neighbour of weight 0 must not make the other missing.
        i = np.flatnonzero((self.weight > 0) & (self.weight < 1))
        if len(i):
            w = self.weight[i].astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
            out[i] = mix(x[self.before[i]], x[self.after[i]], w)
        return out


def pair_frames(mine: Floats, theirs: Floats, notes: list[str]) -> Sampling:
    """Pair frames by time.

    At one rate a frame belongs to the nearest of the truth within half a step. A faster truth is interpolated
    between frames that follow each other. Of a faster prediction only the frames nearest to those of the
    truth count: a truth is never made up between its frames.

    Raises
    ------
    DataError
        If no frame has a truth.
    """
    step, other = time_step(mine), time_step(theirs)
    faster_truth = np.isfinite(step) and step > other * (1 + SAME_RATE)
    slower_truth = np.isfinite(other) and other > step * (1 + SAME_RATE)
    found = _between_frames(mine, theirs, other) if faster_truth else _nearest(mine, theirs, min(step, other))
    frames = found.frames
    if not len(frames):
        raise DataError(
            f"expected a truth at the prediction's times ({mine[0]:g} to {mine[-1]:g} s), "
            f"found {theirs[0]:g} to {theirs[-1]:g} s"
        )
    if faster_truth and ((found.weight > 0) & (found.weight < 1)).any():
        notes.append(
            f"the truth ({1 / other:.4g} fps) was interpolated at the prediction's times ({1 / step:.4g} fps)"
        )
    if slower_truth:
        notes.append(f"only the frames nearest to those of the truth ({1 / other:.4g} fps) were compared")
    elif len(frames) < len(mine):
        notes.append(f"{len(frames)} of {len(mine)} frames have a truth")
    if not faster_truth and np.isfinite(step):
        away = float(np.abs(mine[frames] - theirs[found.before]).max()) / step
        if away > 0.05:
            notes.append(f"times of prediction and truth differ by up to {away:.2g} frames")
    return found


def frames_unpredicted(mine: Floats, theirs: Floats) -> Indices:
    """Frames of the truth that the prediction has no frame for: none within half a step of the slower one.

    Before the first and after the last frame of the prediction a step is allowed less than whole: recordings
    of one length at two rates end at different times.
    """
    steps = [s for s in (time_step(mine), time_step(theirs)) if np.isfinite(s)]
    if not steps:
        return np.empty(0, np.intp)
    step = max(steps)
    after = np.clip(np.searchsorted(mine, theirs), 0, len(mine) - 1)
    away = np.minimum(np.abs(theirs - mine[after]), np.abs(theirs - mine[np.maximum(after - 1, 0)]))
    outside = (theirs < mine[0]) | (theirs > mine[-1])
    return np.flatnonzero(away > np.where(outside, 0.999, 0.501) * step)


def pair_persons(
    pred: Sequence[str], truth: Sequence[str], cost: Callable[[int, int], float], notes: list[str]
) -> tuple[list[int], list[int]]:
    """Persons in either who are the same: by name, or where no name is in both, so that the cost is least.

    Raises
    ------
    DataError
        If nobody has a counterpart.
    """
    if len(pred) == len(truth) == 1:
        return [0], [0]
    mine, theirs = ({n: i for i, n in enumerate(names)} for names in (pred, truth))
    both = [n for n in pred if n in theirs]
    if both:
        p, q = [mine[n] for n in both], [theirs[n] for n in both]
    elif len(pred) * len(truth) > MOST_COMPARED:
        raise DataError(
            f"expected persons of the same names, or few enough to compare each with each, found {len(pred)} "
            f"persons and {len(truth)} in the truth, none of a common name"
        )
    else:
        from scipy.optimize import linear_sum_assignment

        table = np.array([[cost(i, j) for j in range(len(truth))] for i in range(len(pred))])
        rows, columns = linear_sum_assignment(np.where(np.isnan(table), 1e18, table))
        kept = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if not np.isnan(table[i, j])]
        p, q = [i for i, _ in kept], [j for _, j in kept]
        named = ", ".join(f"{pred[i]} = {truth[j]}" for i, j in kept)
        notes.append(f"persons have other names in the truth; matched by least error: {named}")
    if not p:
        raise DataError("expected at least one person with a truth, found none")
    for text, names, used in (
        ("persons without a truth", pred, p),
        ("persons of the truth that were not predicted", truth, q),
    ):
        matched = set(used)
        left = [n for i, n in enumerate(names) if i not in matched]
        if left:
            notes.append(f"{text}: {', '.join(left)}")
    return p, q


def time_step(times: Floats) -> float:
    """Seconds a frame, over ten frames at a time so that an uneven clock does not matter; else infinity."""
    k = min(10, len(times) - 1)
    return float(np.median((times[k:] - times[:-k]) / k)) if k else np.inf


def _between_frames(mine: Floats, theirs: Floats, step: float) -> Sampling:
    after = np.clip(np.searchsorted(theirs, mine), 1, len(theirs) - 1)
    before = after - 1
    gap = theirs[after] - theirs[before]
    w = (mine - theirs[before]) / gap
    on = np.abs(w - np.round(w)) < 1e-3  # times that were rounded, or divided and multiplied again
    inside = (w > -1e-3) & (w < 1 + 1e-3) & (on | (gap <= 1.5 * step))
    w = np.clip(np.where(on, np.round(w), w), 0.0, 1.0)
    i = np.flatnonzero(inside)
    return Sampling(i, before[i], after[i], w[i])


def _nearest(mine: Floats, theirs: Floats, step: float) -> Sampling:
    """For every frame of the truth the nearest of the prediction, if that is within half a step."""
    right = np.clip(np.searchsorted(theirs, mine), 0, len(theirs) - 1)
    left = np.maximum(right - 1, 0)
    near = np.where(np.abs(mine - theirs[left]) <= np.abs(mine - theirs[right]), left, right)
    away = np.abs(mine - theirs[near])
    order = np.lexsort((away, near))
    best = order[np.unique(near[order], return_index=True)[1]]
    i = np.sort(best[away[best] <= 0.5 * step * (1 + 1e-6)])
    return Sampling(i, near[i], near[i], np.zeros(len(i)))
