"""Left and right exchanged for a while: found by motion and put back.

An exchange leaves the middle between a left and a right keypoint where it was and turns the vector from one
to the other round. Motion does not: even legs that cross pass through zero step by step. The whole body is in
one of a few states (as it is; exchanged as a whole; a limb exchanged from some level on), and the states that
explain the motion with the fewest turns are found by dynamic programming (Viterbi), with what every other
story would cost beside it: where another one costs hardly more, nothing is done.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose.refine._misfit import LONGEST_GAP
from steadypose.refine._sides import Sides, sides_of
from steadypose.refine._turns import UNSEEN, find_turns
from steadypose.refine.outliers import find_switches
from steadypose.skeleton import Skeleton

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# Costs in nats, to set against evidence; chosen on captured motion (experiments/cleaning).
TURN = 5.0  # of an event: one end of an exchange
HOLD = 2.0  # of a second in a state, for each event that it is made of: the shorter story is believed
MARGIN = 3.0  # by which every story in which a level is not exchanged has to cost more
JOINED = 10.0  # of a second in which levels that hang together point apart, times the logarithm of …
APART = 0.008  # … one plus the product of their vectors over this, in body sizes²

_ROWS = 1 << 12  # turns whose costs are tabulated at once


def repair_swaps(
    positions: npt.NDArray[np.float32], confidence: Array | None, times: Array, skeleton: Skeleton
) -> tuple[npt.NDArray[np.float32], Bools]:
    """Put left and right back where they are exchanged for a while.

    One decision for the whole body: that it turns as a whole is one event, as is that a limb turns from
    some level on. Both ends of an exchange have to show as turns that no motion explains, or one of them
    with so much more evidence (an exchange may end unseen where the limbs meet, or with the recording),
    and a long one needs more evidence than a short one. Which of two stretches is the exchanged one is
    decided by length, where confidence counts as length, and by what fits together: hips and shoulders, and
    the levels of a limb, lie alike. What remains ambiguous is left as it is. Persons are judged by
    themselves.

    Parameters
    ----------
    positions : ndarray of float32, shape (frames, persons, keypoints, 2 or 3)
        NaN where missing.
    confidence : ndarray, shape (frames, persons, keypoints), optional
        Of the keypoints as they stand in the file.
    times : ndarray, shape (frames,)
        Seconds.
    skeleton
        Its left and right names say what can be exchanged.

    Returns
    -------
    positions : ndarray of float32
        With coordinates exchanged between left and right; the argument itself if nothing was. Confidence
        is no coordinate: it stays with the name under which the file has it.
    swapped : ndarray of bool, shape (frames, persons, keypoints)
        Where coordinates were exchanged.
    """
    swapped = np.zeros(positions.shape[:3], bool)
    sides = sides_of(skeleton)
    if sides is None:
        return positions, swapped
    size = body_size(positions)
    switches = find_switches(positions, times)
    for person in range(positions.shape[1]):
        there = np.flatnonzero(np.isfinite(positions[:, person, :, 0]).any(axis=1))
        if len(there) < 2:
            continue
        span = slice(there[0], there[-1] + 1)
        seen = None if confidence is None else confidence[span, person]
        body = _Body(positions[span, person], seen, times[span], sides, float(size[person]))
        fresh = switches[span, person] | body.turns.foreign
        back = there[1:][np.diff(times[there]) > LONGEST_GAP] - there[0]
        firsts = sorted({0, *back.tolist(), *np.flatnonzero(fresh).tolist()})
        for start, stop in zip(firsts, [*firsts[1:], len(fresh)], strict=True):
            exchanged = body.exchanged(slice(start, stop))
            for level, where in zip(sides.levels, exchanged.T, strict=True):
                swapped[span.start + start : span.start + stop, person, level.ravel()] = where[:, None]
    if not swapped.any():
        return positions, swapped
    return np.where(swapped[..., None], positions[:, :, skeleton.mirror], positions), swapped


class _Body:
    """One person's keypoints (frames, keypoints, dims), from the first frame with them to the last."""

    def __init__(self, x: Array, confidence: Array | None, times: Array, sides: Sides, size: float) -> None:
        self.x, self.confidence, self.times, self.sides, self.size = x, confidence, times, sides, size
        self.turns = find_turns(x, times, sides.levels, size)

    @cached_property
    def seconds(self) -> Floats:
        """Time of a frame, shape (frames,)."""
        return np.asarray(np.gradient(self.times), dtype=np.float64)

    @cached_property
    def clock(self) -> npt.NDArray[np.float32]:
        """Time of a frame as it counts against an exchange of a level, shape (frames, levels).

        It runs slower where the confidence of what is exchanged is below its usual one.
        """
        clock = np.repeat(self.seconds[:, None].astype(np.float32), len(self.sides.levels), axis=1)
        for i, level in enumerate(self.sides.levels if self.confidence is not None else ()):
            assert self.confidence is not None
            c = self.confidence[:, level.ravel()]
            mean = np.where(np.isfinite(c), c, 0).mean(axis=1)
            if (mean > 0).any():
                clock[:, i] *= np.clip(mean / np.median(mean[mean > 0]), 0.2, 2.0)
        return clock

    def exchanged(self, part: slice) -> Bools:
        """Which levels are exchanged in the frames of a stretch, shape (frames, levels)."""
        evidence = self.turns.evidence[part]
        of_events = evidence[1:] @ self.sides.events.T.astype(np.float32)
        # An event that costs more than it explains everywhere is not part of any story.
        worth: Bools = np.any(of_events > TURN, axis=0)
        if not worth.any():
            return np.zeros(evidence.shape, bool)
        some = self.sides.of_events(worth)
        at = 1 + np.flatnonzero((of_events[:, worth] > -UNSEEN).any(axis=1))
        starts = np.concatenate([[0], at])
        lengths = np.add.reduceat(self.clock[part], starts, axis=0, dtype=np.float64)
        events = lengths @ (some.events / some.events.sum(axis=1)[:, None]).T
        hold = HOLD * events @ some.made_of.T + JOINED * self._apart(part, starts, some)
        margin = _margins(evidence[at].astype(np.float64), np.maximum(hold, 0), some)
        return np.repeat(margin > MARGIN, np.diff([*starts, len(evidence)]), axis=0)

    def _apart(self, part: slice, starts: Ints, sides: Sides) -> Floats:
        """How much worse levels fit together in every state than as they are; (intervals, states)."""
        x, across = self.x[part], []
        for level in sides.levels:
            v = (x[:, level[:, 0]] - x[:, level[:, 1]]) / self.size
            known = np.isfinite(v)
            across.append(np.where(known, v, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
        apart = np.zeros((len(starts), len(sides.states)))
        for a, b in sides.joined:
            product = (across[a] * across[b]).sum(axis=1)
            alike = np.sign(product) * np.log1p(np.abs(product) / APART) * self.seconds[part]
            apart += np.add.reduceat(alike, starts)[:, None] * (sides.states[:, a] ^ sides.states[:, b])
        return apart


def _margins(evidence: Floats, hold: Floats, sides: Sides) -> Floats:
    """By how much the best story without an exchange costs more than the best with it.

    Parameters
    ----------
    evidence : ndarray, shape (turns, levels)
    hold : ndarray, shape (turns + 1, states)
        Cost of every state before, between and after the turns.

    Returns
    -------
    ndarray, shape (turns + 1, levels)
    """
    states, turns = len(sides.states), len(evidence)
    turned = (sides.states[:, None] ^ sides.states[None]).reshape(-1, len(sides.levels)).T.astype(np.float64)
    price = TURN * sides.between

    def blocks(step: int) -> Any:
        for start in range(0, turns, _ROWS)[::step]:
            some = evidence[start : start + _ROWS]
            cost = price - (some @ turned).reshape(-1, states, states)
            yield from zip(range(start, start + len(some))[::step], cost[::step], strict=True)

    # Exchanged at the first or last frame: a turn was not seen, and its price is not refunded.
    until, after = np.empty((turns + 1, states)), np.empty((turns + 1, states))
    until[0], after[turns] = price[0] + hold[0], price[0]
    for i, cost in blocks(1):
        until[i + 1] = (until[i][:, None] + cost).min(axis=0) + hold[i + 1]
    for i, cost in blocks(-1):
        after[i] = (cost + (hold[i + 1] + after[i + 1])).min(axis=1)
    total = until + after
    margin = np.full((turns + 1, len(sides.levels)), -np.inf)
    for level, exchanged in enumerate(sides.states.T):
        if exchanged.any():
            margin[:, level] = total[:, ~exchanged].min(axis=1) - total[:, exchanged].min(axis=1)
    return margin
