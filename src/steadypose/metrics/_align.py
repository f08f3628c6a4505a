"""Truth from another device: rigid targets on the body, another sensor frame, another clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steadypose.errors import DataError, SteadyposeError
from steadypose.metrics._match import MILLIMETRES
from steadypose.metrics._rigid import OFFSET_SCALE, Fit, Floats, Indices, fit, smooth_path, warp
from steadypose.sequence import BodyMotion, Motion, PoseSequence
from steadypose.skeleton import Skeleton, canonical_name

TARGETS = "vicon17"
# Which target carries a joint rigidly enough. Elbows belong to the forearm: its target sits closer.
_SIDED = {"shoulder": "upper_arm", "elbow": "forearm", "wrist": "forearm", "knee": "tibia", "ankle": "tibia"}
CARRIERS = {
    **{f"{s}_{j}": f"{s}_{t}_target" for s in ("left", "right") for j, t in _SIDED.items()},
    **dict.fromkeys(("left_hip", "right_hip", "pelvis"), "hips_target"),
    **dict.fromkeys(("spine", "thorax", "neck"), "chest_target"),
    "head": "head_target",
}
ARM = ("shoulder", "elbow", "wrist")
REACH = 0.5  # seconds by which the clocks may differ
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Alignment:
    """A truth brought into the prediction's skeleton, times and frame, and what was fitted to do so.

    Parameters
    ----------
    truth
        The joints that targets carry, at every time of the prediction, in its frame, space and unit.
    targets, offsets
        By joint: the target that carries it, and its place there, mm.
    R, t
        From the truth's frame to the prediction's, mm.
    rows : ndarray of float64, shape (frames,)
        The truth's frame for every frame of the prediction; between two where it is a fraction.
    time_shift, time_spread
        Seconds: mean and standard deviation of the truth's time at a frame minus the frame's own.
    residual, mean_residual
        Median and mean distance of prediction and aligned truth, mm.
    per_joint
        Median distance by joint.
    holdout_frames
        Median distance in quarters of the recording whose frames the offsets and the transform were not
        fitted to.
    holdout_joints
        Median distance of one side's joints when time was warped by the others alone.
    exchanged
        Sides on which the targets of arm and forearm were found to be exchanged.
    """

    truth: PoseSequence
    targets: dict[str, str]
    offsets: dict[str, Floats]
    R: Floats
    t: Floats
    rows: Floats
    time_shift: float
    time_spread: float
    residual: float
    mean_residual: float
    per_joint: dict[str, float]
    holdout_frames: float
    holdout_joints: float
    exchanged: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """The report, a line each."""
        lines = [
            f"the truth's targets were fitted to {len(self.offsets)} joints: median residual "
            f"{self.residual:.1f} mm "
            f"(frames left out {self.holdout_frames:.1f}, joints left out {self.holdout_joints:.1f})",
            f"clocks differ by {self.time_shift:+.3f} s on average (± {self.time_spread:.3f})",
        ]
        lines += [
            f"targets of the {s} arm and forearm are exchanged in the truth: undone" for s in self.exchanged
        ]
        return tuple(lines)

    def __str__(self) -> str:
        rows = [
            f"{j:16} on {self.targets[j]:26} "
            f"offset {np.linalg.norm(o):4.0f} mm  residual {self.per_joint[j]:5.1f} mm"
            for j, o in self.offsets.items()
        ]
        return "\n".join([*self.notes, *rows])


def align(
    pred: PoseSequence, truth: PoseSequence | Mapping[str, Motion], rotations: BodyMotion | None = None
) -> Alignment:
    """Bring a recording of rigid targets (Keraal's Vicon) to a prediction's joints, times and frame.

    A joint is a fixed point of the target that carries it, ``p + R(q) · o``. Fitted are these offsets, the
    rigid transform between the sensors' frames, and (by dynamic time warping) the frame of the truth for
    every frame of the prediction, in turn until nothing changes. Whether the targets of an upper arm and
    forearm are exchanged is decided by which assignment the joints move more rigidly with.

    Align once, to the raw input, and judge every refined version by the same ``truth``: fitted anew to each,
    it would hide their lag and their error.

    Parameters
    ----------
    pred
        The raw input; one person, 3D, in a metric unit.
    truth
        Positions of the targets (skeleton ``vicon17``); or the streams ``positions`` and ``rotations`` as
        :func:`steadypose.io.read_streams` gives them.
    rotations
        Orientations of the targets, where ``truth`` is positions alone. ``None``: read again from its file.

    Raises
    ------
    DataError
        If there are no targets, rotations or common joints, or more than one person.

    Notes
    -----
    What this truth cannot judge: a constant offset of a joint in its segment's frame, or of the whole body,
    for the fit absorbs it (MPJPE is what remains around it); a lag of the raw input, for time is warped to
    it; time errors below the warp's resolution, one row of the truth (half a frame for Keraal); how the spine
    bends, for one target carries its joints; Accel below the truth's own (its clock is uneven, and that
    shakes it: ``evaluate(alignment.truth)`` says how much). Where ``holdout_frames`` or ``holdout_joints`` is
    much above ``residual``, the fit was bent to noise. The warp is stiff, with little freedom beyond the
    clocks' own pace: on Keraal's takes that leaves the smallest errors at joints that had no part in it.
    """
    p, q = _streams(truth, rotations)
    if pred.shape[1] != 1 or p.shape[1] != 1:
        raise DataError(f"expected one person to align, found {pred.shape[1]} and {p.shape[1]} in the truth")
    if pred.shape[3] != 3 or pred.unit not in MILLIMETRES or p.unit not in MILLIMETRES:
        raise DataError(
            f"expected 3D positions in mm, cm or m to align, found {pred.shape[3]}D in {pred.unit}"
        )
    if min(len(pred.times), len(p.times)) < 8:
        raise DataError(f"expected at least 8 frames to align, found {len(pred.times)} and {len(p.times)}")
    joints = _carried(pred.skeleton, p.skeleton)
    task = _Task(pred, p, q, list(joints.values()))
    names = [canonical_name(pred.skeleton.keypoints[k]) for k in joints.values()]
    exchanged: tuple[str, ...] = ()
    best = task.solve(_targets(names, exchanged, p.skeleton))
    for side in ("left", "right"):
        if not all(f"{side}_{j}" in names for j in ARM):
            continue
        other = task.solve(_targets(names, (*exchanged, side), p.skeleton))
        arm = [names.index(f"{side}_{j}") for j in ARM]
        scale = min(best.fit.scale, other.fit.scale)
        if _misfit(other, arm, scale) < _misfit(best, arm, scale):
            exchanged, best = (*exchanged, side), other
    return task.report(pred, best, names, exchanged)


def is_targets(truth: object) -> bool:
    """Whether a truth (a sequence or the streams of a file) is of rigid targets."""
    if isinstance(truth, Mapping):
        truth = truth.get("positions")
    return isinstance(truth, PoseSequence) and truth.skeleton.name == TARGETS


@dataclass(frozen=True)
class _Solution:
    fit: Fit
    rows: Indices
    on: list[int]
    errors: Floats  # (frames, joints)


class _Task:
    """One prediction and one truth, in millimetres."""

    def __init__(self, pred: PoseSequence, p: PoseSequence, q: BodyMotion, joints: list[int]) -> None:
        self.joints = joints
        self.x = pred.positions[:, 0, joints].astype(np.float64) * MILLIMETRES[pred.unit]
        self.p = p.positions[:, 0].astype(np.float64) * MILLIMETRES[p.unit]
        self.turned = q.rotations[:, 0]
        self.clock = p.times
        self.times = pred.times
        step = float(np.median(np.diff(p.times)))
        self.start = (pred.times - p.times[0]) / step  # the clocks are taken to start together
        self.pace = float(np.median(np.diff(self.start)))
        self.reach = max(int(np.ceil(REACH / step)), 1)

    def solve(self, on: list[int], by: Sequence[int] | None = None) -> _Solution:
        """Fit everything; ``by``: warp time by some of the joints only."""
        of = list(range(len(on))) if by is None else list(by)
        x, targets = self.x[:, of], [on[k] for k in of]
        rows = np.clip(np.round(self.start).astype(np.intp), 0, len(self.p) - 1)
        found: Fit | None = None
        for _ in range(ROUNDS):
            found = fit(x, self.p[rows][:, targets], self.turned[rows][:, targets], found)
            joints = found.joints(self.p[:, targets], self.turned[:, targets])
            new = warp(x, joints, self.start, self.pace, self.reach, found.scale)
            if (new == rows).all():
                break
            rows = new
        p, turned = self.p[rows][:, on], self.turned[rows][:, on]
        found = fit(self.x, p, turned, found if by is None else None)
        return _Solution(found, rows, on, _distances(self.x, found.joints(p, turned)))

    def report(
        self, pred: PoseSequence, best: _Solution, names: list[str], exchanged: tuple[str, ...]
    ) -> Alignment:
        rows = np.clip(smooth_path(best.rows, self.start), 0, len(self.p) - 1)
        made = _between(best.fit.joints(self.p[:, best.on], self.turned[:, best.on]), rows)
        errors = _distances(self.x, made)
        truth = PoseSequence(
            (made / MILLIMETRES[pred.unit])[:, None].astype(np.float32),
            pred.times,
            pred.skeleton.subset(self.joints),
            persons=pred.persons,
            unit=pred.unit,
            space=pred.space,
            history=(f"aligned from {TARGETS} targets",),
        )
        late = np.interp(rows, np.arange(len(self.clock)), self.clock) - self.times
        keypoints = truth.skeleton.keypoints
        return Alignment(
            truth,
            {k: CARRIERS[_exchange(n, exchanged)] for k, n in zip(keypoints, names, strict=True)},
            dict(zip(keypoints, best.fit.offsets, strict=True)),
            best.fit.R,
            best.fit.t,
            rows,
            float(late.mean()),
            float(late.std()),
            _median(errors),
            float(errors[np.isfinite(errors)].mean()),
            {k: _median(errors[:, i]) for i, k in enumerate(keypoints)},
            self._left_out_frames(best),
            self._left_out_joints(best, names),
            exchanged,
        )

    def _left_out_frames(self, best: _Solution) -> float:
        p, turned = self.p[best.rows][:, best.on], self.turned[best.rows][:, best.on]
        quarter = np.arange(len(self.x)) * 4 // len(self.x)
        errors = np.full(best.errors.shape, np.nan)
        for i in range(4):
            out = quarter == i
            found = fit(self.x[~out], p[~out], turned[~out], best.fit)
            errors[out] = _distances(self.x[out], found.joints(p[out], turned[out]))
        return _median(errors)

    def _left_out_joints(self, best: _Solution, names: list[str]) -> float:
        errors = []
        for side in ("left", "right"):
            kept = [k for k, n in enumerate(names) if not n.startswith(side)]
            out = [k for k in range(len(names)) if k not in kept]
            if kept and out:
                errors.append(self.solve(best.on, kept).errors[:, out].ravel())
        return _median(np.concatenate(errors)) if errors else float("nan")


def _streams(
    truth: PoseSequence | Mapping[str, Motion], rotations: BodyMotion | None
) -> tuple[PoseSequence, BodyMotion]:
    p = truth.get("positions") if isinstance(truth, Mapping) else truth
    q: Motion | None = truth.get("rotations") if isinstance(truth, Mapping) else rotations
    if not isinstance(p, PoseSequence) or p.skeleton.name != TARGETS:
        found = p.skeleton.name if isinstance(p, PoseSequence) else "no positions"
        raise DataError(f"expected a truth of rigid targets (skeleton {TARGETS}), found {found}")
    if q is None and p.source is not None:
        from steadypose.io import read_streams

        try:
            q = read_streams(p.source.path, format=p.source.format).get("rotations")
        except SteadyposeError as e:
            raise DataError(
                f"expected the targets' rotations beside their positions, found none: {e}"
            ) from None
    if not isinstance(q, BodyMotion) or q.shape != p.shape[:3] or q.relative_to != "world":
        raise DataError(
            f"expected rotations of the targets, shape {p.shape[:3]}, relative to the world, found none"
        )
    return p, q


def _carried(pred: Skeleton, targets: Skeleton) -> dict[str, int]:
    """Keypoints of the prediction that a target carries, by canonical name."""
    names = [canonical_name(n) for n in pred.keypoints]
    found = {n: k for k, n in enumerate(names) if CARRIERS.get(n) in targets.keypoints}
    if len(found) < 3:
        raise DataError(
            f"expected at least 3 joints that targets carry ({', '.join(CARRIERS)}), found {len(found)}"
        )
    return found


def _exchange(joint: str, exchanged: Sequence[str]) -> str:
    """A joint of the other segment of the arm, where targets are exchanged."""
    side, _, part = joint.partition("_")
    if side in exchanged and part in ARM:
        return f"{side}_elbow" if part == "shoulder" else f"{side}_shoulder"
    return joint


def _targets(names: list[str], exchanged: Sequence[str], skeleton: Skeleton) -> list[int]:
    return [skeleton.keypoints.index(CARRIERS[_exchange(n, exchanged)]) for n in names]


def _misfit(s: _Solution, joints: list[int], scale: float) -> float:
    """How badly joints move with their targets: residuals, and offsets longer than segments explain."""
    residual = sum((_median(s.errors[:, k]) / scale) ** 2 for k in joints)
    return residual + float(sum((s.fit.offsets[k] ** 2).sum() for k in joints)) / OFFSET_SCALE**2


def _between(x: Floats, rows: Floats) -> Floats:
    """Values at fractional rows, linearly."""
    low = np.floor(rows).astype(np.intp)
    w = (rows - low)[:, None, None]
    high = np.minimum(low + 1, len(x) - 1)
    return np.where(w == 0, x[low], (1 - w) * x[low] + w * x[high])


def _distances(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.sqrt(((a - b) ** 2).sum(axis=-1)))


def _median(errors: Floats) -> float:
    there = errors[np.isfinite(errors)]
    return float(np.median(there)) if len(there) else float("nan")
