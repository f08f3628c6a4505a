"""Evidence that left and right change places between two frames, and that a body becomes another one.

An exchange leaves the middle between a left and a right keypoint where it was and turns the vector from one
to the other round. Evidence is the logarithm of how much likelier a turn makes what is seen than motion does:
positive for a turn, negative against one. It depends on neither scale nor place, orientation, handedness
or the direction of time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.refine._misfit import LONGEST_GAP, LONGEST_STEP, MOMENT, Window

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# Chosen on captured motion with simulated detectors (experiments/cleaning). Lengths are in body sizes.
TAIL = 2.0  # misfits fall off like Student's t: density by misfit² to the power of minus this
FLOOR = 0.0075  # what a step that motion explains may miss by, besides noise
FLOOR_SPEED = 0.015  # the same for a change of speed, as a length over MOMENT
ACCELERATION = 6.0  # body sizes/s² that motion is free to have: counts where steps are long
SLIDES = (1 / 15, 0.1)  # seconds that a turn may take in smoothed or doubtful keypoints …
SLIDE = 3.0  # … and what it is worth less then
UNSEEN = 1.0  # evidence against a turn up to which it may have happened all the same
FOREIGN = 0.2  # a step of the middles of most levels that motion misses by so much shows another body
NEVER = -99.0  # stands for evidence against a turn that is not worth working out

_BLOCK = 1 << 17  # values per block
_SAMPLED = 64  # windows of so many frames that tell the usual misfit


@dataclass(frozen=True)
class Turns:
    """What the step into every frame tells.

    Attributes
    ----------
    evidence : ndarray of float32, shape (frames, levels)
        For a turn of a level between the frame before and this one, in nats; 0 where nothing is known.
    foreign : ndarray of bool, shape (frames,)
        True where neither motion nor a turn makes this body of the one before.
    """

    evidence: npt.NDArray[np.float32]
    foreign: Bools


def find_turns(positions: Array, times: Array, levels: tuple[Ints, ...], size: float) -> Turns:
    """Evidence for a turn of every level of one person's body in every frame.

    Motion is given the best of three predictions of a step: as in the frame before; as it went on before; as
    it goes on after. Legs that cross fast fit one of them. The speeds before and after are compared as well:
    a limb that turns where its sides meet does not go on. The middle of a pair tells how much it moves
    and trembles at that moment: a slip of one keypoint changes middle and vector alike and is no evidence.

    Parameters
    ----------
    positions : ndarray, shape (frames, keypoints, dims)
        NaN where missing.
    times : ndarray, shape (frames,)
        Seconds.
    levels
        Pairs (left, right) of keypoints by level.
    size
        Of the body, in the unit of the positions.
    """
    frames = len(times)
    turns = Turns(np.zeros((frames, len(levels)), np.float32), np.zeros(frames, bool))
    step = float(np.median(np.diff(times))) if frames > 1 else np.inf
    if step > LONGEST_STEP:
        return turns
    judge = _Judge(positions, times, levels, size, step)
    rows = max(4 * judge.halo, _BLOCK // (len(judge.pairs) * positions.shape[2]))
    for start in range(0, frames, rows):
        stop = min(frames, start + rows)
        turns.evidence[start:stop], turns.foreign[start:stop] = judge.block(start, stop)
    return turns


class _Judge:
    """Evidence on blocks of one person's frames, relative to the person's usual misfit."""

    def __init__(
        self, positions: Array, times: Array, levels: tuple[Ints, ...], size: float, step: float
    ) -> None:
        self.positions, self.times, self.size, self.step = positions, times, size, step
        self.pairs = np.concatenate(levels)
        self.count = np.array([len(level) for level in levels])
        self.first = np.cumsum([0, *self.count[:-1]])  # pair of every level
        self.level = np.repeat(np.arange(len(levels)), self.count)  # of every pair
        self.spans = sorted({round(s / step) for s in SLIDES} - {0, 1})
        # Frames on either side that a step can depend on: slides that compete with slides, then gaps.
        reach = 3 * max(SLIDES) + 2 * LONGEST_GAP + LONGEST_STEP + 2 * MOMENT
        self.halo = int(np.ceil(reach / step)) + 4
        self.usual, self.usual_speed = self._usual()

    def block(self, start: int, stop: int) -> tuple[Floats, Bools]:
        """Evidence (frames, levels) and foreign bodies (frames,) of some frames."""
        window, core = self._window(start, stop)
        known = self._by_level(window.known)
        judged = (known > 0).sum(axis=1)
        slides = [self._slide(window, span) for span in self.spans]
        # Worked out are levels most of which may have turned; then all levels of frames with hope.
        doubtful = 2 * self._by_level(window.doubtful()) > known
        hope: Bools = np.any(self._judge(window, 1, doubtful).evidence > -UNSEEN, axis=1)
        for span, slide in zip(self.spans, slides, strict=True):
            first = np.flatnonzero((slide > 0).any(axis=1)) - (span - 1) // 2
            hope[first[:, None] + np.arange(span)] = True
        leap = 2 * self._by_level(window.leaps() > (2 * FOREIGN) ** 2) > known
        leap = (2 * leap.sum(axis=1) > judged) & (judged > 2)
        verdict = self._judge(window, 1, (hope | leap)[:, None] & (known > 0))
        foreign = leap & (2 * (verdict.middle > 1).sum(axis=1) > judged)
        evidence = np.where(known > 0, NEVER, 0.0)
        np.copyto(evidence, _once(verdict, window.lag), where=np.isfinite(verdict.evidence))
        if slides:
            _place_slides(evidence, slides, self.spans)
        return evidence[core], foreign[core]

    def _slide(self, window: Window, span: int) -> Floats:
        """Evidence for turns that take ``span`` frames; minus infinity where most of a level did not turn."""
        against = 2 * self._by_level(window.against(span)) > self.count
        return self._judge(window, span, against).evidence - SLIDE

    def _window(self, start: int, stop: int) -> tuple[Window, slice]:
        """Frames with a halo on either side, and which of them are asked for."""
        low, high = max(0, start - self.halo), min(len(self.times), stop + self.halo)
        x = self.positions[low:high].astype(np.float64) / self.size
        return Window(x, self.times[low:high], self.pairs, self.step), slice(start - low, stop - low)

    def _usual(self) -> tuple[Floats, Floats]:
        """Median misfit of steps and of changes of speed, squared, each of shape (pairs,)."""
        there = np.flatnonzero(np.isfinite(self.positions[:, :, 0]).any(axis=1))
        few = len(there) <= 2 * _SAMPLED**2
        found = []
        for start in [0] if few else there[:: len(there) // _SAMPLED]:
            stop = len(self.times) if few else min(len(self.times), start + _SAMPLED)
            window, core = self._window(start, stop)
            frame, pair = (i.ravel() for i in np.indices(window.known.shape))
            m = window.misfit(1, frame, pair)
            longer = np.maximum(m.seconds / self.step, 1.0) ** 2
            both = np.stack([np.minimum(m.kept, m.turned) / longer, np.minimum(m.speed_kept, m.speed_turned)])
            both = both.reshape(2, *window.known.shape)
            found.append(np.where(window.known, both, np.nan)[:, core])
        usual = np.concatenate(found, axis=1)
        usual = np.where(np.isfinite(usual).any(axis=1, keepdims=True), usual, 0.0)
        step, speed = np.nanmedian(usual, axis=1)
        return step, speed

    def _judge(self, window: Window, span: int, where: Bools) -> _Verdict:
        """Evidence for turns of levels at frames that take ``span`` frames, the mean of their pairs."""
        frame, pair = np.nonzero(where[:, self.level])
        if span == 1:
            known = window.known[frame, pair]
            frame, pair = frame[known], pair[known]
        m, lag = window.misfit(span, frame, pair), window.lag * self.step
        longer = np.maximum(m.seconds / self.step, 1.0) ** 2
        free = self.usual[pair] * longer + FLOOR**2 + (ACCELERATION * m.seconds**2) ** 2
        middle = m.middle / ((2 * FOREIGN) ** 2 + 9 * free)
        free = free + m.middle
        step = np.log((free + m.kept) / (free + m.turned))
        free = self.usual_speed[pair] + FLOOR_SPEED**2 + (ACCELERATION * lag * (lag + m.seconds)) ** 2
        free = free + m.speed_middle
        speed = np.nan_to_num(np.log((free + m.speed_kept) / (free + m.speed_turned)))
        at, shape = frame * where.shape[1] + self.level[pair], where.shape

        def total(x: Floats) -> Floats:
            sums: Floats = np.bincount(at, x, where.size).astype(np.float64)
            return sums.reshape(shape)

        count = total(np.ones(len(at)))
        count[count == 0] = np.nan
        speeds = TAIL * total(speed) / count
        evidence = TAIL * total(step) / count + speeds
        return _Verdict(np.nan_to_num(evidence, nan=-np.inf), speeds, np.nan_to_num(total(middle) / count))

    def _by_level(self, x: Bools) -> Ints:
        counts: Ints = np.add.reduceat(x, self.first, axis=1, dtype=np.intp)
        return counts


@dataclass(frozen=True)
class _Verdict:
    """On turns of levels at frames; each of shape (frames, levels)."""

    evidence: Floats  # minus infinity where not asked for or unknown
    speed: Floats  # what of it is from the change of speed
    middle: Floats  # misfit of the middle in terms of one that shows another body, squared


def _once(verdict: _Verdict, lag: int) -> Floats:
    """The evidence, in which a change of speed speaks for one turn and not for its neighbours as well."""
    evidence = verdict.evidence
    less = np.zeros(evidence.shape, bool)
    for offset in range(1, lag + 1):
        less[:-offset] |= evidence[:-offset] < evidence[offset:]
        less[offset:] |= evidence[offset:] <= evidence[:-offset]
    with np.errstate(invalid="ignore"):
        return np.where(less & (verdict.speed > 0), evidence - verdict.speed, evidence)


def _place_slides(evidence: Floats, slides: list[Floats], spans: list[int]) -> None:
    """Put turns that take several frames among the evidence, in place; all arrays (frames, levels).

    Each is put at one frame: where most of the body turns, else in the middle. It has to be the best
    explanation around, and within it there is no other turn.
    """
    frames, width = len(evidence), max(spans)
    # Moments in half frames: turns of an odd number of frames lie at 2 t, of an even number at 2 t + 1.
    best = np.full((2 * frames, evidence.shape[1]), -np.inf)
    which = np.zeros(best.shape, np.intp)
    for span, slide in zip(spans, slides, strict=True):
        at = slice((span + 1) % 2, None, 2)
        better = slide > best[at]
        best[at][better], which[at][better] = slide[better], span
    level, moment = np.nonzero(best.T > 0)
    value = best[moment, level]
    np.maximum(best[::2], evidence, out=best[::2])
    peak = value >= best[moment, level]
    for offset in range(1, 2 * width + 1):
        for near in (np.maximum(moment - offset, 0), np.minimum(moment + offset, len(best) - 1)):
            peak &= value >= best[near, level]
    level, moment, value = level[peak], moment[peak], value[peak]
    # Of equals the first.
    first = np.concatenate([[True], (np.diff(level) > 0) | (np.diff(moment) > 2 * width)])[: len(level)]
    level, moment, value = level[first], moment[first], value[first]
    span = which[moment, level]
    first = moment // 2 - (span - 1) // 2  # the frame after the last one before the turn
    # One frame for all that may turn at it.
    votes = np.maximum(evidence, 0).sum(axis=1)
    inside = [(offset < span, first + offset) for offset in range(width)]
    for here, t in inside:
        np.add.at(votes, t[here], value[here])
    chosen, most = moment // 2, np.zeros(len(moment))
    for here, t in inside:
        vote = votes[np.minimum(t, frames - 1)] - 1e-6 * np.abs(2 * t - moment)
        better = here & (vote > most)
        chosen, most = np.where(better, t, chosen), np.where(better, vote, most)
    for here, t in inside:
        evidence[t[here], level[here]] = np.minimum(evidence[t[here], level[here]], 0)
    evidence[chosen, level] = value
