"""What refining networks learn from: motion capture, and what pose estimators would make of it.

Estimators err in ways that last. White noise, noise that remembers for a few frames, errors that wander
over seconds, bursts, slips: a piece of motion gets a mixture of its own, at a frame rate of its own, and
comes to the network's rate as in use. Some pieces are seen by a camera and the simulated 2D detector instead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from steadypose._layouts import layouts
from steadypose._size import body_size
from steadypose.data._processes import correlated, runs
from steadypose.data.cameras import place, sample_film_set, sample_phone
from steadypose.data.mocap import Clip, load_clips
from steadypose.data.noise import DetectorNoise
from steadypose.data.trajectories import Trajectory, TrajectoryPairs
from steadypose.errors import DataError
from steadypose.refine.windows import WindowSpec
from steadypose.sequence import Floats

__all__ = ["RefineData", "RefineSets", "estimated", "sets_of"]

_SKELETON = layouts()["h36m17"]
_RATE = 60.0  # of networks that take curves at whatever rate they come
_CAMERAS, _IN_PICTURE = 5, 0.8  # tries, and the least share of points that have to be in the picture
_SEPARATE = 10  # a validation item every so many frames: neighbours tell the same


@dataclass(frozen=True)
class RefineData:
    """What a refining network is shown.

    Parameters
    ----------
    root
        The folder that contains ``mocap/``. Default: the environment variable STEADYPOSE_DATA.
    sources
        Names of motion sources (``cmu``, ``deepmimic`` …). Default: all that the licence allows.
    licence
        ``"permissive"``: only motion that may be used commercially; ``"any"``.
    noise
        ``"estimator"``: errors that last, as estimators make them (:func:`estimated`). ``"gaussian"``:
        independent in every frame, as in SmoothNet's supplement, table 10.
    dims
        Axes: 3, 2, or ``"mixed"``: either, for every piece.
    rates
        Frame rates of estimators; each piece has one of them, which is then brought to the network's.
    amplitude
        Smallest and largest error of a keypoint, metres; between them evenly on a logarithmic scale.
    clean
        Share of pieces with a twentieth of that error.
    detector
        Share of pieces that are seen by a camera and a simulated 2D detector instead.
    sigma, probability
        Gaussian noise: standard deviation of a coordinate in metres, and the share of samples that have it.
    speed
        Lowest and highest factor on the speed of a motion, in training.
    piece
        Seconds of a piece.
    keypoints
        So many of a body's 17 are shown, drawn for every piece; 0: all.
    centred
        Whether only changes inside a window count as error (``TrajectoryPairs``).
    fresh
        Make noise, speeds and directions anew after every so many epochs; 0: always the same.

    Raises
    ------
    DataError
        If a field does not fit.
    """

    root: str | None = None
    sources: tuple[str, ...] | None = None
    licence: Literal["permissive", "any"] = "permissive"
    noise: Literal["estimator", "gaussian"] = "estimator"
    dims: Literal[2, 3, "mixed"] = "mixed"
    rates: tuple[float, ...] = (60.0, 60.0, 30.0, 30.0, 25.0, 50.0)
    amplitude: tuple[float, float] = (0.0007, 0.06)
    clean: float = 0.12
    detector: float = 0.2
    sigma: float = 0.05
    probability: float = 0.5
    speed: tuple[float, float] = (0.75, 1.35)
    piece: float = 15.0
    keypoints: int = 10
    centred: bool = False
    fresh: int = 1

    def __post_init__(self) -> None:
        checks = {
            "rates": (len(self.rates) > 0 and min(self.rates) > 0, "frame rates above 0"),
            "amplitude": (0 < self.amplitude[0] <= self.amplitude[1], "a smallest and a largest above 0"),
            "speed": (0 < self.speed[0] <= self.speed[1], "a lowest and a highest factor above 0"),
            "clean": (0 <= self.clean <= 1, "a share from 0 to 1"),
            "detector": (0 <= self.detector <= 1, "a share from 0 to 1"),
            "probability": (0 <= self.probability <= 1, "a share from 0 to 1"),
            "sigma": (self.sigma >= 0, "metres from 0 up"),
            "piece": (self.piece > 0, "seconds above 0"),
            "keypoints": (0 <= self.keypoints <= len(_SKELETON.keypoints), "0 to 17"),
            "fresh": (self.fresh >= 0, "a number of epochs from 0 up"),
        }
        for name, (fits, expected) in checks.items():
            if not fits:
                raise DataError(f"expected {name} as {expected}, found {getattr(self, name)!r}")


class RefineSets:
    """Pairs made of motion capture, anew for every epoch if asked to.

    Parameters
    ----------
    clips
        Motion.
    spec
        The network's interface.
    data
        What is done to it.
    seed
        The same seed and epoch give the same pairs.
    training
        Whether motion may be sped up and slowed down, and every window counts.
    joint
        Whether an item is a window of all channels (``TrajectoryPairs``); then all pieces need the same:
        ``dims`` that are not mixed.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        spec: WindowSpec,
        data: RefineData,
        seed: int = 0,
        *,
        training: bool = True,
        joint: bool = False,
    ) -> None:
        if not clips:
            raise DataError("expected clips to make pairs of, found none")
        self.clips, self.spec, self.data, self.seed, self.training = tuple(clips), spec, data, seed, training
        self.joint = joint
        self.rate = _RATE if spec.rate is None else spec.rate
        self._joints = [c.at(self.rate).joints("h36m17").positions[:, 0].astype(np.float64) for c in clips]

    def epoch(self, number: int = 0) -> TrajectoryPairs:
        """The pairs of an epoch."""
        number = number // self.data.fresh if self.data.fresh else 0
        made = []
        length = round(self.data.piece * self.rate)
        for at, (clip, joints) in enumerate(zip(self.clips, self._joints, strict=True)):
            rng = np.random.default_rng([self.seed, number, at])
            for start in range(0, len(joints), length):
                piece = joints[start : start + length]
                if len(piece) > 2 * self.spec.length:
                    made.append(self._piece(f"{clip.name}@{start}", piece, rng))
        step = 1 if self.training else _SEPARATE
        return TrajectoryPairs(made, self.spec, step=step, joint=self.joint, centred=self.data.centred)

    def _piece(self, name: str, joints: Floats, rng: np.random.Generator) -> Trajectory:
        """One piece of motion as some estimator sees it."""
        from scipy.interpolate import CubicSpline

        d = self.data
        low, high = np.log(d.speed)
        speed = float(np.exp(rng.uniform(low, high))) if self.training else 1.0
        curve = CubicSpline(np.arange(len(joints)) / self.rate / speed, joints, axis=0)
        seconds = float(curve.x[-1])
        fps = float(rng.choice(d.rates))
        grid = np.arange(0, seconds, 1 / self.rate)
        same = abs(fps - self.rate) < 1e-6
        stamps = grid if same else np.arange(0, seconds, 1 / fps)
        seen = curve(np.concatenate([stamps, grid]))
        detect = d.noise == "estimator" and d.dims != 3 and rng.random() < d.detector
        found = _detected(seen, len(stamps), fps, rng) if detect else None
        if found is not None:
            label, (noisy, truth) = "2D detector", found
        else:
            body = _turned(seen, d.dims, rng)
            source, truth = body[: len(stamps)], body[len(stamps) :]
            label = f"{truth.shape[-1]}D {d.noise}"
            if d.noise == "gaussian":
                hit = rng.random(source.shape[:2]) < d.probability
                noisy = source + hit[..., None] * rng.normal(0, d.sigma, source.shape)
            else:
                noisy = source + estimated(source.shape, fps, d.amplitude, d.clean, rng)
        size = float(body_size(truth[:, None])[0])
        if 0 < d.keypoints < noisy.shape[1]:
            some = rng.permutation(noisy.shape[1])[: d.keypoints]
            noisy, truth = noisy[:, some], truth[:, some]
        if not same:
            noisy = CubicSpline(stamps, noisy, axis=0)(np.clip(grid, 0, stamps[-1]))
        dims = noisy.shape[-1]
        flat = (len(grid), noisy.shape[1] * dims)
        return Trajectory(
            name, f"{label}, {fps:g} Hz", self.rate,
            noisy.reshape(flat).astype(np.float32), truth.reshape(flat).astype(np.float32), dims, size,
        )  # fmt: skip


