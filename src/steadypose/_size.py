"""How large a body is in the units of its data, so that thresholds need no units.

A body's size is the diagonal of the box around the keypoints seen. A person of a single keypoint has none;
there the path says on which scale things happen: how far it reaches, or, where it stands still and only
shakes, a hundred times its noise (estimators err by about a hundredth of a body).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._timed import complete

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

SAMPLED_FRAMES = 200
NOISES = 100.0  # a body is about that many times as large as the noise of its keypoints
EVERY, GROWTH = 64, 1.1  # what has been seen is looked at anew in the first frames, then every tenth more
BLOCK = 1 << 20  # numbers at a time
GAIN = 20**0.5  # of third differences, for white noise


def body_size(positions: Array, seen: Bools | None = None) -> npt.NDArray[np.float64]:
    """Median over frames of the diagonal of the box around the keypoints seen.

    Parameters
    ----------
    positions : ndarray, shape (frames, persons, keypoints, dims)
        NaN where missing.
    seen : ndarray of bool, shape (frames, persons, keypoints), optional
        Where they are not missing, if that is known already.

    Returns
    -------
    ndarray, shape (persons,)
        Of a person never seen with two keypoints at a time the scale of the path; 1 where nothing moves.
    """
    seen = complete(positions) if seen is None else seen
    size = np.ones(positions.shape[1])
    for person in range(positions.shape[1]):
        # Sampled among the frames with this person: one who is there briefly counts as well.
        there = np.flatnonzero(seen[:, person].sum(axis=1, dtype=np.int32) > 1)
        some = there[:: max(1, len(there) // SAMPLED_FRAMES)]
        diagonal = _diagonals(positions[some, person], seen[some, person])
        if (diagonal > 0).any():
            size[person] = np.median(diagonal[diagonal > 0])
            continue
        path = _path(positions[:, person], seen[:, person])[0]
        size[person] = _reach(path, _bends(path), len(path)) or 1.0
    return size


def size_so_far(positions: Array, seen: Bools) -> npt.NDArray[np.float32]:
    """As :func:`body_size`, of what has been seen up to and with every frame; nothing of the future enters.

    Parameters
    ----------
    positions, seen
        As for :func:`body_size`.

    Returns
    -------
    ndarray of float32, shape (frames, persons)
        Above 0.
    """
    frames, persons = positions.shape[:2]
    size = np.empty((frames, persons), np.float32)
    for person in range(persons):
        x, known = positions[:, person], seen[:, person]
        diagonal = np.zeros(frames)
        rows = max(1, BLOCK // max(1, x[0].size))
        for start in range(0, frames, rows):
            some = slice(start, start + rows)
            diagonal[some] = _diagonals(x[some], known[some])
        there = np.flatnonzero(diagonal > 0)
        found: Array = np.zeros(frames)
        if there.size < frames:  # alone in some frame, which may be before the others are seen
            path, at = _path(x, known)
            bends = _bends(path)
            found = _held([_reach(path, bends, n) for n in _looks(len(path))], at, frames)
        if there.size:
            seen_so = diagonal[there]
            held = _held([float(np.median(_some(seen_so, n))) for n in _looks(len(there))], there, frames)
            found = np.where(held > 0, held, found)
        size[:, person] = np.maximum(found, np.finfo(np.float32).tiny)
    return size


def _diagonals(x: Array, seen: Bools) -> Array:
    """Diagonal of the box around the keypoints seen in every frame; 0 for fewer than two."""
    known = seen[..., None]
    top, bottom = np.where(known, x, -np.inf).max(axis=1), np.where(known, x, np.inf).min(axis=1)
    several = np.count_nonzero(seen, axis=1) > 1
    extent = np.where(several[:, None], top, 0.0) - np.where(several[:, None], bottom, 0.0)
    diagonal: Array = np.linalg.norm(extent.astype(np.float64), axis=1)
    return diagonal


def _path(x: Array, seen: Bools) -> tuple[Array, Indices]:
    """The way of the first keypoint seen, and in which frames it is there; x (frames, keypoints, dims)."""
    at = np.flatnonzero(seen.any(axis=1))
    first = int(np.argmax(seen[at[0]])) if at.size else 0
    at = np.flatnonzero(seen[:, first])
    return x[at, first].astype(np.float64), at


def _bends(path: Array) -> Array:
    """Lengths of third differences, in which motion hardly shows; frame by frame, the first three 0."""
    bends = np.zeros(len(path))
    if len(path) > 3:
        bends[3:] = np.linalg.norm(np.diff(path, 3, axis=0), axis=1) / GAIN
    return bends


def _reach(path: Array, bends: Array, count: int) -> float:
    """The scale of the first ``count`` frames of a path: how far it reaches, or what its noise says."""
    some = _some(path, count)
    if len(some) < 2:
        return 0.0
    low, high = np.quantile(some, [0.05, 0.95], axis=0)
    noise = float(np.median(_some(bends, count)))
    return max(float(np.linalg.norm(high - low)), NOISES * noise)


def _some(values: Array, count: int) -> Array:
    """About as many as are sampled of the first ``count``."""
    return values[: count : max(1, count // SAMPLED_FRAMES)]


def _looks(count: int) -> list[int]:
    """After how many frames what has been seen is looked at: after each at first, then ever more rarely."""
    looks = list(range(1, min(EVERY, count) + 1))
    while looks and looks[-1] * GROWTH < count:
        looks.append(int(looks[-1] * GROWTH))
    return looks


def _held(found: list[float], at: Indices, frames: int) -> Array:
    """For every frame what was found at the last look; ``at`` are the frames that were counted."""
    held = np.zeros(frames)
    looks = _looks(len(at))
    if not looks:
        return held
    last = [*[int(at[n - 1]) for n in looks[1:]], frames]
    for value, n, stop in zip(found, looks, last, strict=True):
        held[at[n - 1] : stop] = value
    return held
