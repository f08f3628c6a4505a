"""What can be exchanged between the sides of a body, and what goes together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import xor
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.skeleton import Skeleton

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# Limbs and their levels, each named by words. Legs first: the index toe of a foot is no finger.
_LIMBS = {
    "legs": (("hip", "thigh"), ("knee",), ("ankle", "heel", "toe", "foot")),
    "arms": (("shoulder", "collar"), ("elbow",), ("wrist", "hand", "thumb", "index", "pinky", "finger")),
    "face": (("eye", "ear", "mouth", "nose", "lip", "contour"),),
}
_TOGETHER = 2  # events at a time; more of them explain anything
_BETWEEN = 4  # events between two states, at most that many are told apart


@dataclass(frozen=True)
class Sides:
    """Levels of a body, and the states in which some of them are exchanged.

    An event turns the whole body, the body without the face, the face, or a limb from some level on. A state
    is what one event, or two at a time, leave exchanged; state 0 is the body as it is.

    Attributes
    ----------
    levels : tuple of ndarray, each of shape (pairs, 2)
        Left and right keypoints of a level.
    events : ndarray of bool, shape (events, levels)
        The levels that an event turns.
    states : ndarray of bool, shape (states, levels)
        The levels that are exchanged in a state.
    made_of : ndarray of bool, shape (states, events)
        The events that a state is made of: as few as there can be.
    between : ndarray, shape (states, states)
        The least number of events that lead from one state to another.
    joined : ndarray of int, shape (joints, 2)
        Levels that hang together and point the same way: neighbours along a limb; hips and shoulders.
    """

    levels: tuple[Ints, ...]
    events: Bools
    states: Bools
    made_of: Bools
    between: Floats
    joined: Ints

    def of_events(self, some: Bools) -> Sides:
        """Only the states that are made of some of the events."""
        kept = ~self.made_of[:, ~some].any(axis=1)
        return Sides(
            self.levels,
            self.events[some],
            self.states[kept],
            self.made_of[kept][:, some],
            self.between[np.ix_(kept, kept)],
            self.joined,
        )


def sides_of(skeleton: Skeleton) -> Sides | None:
    """The sides of a skeleton, by the names of its paired keypoints; None if it has no such pairs."""
    limbs = _limbs(skeleton)
    levels = tuple(level for parts in limbs.values() for level in parts)
    if not levels:
        return None
    first = dict(zip(limbs, np.cumsum([0, *map(len, limbs.values())])[:-1].tolist(), strict=True))
    # Sets of levels are bits of a number, and two events at a time are its exclusive or.
    limb = {name: [1 << (first[name] + i) for i in range(len(parts))] for name, parts in limbs.items()}
    every = {name: sum(bits) for name, bits in limb.items()}
    whole = {sum(every.values()), sum(bits for name, bits in every.items() if name != "face")}
    events = sorted((whole | {sum(bits[i:]) for bits in limb.values() for i in range(len(bits))}) - {0})
    made: dict[int, tuple[int, ...]] = {0: ()}
    distance = {0: 0}
    for count in range(1, _BETWEEN + 1):
        for some in combinations(range(len(events)), count):
            turned = reduce(xor, (events[i] for i in some))
            distance.setdefault(turned, count)
            if count <= _TOGETHER:
                made.setdefault(turned, some)
    states = sorted(made)
    between = [[distance.get(a ^ b, _BETWEEN + 1) for b in states] for a in states]
    joined = [
        (first[name] + i, first[name] + i + 1) for name, parts in limbs.items() for i in range(len(parts) - 1)
    ]
    if {"legs", "arms"} <= set(first):
        joined.append((first["legs"], first["arms"]))
    return Sides(
        levels,
        _bits(events, len(levels)),
        _bits(states, len(levels)),
        np.array([np.isin(np.arange(len(events)), made[s]) for s in states]),
        np.array(between, np.float64),
        np.array(joined, np.intp).reshape(-1, 2),
    )


def _limbs(skeleton: Skeleton) -> dict[str, list[Ints]]:
    """Pairs of keypoints by limb and level, of the limbs and levels that there are."""
    pairs: dict[str, dict[int, list[tuple[int, int]]]] = {}
    for left, right in enumerate(skeleton.mirror):
        name = skeleton.canonical[left]
        if right == left or not name.startswith("left_"):
            continue
        words = set(name.split("_"))
        levels = ((n, i) for n, kinds in _LIMBS.items() for i, kind in enumerate(kinds) if words & set(kind))
        limb, level = next(levels, ("", 0))
        if limb:
            pairs.setdefault(limb, {}).setdefault(level, []).append((left, int(right)))
    return {limb: [np.array(pairs[limb][i]) for i in sorted(pairs[limb])] for limb in _LIMBS if limb in pairs}


def _bits(numbers: list[int], count: int) -> Bools:
    bits: npt.NDArray[Any] = (np.array(numbers)[:, None] >> np.arange(count)) & 1
    return bits.astype(bool)
