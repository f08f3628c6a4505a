"""What of a prediction is compared with what of the truth, in which unit and relative to which root."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from steadypose.errors import DataError
from steadypose.metrics._arrays import Array, find_cuts
from steadypose.metrics._pairing import (
    SAME_RATE,
    frames_unpredicted,
    pair_frames,
    pair_persons,
    time_step,
)
from steadypose.sequence import Floats, PoseSequence
from steadypose.skeleton import Skeleton

MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0}

RootChoice = int | str | Sequence[int | str] | None


@dataclass(frozen=True)
class Matched:
    """Arrays that correspond entry by entry, persons (and recordings) one after the other.

    Parameters
    ----------
    pred, truth, reference : ndarray of float32, shape (frames, keypoints, dims)
        Minus their roots; truth is None where there is none, reference where none was given.
    keypoints
        Their names.
    clips, cuts
        Frames where another person or recording begins; and those where, besides, time jumps.
    unit
        Of all of them.
    fps
        Frames per second.
    frames
        Frames before persons were laid after one another.
    unpredicted : ndarray, shape (keypoints,), or None
        How often the truth has each keypoint in frames that the prediction has not, counted in frames of the
        prediction; None without truth.
    rooted
        Whether a root was subtracted.
    notes
        What the reader of the result should know.
    """

    pred: Array
    truth: Array | None
    reference: Array | None
    keypoints: tuple[str, ...]
    clips: tuple[int, ...]
    cuts: tuple[int, ...]
    unit: str
    fps: float
    frames: int
    unpredicted: Floats | None = None
    rooted: bool = False
    notes: tuple[str, ...] = ()


def match(
    pred: PoseSequence,
    truth: PoseSequence,
    root: RootChoice,
    official: bool,
    reference: PoseSequence | None = None,
) -> Matched:
    """Everything that both have, in one unit and relative to one root.

    Raises
    ------
    DataError
        If there is nothing to compare: another dimension, unit, space, other keypoints or another time.
    """
    if pred.shape[3] != truth.shape[3]:
        raise DataError(
            f"expected a truth of {pred.shape[3]} dimensions like the prediction, found {truth.shape[3]}"
        )
    if reference is not None and (
        reference.shape != pred.shape
        or not np.array_equal(reference.times, pred.times)
        or reference.unit != pred.unit
    ):
        raise DataError(
            f"expected a reference with the prediction's times, unit and shape {pred.shape}, "
            f"found {reference.shape}"
        )
    unit, scale = _units(pred, truth)
    notes: list[str] = []
    wanted = None if isinstance(root, str) and root == "skeleton" and pred.shape[3] == 2 else root
    roots = _roots(pred.skeleton, truth.skeleton, wanted, official, notes)
    _check_spaces(pred, truth, roots is not None, notes)
    mine, theirs = pred.skeleton.common(truth.skeleton)
    if not mine:
        raise DataError(
            f"expected common keypoints of {pred.skeleton.name!r} and {truth.skeleton.name!r}, found none"
        )
    if len(mine) < len(pred.skeleton):
        notes.append(f"{len(mine)} of {len(pred.skeleton)} keypoints have a counterpart in the truth")
    paired = pair_frames(pred.times, truth.times, notes)
    frames = paired.frames
    my_root, their_root = (None, None) if roots is None else roots
    x = _relative(pred.positions[frames], my_root, mine, scale[0])
    y = _relative(paired.positions(truth.positions), their_root, theirs, scale[1])
    p, q = pair_persons(pred.persons, truth.persons, lambda i, j: _mean_distance(x[:, i], y[:, j]), notes)
    clips, cuts = _starts(len(frames), len(p), find_cuts(pred.times[frames]))
    unpredicted = _unpredicted(pred, truth, theirs, q, notes)
    return Matched(
        pred=_laid(x, p),
        truth=_laid(y, q),
        reference=None
        if reference is None
        else _laid(_relative(reference.positions[frames], my_root, mine, scale[0]), p),
        keypoints=tuple(pred.skeleton.keypoints[k] for k in mine),
        clips=clips,
        cuts=cuts,
        unit=unit,
        fps=_rate(pred.times[frames]),
        frames=len(frames),
        unpredicted=unpredicted,
        rooted=roots is not None,
        notes=tuple(notes),
    )


def alone(pred: PoseSequence) -> Matched:
    """A prediction without truth; no root is subtracted."""
    unit, scale = _units(pred, pred)
    x = pred.positions if scale[0] == 1.0 else pred.positions * np.float32(scale[0])
    clips, cuts = _starts(len(x), x.shape[1], find_cuts(pred.times))
    return Matched(
        _laid(x, range(x.shape[1])),
        None,
        None,
        pred.skeleton.keypoints,
        clips,
        cuts,
        unit,
        _rate(pred.times),
        len(x),
    )


def pooled(parts: Sequence[Matched]) -> Matched:
    """Several recordings as one, with a cut between them.

    Raises
    ------
    DataError
        If they differ in keypoints, dimensions or unit, or only some have a truth or a reference.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        if (part.keypoints, part.unit, part.pred.shape[2]) != (
            first.keypoints,
            first.unit,
            first.pred.shape[2],
        ):
            raise DataError("expected sequences of the same keypoints and unit to pool, found different ones")
        if (part.truth is None, part.reference is None) != (first.truth is None, first.reference is None):
            raise DataError(
                "expected a truth and a reference for every sequence or for none, found some without"
            )
    at = np.cumsum([0, *(len(m.pred) for m in parts)])

    def joined(name: str) -> Array | None:
        each = [getattr(m, name) for m in parts]
        return None if each[0] is None else np.concatenate(each)

    def shifted(name: str) -> tuple[int, ...]:
        return tuple(
            int(a + c) for a, m in zip(at, parts, strict=False) for c in (0, *getattr(m, name)) if a + c > 0
        )

    notes = dict.fromkeys(n for m in parts for n in m.notes)
    same = all(abs(m.fps / first.fps - 1) < SAME_RATE for m in parts)
    if not same:
        notes["frame rates differ: what is measured per second is left out"] = None
    pred = joined("pred")
    assert pred is not None
    lost = [m.unpredicted for m in parts if m.unpredicted is not None]
    return replace(
        first,
        pred=pred,
        truth=joined("truth"),
        reference=joined("reference"),
        clips=shifted("clips"),
        cuts=shifted("cuts"),
        fps=first.fps if same else float("nan"),
        frames=sum(m.frames for m in parts),
        unpredicted=np.sum(lost, axis=0) if lost else None,
        notes=tuple(notes),
    )