def sets_of(
    data: RefineData, split: str, spec: WindowSpec, seed: int = 0, *, joint: bool = False
) -> RefineSets:
    """The source of pairs of a split: ``"train"``, or one to be judged on, whose motion is as it was.

    Raises
    ------
    DataError
        If the folder of motion capture is not there, or has nothing of that split.
    """
    training = split == "train"
    sources = data.sources if training else None
    root = data.root if data.root is not None else os.environ.get("STEADYPOSE_DATA")
    clips = load_clips(root, splits=(split,), sources=sources, licence=data.licence)
    return RefineSets(clips, spec, data, seed, training=training, joint=joint)


def estimated(
    shape: tuple[int, ...],
    fps: float,
    amplitude: tuple[float, float],
    clean: float,
    rng: np.random.Generator,
) -> Floats:
    """Errors of an estimator, drawn anew for every call.

    Parameters
    ----------
    shape
        (frames, keypoints, dims).
    fps
        Frames a second.
    amplitude
        Smallest and largest, in the units of the result.
    clean
        Probability that it has a twentieth of that.
    rng
        The source of chance.

    Returns
    -------
    ndarray
        Errors of single frames (normal, of some samples only, or heavy-tailed), noise with a time constant of
        0.015 to 0.15 s and noise with one of 0.15 to 2.5 s in random shares; larger for some keypoints, and
        often along one axis (depth); in bursts of two to five times the size; with stretches in which a
        keypoint is somewhere else, and with single slips.
    """
    frames, keypoints, dims = shape
    low, high = np.log(amplitude)
    size = float(np.exp(rng.uniform(low, high))) * (0.05 if rng.random() < clean else 1.0)
    each = size * np.exp(rng.normal(0, 0.5, (1, keypoints, 1)) + rng.normal(0, 0.35, (1, 1, dims)))
    if dims == 3 and rng.random() < 0.5:
        each = each * np.array([1.0, 1.0, rng.uniform(1, 4)])[rng.permutation(3)]
    white, quick, slow = np.sqrt(rng.dirichlet([1.0, 1.0, 0.8]))
    if rng.random() < 0.2:
        slow = 0.0
    level: Floats = np.ones((frames, keypoints, 1))
    if rng.random() < 0.7:
        burst = runs((frames, keypoints), rng.uniform(0.05, 0.5), rng.uniform(0.1, 0.5), fps, rng)
        level = np.where(burst, rng.uniform(2, 5), 1.0)[..., None]
    moment = rng.uniform(0.015, 0.15) * fps
    while_ = float(np.exp(rng.uniform(np.log(0.15), np.log(2.5)))) * fps
    noise = level * (white * _single(shape, rng) + quick * correlated(shape, moment, rng, rng.random() < 0.3))
    noise = noise + 1.3 * slow * correlated(shape, while_, rng, rng.random() < 0.5)
    if rng.random() < 0.5:
        noise = noise + _jumps(shape, fps, rng)
    noise = each * noise
    if rng.random() < 0.6:
        slips = rng.random((frames, keypoints, 1)) < 0.004 * rng.random()
        noise = noise + slips * rng.standard_normal(shape) * (8 * size)
    return np.asarray(noise)


