"""What :class:`~steadypose.models.gatenet.GateNet` learns from: pieces of motion as estimators see them.

A piece is a few seconds of one body at an estimator's own frame rate. Its motion is captured, sped up or
slowed down, with fast movements put on some of its keypoints (:mod:`steadypose.data.fast_motion`); its noise
is one of many kinds (:mod:`steadypose.data.refine_noise`). Pieces of the same frames, keypoints and axes make
a block, which is one step of training.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose.data.fast_motion import add_fast_motion
from steadypose.data.mocap import Clip, load_clips
from steadypose.data.refine_noise import noise_like_estimators
from steadypose.data.refine_sets import _detected, _turned
from steadypose.errors import DataError
from steadypose.refine.bank import BankSpec, bands_of, series_of
from steadypose.refine.bank_numbers import Described, describe, scale_of
from steadypose.sequence import BodyMotion, Floats

__all__ = ["Block", "PieceData", "Pieces", "pieces_of"]

Values = npt.NDArray[np.float32]

ROTATION_SIZE = 2.0**0.5  # a difference of matrices over √2 is the angle between them
_RADIANS = 1 / 1.2  # of rotation noise for a metre of noise in a keypoint
_TURN = 0.12  # seconds: deviation of the bell that rounds the turns of a motion run to and fro
# Smallest added movement, in deviations of noise without memory, and of an estimator's: errors that last look
# like weak movements, and most of what looks so is error.
_WEAKEST = {False: 1.5, True: 4.0}
_NUMBERS = 24_000  # keypoints × axes × frames of a block


@dataclass(frozen=True)
class PieceData:
    """What pieces are made of.

    Parameters
    ----------
    root
        The folder that contains ``mocap/``. Default: the environment variable STEADYPOSE_DATA.
    sources
        Names of motion sources (``cmu``, ``deepmimic`` …). Default: all that the licence allows.
    licence
        ``"permissive"``: only motion that may be used commercially; ``"any"``.
    blocks
        Of pieces, in an epoch.
    rates
        Frame rates of estimators, each as likely as it is often here.
    seconds
        Shortest and longest piece.
    speed
        Lowest and highest factor on the speed of a motion.
    slow
        Share of pieces that are hardly moving: their speed is divided by up to ten.
    fast
        Share of pieces with fast movements put on.
    rotations
        Share of blocks of rotations.
    flat
        Share of the other blocks that are 2D.
    detector
        Share of pieces of 2D blocks that are seen by a camera and a simulated detector.
    clean
        Share of pieces without noise.
    estimator
        Share of the other pieces with an estimator's noise; the rest has white, sparse and correlated noise.
    smoothed
        Share of pieces with an estimator's noise that their estimator has smoothed itself.

    Raises
    ------
    DataError
        If a field does not fit.
    """

    root: str | None = None
    sources: tuple[str, ...] | None = None
    licence: Literal["permissive", "any"] = "permissive"
    blocks: int = 400
    rates: tuple[float, ...] = (15, 20, 24, 24, 25, 30, 30, 30, 30, 50, 60, 60, 60, 100, 120, 120, 240, 240)
    seconds: tuple[float, float] = (1.0, 8.0)
    speed: tuple[float, float] = (0.6, 2.2)
    slow: float = 0.15
    fast: float = 0.4
    rotations: float = 0.12
    flat: float = 0.35
    detector: float = 0.3
    clean: float = 0.1
    estimator: float = 0.5
    smoothed: float = 0.25

    def __post_init__(self) -> None:
        checks = {
            "blocks": (self.blocks >= 1, "a number from 1 up"),
            "rates": (len(self.rates) > 0 and min(self.rates) > 0, "frame rates above 0"),
            "seconds": (0 < self.seconds[0] <= self.seconds[1], "a shortest and a longest above 0"),
            "speed": (0 < self.speed[0] <= self.speed[1], "a lowest and a highest factor above 0"),
        }
        for name in ("slow", "fast", "rotations", "flat", "detector", "clean", "estimator", "smoothed"):
            checks[name] = (0 <= getattr(self, name) <= 1, "a share from 0 to 1")
        for name, (fits, expected) in checks.items():
            if not fits:
                raise DataError(f"expected {name} as {expected}, found {getattr(self, name)!r}")


@dataclass(frozen=True)
class Block:
    """Pieces of the same shape.

    Parameters
    ----------
    fps
        Frames a second.
    noisy, truth : ndarray of float32, shape (frames, pieces, keypoints, axes)
        Nine axes are the entries of a rotation matrix.
    size : ndarray of float32, shape (pieces,)
        Of the bodies.
    lasting : ndarray of float32, shape (pieces,)
        1 where the errors are an estimator's, which last; else 0.
    """

    fps: float
    noisy: Values
    truth: Values
    size: Values
    lasting: Values

    def described(self, curves: Values, spec: BankSpec) -> tuple[Described, Values]:
        """What a network sees of curves made of this block's, and their bands (bands, frames, pieces, …)."""
        raw = series_of(self.noisy, self.fps)
        series = raw if curves is self.noisy else series_of(curves, self.fps)
        bands = bands_of(series, self.fps, spec)
        return describe(bands, raw, scale_of(curves, self.size), self.fps, spec), bands


