"""What every metric shares: one shape, blocks of bounded size, cuts, roots, and means over what is there.

Persons are laid one after the other with a cut between them, so that everything below works on
(frames, keypoints, dims) alone. Sums are made block by block: a million frames cost no copy of themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]
Root = int | Sequence[int] | Literal["mean"] | None
Protocol = Literal["default", "official"]

BLOCK = 1 << 20  # numbers in a block: small enough for the cache's neighbourhood, large enough for NumPy


def find_cuts(times: npt.ArrayLike) -> tuple[int, ...]:
    """Frames that start a new stretch: those whose time step is more than 1.5 times the median step.

    A derivative taken across such a step would measure the gap and not the motion.

    Parameters
    ----------
    times : array_like, shape (frames,)
        Increasing; any unit.
    """
    step = np.diff(np.asarray(times, dtype=np.float64))
    if not len(step):
        return ()
    return tuple(int(i) + 1 for i in np.flatnonzero(step > 1.5 * np.median(step)))


def stack(*arrays: npt.ArrayLike | None, cuts: Iterable[int] = ()) -> tuple[list[Array], tuple[int, ...]]:
    """Arrays as (frames, keypoints, dims), persons one after the other, and where they must not be bridged.

    Raises
    ------
    DataError
        If shapes differ or a cut is not a frame.
    """
    given = [np.asarray(a) for a in arrays if a is not None]
    shape = given[0].shape
    if any(a.shape != shape for a in given):
        found = " and ".join(str(a.shape) for a in given)
        raise DataError(f"expected arrays of one shape (frames, [persons,] keypoints, dims), found {found}")
    if len(shape) not in (3, 4) or not shape[-1]:
        raise DataError(
            f"expected (frames, keypoints, dims) or (frames, persons, keypoints, dims), found {shape}"
        )
    given = [a if a.dtype.kind == "f" else a.astype(np.float64) for a in given]
    inside = sorted({int(c) for c in cuts} - {0, shape[0]})
    if inside and not 0 < inside[0] <= inside[-1] < shape[0]:
        raise DataError(f"expected cuts between frame 1 and {shape[0] - 1}, found {inside}")
    if len(shape) == 3:
        return given, tuple(inside)
    frames, persons = shape[:2]
    flat = [a.swapaxes(0, 1).reshape(frames * persons, *shape[2:]) for a in given]
    starts = [p * frames + c for p in range(persons) for c in (0, *inside)]
    return flat, tuple(c for c in starts if 0 < c < frames * persons)


def blocks(frames: int, per_frame: int, overlap: int = 0) -> Iterator[slice]:
    """Frames in blocks of at most about BLOCK numbers; each but the first begins ``overlap`` frames early."""
    size = max(BLOCK // max(per_frame, 1), 4 * overlap, 1)
    for start in range(0, max(frames - overlap, 0), size):
        yield slice(start, min(start + size + overlap, frames))


def centred(a: Array, b: Array, root: Root) -> tuple[Floats, Floats]:
    """Two blocks as float64, each minus its root; NaN in the whole frame where a root is missing."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    if root is None:
        return x, y
    if isinstance(root, str):
        if root != "mean":
            raise DataError(f"expected root to be None, an index, indices or 'mean', found {root!r}")
        both = (np.isfinite(x) & np.isfinite(y)).all(axis=-1, keepdims=True)
        count = both.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (
                x - np.where(both, x, 0.0).sum(axis=1, keepdims=True) / count,
                y - np.where(both, y, 0.0).sum(axis=1, keepdims=True) / count,
            )
    of = [root] if isinstance(root, int | np.integer) else list(root)
    if not of or not all(-x.shape[1] <= k < x.shape[1] for k in of):
        raise DataError(f"expected root indices among {x.shape[1]} keypoints, found {root!r}")
    return x - x[:, of].mean(axis=1, keepdims=True), y - y[:, of].mean(axis=1, keepdims=True)


def lengths(d: Floats) -> Floats:
    """Euclidean length over the last axis; infinities are missing."""
    n = np.sqrt(np.einsum("...d,...d->...", d, d))
    return np.where(np.isfinite(n), n, np.nan)


def differences(
    pred: Array, truth: Array | None, order: int, cuts: Iterable[int], root: Root = None
) -> Floats:
    """Length of the order-th difference of ``pred - truth`` (of ``pred`` alone without truth).

    Returns
    -------
    ndarray, shape (frames - order, keypoints)
        Row i is of frames i … i + order; NaN where one of them is missing or a cut lies between them.
    """
    frames, keypoints, dims = pred.shape
    out = np.full((max(frames - order, 0), keypoints), np.nan)
    with np.errstate(invalid="ignore", over="ignore"):  # infinities end up missing
        for b in blocks(frames, keypoints * dims, order):
            if truth is not None:
                x, y = centred(pred[b], truth[b], root)
                x = x - y
            else:
                x, _ = centred(pred[b], pred[b], root)
            out[b.start : b.stop - order] = lengths(np.diff(x, n=order, axis=0))
    for c in cuts:
        out[max(c - order, 0) : c] = np.nan
    return out


def per_frame(like: Array, one: Callable[[slice], Floats], columns: int | None = None) -> Floats:
    """Errors, shape (frames, keypoints) of ``like`` (or so many columns), made block by block by ``one``."""
    out = np.empty((len(like), like.shape[1] if columns is None else columns))
    with np.errstate(invalid="ignore", over="ignore"):  # infinities end up missing
        for b in blocks(len(like), like[:1].size):
            out[b] = one(b)
    return out


def segments(frames: int, cuts: Iterable[int]) -> list[slice]:
    """The stretches between cuts."""
    edges = [0, *cuts, frames]
    return [slice(a, b) for a, b in pairwise(edges)]


@overload
def mean(errors: Floats, per_joint: Literal[False] = False, extra: Array | None = None) -> float: ...
@overload
def mean(errors: Floats, per_joint: bool, extra: Array | None = None) -> float | Floats: ...
def mean(errors: Floats, per_joint: bool = False, extra: Array | None = None) -> float | Floats:
    """Mean over what is there: over frames and keypoints pooled, or of each keypoint; NaN where nothing is.

    ``extra``: how many zeros to count in addition, for each keypoint (the official Accel's padding).
    """
    total, count = np.zeros(errors.shape[1]), np.zeros(errors.shape[1])
    for b in blocks(len(errors), errors.shape[1]):
        there = np.isfinite(errors[b])
        total += np.where(there, errors[b], 0.0).sum(axis=0)
        count += there.sum(axis=0)
    if extra is not None:
        count += extra
    if not per_joint:
        total, count = total.sum(keepdims=True), count.sum(keepdims=True)
    out = np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)
    return out if per_joint else float(out[0])


def row_means(errors: Floats) -> Floats:
    """Mean over keypoints of every frame; NaN where none is there."""
    there = np.isfinite(errors)
    count = there.sum(axis=1)
    return np.where(count > 0, np.where(there, errors, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def check_protocol(protocol: str) -> bool:
    """Whether it is the official one; raises DataError for an unknown name."""
    if not isinstance(protocol, str) or protocol not in ("default", "official"):
        raise DataError(f"expected protocol to be default or official, found {protocol!r}")
    return protocol == "official"