def _single(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Errors of single frames, of variance 1: normal, of some samples only, or with heavy tails."""
    kind = rng.random()
    noise: Floats = rng.standard_normal(shape)
    if kind < 0.3:
        share = rng.uniform(0.1, 0.9)
        noise *= (rng.random((*shape[:2], 1)) < share) / np.sqrt(share)
    elif kind < 0.5:
        freedom = 3.0  # of Student's t
        tails: Floats = rng.chisquare(freedom, (*shape[:2], 1)) / freedom
        noise /= np.sqrt(tails * freedom / (freedom - 2))
    return noise


def _jumps(shape: tuple[int, ...], fps: float, rng: np.random.Generator) -> Floats:
    """Stretches in which a keypoint is somewhere else, and stays there."""
    frames, keypoints, dims = shape
    away = runs((frames, keypoints), rng.uniform(0.02, 0.3), rng.uniform(0.04, 0.4), fps, rng)
    begins = away & ~np.vstack([np.zeros((1, keypoints), bool), away[:-1]])
    number = np.cumsum(begins, axis=0)
    places = rng.normal(0, rng.uniform(1.5, 5), (int(number.max()) + 1, keypoints, dims))
    there: Floats = np.take_along_axis(places, number[..., None], axis=0)
    return there * away[..., None]


def _turned(joints: Floats, dims: Any, rng: np.random.Generator) -> Floats:
    """Joints in axes of any direction, of the body's root or of the room; of two axes if asked to."""
    from scipy.spatial.transform import Rotation

    if rng.random() < 0.5:
        joints = joints - joints[:, :1]
    turned: Floats = joints @ Rotation.random(rng=rng).as_matrix().T
    flat = dims == 2 or (dims == "mixed" and rng.random() < 0.4)
    return turned[..., :2] if flat else turned


def _detected(
    joints: Floats, frames: int, fps: float, rng: np.random.Generator
) -> tuple[Floats, Floats] | None:
    """Pixels of the first frames as a detector gives them, gaps bridged, and exact pixels of the rest.

    None if no camera was found that has the person in its picture most of the time.
    """
    body = place(joints, rng)
    for _ in range(_CAMERAS):
        camera = sample_phone(rng, body[:frames]) if rng.random() < 0.5 else sample_film_set(rng)
        points = camera.to_camera(body)
        pixels = camera.to_pixels(points)
        if np.isfinite(pixels).all() and camera.inside(pixels).mean() > _IN_PICTURE:
            break
    else:
        return None
    noisy, _ = DetectorNoise()(pixels[:frames], points[:frames], _SKELETON, fps, rng, camera.size)
    at = np.arange(frames)
    for k in range(noisy.shape[1]):
        known = np.isfinite(noisy[:, k, 0])
        if known.sum() < 2:
            noisy[:, k], known = pixels[:frames, k], np.ones(frames, bool)
        for axis in range(2):
            noisy[:, k, axis] = np.interp(at, at[known], noisy[known, k, axis])
    return noisy, pixels[frames:]
