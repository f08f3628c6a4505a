"""Motions with a known fast part: what moves on a calm body, how fast, and where its peaks are.

Everything is in millimetres and seconds and a function of time, so that every frame rate sees the same
motion, sampled and not filtered, as a camera does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

import captured
import numpy as np
from captured import SECONDS, Curve, Floats
from scipy.interpolate import CubicHermiteSpline

from steadypose.rotations import from_axis_angle

FREQUENCIES = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
AMPLITUDES = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 300.0)
DEGREE = 5.0  # millimetres that count as much as one degree: 6 mm of noise are 1.2°
RADIANS = float(np.deg2rad(1 / DEGREE))
GRAVITY = 9810.0

ALL = tuple(range(17))
ARMS, LEGS = (11, 12, 13, 14, 15, 16), (1, 2, 3, 4, 5, 6)
LIMBS = {"left arm": (12, 13), "right arm": (15, 16), "left leg": (5, 6), "right leg": (2, 3)}


@dataclass(frozen=True, eq=False)
class Motion:
    """Five seconds of a body.

    Parameters
    ----------
    name
        Unique within a split.
    family
        ``"clip"``, ``"oscillation"`` or ``"event"``.
    kind
        What it shows: ``"walk"``, ``"sine"``, ``"burst"``, ``"strike"`` …
    curve
        Positions in mm or px, or rotation matrices as nine numbers.
    key
        The keypoint whose peaks and gain are measured.
    scored
        Keypoints whose errors count.
    frequency, amplitude
        Of an oscillation, Hz and mm (rotations: degrees times ``DEGREE``).
    wave
        What was added to the key keypoint: (frames, dims), or a rotation vector.
    peaks
        Stretches of time with one fast movement each, seconds.
    space
        ``"3d"``, ``"2d"`` or ``"rotations"``.
    scale
        Units of ``curve`` (radians for rotations) that count as a millimetre.
    """

    name: str
    family: str
    kind: str
    curve: Curve
    key: int
    scored: tuple[int, ...] = ALL
    frequency: float = float("nan")
    amplitude: float = float("nan")
    wave: Curve | None = None
    peaks: tuple[tuple[float, float], ...] = field(default=())
    space: str = "3d"
    scale: float = 1.0


def chance(split: str, name: str) -> np.random.Generator:
    """The source of chance of one motion: another one for every split."""
    return np.random.default_rng([{"validation": 901, "test": 902}[split], crc32(name.encode())])


def oscillation(
    base: Curve, name: str, frequency: float, amplitude: float, burst: bool, rng: np.random.Generator
) -> Motion:
    """A wrist or ankle that oscillates along one direction, elbow or knee half as far; for good or twice."""
    limb = str(rng.choice(list(LIMBS)))
    near, far = LIMBS[limb]
    direction = _direction(rng)
    angle = rng.uniform(0, 2 * np.pi)
    envelope = _bursts(frequency, rng) if burst else np.ones_like

    def wave(times: Floats) -> Floats:
        size = amplitude * envelope(times) * np.sin(2 * np.pi * frequency * times + angle)
        return np.asarray(size[:, None] * direction)

    scored = ARMS if "arm" in limb else LEGS
    kind = "burst" if burst else "sine"
    moved = _added(base, wave, {near: 0.5, far: 1.0})
    return Motion(name, "oscillation", kind, moved, far, scored, frequency, amplitude, wave)


def strike(base: Curve, name: str, limb: str, rng: np.random.Generator) -> Motion:
    """Punches or kicks: out in 0.1 to 0.25 s, 0.3 to 0.9 m far, back somewhat slower."""
    near, far = LIMBS[limb]
    arm = "arm" in limb
    reach = rng.uniform(300, 600) if arm else rng.uniform(500, 900)
    out = rng.uniform(0.1, 0.18) if arm else rng.uniform(0.16, 0.25)
    back = out * rng.uniform(1.2, 2.0)
    direction = _direction(rng)
    starts = _moments(out + back + 0.15, 5, rng)

    def wave(times: Floats) -> Floats:
        size = sum(_reach((times - s) / out) - _reach((times - s - out) / back) for s in starts)
        return np.asarray(reach * np.asarray(size)[:, None] * direction)

    peaks = tuple((s, s + out + back) for s in starts)
    moved = _added(base, wave, {near: 0.5, far: 1.0})
    kind = "punch" if arm else "kick"
    return Motion(name, "event", f"{kind}, made", moved, far, ARMS if arm else LEGS, peaks=peaks)


def clap(base: Curve, name: str, rng: np.random.Generator) -> Motion:
    """Hands that meet 1.5 to 4 times a second and bounce off within hundredths of a second, in two trains."""
    rate, reach = rng.uniform(1.5, 4.0), rng.uniform(100, 250)
    across = _direction(rng) * [1, 1, 0.2]
    across /= np.linalg.norm(across)
    trains = ((0.5, 2.3), (2.9, 4.6))

    def wave(times: Floats) -> Floats:
        beat = np.sin(np.pi * rate * times)
        closed = 1 - (np.sqrt(beat**2 + 0.05**2) - 0.05) / (np.sqrt(1 + 0.05**2) - 0.05)
        size = reach * closed * sum(_window(times, a, b, 0.15) for a, b in trains)
        return np.asarray(size[:, None] * across)

    moved = _added(base, wave, {12: 0.4, 13: 1.0, 15: -0.4, 16: -1.0})
    return Motion(name, "event", "clap, made", moved, 13, ARMS, peaks=trains)


def jump(base: Curve, name: str, rng: np.random.Generator) -> Motion:
    """Crouch, take off at 1.8 to 3.2 m/s, fly, land; three times. Feet stay down while the body is low."""
    speed, depth = rng.uniform(1800, 3200), rng.uniform(150, 350)
    knots: list[tuple[float, float, float]] = []
    peaks = []
    at = rng.uniform(0.1, 0.4)
    while True:
        crouched = at + rng.uniform(0.35, 0.5)
        off = crouched + 2 * depth / speed
        landed = off + 2 * speed / GRAVITY
        low = landed + 1.5 * depth / speed
        up = low + rng.uniform(0.4, 0.6)
        if up > SECONDS:
            break
        knots += [(at, 0, 0), (crouched, -depth, 0), (off, 0, speed)]
        knots += [(landed, 0, -speed), (low, -0.6 * depth, 0), (up, 0, 0)]
        peaks += [(off - 0.15, off + 0.1), (landed - 0.1, landed + 0.15)]
        at = up + rng.uniform(0.05, 0.3)
    knots = [(-1.0, 0, 0), *knots, (SECONDS + 1.0, 0, 0)]
    height = CubicHermiteSpline(*np.array(knots).T)

    def moved(times: Floats) -> Floats:
        x = base(times)
        h = height(times)[:, None]
        share = np.clip(x[..., 2] / np.maximum(x[:, :1, 2], 1.0), 0, 1)
        x[..., 2] += np.where(h > 0, h, h * share)
        return x

    return Motion(name, "event", "jump, made", moved, 0, peaks=tuple(peaks))


def steps(base: Curve, name: str, rng: np.random.Generator) -> Motion:
    """A body that goes straight on; a foot rests, then swings forward from rest to rest."""
    pace, beat = rng.uniform(600, 1600), rng.uniform(0.3, 0.55)
    swing = beat * rng.uniform(0.75, 0.95)
    angle = rng.uniform(0, 2 * np.pi)
    forward, length = np.array([np.cos(angle), np.sin(angle), 0]), 2 * pace * beat
    lift = rng.uniform(60, 150)
    number = int(np.ceil(SECONDS / (2 * beat))) + 2

    def foot(times: Floats, late: float) -> Floats:
        u = np.stack([(times - late - 2 * beat * n) / swing for n in range(-1, number)])
        gone = length * (_reach(u).sum(axis=0) - 1)
        raised = lift * (64 * (u.clip(0, 1) * (1 - u.clip(0, 1))) ** 3).sum(axis=0)
        return np.asarray(gone[:, None] * forward + raised[:, None] * [0, 0, 1])

    def moved(times: Floats) -> Floats:
        x = base(times)
        body = pace * times[:, None] * forward
        feet = {6: foot(times, 0.0), 3: foot(times, beat)}
        others = [k for k in ALL if k not in (2, 3, 5, 6)]
        x[:, others] += body[:, None]
        for ankle, knee in ((6, 5), (3, 2)):
            x[:, ankle] += feet[ankle]
            x[:, knee] += (body + feet[ankle]) / 2
        return x

    starts = np.arange(0, SECONDS - swing, 2 * beat)
    return Motion(
        name, "event", "steps, made", moved, 6, peaks=tuple((float(s), float(s + swing)) for s in starts)
    )


def filmed(motion: Motion, rng: np.random.Generator) -> Motion:
    """The same motion in the picture of a camera, in pixels."""
    lens, scale = captured.camera(motion.curve, rng)

    def picture(times: Floats) -> Floats:
        return lens.project(motion.curve(times) / 1000)

    def wave(times: Floats) -> Floats:
        assert motion.wave is not None
        x = motion.curve(times)[:, motion.key]
        return lens.project(x / 1000) - lens.project((x - motion.wave(times)) / 1000)

    return Motion(
        f"2d {motion.name}", motion.family, motion.kind, picture, motion.key, motion.scored,
        motion.frequency, motion.amplitude, None if motion.wave is None else wave, motion.peaks, "2d", scale,
    )  # fmt: skip


def flexion(
    base: Curve, name: str, joint: int, frequency: float, degrees: float, rng: np.random.Generator
) -> Motion:
    """A joint that oscillates about an axis of its own."""
    axis, angle = _direction(rng), rng.uniform(0, 2 * np.pi)

    def wave(times: Floats) -> Floats:
        size = np.deg2rad(degrees) * np.sin(2 * np.pi * frequency * times + angle)
        return np.asarray(size[:, None] * axis)

    def moved(times: Floats) -> Floats:
        x = base(times)
        turned = x[:, joint].reshape(-1, 3, 3) @ from_axis_angle(wave(times))
        x[:, joint] = turned.reshape(-1, 9)
        return x

    return Motion(
        name, "oscillation", "sine", moved, joint, tuple(range(len(captured.JOINTS))),
        frequency, degrees * DEGREE, wave, (), "rotations", RADIANS,
    )  # fmt: skip


def _added(base: Curve, wave: Curve, shares: dict[int, float]) -> Curve:
    def moved(times: Floats) -> Floats:
        x, w = base(times), wave(times)
        for keypoint, share in shares.items():
            x[:, keypoint] += share * w
        return x

    return moved


def _direction(rng: np.random.Generator) -> Floats:
    d = rng.normal(size=3)
    return np.asarray(d / np.linalg.norm(d))


def _reach(u: Floats) -> Floats:
    """From 0 to 1 with the least jerk (Flash and Hogan 1985)."""
    u = u.clip(0, 1)
    return np.asarray(u**3 * (10 - 15 * u + 6 * u * u))


def _window(times: Floats, start: float, stop: float, ramp: float) -> Floats:
    """1 from start to stop, with ramps inside."""
    return np.asarray(_reach((times - start) / ramp) * _reach((stop - times) / ramp))


def _bursts(frequency: float, rng: np.random.Generator) -> Curve:
    """Two stretches of 0.6 to 1.2 s, or one period if that is longer."""
    length = max(rng.uniform(0.6, 1.2), 1 / frequency)
    ramp = min(0.15, 0.5 / frequency)
    starts = _moments(length + 0.2, 2, rng)
    return lambda times: np.asarray(sum(_window(times, s, s + length, ramp) for s in starts))


def _moments(length: float, most: int, rng: np.random.Generator) -> Floats:
    """Starts of as many stretches as fit, with rests of any length between them."""
    count = max(1, min(most, int((SECONDS - 0.4) / length)))
    rests = rng.dirichlet(np.ones(count + 1)) * (SECONDS - 0.4 - count * length)
    return np.asarray(0.2 + np.cumsum(rests[:-1]) + length * np.arange(count))