class Pieces:
    """Blocks of pieces by number; the same seed and number give the same block.

    Parameters
    ----------
    clips
        Motion.
    data
        What is done to it.
    spec
        The bank of the network.
    seed
        Of all chance.
    """

    def __init__(self, clips: Sequence[Clip], data: PieceData, spec: BankSpec, seed: int = 0) -> None:
        if not clips:
            raise DataError("expected clips to make pieces of, found none")
        self.data, self.spec, self.seed, self.clips = data, spec, seed, tuple(clips)
        self._fps = np.array([c.fps for c in clips])
        self._joints = [c.joints("h36m17").positions[:, 0] for c in clips]
        self._rotations = [_quaternions(c) for c in clips]
        seconds = np.array([len(j) for j in self._joints]) / self._fps
        # Long clips count more, but not in proportion: what they show is more alike.
        self._share = np.sqrt(seconds) / np.sqrt(seconds).sum()

    def __len__(self) -> int:
        return self.data.blocks

    def block(self, number: int) -> Block:
        """One block, made when it is asked for."""
        d, rng = self.data, np.random.default_rng([self.seed, number])
        fps = float(rng.choice(d.rates))
        seconds = float(rng.uniform(*d.seconds)) * (0.5 if fps > 100 else 1.0)
        frames = max(8, round(seconds * fps))
        turning = rng.random() < d.rotations and any(q is not None for q in self._rotations)
        axes = 9 if turning else 2 if rng.random() < d.flat else 3
        keypoints = int(rng.choice([17, 17, 17, 12, 6, 3, 1]))
        pieces = int(np.clip(_NUMBERS // (keypoints * axes * frames), 1, 40 if keypoints > 1 else 60))
        made = [self._piece(frames, keypoints, axes, fps, rng) for _ in range(pieces)]
        noisy, truth = (np.stack([m[i] for m in made], axis=1).astype(np.float32) for i in (0, 1))
        size, lasting = (np.array([m[i] for m in made], np.float32) for i in (2, 3))
        return Block(fps, noisy, truth, size, lasting)

    def _piece(
        self, frames: int, keypoints: int, axes: int, fps: float, rng: np.random.Generator
    ) -> tuple[Floats, Floats, float, bool]:
        """Noisy and true curves (frames, keypoints, axes), the size of the body, whether errors last."""
        d = self.data
        while True:
            clip = int(rng.choice(len(self.clips), p=self._share))
            if axes != 9 or self._rotations[clip] is not None:
                break
        at = self._times(clip, frames, fps, rng)
        if axes == 9:
            return self._rotating(clip, at, keypoints, fps, rng)
        joints = _read_off(self._joints[clip], at)
        level, estimator = self._level(rng), rng.random() < d.estimator
        if rng.random() < d.fast:
            joints = joints + add_fast_motion(joints.shape, fps, level, _WEAKEST[estimator], rng)
        found = None
        if axes == 2 and level > 0 and rng.random() < d.detector:
            found = _detected(np.concatenate([joints, joints]), frames, fps, rng)
        if found is not None:
            noisy, truth = found
        else:
            truth = _turned(joints, axes, rng)
            smoothed = estimator and rng.random() < d.smoothed
            noisy = truth + noise_like_estimators(truth.shape, fps, level, rng, estimator, smoothed)
        size = body_size(truth[:, None])[0]
        some = rng.permutation(17)[:keypoints]
        lasting = level > 0 and (estimator or found is not None)
        return noisy[:, some], truth[:, some], float(size), lasting

    def _rotating(
        self, clip: int, at: Floats, keypoints: int, fps: float, rng: np.random.Generator
    ) -> tuple[Floats, Floats, float, bool]:
        from scipy.spatial.transform import Rotation

        q = self._rotations[clip]
        assert q is not None
        some = rng.integers(q.shape[1], size=keypoints)
        turned = _read_off(q[:, some], at)
        truth = Rotation.from_quat(turned.reshape(-1, 4))
        level, estimator = self._level(rng) * _RADIANS, rng.random() < self.data.estimator
        smoothed = estimator and rng.random() < self.data.smoothed
        shape = (len(at), keypoints, 3)
        if rng.random() < self.data.fast:
            moved = add_fast_motion((len(at), 17, 3), fps, level, _WEAKEST[estimator], rng)
            truth = truth * Rotation.from_rotvec(2 * moved[:, :keypoints].reshape(-1, 3))
        noise = noise_like_estimators(shape, fps, level, rng, estimator, smoothed)
        noisy = truth * Rotation.from_rotvec(noise.reshape(-1, 3))
        curves = [r.as_matrix().reshape(len(at), keypoints, 9) for r in (noisy, truth)]
        return curves[0], curves[1], ROTATION_SIZE, estimator and level > 0

    def _level(self, rng: np.random.Generator) -> float:
        """Metres of noise."""
        if rng.random() < self.data.clean:
            return 0.0
        return float(np.exp(rng.uniform(np.log(0.0005), np.log(0.05))))

    def _times(self, clip: int, frames: int, fps: float, rng: np.random.Generator) -> Floats:
        """Where in a clip, in its own frames, each frame of a piece is taken; short clips run to and fro."""
        d = self.data
        speed = float(np.exp(rng.uniform(*np.log(d.speed))))
        if rng.random() < d.slow:
            speed *= float(np.exp(rng.uniform(np.log(0.1), np.log(0.5))))
        last = len(self._joints[clip]) - 1
        step = speed * self._fps[clip] / fps
        t = np.arange(frames) * step
        if t[-1] <= last:
            return np.asarray(t + rng.uniform(0, last - t[-1]))
        from scipy.ndimage import gaussian_filter1d

        t = t + rng.uniform(0, 2 * last)
        to_and_fro = last - np.abs(t % (2 * last) - last)
        wide = np.pad(to_and_fro, 1, mode="edge")
        rounded = gaussian_filter1d(wide, _TURN * fps, mode="nearest")[1:-1]
        return np.asarray(np.clip(rounded, 0, last))


def pieces_of(data: PieceData, split: str, spec: BankSpec, seed: int = 0) -> Pieces:
    """The pieces of a split.

    Raises
    ------
    DataError
        If the folder of motion capture is not there, or has nothing of that split.
    """
    root = data.root if data.root is not None else os.environ.get("STEADYPOSE_DATA")
    sources = data.sources if split == "train" else None
    clips = load_clips(root, splits=(split,), sources=sources, licence=data.licence)
    return Pieces([c for c in clips if len(c.motion.times) >= 8], data, spec, seed)


def _read_off(x: npt.NDArray[np.floating], at: Floats) -> Floats:
    """Curves between their frames, by a cubic spline through the part that is needed."""
    from scipy.interpolate import CubicSpline

    low = max(0, int(at.min()) - 8)
    high = min(len(x), int(np.ceil(at.max())) + 9)
    part = np.asarray(x[low:high], np.float64)
    return np.asarray(CubicSpline(np.arange(low, high), part, axis=0)(at))


def _quaternions(clip: Clip) -> npt.NDArray[np.float32] | None:
    """Rotations of the joints that turn, as quaternions whose signs do not jump; None if there are none."""
    from scipy.spatial.transform import Rotation

    motion = clip.motion
    if not isinstance(motion, BodyMotion):
        return None
    matrices = motion.rotations[:, 0]
    turning = np.flatnonzero(np.abs(matrices - matrices[:1]).max(axis=(0, 2, 3)) > 1e-3)
    if not len(turning):
        return None
    q = Rotation.from_matrix(matrices[:, turning].reshape(-1, 3, 3)).as_quat()
    q = q.reshape(len(matrices), len(turning), 4)
    flips = np.cumsum((q[1:] * q[:-1]).sum(axis=-1) < 0, axis=0) % 2 == 1
    q[1:][flips] *= -1
    return np.asarray(q, np.float32)
