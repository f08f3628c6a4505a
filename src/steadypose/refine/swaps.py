"""Left and right exchanged for a while: found by motion and put back.

An exchange leaves the middle between a left and a right keypoint where it was and turns the vector from one
to the other round. Motion does not: even legs that cross pass through zero step by step. So each limb is in
one of a few states (as it is; exchanged from the hip, the knee or the ankle on), and the states that explain
the motion with the fewest turns are found by dynamic programming (Viterbi).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose.refine.outliers import find_switches
from steadypose.skeleton import Skeleton, canonical_name

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

# Costs in body sizes, chosen on captured motion at 30 fps (experiments/cleaning).
TURN = {"legs": 0.1, "arms": 0.1, "face": 0.03}  # what a turn must explain, besides noise
NOISE = 4.0  # times the usual change from frame to frame that a turn must explain
HOLD = (
    2.5  # turns that a second in another state must explain: of two stories the shorter exchange is believed
)
TOGETHER = 0.5  # turns: both sides of a limb are together if all its keypoints are within this …
MEETING = 10.0  # … and the time they are counts that many times
LONGEST_STEP = 0.11  # seconds between two frames that can be compared
LONGEST_GAP = 0.25  # seconds without a person after which nothing is known about exchanges before

_BLOCK = 1 << 20  # values per block
_LIMBS = {
    "legs": (("hip", "thigh"), ("knee",), ("ankle", "heel", "toe", "foot")),
    "arms": (("shoulder", "collar"), ("elbow",), ("wrist", "hand", "thumb", "index", "pinky", "finger")),
    "face": (("eye", "ear", "mouth", "nose", "lip", "contour"),),
}


@dataclass(frozen=True)
class _Limb:
    """Pairs of keypoints by level along a limb; state s > 0 exchanges level s - 1 and all beyond."""

    name: str
    levels: tuple[Ints, ...]  # each (pairs, 2): left and right keypoint

    @property
    def states(self) -> int:
        return len(self.levels) + 1

    @property
    def exchanged(self) -> Bools:
        """Which levels are exchanged in which state, shape (states, levels)."""
        level = np.arange(len(self.levels))
        return np.array([np.zeros(len(level), bool), *(level >= s for s in level)])


def repair_swaps(
    positions: npt.NDArray[np.float32], confidence: Array | None, times: Array, skeleton: Skeleton
) -> tuple[npt.NDArray[np.float32], Bools]:
    """Put left and right back where they are exchanged for a while.

    Conservative: both ends of an exchange have to show as a turn that no motion explains, or one of them
    with so much more evidence (an exchange may end unseen where the limbs meet, or with the recording),
    and a long one needs more evidence than a short one. Limbs that are close together or missing on one
    side show no turn. Which of two stretches is the exchanged one is decided by length, where confidence
    counts as length. Persons and limbs are judged by themselves.

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
    size = body_size(positions)
    starts = _stretches(positions, times)
    for limb in _limbs(skeleton):
        turns = _turns(positions, times, limb)
        for person in np.unique(turns.person):
            clock = _clock(positions, confidence, times, person, limb, float(size[person]))
            first = starts[person]
            for start, stop in zip(first, [*first[1:], len(times)], strict=True):
                state = _states(turns, person, start, stop, clock, limb, float(size[person]))
                for level, exchanged in zip(limb.levels, limb.exchanged[state].T, strict=True):
                    swapped[start:stop, person, level.ravel()] = exchanged[:, None]
    if not swapped.any():
        return positions, swapped
    return np.where(swapped[..., None], positions[:, :, skeleton.mirror], positions), swapped