def _unpredicted(
    pred: PoseSequence, truth: PoseSequence, keypoints: list[int], persons: list[int], notes: list[str]
) -> Floats:
    """How often the truth has each keypoint where there is no prediction, in frames of the prediction."""
    lost = frames_unpredicted(pred.times, truth.times)
    known = truth.valid[lost][:, persons][:, :, keypoints]
    lost_with_somebody = int(known.any(axis=(1, 2)).sum())
    if lost_with_somebody:
        notes.append(
            f"{lost_with_somebody} of the truth's {len(truth.times)} frames have no prediction: "
            "they lower coverage and count nowhere else"
        )
    steps = time_step(truth.times), time_step(pred.times)
    faster = np.isfinite(steps).all() and steps[0] < steps[1] * (1 - SAME_RATE)
    count: Floats = known.sum(axis=(0, 1)) * (steps[0] / steps[1] if faster else 1.0)
    return count


def _units(pred: PoseSequence, truth: PoseSequence) -> tuple[str, tuple[float, float]]:
    """The unit to report in, and the factors that bring both to it."""
    metric = [s.unit in MILLIMETRES for s in (pred, truth)]
    if all(metric) and (pred.shape[3] == 3 or pred.unit != truth.unit):
        return "mm", (MILLIMETRES[pred.unit], MILLIMETRES[truth.unit])
    if pred.unit != truth.unit:
        raise DataError(f"expected a truth in the prediction's unit, {pred.unit}, found {truth.unit}")
    return {"normalized": "of the image"}.get(pred.unit, pred.unit), (1.0, 1.0)


