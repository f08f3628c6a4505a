"""Numbers that stand in a file for a keypoint that was not seen: zeros, or -1 in every coordinate.

Formats that define such a number mark it themselves. Most do not, and tools write zeros into them all the
same. One rule, for all formats, tells these from keypoints that are there: :func:`find_placeholders`.
:func:`hide` makes them missing after reading, :func:`restore` puts the file's own numbers back where they are
still missing when the file is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose._timed import Placeholders, complete, count
from steadypose.sequence import Motion, PoseSequence

Array = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

STANDS_FOR_MISSING = (0.0, -1.0)
LOW = 0.5  # of the usual confidence
NEAR = 0.02  # of the body's size: what comes this near to a number passes through it
STEPS = 2.0  # … or what comes as near as this many of its own steps
MARGIN = 0.1  # of the body's size around the box in which an origin of the body can lie


def hide(streams: dict[str, Motion]) -> dict[str, Motion]:
    """Sequences whose placeholders are missing, said in their history; their sources remember them."""
    return {name: _hidden(motion) for name, motion in streams.items()}


def zeros_are_places(motion: Motion) -> Motion:
    """For readers that know of a file that it marks what is missing otherwise: a sequence left as it is."""
    if motion.source is None:
        return motion
    none = Placeholders(np.empty(0, np.intp), np.empty((0, 3), np.float32))
    return replace(motion, source=replace(motion.source, placeholders=none))


def restore(motion: Motion) -> Motion:
    """A sequence as it goes back into its file: what was hidden and is missing still is the file's again."""
    kept = None if motion.source is None else motion.source.placeholders
    if kept is None or not kept.index.size or not isinstance(motion, PoseSequence):
        return motion
    positions = motion.positions.reshape(-1, motion.shape[3]).copy()
    if len(positions) <= kept.index.max():
        return motion  # of another shape: its writer says so
    still = ~complete(positions[kept.index])
    positions[kept.index[still]] = kept.values[still]
    return replace(
        motion,
        positions=positions.reshape(motion.shape),
        history=tuple(note for note in motion.history if note not in kept.notes),
    )


def withhold(motion: Motion) -> Motion:
    """The reverse of :func:`restore`, for a file that says itself what is missing."""
    kept = None if motion.source is None else motion.source.placeholders
    if kept is None or not kept.index.size or not isinstance(motion, PoseSequence):
        return motion
    positions = motion.positions.reshape(-1, motion.shape[3]).copy()
    if len(positions) <= kept.index.max():
        return motion
    still = (positions[kept.index] == kept.values[:, : motion.shape[3]]).all(axis=1)
    positions[kept.index[still]] = np.nan
    notes = tuple(note for note in kept.notes if note not in motion.history)
    return replace(motion, positions=positions.reshape(motion.shape), history=(*notes, *motion.history))


def unsure(points: Array, confidence: Array) -> Bools:
    """Which points lie exactly at zero or at -1, in all coordinates, and are not believed by their estimator.

    Parameters
    ----------
    points : ndarray, shape (..., keypoints, dims)
    confidence : ndarray, shape (..., keypoints)
        Low is 0 or less, or less than half of what points elsewhere usually have.

    Returns
    -------
    ndarray of bool, shape (..., keypoints)
    """
    placed = _at(points, 0.0) | _at(points, -1.0)
    return placed & _low(confidence, complete(points) & ~placed) if placed.any() else placed


def find_placeholders(
    positions: Array, confidence: Array | None = None, root: Sequence[int] = ()
) -> tuple[Bools, Bools]:
    """Keypoints exactly at zero, and exactly at -1, that are no places where the keypoint was.

    One is a placeholder if its confidence is low (:func:`unsure`), or if the keypoint did not come from there
    and does not go there: it is further from the samples before and after than 2 % of the body's size and
    two of the steps it takes there. So one that passes through the origin, or is cut off at the corner of the
    image, stays. At -1 it must besides lie outside of what all other coordinates of the person span.

    The origin of the body itself (the root of root-relative data) stays: a keypoint that is at zero whenever
    anything else of the person is seen, and is named as the root or has the body around it. A person with all
    keypoints at such a number is not there. What is nowhere else in the whole recording stays too: then
    nothing is known.

    Parameters
    ----------
    positions : ndarray, shape (frames, persons, keypoints, 2 or 3)
        NaN where missing.
    confidence : ndarray, shape (frames, persons, keypoints), optional
    root
        Indices of the keypoints that the skeleton calls its root.

    Returns
    -------
    zeros, minus : ndarray of bool, shape (frames, persons, keypoints)
    """
    zeros, minus = (_at(positions, value) for value in STANDS_FOR_MISSING)
    for p in range(positions.shape[1]):
        placed = zeros[:, p] | minus[:, p]
        if placed.any():
            c = None if confidence is None else confidence[:, p]
            found = _of_person(positions[:, p], placed, zeros[:, p], c, root)
            zeros[:, p] &= found
            minus[:, p] &= found
    return zeros, minus