def _limbs(skeleton: Skeleton) -> list[_Limb]:
    """The limbs that a skeleton has, by the names of its paired keypoints."""
    pairs: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for left, right in enumerate(skeleton.mirror):
        name = canonical_name(skeleton.keypoints[left])
        if right == left or not name.startswith("left_"):
            continue
        # Legs first: a foot's index toe is no finger.
        words = set(name.split("_"))
        found = ((n, i) for n, kinds in _LIMBS.items() for i, kind in enumerate(kinds) if words & set(kind))
        where = next(found, None)
        if where is not None:
            pairs.setdefault(where, []).append((left, int(right)))
    limbs = []
    for name, kinds in _LIMBS.items():
        levels = tuple(np.array(pairs[name, i]) for i in range(len(kinds)) if (name, i) in pairs)
        if levels:
            limbs.append(_Limb(name, levels))
    return limbs


@dataclass(frozen=True)
class _Turns:
    """Frames in which some level of a limb seems to turn round, and how much a turn explains there."""

    frame: Ints
    person: Ints
    gain: Array  # (turns, levels), in the unit of the positions
    usual: Array  # (persons, levels): the usual change from frame to frame


def _turns(positions: Array, times: Array, limb: _Limb) -> _Turns:
    frames, persons, _, dims = positions.shape
    found: list[tuple[Ints, Ints, Array]] = []
    steps: list[Array] = []
    near = np.concatenate([[False], np.diff(times) <= LONGEST_STEP])
    pairs = sum(len(level) for level in limb.levels)
    rows = max(16, _BLOCK // max(1, persons * pairs * dims))
    for start in range(0, frames, rows):
        stop = min(frames, start + rows)
        # Two frames before a turn and one after it say how the limb moved there.
        low, high = max(0, start - 2), min(frames, stop + 1)
        ends = [(positions[low:high, :, v[:, 0]], positions[low:high, :, v[:, 1]]) for v in limb.levels]
        across = [left - right for left, right in ends]
        # What turns round points the other way than in the frame before; all else need not be looked at.
        against = np.zeros((high - low, persons), bool)
        for d in across:
            with np.errstate(invalid="ignore"):
                against[1:] |= (np.einsum("tpkd,tpkd->tpk", d[1:], d[:-1]) < 0).any(axis=2)
        against &= near[low:high, None]
        against[: start - low] = False
        against[stop - low :] = False
        at, person = np.nonzero(against)
        gain = np.stack([_gain(left, right, at, person) for left, right in ends], axis=1)
        found.append((at + low, person, gain))
        some = slice(1, None, max(1, (high - low) // 64))
        steps.append(np.stack([_usual(d, some) for d in across], axis=2))
    frame, person, gain = (np.concatenate(a) for a in zip(*found, strict=True))
    change = np.concatenate(steps)
    usual = np.zeros((persons, len(limb.levels)))
    for p in range(persons):
        for i in range(len(limb.levels)):
            known = change[:, p, i][np.isfinite(change[:, p, i])]
            usual[p, i] = np.median(known) if known.size else 0.0
    return _Turns(frame, person, gain, usual)


def _usual(across: Array, some: slice) -> Array:
    """Change from frame to frame of some frames, averaged over the pairs of a level; (frames, persons)."""
    change = _length((across[1:] - across[:-1])[some])
    there = np.isfinite(change)
    mean: Array = np.where(there, change, 0).sum(axis=2) / np.maximum(there.sum(axis=2), 1)
    return np.where(there.any(axis=2), mean, np.nan)


def _gain(left: Array, right: Array, at: Ints, person: Ints) -> Array:
    """How much better a turn at these frames explains the motion of a level than none, mean over its pairs.

    What a turn explains is a change of the vector across; what it does not is a change of the middle (a slip
    of one keypoint changes both alike). Motion is given the best of three predictions: as in the
    frame before; as the last two frames go on; as the next two came. Legs that cross fast fit one of them.
    """
    last = len(left) - 1
    window = [np.clip(at + offset, 0, last) for offset in (-2, -1, 0, 1)]
    across = [left[i, person] - right[i, person] for i in window]
    middle = [left[i, person] + right[i, person] for i in window]
    turn = _length(across[2] + across[1])
    gain = _unexplained(*across) - turn - _unexplained(*middle)
    there = np.isfinite(gain)
    mean: Array = np.where(there, gain, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return mean


def _unexplained(second: Array, before: Array, now: Array, after: Array) -> Array:
    """Distance of a step from the nearest of three predictions; NaN if either end of it is missing."""
    stay = _length(now - before)
    forward, backward = _length(now - 2 * before + second), _length(before - 2 * now + after)
    return np.where(np.isfinite(stay), np.fmin(stay, np.fmin(forward, backward)), np.nan)


def _length(x: Array) -> Array:
    length: Array = np.sqrt(np.einsum("...d,...d->...", x, x))
    return length


def _stretches(positions: Array, times: Array) -> list[list[int]]:
    """First frames of the stretches of each person: after a long absence or another body all starts anew."""
    switch = find_switches(positions, times)
    firsts = []
    for person in range(positions.shape[1]):
        there = np.flatnonzero(np.isfinite(positions[:, person, :, 0]).any(axis=1))
        back = there[1:][np.diff(times[there]) > LONGEST_GAP]
        firsts.append(sorted({0, *back.tolist(), *np.flatnonzero(switch[:, person]).tolist()}))
    return firsts


def _clock(
    positions: Array, confidence: Array | None, times: Array, person: int, limb: _Limb, size: float
) -> Array:
    """Time at every frame and after the last, as it counts against an exchange.

    It runs slower where the limb's confidence is below its usual one, and fast where its two sides are
    together: which of them comes out as which is anyone's guess.
    """
    seconds = np.gradient(times) if len(times) > 1 else np.zeros(1)
    pairs = np.concatenate(limb.levels)
    if confidence is not None:
        c = confidence[:, person, pairs.ravel()]
        mean = np.where(np.isfinite(c), c, 0).mean(axis=1)
        if (mean > 0).any():
            seconds = seconds * np.clip(mean / np.median(mean[mean > 0]), 0.2, 2.0)
    apart = _length(positions[:, person, pairs[:, 0]] - positions[:, person, pairs[:, 1]])
    together = ~(apart > TOGETHER * TURN[limb.name] * size).any(axis=1)
    return np.concatenate([[0.0], np.cumsum(np.where(together, MEETING * seconds, seconds))])


def _states(
    turns: _Turns, person: int, start: int, stop: int, clock: Array, limb: _Limb, size: float
) -> Ints:
    """State of one limb of one person in the frames of a stretch: the cheapest path through its turns."""
    state = np.zeros(stop - start, np.intp)
    mine = (turns.person == person) & (turns.frame > start) & (turns.frame < stop)
    exchanged = limb.exchanged.astype(np.float64)
    changes = np.abs(exchanged[:, None] - exchanged[None])  # (states, states, levels)
    price = TURN[limb.name] * size + NOISE * changes @ turns.usual[person]
    np.fill_diagonal(price, 0.0)
    gain = np.einsum("tl,abl->tab", turns.gain[mine], changes)
    if not (gain > price).any():
        return state
    # Where limbs meet, a turn costs little more than its price: an exchange may end there unseen.
    worth = (gain + price > 0).any(axis=(1, 2), where=price > 0)
    frame, gain = turns.frame[mine][worth], gain[worth]
    ends = np.append(frame, stop)
    hold = HOLD * TURN[limb.name] * size * np.diff(clock[np.concatenate([[start], ends])])
    away = (np.arange(limb.states) > 0).astype(np.float64)
    # Exchanged at the first or last frame: a turn was not seen, and its price is not refunded.
    cost = price[0] + hold[0] * away
    origin = np.empty((len(frame), limb.states), np.intp)
    for i in range(len(frame)):
        total = cost[:, None] + price - gain[i]
        origin[i] = total.argmin(axis=0)
        cost = total.min(axis=0) + hold[i + 1] * away
    at = int((cost + price[0]).argmin())
    for i in range(len(frame) - 1, -1, -1):
        state[frame[i] - start : ends[i + 1] - start] = at
        at = int(origin[i, at])
    state[: frame[0] - start] = at
    return state