def _roots(
    pred: Skeleton, truth: Skeleton, root: RootChoice, official: bool, notes: list[str]
) -> tuple[list[int], list[int]] | None:
    """Keypoints, in either skeleton, whose mean is the root."""
    if root is None:
        return None
    if not isinstance(root, str) or root != "skeleton":
        wanted = list(root) if isinstance(root, Iterable) and not isinstance(root, str) else [root]
        if not wanted:
            raise DataError("expected a root, or several, found none")
        for r in wanted:
            number = isinstance(r, int | np.integer) and -len(pred) <= r < len(pred)
            if not isinstance(r, str) and not number:
                raise DataError(
                    f"expected a root among the {len(pred)} keypoints of the prediction, found {r}"
                )
        names = [r if isinstance(r, str) else pred.keypoints[r] for r in wanted]
        return [pred.index(n) for n in names], [truth.index(n) for n in names]
    hips = ("left_hip", "right_hip")
    # Human3.6M and MPI-INF-3DHP are scored relative to their pelvis, all others to the middle of the hips.
    first: list[tuple[str, ...]] = [hips] if official and truth.name not in ("h36m17", "mpi17") else []
    for candidate in (*first, pred.root, truth.root, hips):
        both = [_indices(s, candidate) for s in (pred, truth)]
        if candidate and both[0] is not None and both[1] is not None:
            return both[0], both[1]
    if pred.root and truth.root:
        notes.append(f"roots differ: {' + '.join(pred.root)} against {' + '.join(truth.root)} of the truth")
        return list(pred.root_indices), list(truth.root_indices)
    notes.append("no root is known for these keypoints: nothing was subtracted")
    return None


def _indices(skeleton: Skeleton, names: Sequence[str]) -> list[int] | None:
    try:
        return [skeleton.index(n) for n in names]
    except DataError:
        return None


def _check_spaces(pred: PoseSequence, truth: PoseSequence, rooted: bool, notes: list[str]) -> None:
    if pred.space == truth.space:
        return
    if "root-relative" in (pred.space, truth.space) and rooted:
        notes.append(
            f"{pred.space} against {truth.space}: compared relative to the root; axes taken to be parallel"
        )
        return
    hint = (
        "; root='skeleton' compares relative to the root"
        if "root-relative" in (pred.space, truth.space)
        else ""
    )
    raise DataError(f"expected a truth in the prediction's space, {pred.space}, found {truth.space}{hint}")


def _relative(x: Array, root: list[int] | None, keypoints: list[int], scale: float) -> Array:
    """Some keypoints minus the root, scaled; single precision like its source."""
    out = x.take(keypoints, axis=2)  # unlike an index, keeps the order in memory, on which speed depends
    if root is not None:
        out = out - x[:, :, root].mean(axis=2, keepdims=True)
    return out if scale == 1.0 else out * np.float32(scale)


def _mean_distance(a: Array, b: Array) -> float:
    d = np.sqrt(((a - b) ** 2).sum(axis=-1))
    there = np.isfinite(d)
    return float(d[there].mean()) if there.any() else float("nan")


def _starts(frames: int, persons: int, inside: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    clips = tuple(p * frames for p in range(1, persons))
    cuts = tuple(p * frames + c for p in range(persons) for c in (0, *inside) if p + c > 0)
    return clips, cuts


def _laid(x: Array, persons: Sequence[int] | range) -> Array:
    """(frames, persons, …) as (persons · frames, …): some persons, one after the other."""
    if len(persons) == 1:
        return x[:, persons[0]]
    return np.concatenate([x[:, p] for p in persons])


def _rate(times: Floats) -> float:
    return 1.0 / time_step(times) if len(times) > 1 else float("nan")