def _of_person(
    positions: Array, placed: Bools, zeros: Bools, confidence: Array | None, root: Sequence[int]
) -> Bools:
    """Placeholders of one person among the keypoints placed at such a number, shape (frames, keypoints)."""
    found = np.zeros_like(placed)
    seen = complete(positions) & ~placed
    if not seen.any():
        return found
    nobody = ~seen.any(axis=1) & (placed.sum(axis=1) > 1)
    size = float(body_size(positions[:, None], seen[:, None])[0])
    low = None if confidence is None else _low(confidence, seen)
    outside = (placed & ~zeros).any() and float(positions[seen].min()) > -1
    for k in np.flatnonzero(placed.any(axis=0)).tolist():
        here = placed[:, k] & ~nobody
        if not seen[:, k].any() and _is_origin(zeros[:, k] & here, positions, seen, size, k, root):
            continue
        far = _far(positions[:, k], here, seen[:, k], size)
        if not outside:
            far &= zeros[:, k]
        found[:, k] = here & (far if low is None else far | low[:, k])
    found[nobody] = placed[nobody]
    return found


def _hidden(motion: Motion) -> Motion:
    source = motion.source
    if not isinstance(motion, PoseSequence) or source is None or source.placeholders is not None:
        return motion
    root = [motion.skeleton.index(name) for name in motion.skeleton.root if name in motion.skeleton.keypoints]
    zeros, minus = find_placeholders(motion.positions, motion.confidence, root)
    both = zeros | minus
    if not both.any():
        return motion
    place = {value: f"({', '.join([f'{value:g}'] * motion.shape[3])})" for value in STANDS_FOR_MISSING}
    notes = [
        f"{count(int(mask.sum()), 'keypoint')} exactly at {what} {place[value]}: missing"
        for mask, what, value in ((zeros, "the origin", 0.0), (minus, "", -1.0))
        if mask.any()
    ]
    notes = [" ".join(note.split()) for note in notes]
    index = np.flatnonzero(both)
    positions = motion.positions.reshape(-1, motion.shape[3]).copy()
    kept = Placeholders(index, positions[index], tuple(notes))
    positions[index] = np.nan
    return replace(
        motion,
        positions=positions.reshape(motion.shape),
        history=(*motion.history, *(n for n in notes if n not in motion.history)),
        source=replace(source, placeholders=kept),
    )


def _at(points: Array, value: float) -> Bools:
    """Where all coordinates are exactly this number; coordinate by coordinate, which is much faster."""
    placed: Bools = points[..., 0] == value
    for d in range(1, points.shape[-1]):
        placed &= points[..., d] == value
    return placed


def _low(confidence: Array, seen: Bools) -> Bools:
    """Where confidence is 0 or less, or less than half of the median where seen."""
    known = confidence[seen & np.isfinite(confidence)]
    usual = float(np.median(known)) if known.size else 0.0
    low: Bools = (confidence <= 0) | (confidence < LOW * usual)
    return low


def _is_origin(here: Bools, positions: Array, seen: Bools, size: float, k: int, root: Sequence[int]) -> bool:
    """Whether a keypoint that is nowhere but at zero is what the others are measured from."""
    when = np.flatnonzero(here & seen.any(axis=1))
    if not len(when) or k in root:
        return True
    when = when[:: max(1, len(when) // 1000)]
    x = np.where(seen[when, :, None], positions[when], np.nan)
    around = (np.nanmin(x, axis=1) <= MARGIN * size) & (np.nanmax(x, axis=1) >= -MARGIN * size)
    return bool(2 * around.all(axis=1).sum() > len(when))


def _far(path: Array, here: Bools, seen: Bools, size: float) -> Bools:
    """Where a keypoint neither comes from a number it is at nor goes on from it.

    Parameters
    ----------
    path : ndarray, shape (frames, dims)
    here, seen : ndarray of bool, shape (frames,)
        Where it is at such a number, and where it is elsewhere.
    size
        Of the body.
    """
    far = np.zeros(len(path), bool)
    at, known = np.flatnonzero(here), np.flatnonzero(seen)
    if not len(at) or not len(known):
        far[at] = True
        return far
    run = np.searchsorted(known, at)  # one number for all frames between the same two samples
    first = np.flatnonzero(np.diff(run, prepend=-1))
    last = np.append(first[1:], len(at)) - 1
    reached = np.zeros(len(first), bool)
    for edge, beside, beyond in (
        (at[first], run[first] - 1, run[first] - 2),
        (at[last], run[first], run[first] + 1),
    ):
        there = (beside >= 0) & (beside < len(known))
        two = there & (beyond >= 0) & (beyond < len(known))
        a, b = (known[np.clip(i, 0, len(known) - 1)] for i in (beside, beyond))
        jump = np.linalg.norm(path[edge].astype(np.float64) - path[a], axis=1)
        step = np.linalg.norm(path[a].astype(np.float64) - path[b], axis=1) / np.maximum(np.abs(a - b), 1)
        reached |= there & (jump <= NEAR * size + STEPS * np.where(two, step, 0.0) * np.abs(edge - a))
    far[at] = np.repeat(~reached, last - first + 1)
    return far
