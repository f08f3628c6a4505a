"""Refining without the frames that repeat the one before, and putting them back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose import rotations
from steadypose._size import body_size
from steadypose.refine import low_rate
from steadypose.refine.repeats import between, capture_times, find_copies
from steadypose.sequence import Motion, PoseSequence

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]


def copies_in(motion: Motion) -> Bools:
    """Which frames repeat the one before, shape (frames, persons)."""
    frames, persons = motion.shape[:2]
    if 0 in motion.shape:
        return np.zeros((frames, persons), bool)
    if isinstance(motion, PoseSequence):
        return find_copies(motion.positions.reshape(frames, persons, -1), motion.times, motion.confidence)
    return find_copies(motion.rotations.reshape(frames, persons, -1), motion.times, motion.translation)


@dataclass(frozen=True)
class _Part:
    """Some persons, refined in the frames that are no copies of theirs.

    Parameters
    ----------
    steady
        They, in the frames kept.
    persons : ndarray of int
        Who they are.
    kept : ndarray of bool, shape (frames,)
    taken : ndarray, shape (kept frames,)
        When those were taken, seconds.
    """

    steady: Any
    persons: Indices
    kept: Bools
    taken: Floats

    def everywhere(self, values: npt.NDArray[Any], times: Floats, size: Floats) -> npt.NDArray[np.float32]:
        """Values (kept frames, persons, points, numbers) in all frames; size of each person."""
        count, points = values.shape[1:3]
        curves = values.reshape(len(values), count * points, -1)
        full = between(curves, self.taken, self.kept, times, np.repeat(size, points))
        return full.reshape(len(times), *values.shape[1:])


def without_copies(motion: Motion, copies: Bools, refine: Callable[[Any], Any]) -> Motion:
    """A motion refined without its copies; these get what lies between the frames around them."""
    patterns, which = np.unique(copies, axis=1, return_inverse=True)
    parts = []
    marks = np.zeros(motion.shape[:3], bool)
    for i in range(patterns.shape[1]):
        kept, persons = ~patterns[:, i], np.flatnonzero(which.ravel() == i)
        taken = capture_times(kept, motion.times)
        parts.append(_Part(refine(_taken(motion, kept, persons, taken)), persons, kept, taken))
        filled = parts[-1].steady.filled
        marks[:, persons] = False if filled is None else filled[np.cumsum(kept) - 1]
    count = int(copies.any(axis=1).sum())
    notes = dict.fromkeys(part.steady.history[-1] for part in parts)
    note = "; ".join([*notes, f"{count} of {len(copies)} frames repeat the one before: refined without them"])
    if isinstance(motion, PoseSequence):
        x = motion.positions.copy()
        for part in parts:
            positions = part.steady.positions
            x[:, part.persons] = part.everywhere(positions, motion.times, body_size(positions))
        return motion.with_positions(x, note, marks)
    r = motion.rotations.copy()
    moved = None if motion.translation is None else motion.translation.copy()
    for part in parts:
        turned, nobody = part.steady.rotations, np.full(len(part.persons), np.inf)
        flat = turned.reshape(*turned.shape[:3], 9)
        full = part.everywhere(flat, motion.times, np.full(len(part.persons), np.sqrt(2.0)))
        r[:, part.persons] = rotations.project(
            full.astype(np.float64).reshape(-1, *r.shape[2:3], 3, 3)
        ).reshape(len(r), -1, *r.shape[2:])
        r[np.ix_(part.kept, part.persons)] = turned
        if moved is not None:
            path = part.steady.translation[:, :, None]
            moved[:, part.persons] = part.everywhere(path, motion.times, nobody)[:, :, 0]
    return motion.with_rotations(r, note, moved, marks)


@dataclass(frozen=True)
class Worth:
    """What the frames of a recording are worth.

    Parameters
    ----------
    copies
        Frames that repeat the one before, of any person.
    rate
        Frames a second without them.
    too_fast, curves
        How many curves (keypoints, joints) move too fast to be refined at that rate; and of how many.
    """

    copies: int
    rate: float
    too_fast: int
    curves: int


def worth(motion: Motion) -> Worth:
    """What refining would find: copies of frames, and curves too fast for their rate."""
    copies = copies_in(motion)
    most = int(copies.sum(axis=0).argmax()) if copies.size else 0
    kept = ~copies[:, most] if copies.size else np.ones(len(motion.times), bool)
    some = motion
    if copies.any():
        persons = np.flatnonzero((copies == copies[:, most : most + 1]).all(axis=0))
        some = _taken(motion, kept, persons, capture_times(kept, motion.times))
    frames, count, points = some.shape[:3]
    curves = count * points
    values: npt.NDArray[Any]
    if isinstance(some, PoseSequence):
        values, least = some.positions.reshape(frames, curves, some.shape[3]), low_rate.POSITIONS
        size = np.repeat(body_size(some.positions), points)
    else:
        values, least = some.rotations.reshape(frames, curves, 9), low_rate.ROTATIONS / 2**0.5
        size = np.full(curves, np.sqrt(2.0))
    fast = low_rate.too_fast(values, some.valid.reshape(frames, curves), some.times, size, least)
    return Worth(int(copies.any(axis=1).sum()), some.fps, int(fast.sum()), curves)


def _taken(motion: Motion, kept: Bools, persons: Indices, times: Any) -> Motion:
    """Some frames and persons of a motion, at these times."""
    names = tuple(motion.persons[p] for p in persons)

    def pick(a: Any) -> Any:
        return None if a is None else a[kept][:, persons]

    common: dict[str, Any] = {"times": times, "persons": names, "filled": None, "source": None}
    if isinstance(motion, PoseSequence):
        return replace(motion, positions=pick(motion.positions), confidence=pick(motion.confidence), **common)
    offsets = motion.offsets
    return replace(
        motion,
        rotations=pick(motion.rotations),
        translation=pick(motion.translation),
        body_shape=pick(motion.body_shape),
        offsets=offsets[persons] if offsets is not None and offsets.ndim == 3 else offsets,
        **common,
    )
