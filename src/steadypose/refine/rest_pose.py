"""Rows of a rest pose at the start of a recording: what BVH files and their exports often begin with.

They are no motion: the body jumps out of them in one frame, and goes on at a fraction of that speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._timed import complete

Array = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.intp]

# Chosen on captured motion of training performers at 15 to 120 fps, with and without such a row
# (experiments/cleaning).
TURN = 0.12  # radians, mean over the joints that turn: less is no jump out of a rest pose
MOVE = 0.03  # of the body's size, mean over the keypoints: likewise
LARGEST_TURN = 1.0  # what one joint counts for at most: Euler angles flip in single joints …
LARGEST_MOVE = 0.2  # … and single keypoints slip
SETTLED = 3.0  # times as large as any change just after it
AFTER = 0.1  # seconds that are just after it, and three frames at least
STILL = 1e-3  # of a radian, or of the body's size: rows that differ by less are one pose
LONGEST = 1.0  # seconds of rest pose
STRETCH = 0.03  # of the body's size: what three bones in four may differ by from those of the motion …
BEND = 0.1  # … and all: from shoulder to hip is no bone, but drawn as one


def count_rest_rotations(rotations: Array, times: Array) -> Ints:
    """Rows of a rest pose before the motion of every person.

    Parameters
    ----------
    rotations : ndarray, shape (frames, persons, joints, 3, 3)
        NaN where missing.
    times : ndarray, shape (frames,)
        Seconds.

    Returns
    -------
    ndarray of int, shape (persons,)
        0 where the motion begins at once, however fast.
    """
    r = rotations[: _looked_at(times)].astype(np.float64)
    cosine = (np.einsum("tpjab,tpjab->tpj", r[1:], r[:-1]) - 1) / 2
    turn = np.arccos(np.clip(cosine, -1, 1))
    turn[:, ~(turn > 1e-4).any(axis=0)] = np.nan  # fingers and the like that never turn
    change = _mean(np.minimum(turn, LARGEST_TURN))
    return np.array([_leading_rows(c, times, TURN) for c in change.T], dtype=np.intp)


def count_rest_positions(positions: Array, times: Array, size: Array, bones: Ints | None = None) -> Ints:
    """Rows of a rest pose before the motion of every person, in space (3D).

    Positions count relative to the body's middle, so it does not matter where the rest pose stands. Bones
    have to be as long in it as in the motion.

    Parameters
    ----------
    positions : ndarray, shape (frames, persons, keypoints, dims)
        NaN where missing. In images (2D) nothing is looked for: there a strange first frame is an error.
    times : ndarray, shape (frames,)
        Seconds.
    size : ndarray, shape (persons,)
        Of the bodies.
    bones : ndarray of int, shape (bones, 2), optional
        Pairs of keypoints.

    Returns
    -------
    ndarray of int, shape (persons,)
    """
    rows = np.zeros(positions.shape[1], np.intp)
    if positions.shape[3] != 3:
        return rows
    x = positions[: _looked_at(times)].astype(np.float64)
    for person in np.flatnonzero(np.isfinite(x[0]).all(axis=-1).any(axis=-1)):
        step = np.diff(x[:, person], axis=0)
        step -= _median(step)
        moved = np.linalg.norm(step, axis=-1) / size[person]
        count = _leading_rows(_mean(np.minimum(moved, LARGEST_MOVE)), times, MOVE)
        if count and bones is not None:
            pose, start = x[count - 1, person], x[count, person]
            count *= _same_bones(pose, start, bones, float(size[person]))
        rows[person] = count
    return rows


def _looked_at(times: Array) -> int:
    """Rows that can be rest poses, and those after them that they are compared with."""
    return max(5, int(np.searchsorted(times, times[0] + LONGEST + AFTER, side="right"))) + 3


def _leading_rows(change: Array, times: Array, least: float) -> int:
    """Rows before the jump; ``change`` (frames - 1,) is from each row to the next, NaN where unknown."""
    jumps = np.flatnonzero(~(change <= STILL))
    if not len(jumps):
        return 0
    jump = int(jumps[0])
    after = max(jump + 4, int(np.searchsorted(times, times[jump + 1] + AFTER, side="right")))
    settled = change[jump + 1 : after]
    if len(settled) < 3 or times[jump] - times[0] > LONGEST:
        return 0
    return jump + 1 if change[jump] > least and change[jump] > SETTLED * settled.max() else 0


def _same_bones(one: Array, other: Array, bones: Ints, size: float) -> bool:
    lengths = [np.linalg.norm(x[bones[:, 0]] - x[bones[:, 1]], axis=-1) for x in (one, other)]
    change = np.abs(lengths[1] - lengths[0])
    known = np.sort(change[np.isfinite(change)]) / size
    return not len(known) or bool(known[(3 * len(known)) // 4] < STRETCH and known[-1] < BEND)


def _mean(x: Array) -> Array:
    """Mean over the last axis of what is known; NaN for none."""
    known = np.isfinite(x)
    count = known.sum(axis=-1)
    mean: Array = np.where(known, x, 0.0).sum(axis=-1) / np.maximum(count, 1)
    mean[count == 0] = np.nan
    return mean


def _median(step: Array) -> Array:
    """Median over the keypoints of what is known, shape (frames, 1, dims); 0 for none."""
    middle = np.zeros((len(step), 1, step.shape[2]))
    for row, moved in enumerate(step):
        known = moved[complete(moved)]
        if len(known):
            middle[row, 0] = np.median(known, axis=0)
    return middle
