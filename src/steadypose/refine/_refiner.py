"""The pipeline around a filter: what is missing, what is wrong, what belongs together; then the filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from steadypose import rotations
from steadypose._given import is_finite
from steadypose._size import body_size, size_so_far
from steadypose._timed import check_motion, complete
from steadypose.errors import DataError
from steadypose.refine import low_rate
from steadypose.refine._aside import say_rest, set_aside
from steadypose.refine._reach import rotation_sizes
from steadypose.refine._segments import Bools, Floats, Segments, Values, fill_gaps, find_segments
from steadypose.refine._thin import copies_in, without_copies
from steadypose.refine.filters import Filter, Gaussian, Indices, Slerp
from steadypose.refine.missing import below, find_strays
from steadypose.refine.outliers import find_outliers, find_switches
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
    min_confidence
        Keypoints below it are missing; None: none are.
    strays
        Whether keypoints that leap off their path at low confidence are missing.
    check_rate
        Whether frames that repeat the one before are left out, and what is too fast for its rate alone.
    """

    filter: Filter
    max_gap: float = 0.25
    outliers: bool = False
    swaps: bool = False
    confidence: bool = True
    min_confidence: float | None = None
    strays: bool = False
    check_rate: bool = False

    def __post_init__(self) -> None:
        if not (is_finite(self.max_gap) and self.max_gap >= 0):
            raise DataError(f"expected max_gap of 0 seconds or more, found {self.max_gap!r}")
        if self.min_confidence is not None and not is_finite(self.min_confidence):
            raise DataError(f"expected min_confidence as a number, found {self.min_confidence!r}")
        for name in ("outliers", "swaps", "confidence", "strays", "check_rate"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise DataError(f"expected {name} to be True or False, found {value!r}")

    def latency(self, fps: float) -> float:
        """Frames of future that a frame's result may depend on; infinite if all of them."""
        return self.max_gap * fps + self.filter.ahead(fps)

    def __call__(self, motion: AnyMotion) -> AnyMotion:
        """The motion, steady; see :func:`steadypose.refine`."""
        check_motion(motion)
        self.filter.check_rate(motion.fps)
        if self.check_rate and (copies := copies_in(motion)).any():
            return cast(AnyMotion, without_copies(motion, copies, self._once))
        return self._once(motion)

    def _once(self, motion: AnyMotion) -> AnyMotion:
        steady: PoseSequence | BodyMotion
        with np.errstate(all="ignore"):  # coordinates that no recording has may overflow
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
        x, below_least = self._without_doubtful(seq)
        rest = np.zeros(persons, np.intp)
        if self.outliers:
            x, rest, lost = set_aside(x, seq.times, seq.skeleton)
            counts |= say_rest(rest)
            counts[f"{'frame' if lost == 1 else 'frames'} where the body collapsed or was elsewhere"] = lost
        if self.swaps:
            x, swapped = repair_swaps(x, seq.confidence, seq.times, seq.skeleton)
            counts["frames with left and right swapped back"] = int(swapped.any(axis=2).sum())
        values = x.reshape(frames, persons * keypoints, dims)
        seen = complete(x)
        confidence = None if seq.confidence is None else seq.confidence.reshape(frames, -1)
        bodies, cuts = body_size(x, seen), None
        valid, size = seen.reshape(frames, -1), np.repeat(bodies, keypoints)
        sizes: Floats = size
        if self.filter.causal:  # it must not know what is to come: neither a size nor that a body stays
            sizes = np.repeat(size_so_far(x, seen), keypoints, axis=1)
        else:  # another body under the same name is a cut, whatever the method
            switches = find_switches(x, seq.times, seen, bodies)
            cuts = np.repeat(switches, keypoints, axis=1) if switches.any() else None
        person = np.repeat(np.arange(persons), keypoints)
        doubted = strays = None
        if self.strays and confidence is not None:
            strays = find_strays(values, valid, confidence, seq.times, size, cuts)
            valid = valid & ~strays
        if self.outliers:
            bones = seq.skeleton.bones + keypoints * np.arange(persons)[:, None, None]
            slips = find_outliers(values, valid, seq.times, size, bones=bones.reshape(-1, 2))
            valid, doubted, counts["outliers removed"] = self._without(slips, valid, seq.times, cuts)
            del slips  # a million frames of masks add up
        segments = find_segments(valid, seq.times, self.max_gap, cuts)
        out, filled = self._curves(values, valid, confidence, seq.times, sizes, person, segments, doubted)
        said = [] if below_least is None else [self._said(below_least, filled, confidence is not None)]
        if strays is not None and strays.any():
            left = strays & ~filled
            out[left] = values[left]  # nothing better is known: the input stands, and drags nobody along
            said.append(_fate("astray at low confidence", strays, filled, "left as they were"))
        given = (values, valid, seq.times)
        fast = self._leave_alone(out, filled, given, size, low_rate.POSITIONS, cuts)
        counts["keypoints filled"] = int(filled.sum())
        note = "; ".join(
            [f"refine: {self.describe()}, max_gap={self.max_gap:g}", *said, *fast]
            + [f"{n} {what}" for what, n in counts.items() if n]
        )
        out = out.reshape(seq.shape)
        for one, rows in enumerate(rest):
            out[:rows, one] = seq.positions[:rows, one]
        return seq.with_positions(out, note, filled.reshape(seq.shape[:3]))

    def _leave_alone(
        self,
        out: Values,
        filled: Bools,
        given: tuple[Values, Bools, Floats],
        size: Floats,
        least: float,
        cuts: Bools | None = None,
    ) -> list[str]:
        """Put curves that are too fast for their rate back as they were given (values, valid, times).

        Their gaps are filled all the same. Returns what is to be said of it.
        """
        values, valid, times = given
        fast = low_rate.too_fast(values, valid, times, size, least) if self.check_rate else np.zeros(1, bool)
        if not fast.any():
            return []
        some, seen = values[:, fast], valid[:, fast]
        segments = find_segments(seen, times, self.max_gap, None if cuts is None else cuts[:, fast])
        out[:, fast], filled[:, fast] = _bridged(some, seen, times, segments)
        count = f"{int(fast.sum())} of {len(fast)} {'joints' if values.shape[2] == 9 else 'keypoints'}"
        rate = f"{1 / float(np.median(np.diff(times))):.3g} fps"
        return [f"{count} left as they were: at {rate} their motion cannot be told from noise"]

    def _without_doubtful(self, seq: PoseSequence) -> tuple[Values, Bools | None]:
        """Positions without those below the least confidence, and which these are; None: nothing is asked."""
        if self.min_confidence is None:
            return seq.positions, None
        if seq.confidence is None:
            return seq.positions, np.zeros(seq.shape[:3], bool)
        doubted = below(seq.confidence, self.min_confidence) & seq.valid
        return np.where(doubted[..., None], np.float32(np.nan), seq.positions), doubted

    def _said(self, doubted: Bools, filled: Bools, known: bool) -> str:
        least = f"{self.min_confidence:g}"
        if not known:
            return f"no confidence: min_confidence={least} does nothing"
        return _fate(f"below confidence {least}", doubted.reshape(filled.shape), filled, "missing")

    def _rotations(self, motion: BodyMotion) -> BodyMotion:
        frames, persons, joints = motion.shape
        values = motion.rotations.reshape(frames, persons * joints, 9).astype(np.float32)
        valid = motion.valid.reshape(frames, -1)
        # A difference of matrices, over √2, is the angle between them (for small angles): speeds are radians.
        size = np.full(persons * joints, np.sqrt(2.0))
        person = np.repeat(np.arange(persons), joints)
        counts: dict[str, int] = {}
        doubted, rest = None, np.zeros(persons, np.intp)
        if self.outliers:
            rest = count_rest_rotations(motion.rotations, motion.times)
            counts |= say_rest(rest)
            for one, rows in enumerate(rest):
                valid[:rows, one * joints : (one + 1) * joints] = False
            turns = rotation_sizes(motion.skeleton, motion.offsets, persons).ravel()
            slips = find_outliers(values, valid, motion.times, turns)
            valid, doubted, counts["outliers removed"] = self._without(slips, valid, motion.times)
        segments = find_segments(valid, motion.times, self.max_gap)
        out, filled = self._curves(values, valid, None, motion.times, size, person, segments, doubted)
        given = (values, valid, motion.times)
        fast = self._leave_alone(out, filled, given, size, low_rate.ROTATIONS / 2**0.5)
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
                np.arange(persons),
                find_segments(where, motion.times, self.max_gap),
                uncertain,
            )
            translation = np.asarray(moved + start, dtype=np.float64)
        for one, rows in enumerate(rest):
            matrices[:rows, one] = motion.rotations[:rows, one]
            if translation is not None and motion.translation is not None:
                translation[:rows, one] = motion.translation[:rows, one]
        said = [f"refine: {self.describe()}, max_gap={self.max_gap:g}", *fast]
        if self.min_confidence is not None:
            said.append(self._said(filled, filled, known=False))
        said += [f"{n} {what}" for what, n in counts.items() if n]
        note = "; ".join([*said, f"{int(filled.sum())} rotations filled"])
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
        person: Indices,
        segments: Segments,
        doubted: Bools | None = None,
    ) -> tuple[Values, Bools]:
        """Smoothed curves (NaN outside of segments) and what was filled; values (frames, curves, dims)."""
        values, filled = _bridged(values, valid, times, segments)
        weights = self._weights(confidence, filled if doubted is None else filled | doubted)
        everything = (segments.start == 0).all() and (segments.stop == len(times)).all()
        if everything and len(segments.curve) == values.shape[1]:
            return self.filter.smooth(values, weights, times, size, person), filled
        out = np.full(values.shape, np.nan, np.float32)
        for frames, curves in segments.groups():
            w = None if weights is None else weights[frames][:, curves]
            own = size[curves] if size.ndim == 1 else size[frames][:, curves]
            out[frames, curves] = self.filter.smooth(
                values[frames][:, curves], w, times[frames], own, person[curves]
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


def _fate(what: str, doubted: Bools, filled: Bools, rest: str) -> str:
    """How many keypoints were doubted, and what became of them."""
    count, saved = int(doubted.sum()), int((doubted & filled).sum())
    return f"{count} keypoints {what}: {saved} filled, {count - saved} {rest}"


def _bridged(values: Values, valid: Bools, times: Floats, segments: Segments) -> tuple[Values, Bools]:
    """Values with the short gaps of segments filled, and what was filled."""
    if not segments.gap_curve.size:
        return values, np.zeros(valid.shape, bool)
    values = values.copy()
    if values.shape[2] == 9:
        return values, _turn_through_gaps(values, times, segments)
    return values, fill_gaps(values, valid, times, segments)


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
