"""The motions of both splits, and which of them meet which noise at which frame rate."""

from __future__ import annotations

from collections.abc import Iterator

import captured
import motions
from captured import Curve
from disturbances import KINDS
from motions import AMPLITUDES, FREQUENCIES, Motion

RATES = (24, 30, 50, 60, 120, 240)
SPLITS = ("validation", "test")
NOISES = tuple(KINDS)
COMBINATIONS = 2 * len(AMPLITUDES)  # of amplitude, and for good or in bursts
SOME = (0, 5, 11)  # of them for every frequency, noise and rate
FILMED_CLIPS, FILMED_EVENTS = 6, 5
FILMED_WAVES = ((1, 100.0), (2, 50.0), (4, 50.0), (5, 150.0), (8, 20.0))  # Hz, mm
FLEXIONS = ((2, 20.0), (4, 10.0), (6, 5.0), (8, 20.0))  # Hz, degrees


def motions_of(split: str, root: str) -> Iterator[Motion]:
    """All motions of a split; the folder is the one that holds ``mocap/``."""
    calm = [captured.curve(*captured.joints(root, n), s, p) for n, s, p in captured.CALM[split]]
    clips = list(_clips(split, root))
    events = list(_events(split, calm))
    yield from clips
    yield from events
    yield from _waves(split, calm)
    every = len(clips) // FILMED_CLIPS
    some = clips[:: every or 1][:FILMED_CLIPS] + events[::3][:FILMED_EVENTS]
    for at, (frequency, amplitude) in enumerate(FILMED_WAVES):
        name = f"wave {frequency:g} Hz {amplitude:g} mm"
        rng = motions.chance(split, f"2d {name}")
        base = calm[at % len(calm)]
        some.append(motions.oscillation(base, name, frequency, amplitude, at % 2 == 1, rng))
    for motion in some:
        yield motions.filmed(motion, motions.chance(split, f"camera {motion.name}"))
    yield from _turning(split, root)


def included(motion: dict, number: int, noise: int, rate: int) -> bool:
    """Whether there is a cell of this motion (by its place among its like), this noise and rate.

    Of oscillations three of sixteen combinations of size and kind, in turns; of the rest every second cell.
    Without noise: every second oscillation, and all the rest. Rotations have no confidence.
    """
    if motion["space"] == "rotations" and KINDS[NOISES[noise]].confidence:
        return False
    if motion["family"] == "oscillation" and motion["space"] == "3d":
        frequency, combination = divmod(number, COMBINATIONS)
        if noise == 0:
            return (number + rate) % 2 == 0
        return (combination - 5 * frequency - 3 * noise - 7 * rate) % COMBINATIONS in SOME
    return noise == 0 or (number + noise + rate) % 2 == 0


def _clips(split: str, root: str) -> Iterator[Motion]:
    for kind, name in captured.CLIPS[split]:
        at = captured.curve(*captured.joints(root, name))
        yield _clip(f"{kind}: {name}", kind, at)
    for name in captured.SITTING[split]:
        values, _ = captured.joints(root, name)
        at = captured.sitting(values, motions.chance(split, f"sitting {name}"))
        yield _clip(f"sitting: {name}", "sitting", at)


def _clip(name: str, kind: str, at: Curve, space: str = "3d") -> Motion:
    key, peak = captured.fastest(at)
    if space == "3d":
        return Motion(name, "clip", kind, at, key, peaks=(peak,))
    scored = tuple(range(len(captured.JOINTS)))
    scale = motions.RADIANS
    return Motion(name, "clip", kind, at, key, scored, peaks=(peak,), space=space, scale=scale)


def _events(split: str, calm: list[Curve]) -> Iterator[Motion]:
    made = {
        "strike": lambda *a: motions.strike(*a[:2], "left arm" if a[3] % 2 else "right arm", a[2]),
        "kick": lambda *a: motions.strike(*a[:2], "left leg" if a[3] % 2 else "right leg", a[2]),
        "clap": lambda *a: motions.clap(*a[:3]),
        "jump": lambda *a: motions.jump(*a[:3]),
        "steps": lambda *a: motions.steps(*a[:3]),
    }
    for kind, count in (("strike", 5), ("kick", 3), ("clap", 3), ("jump", 3), ("steps", 3)):
        for number in range(count):
            name = f"{kind} {number}"
            # Who lies on the floor neither jumps nor walks.
            standing = [c for at, c in enumerate(calm) if at != 2] if kind in ("jump", "steps") else calm
            base = standing[number % len(standing)]
            yield made[kind](base, name, motions.chance(split, name), number)


def _waves(split: str, calm: list[Curve]) -> Iterator[Motion]:
    for f, frequency in enumerate(FREQUENCIES):
        for combination in range(COMBINATIONS):
            amplitude, burst = AMPLITUDES[combination // 2], combination % 2 == 1
            name = f"{'burst' if burst else 'sine'} {frequency:g} Hz {amplitude:g} mm"
            base = calm[(f + combination) % len(calm)]
            rng = motions.chance(split, name)
            yield motions.oscillation(base, name, frequency, amplitude, burst, rng)


def _turning(split: str, root: str) -> Iterator[Motion]:
    curves = {}
    for kind, name in captured.TURNING[split]:
        curves[name] = captured.turning(*captured.turns(root, name))
        yield _clip(f"rotations {kind}: {name}", kind, curves[name], "rotations")
    base = next(iter(curves.values()))
    for at, (frequency, degrees) in enumerate(FLEXIONS):
        name = f"flexion {frequency:g} Hz {degrees:g}°"
        rng = motions.chance(split, name)
        yield motions.flexion(base, name, 1 + at % (len(captured.JOINTS) - 1), frequency, degrees, rng)
