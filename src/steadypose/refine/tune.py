"""A method's parameters searched against ground truth, as papers do for the filters they compare with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from steadypose import metrics
from steadypose._given import is_finite
from steadypose._timed import check_motion
from steadypose.errors import DataError
from steadypose.metrics._align import align, is_targets
from steadypose.metrics._match import match, pooled
from steadypose.refine._refiner import Refiner
from steadypose.refine.filters import make_filter, tunable
from steadypose.rotations import forward_kinematics
from steadypose.sequence import BodyMotion, Motion, PoseSequence

Objective = Literal["mpjpe", "accel"]

GRID = 9  # points over a parameter's range at first
FINEST = 1.05  # ratio of neighbouring values at last
WARNING = "tuned on the truth it is measured against: expect less on other recordings"


@dataclass(frozen=True)
class Trial:
    """One set of parameters and how it did.

    Parameters
    ----------
    params
        The method's parameters: all that are numbers, others where they were given.
    error
        MPJPE, mm in 3D and the data's unit in 2D; for rotations MPJAE in degrees.
    accel
        Acceleration error of the same, per frame².
    """

    params: Mapping[str, Any]
    error: float
    accel: float


@dataclass(frozen=True, eq=False)
class Tuning:
    """What a search found.

    Parameters
    ----------
    method, params
        To be given to :func:`steadypose.refine`; parameters are in seconds or hertz.
    best
        The trial that won.
    trials
        Everything that was tried, in order.
    before, after
        All metrics of the input and of the refined motion.
    motion
        Refined with these parameters; a list if a list was given.
    notes
        What to keep in mind.
    """

    method: str
    params: Mapping[str, Any]
    best: Trial
    trials: tuple[Trial, ...]
    before: metrics.Evaluation
    after: metrics.Evaluation
    motion: Motion | list[Motion]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        values = ", ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.params.items()
        )
        found = f"error {self.best.error:.4g}, accel {self.best.accel:.4g}"
        return "\n".join([f"{self.method}({values}): {found}; {len(self.trials)} tried", *self.notes])


def tune(
    motion: Motion | Sequence[Motion],
    truth: Motion | Sequence[Motion],
    method: str = "gaussian",
    *,
    objective: Objective = "mpjpe",
    target_accel: float | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    progress: Callable[[Trial], None] | None = None,
    **fixed: Any,
) -> Tuning:
    """Search a method's parameters against ground truth.

    One parameter after the other over a logarithmic grid, then in ever smaller steps around the best; every
    value of a whole-number parameter gets a search of its own.

    Parameters
    ----------
    motion, truth
        One recording, or several (their frames are pooled). Truth is matched by name and time as in
        :func:`steadypose.evaluate`; rigid targets are aligned once, to the input.
    method
        One of :data:`steadypose.refine.METHODS`.
    objective
        ``"mpjpe"``: the lowest error. ``"accel"``: the lowest acceleration error among parameters that leave
        the error no higher than the input's. (Without that condition the answer is always: stand still.)
    target_accel
        For either objective: the lowest error among parameters whose acceleration error is at most this.
        With the acceleration error of another method this is the "comparable Accel" row of SmoothNet's
        Table 1.
    bounds
        Lowest and highest value to try, by parameter; by default the range each parameter names.
    progress
        Called after every trial.
    **fixed
        Parameters of the method that are not searched, and other arguments of :func:`steadypose.refine`:
        ``max_gap``, ``outliers``, ``swaps``, ``strays``, ``check_rate``, ``confidence``, ``min_confidence``.

    Returns
    -------
    Tuning

    Raises
    ------
    DataError
        If there is no such method or parameter, a bound is not positive, the numbers of recordings differ, or
        recording and truth have nothing in common.

    References
    ----------
    Zeng et al.: SmoothNet, ECCV 2022, table 1.
    """
    if objective not in get_args(Objective):
        raise DataError(
            f"expected objective to be one of {', '.join(get_args(Objective))}, found {objective!r}"
        )
    if target_accel is not None and not (is_finite(target_accel) and target_accel > 0):
        raise DataError(f"expected target_accel above 0, found {target_accel!r}")
    motions, truths = _pairs(motion, truth)
    around = {f.name for f in fields(Refiner)} - {"filter"}
    options = {name: value for name, value in fixed.items() if name in around}
    given = {name: value for name, value in fixed.items() if name not in around}
    space = _Space.of(method, given, dict(bounds or {}))

    untouched = _score(motions, truths)[0]
    tried: dict[tuple[Any, ...], Trial] = {}

    def attempt(params: dict[str, Any]) -> Trial:
        key = tuple(params.values())
        if key not in tried:
            try:
                refiner = Refiner(make_filter(method, **params), **options)
                for m in motions:
                    refiner.filter.check_rate(m.fps)
            except DataError:  # values that exclude one another, or the recording's frame rate
                return Trial(params, np.inf, np.inf)
            tried[key] = Trial(params, *_score([refiner(m) for m in motions], truths))
            if progress is not None:
                progress(tried[key])
        return tried[key]

    def rank(trial: Trial) -> tuple[bool, float]:
        """Those within the limit first, by what is asked for; then the others by how near they come to it."""
        if target_accel is not None:
            within = trial.accel <= target_accel
            return not within, trial.error if within else trial.accel
        if objective == "accel":
            within = trial.error <= untouched
            return not within, trial.accel if within else trial.error
        return False, trial.error

    first = make_filter(method, **given)
    numbers = {f.name for f in tunable(first)}
    start = {
        f.name: float(getattr(first, f.name)) if f.name in numbers else given[f.name]
        for f in fields(first)
        if f.name in numbers or f.name in given
    }
    best = min((_climb(space, start | whole, attempt, rank) for whole in space.whole_numbers()), key=rank)
    notes = [WARNING]
    if rank(best)[0]:
        limit = (
            f"accel of {target_accel:g}"
            if target_accel is not None
            else f"error of the input, {untouched:.4g}"
        )
        notes.append(f"no parameters reach the {limit}: these come nearest")
    refiner = Refiner(make_filter(method, **best.params), **options)
    done = [refiner(m) for m in motions]
    return Tuning(
        method,
        best.params,
        best,
        tuple(tried.values()),
        _evaluate(motions, truths),
        _evaluate(done, truths),
        done if isinstance(motion, Sequence) else done[0],
        tuple(notes),
    )


@dataclass(frozen=True)
class _Space:
    """What is searched: ranges of numbers, and values of whole numbers."""

    ranges: Mapping[str, tuple[float, float]]
    values: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, method: str, fixed: Mapping[str, Any], bounds: dict[str, tuple[float, float]]) -> _Space:
        known = {f.name: f for f in tunable(make_filter(method, **fixed))}
        ranges: dict[str, tuple[float, float]] = {}
        values: dict[str, tuple[float, ...]] = {}
        for name in bounds:
            if name not in known:
                raise DataError(f"{method}: expected bounds among {', '.join(known)}, found {name!r}")
        for name, f in known.items():
            low, high = bounds.get(name, f.metadata["range"])
            if not (0 < low <= high < np.inf):
                raise DataError(
                    f"{method}: expected bounds of {name} with 0 < low <= high, found {low}, {high}"
                )
            if name in fixed:
                continue
            if f.type == "int":
                values[name] = tuple(float(v) for v in range(int(np.ceil(low)), int(high) + 1))
            else:
                ranges[name] = (float(low), float(high))
        return cls(ranges, values)

    def whole_numbers(self) -> Iterator[dict[str, float]]:
        for choice in itertools.product(*self.values.values()):
            yield dict(zip(self.values, choice, strict=True))


def _climb(
    space: _Space,
    start: dict[str, Any],
    attempt: Callable[[dict[str, Any]], Trial],
    rank: Callable[[Trial], tuple[bool, float]],
) -> Trial:
    """The best trial that coordinate-wise search reaches from ``start``."""
    inside = {n: float(np.clip(start[n], low, high)) for n, (low, high) in space.ranges.items()}
    best = attempt(start | inside)

    def consider(name: str, value: float) -> bool:
        nonlocal best
        trial = attempt({**best.params, name: value})
        if rank(trial) < rank(best):
            best = trial
            return True
        return False

    for _ in range(3 if len(space.ranges) > 1 else 1):
        better = [
            consider(n, float(v)) for n, ends in space.ranges.items() for v in np.geomspace(*ends, GRID)
        ]
        if not any(better):
            break
    ratios = {name: (high / low) ** (0.5 / (GRID - 1)) for name, (low, high) in space.ranges.items()}
    while any(ratio > FINEST for ratio in ratios.values()):
        for name, ratio in ratios.items():
            low, high = space.ranges[name]
            steps = (best.params[name] * ratio, best.params[name] / ratio)
            if ratio > 1 and not any(consider(name, float(np.clip(v, low, high))) for v in steps):
                ratios[name] = ratio**0.5 if ratio > FINEST else 1.0
    return best


def _pairs(
    motion: Motion | Sequence[Motion], truth: Motion | Sequence[Motion]
) -> tuple[list[Motion], list[Motion]]:
    """Recordings and truths of one kind, truths aligned where they are another device's targets."""
    motions = list(motion) if isinstance(motion, Sequence) else [motion]
    truths = list(truth) if isinstance(truth, Sequence) else [truth]
    if not motions or len(motions) != len(truths):
        raise DataError(f"expected a truth for every recording, found {len(truths)} for {len(motions)}")
    known: list[Motion] = []
    for one in (*motions, *truths):
        check_motion(one)
    for mine, theirs in zip(motions, truths, strict=True):
        if isinstance(mine, BodyMotion):
            if not isinstance(theirs, BodyMotion):
                raise DataError("expected a truth with rotations like the recording, found positions")
            known.append(theirs)
        elif isinstance(theirs, BodyMotion):
            known.append(forward_kinematics(theirs))
        else:
            known.append(align(mine, theirs).truth if is_targets(theirs) else theirs)
    if len({type(m) for m in motions}) > 1:
        raise DataError("expected recordings of one kind, found positions and rotations")
    return motions, known


