"""The pipeline around a filter: what is missing, what is wrong, what belongs together; then the filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from steadypose import rotations
from steadypose._timed import complete
from steadypose.errors import DataError
from steadypose.refine._aside import say_rest, set_aside
from steadypose.refine._segments import Bools, Floats, Segments, Values, fill_gaps, find_segments
from steadypose.refine._size import body_size
from steadypose.refine.filters import Filter, Gaussian, Slerp
from steadypose.refine.outliers import ROTATION_SIZE, find_outliers, find_switches
from steadypose.refine.rest_pose import count_rest_rotations
from steadypose.refine.swaps import repair_swaps
from steadypose.sequence import BodyMotion, PoseSequence

AnyMotion = TypeVar("AnyMotion", bound=PoseSequence | BodyMotion)

# A sample that was not seen, or that its estimator does not believe, still counts a little, so that the curve
# is determined everywhere; one part in fifty is little enough for its neighbours to win.
LEAST_WEIGHT = 0.02


@dataclass(frozen=True)
class Refiner:
    """A filter and what goes before it; call it with a motion.

    Deterministic and pure; keeps shape, times and names; treats every person by itself.

    Parameters
    ----------
    filter
        What smooths.
    max_gap
        Longest gap that is filled, seconds; 0 fills none.
    outliers
        Whether slips are taken out, frames in which the body collapses, and rest poses at the start kept.
    swaps
        Whether exchanged sides are put back (positions only).
    confidence
        Whether confidence weighs samples.
    """

    filter: Filter
    max_gap: float = 0.25
    outliers: bool = False
    swaps: bool = False
    confidence: bool = True

    def __post_init__(self) -> None:
        if not (np.isfinite(self.max_gap) and self.max_gap >= 0):
            raise DataError(f"expected max_gap of 0 seconds or more, found {self.max_gap!r}")

    def latency(self, fps: float) -> float:
        """Frames of future that a frame's result may depend on; infinite if all of them."""
        return self.max_gap * fps + self.filter.ahead(fps)

    def __call__(self, motion: AnyMotion) -> AnyMotion:
        """The motion, steady; see :func:`steadypose.refine`."""
        steady: PoseSequence | BodyMotion
        steady = self._rotations(motion) if isinstance(motion, BodyMotion) else self._positions(motion)
        return cast(AnyMotion, steady)

    def describe(self) -> str:
        """The filter with its parameters, as it stands in a history."""
        return self.filter.describe()

    def _positions(self, seq: PoseSequence) -> PoseSequence:
        if "positions" not in self.filter.handles:
            raise DataError(
                f"{self.filter.name}: expected rotations (a body motion), found keypoint positions"
            )
        frames, persons, keypoints, dims = seq.shape
        if persons == 0:
            return seq.with_positions(seq.positions, f"refine: {self.describe()}; no person")
        counts: dict[str, int] = {}
        x, rest = seq.positions, np.zeros(persons, np.intp)
        if self.outliers:
            x, rest, lost = set_aside(seq)
            counts |= say_rest(rest)
            counts[f"{'frame' if lost == 1 else 'frames'} where the body collapsed or was elsewhere"] = lost
        if self.swaps:
            x, swapped = repair_swaps(x, seq.confidence, seq.times, seq.skeleton)
            counts["frames with left and right swapped back"] = int(swapped.any(axis=2).sum())
        values = x.reshape(frames, persons * keypoints, dims)
        seen = complete(x)
        confidence = None if seq.confidence is None else seq.confidence.reshape(frames, -1)
        # Another body under the same name is a cut, whatever the method.
        bodies = body_size(x, seen)
        switches = find_switches(x, seq.times, seen, bodies)
        cuts = np.repeat(switches, keypoints, axis=1) if switches.any() else None
        valid, size = seen.reshape(frames, -1), np.repeat(bodies, keypoints)
        doubted = None
        if self.outliers:
            bones = seq.skeleton.bones + keypoints * np.arange(persons)[:, None, None]
            slips = find_outliers(values, valid, seq.times, size, bones=bones.reshape(-1, 2))
            valid, doubted, counts["outliers removed"] = self._without(slips, valid, seq.times, cuts)
            del slips  # a million frames of masks add up
        segments = find_segments(valid, seq.times, self.max_gap, cuts)
        out, filled = self._curves(values, valid, confidence, seq.times, size, segments, doubted)
        counts["keypoints filled"] = int(filled.sum())
        note = "; ".join(
            [f"refine: {self.describe()}, max_gap={self.max_gap:g}"]
            + [f"{n} {what}" for what, n in counts.items() if n]
        )
        out = out.reshape(seq.shape)
        for one, rows in enumerate(rest):
            out[:rows, one] = seq.positions[:rows, one]
        return seq.with_positions(out, note, filled.reshape(seq.shape[:3]))

    def _rotations(self, motion: BodyMotion) -> BodyMotion:
        frames, persons, joints = motion.shape
        values = motion.rotations.reshape(frames, persons * joints, 9).astype(np.float32)
        valid = motion.valid.reshape(frames, -1)
        # A difference of matrices, over √2, is the angle between them (for small angles): speeds are radians.
        size = np.full(persons * joints, np.sqrt(2.0))
        counts: dict[str, int] = {}
        doubted, rest = None, np.zeros(persons, np.intp)
        if self.outliers:
            rest = count_rest_rotations(motion.rotations, motion.times)
            counts |= say_rest(rest)
            for one, rows in enumerate(rest):
                valid[:rows, one * joints : (one + 1) * joints] = False
            slips = find_outliers(values, valid, motion.times, size / np.sqrt(2.0) * ROTATION_SIZE)
            valid, doubted, counts["outliers removed"] = self._without(slips, valid, motion.times)
        segments = find_segments(valid, motion.times, self.max_gap)
        out, filled = self._curves(values, valid, None, motion.times, size, segments, doubted)
        matrices = rotations.project(out.astype(np.float64).reshape(motion.rotations.shape))
        translation: npt.NDArray[np.float64] | None = None
        if motion.translation is not None:
            where, uncertain = complete(motion.translation), None
            path = motion.translation
            for one, rows in enumerate(rest):
                where[:rows, one] = False
            start = path[where].mean(axis=0) if where.any() else np.zeros(3)  # keeps single precision small
            follow = Gaussian(self.filter.sigma) if isinstance(self.filter, Slerp) else self.filter
            height = np.full(persons, 1.7 / {"m": 1.0, "cm": 0.01, "mm": 0.001}.get(motion.unit, 1.0))
            near = (path - start).astype(np.float32)
            if self.outliers:
                slips = find_outliers(near, where, motion.times, height)
                where, uncertain, slipped = self._without(slips, where, motion.times)
                counts[f"{'outlier' if slipped == 1 else 'outliers'} of the root's path removed"] = slipped
            moved, _ = Refiner(follow, self.max_gap)._curves(
                near,
                where,
                None,
                motion.times,
                height,
                find_segments(where, motion.times, self.max_gap),
                uncertain,
            )
            translation = np.asarray(moved + start, dtype=np.float64)
        for one, rows in enumerate(rest):
            matrices[:rows, one] = motion.rotations[:rows, one]
            if translation is not None and motion.translation is not None:
                translation[:rows, one] = motion.translation[:rows, one]
        said = [f"{n} {what}" for what, n in counts.items() if n] + [f"{int(filled.sum())} rotations filled"]
        note = "; ".join([f"refine: {self.describe()}, max_gap={self.max_gap:g}", *said])
        return motion.with_rotations(matrices, note, translation, filled.reshape(motion.shape))

    def _without(
        self, slips: Bools, valid: Bools, times: Floats, cuts: Bools | None = None
    ) -> tuple[Bools, Bools | None, int]:
        """What is valid without slips; slips that stay, as nothing bridges them; how many are gone."""
        if not slips.any():
            return valid, None, 0
        inside = find_segments(valid & ~slips, times, self.max_gap, cuts).covered(valid.shape)
        # A slip at the end of a stretch has nothing to bridge it: it stays, and hardly counts.
        doubted = slips & ~inside
        inside &= slips
        return valid & ~inside, doubted, int(inside.sum())

    def _curves(
        self,
        values: Values,
        valid: Bools,
        confidence: Values | None,
        times: Floats,
        size: Floats,
        segments: Segments,
        doubted: Bools | None = None,
    ) -> tuple[Values, Bools]:
        """Smoothed curves (NaN outside of segments) and what was filled; values (frames, curves, dims)."""
        filled = np.zeros(valid.shape, bool)
        if segments.gap_curve.size:
            values = values.copy()
            if values.shape[2] == 9:
                filled = _turn_through_gaps(values, times, segments)
            else:
                filled = fill_gaps(values, valid, times, segments)
        weights = self._weights(confidence, filled if doubted is None else filled | doubted)
        everything = (segments.start == 0).all() and (segments.stop == len(times)).all()
        if everything and len(segments.curve) == values.shape[1]:
            return self.filter.smooth(values, weights, times, size), filled
        out = np.full(values.shape, np.nan, np.float32)
        for frames, curves in segments.groups():
            w = None if weights is None else weights[frames][:, curves]
            out[frames, curves] = self.filter.smooth(
                values[frames][:, curves], w, times[frames], size[curves]
            )
        return out, filled

    def _weights(self, confidence: Values | None, hardly: Bools) -> Values | None:
        """Weight of every sample: the square of its confidence relative to this estimator's best.

        A weight is one over a variance, and errors grow about as confidence falls.
        """
        if confidence is None or not self.confidence:
            return np.where(hardly, np.float32(LEAST_WEIGHT), np.float32(1)) if hardly.any() else None
        known = confidence[:: max(1, len(confidence) // 2000)]
        known = known[np.isfinite(known) & (known > 0)]
        if known.size == 0:
            return self._weights(None, hardly)
        best = float(np.quantile(known, 0.95))
        weights: Values = np.clip(confidence / np.float32(best), LEAST_WEIGHT, 1, dtype=np.float32)
        weights[~np.isfinite(weights)] = 1
        weights[hardly] = LEAST_WEIGHT
        return weights


def _turn_through_gaps(values: Values, times: Floats, segments: Segments) -> Bools:
    """Fill short gaps of rotations in place at constant angular velocity; returns what was filled."""
    filled = np.zeros(values.shape[:2], bool)
    curve, a, b = segments.gap_curve, segments.gap_before, segments.gap_after
    length = b - a - 1
    gap = np.repeat(np.arange(len(a)), length)
    frame = a[gap] + 1 + np.arange(len(gap)) - np.repeat(np.cumsum(length) - length, length)
    u = (times[frame] - times[a[gap]]) / (times[b] - times[a])[gap]
    ends = [values[at[gap], curve[gap]].astype(np.float64).reshape(-1, 3, 3) for at in (a, b)]
    values[frame, curve[gap]] = rotations.slerp(ends[0], ends[1], u).reshape(-1, 9)
    filled[frame, curve[gap]] = True
    return filled
