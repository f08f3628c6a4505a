"""Fast movements to put on captured motion: what a body can do, and motion capture at hand hardly shows.

Oscillations, bursts of them, strikes, steps and sweeps of frequency, on single keypoints or growing along a
limb. Sizes follow the noise they have to be told from.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steadypose.sequence import Floats

__all__ = ["add_fast_motion"]

_OVER_NOISE = 150.0  # largest movement, in deviations of the noise
_METRES = (0.002, 0.3)  # … and without noise
_LARGEST = 0.4  # metres
_SLOWEST, _FASTEST, _OF_RATE = 0.5, 12.0, 0.36  # hertz, hertz and of the frame rate
_SHORTEST, _LONGEST = 0.07, 0.5  # seconds of a strike, at half of its height
_FRAMES = 2.5  # of a strike at least: fewer are a slip
# Limbs of h36m17 from the trunk out.
_LIMBS = ((1, 2, 3), (4, 5, 6), (11, 12, 13), (14, 15, 16), (8, 9, 10))
_ALONG = (0.15, 0.55, 1.0)


def add_fast_motion(
    shape: tuple[int, ...], fps: float, noise: float, weakest: float, rng: np.random.Generator
) -> Floats:
    """Displacements in metres.

    Parameters
    ----------
    shape
        (frames, keypoints, 3); 17 keypoints are those of ``h36m17``, which move limb by limb.
    fps
        Frames a second.
    noise
        Metres of the noise that will be added; 0: none.
    weakest
        Smallest movement, in deviations of the noise.
    rng
        The source of chance.

    Returns
    -------
    ndarray, shape (frames, keypoints, 3)
    """
    frames, keypoints, _ = shape
    out = np.zeros(shape)
    low, high = (noise * weakest, noise * _OVER_NOISE) if noise > 0 else _METRES
    low, high = max(min(low, _LARGEST / 2), _METRES[0]), min(max(high, 2 * _METRES[0]), _LARGEST)
    for movers in _movers(keypoints, rng):
        size = float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))
        kind = _KINDS[rng.choice(len(_KINDS), p=_SHARES)]
        wave = kind(np.arange(frames) / fps, fps, rng)
        direction = rng.standard_normal(3)
        path = wave[:, None] * (size * direction / np.linalg.norm(direction))
        if rng.random() < 0.3:  # round rather than to and fro
            other = np.cross(direction, rng.standard_normal(3))
            turned = np.roll(wave, round(fps * rng.uniform(0.02, 0.1)))
            path = path + turned[:, None] * (size * rng.uniform(0.3, 1) * other / np.linalg.norm(other))
        for keypoint, share in movers:
            out[:, keypoint] += share * path
    return out


def _movers(keypoints: int, rng: np.random.Generator) -> list[list[tuple[int, float]]]:
    """Groups of keypoints that move together, and how much of the movement each has."""
    if keypoints == 17 and rng.random() < 0.65:
        limbs = rng.permutation(len(_LIMBS))[: rng.integers(1, 4)]
        return [list(zip(_LIMBS[n], _ALONG, strict=True)) for n in limbs]
    share = rng.uniform(0.1, 0.6)
    some = rng.permutation(keypoints)[: max(1, round(share * keypoints))]
    if rng.random() < 0.3:  # all of them as one
        return [[(int(k), 1.0) for k in some]]
    return [[(int(k), 1.0)] for k in some]


def _frequency(fps: float, rng: np.random.Generator) -> float:
    high = min(_FASTEST, _OF_RATE * fps)
    return float(np.exp(rng.uniform(np.log(_SLOWEST), np.log(high))))


def _oscillation(t: Floats, fps: float, rng: np.random.Generator) -> Floats:
    return np.asarray(np.sin(2 * np.pi * (_frequency(fps, rng) * t + rng.random())))


def _bursts(t: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """An oscillation that comes and goes."""
    level = np.zeros_like(t)
    for _ in range(rng.integers(1, 4)):
        middle, width = rng.uniform(t[0], t[-1]), rng.uniform(0.12, 0.8)
        level += np.exp(-0.5 * ((t - middle) / width) ** 2)
    return _oscillation(t, fps, rng) * np.minimum(level, 1)


def _sweep(t: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """From one frequency to another."""
    first, last = _frequency(fps, rng), _frequency(fps, rng)
    u = t / max(t[-1], 1 / fps)
    return np.asarray(np.sin(2 * np.pi * (t * (first + (last - first) * u / 2) + rng.random())))


def _strikes(t: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """Out and back, some of them, each of its own height."""
    out = np.zeros_like(t)
    for _ in range(rng.integers(1, 6)):
        shortest = max(_SHORTEST, _FRAMES / fps)
        half = float(np.exp(rng.uniform(np.log(shortest), np.log(max(_LONGEST, shortest)))))
        middle = rng.uniform(t[0], t[-1])
        u = np.clip(np.abs(t - middle) / half, 0, 1)
        out += rng.uniform(0.3, 1) * (1 - _moved(u))
    return out


def _steps(t: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """There, and later back."""
    out = np.zeros_like(t)
    for sign in (1, -1):
        u = (t - rng.uniform(t[0], t[-1])) / max(rng.uniform(0.08, 0.6), 3 / fps)
        out += sign * _moved(np.clip(u, 0, 1))
    return out


def _moved(u: Floats) -> Floats:
    """Share of the way of a movement of least jerk (Flash and Hogan 1985) at shares of its time."""
    return np.asarray(u**3 * (10 - 15 * u + 6 * u * u))


def _beats(t: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """Strikes in an even rhythm, as of clapping or drumming."""
    half = max(float(np.exp(rng.uniform(np.log(_SHORTEST), np.log(0.25)))), _FRAMES / fps)
    period = half * rng.uniform(1.6, 6)
    since = (t + rng.uniform(0, period)) % period
    return np.asarray(1 - _moved(np.clip(np.abs(since - period / 2) / half, 0, 1)))


_KINDS: tuple[Callable[[Floats, float, np.random.Generator], Floats], ...] = (
    _oscillation, _bursts, _sweep, _strikes, _steps, _beats,
)  # fmt: skip
_SHARES = (0.25, 0.22, 0.1, 0.23, 0.1, 0.1)