def _score(motions: Sequence[Motion], truths: Sequence[Motion]) -> tuple[float, float]:
    """MPJPE and acceleration error of all recordings together (of rotations MPJAE and its like)."""
    if isinstance(motions[0], BodyMotion):
        whole = _evaluate(motions, truths)
        error, accel = whole["mpjae"], whole.scores.get("angular_accel", np.nan)
    else:
        pairs = zip(motions, truths, strict=True)
        m = pooled(
            [
                match(mine, theirs, "skeleton", False)
                for mine, theirs in pairs
                if isinstance(mine, PoseSequence) and isinstance(theirs, PoseSequence)
            ]
        )
        assert m.truth is not None
        error = float(metrics.mpjpe(m.pred, m.truth))
        accel = float(metrics.accel(m.pred, m.truth, cuts=m.cuts))
    if not np.isfinite(error):
        raise DataError("expected recording and truth to have keypoints at the same time, found none")
    return error, accel if np.isfinite(accel) else 0.0


def _evaluate(motions: Sequence[Motion], truths: Sequence[Motion]) -> metrics.Evaluation:
    """All metrics; several recordings pooled, of rotations their mean weighted by frames."""
    if len(motions) == 1:
        return metrics.evaluate(motions[0], truths[0])
    if not isinstance(motions[0], BodyMotion):
        whole = metrics.evaluate({"all": motions}, {"all": truths})
        return metrics.Evaluation(whole.scores, whole.units, whole.frames, notes=whole.notes)
    every = [metrics.evaluate(m, t) for m, t in zip(motions, truths, strict=True)]
    frames = [e.frames for e in every]
    common = [name for name in every[0] if all(name in e for e in every)]
    scores = {name: float(np.average([e[name] for e in every], weights=frames)) for name in common}
    return metrics.Evaluation(scores, {name: every[0].units[name] for name in common}, sum(frames))
