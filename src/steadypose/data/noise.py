"""What 2D pose estimators do to keypoints: Gaussian noise as in papers, and errors as in real files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from steadypose._timed import complete
from steadypose.data._occlusion import middle, occlusion, torso_length
from steadypose.data._processes import correlated, runs
from steadypose.errors import DataError
from steadypose.sequence import Floats
from steadypose.skeleton import Skeleton

__all__ = ["JOINT_SCALES", "DetectorNoise", "GaussianNoise"]

_NEAREST = 0.2  # metres: a person never counts as nearer than that

# Error of a kind of joint relative to the shoulders': nose to ankle from the same recordings (medians of
# jitter and of error by joint), the rest in between by analogy.
JOINT_SCALES = {
    "nose": 0.8, "eye": 0.8, "ear": 0.9, "jaw": 0.8, "mouth": 0.8, "head": 1.0, "head_top": 1.1,
    "neck": 0.8, "neck_base": 0.9, "upper_neck": 0.9, "thorax": 0.8, "spine": 0.9, "pelvis": 0.9,
    "shoulder": 1.0, "elbow": 1.2, "wrist": 1.5, "hand": 1.8, "hip": 1.0, "knee": 1.2, "ankle": 1.5,
    "heel": 1.6, "toe": 1.8, "foot": 1.7,
}  # fmt: skip


@dataclass(frozen=True)
class GaussianNoise:
    """Independent Gaussian noise on every frame and joint, without memory.

    Parameters
    ----------
    probability
        Share of the points (frame by joint) that are moved.
    sigma
        Standard deviation of x and of y, pixels.
    """

    probability: float = 1.0
    sigma: float = 5.0

    def __post_init__(self) -> None:
        if not (0 <= self.probability <= 1 and self.sigma >= 0):
            raise DataError(
                f"expected a probability from 0 to 1 and sigma from 0, "
                f"found {self.probability} and {self.sigma}"
            )

    def __call__(self, pixels: npt.ArrayLike, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Noisy pixels, shape (frames, joints, 2), and confidence: 1, and 0 where a point is NaN."""
        x = _pixels(pixels)
        hit = rng.random(x.shape[:2]) < self.probability
        noisy = x + hit[..., None] * (self.sigma * rng.standard_normal(x.shape))
        return noisy, complete(noisy).astype(np.float64)


@dataclass(frozen=True)
class DetectorNoise:
    """Errors like those of an image-based detector run frame by frame.

    Amplitudes are relative to the torso's length in the image. Every joint has a difficulty that wanders in
    time and rises with its speed and where another part of the body hides it; amplitude, confidence and
    missing points all follow from it, so that errors come in bursts and confidence goes with error.

    Parameters
    ----------
    fast_scale, slow_scale, still_scale
        Standard deviations of x and of y of a shoulder's error, torso lengths: of the part that changes from
        frame to frame, of the part that wanders, and of the part that stays for a whole clip (what detector
        and motion capture call a shoulder differs).
    fast_time, slow_time
        Time constants of the first two, seconds.
    detector_spread
        Standard deviation, between clips, of the logarithm of the fast part: some shake, some hardly.
    joint_spread
        Standard deviation, between clips, of the logarithm of each joint's amplitude.
    spread
        Logarithm of the amplitude that a standard deviation of difficulty adds.
    difficulty_time
        Time constant of the wandering difficulty, seconds.
    speed_gain, occlusion_gain
        Difficulty added at a speed of e − 1 torso lengths a second, and by being hidden; in standard
        deviations of its wandering.
    confidence_middle, confidence_slope
        Confidence is logistic(middle − slope · difficulty as the detector takes it to be); the two ends
        between which a clip's detector is drawn: one that is never sure (OpenPose), and one that mostly is
        (MediaPipe's visibility).
    confidence_insight
        Correlation of the wandering difficulty with what the detector takes it for, 0 to 1. Being fast and
        hidden it knows.
    lost_rate, lost_time
        Times a second (for every joint at difficulty 0, e times as often at 1), and mean seconds, in which a
        joint is not found.
    absent_rate, absent_time
        Times a second, and mean seconds, in which nothing is found at all.
    outlier_rate, outlier_time
        Times a second (for every joint, in the open), and mean seconds, in which a joint is somewhere else.
    swap_rate, swap_time
        Times a second (for arms and for legs, where nothing is hidden), and mean seconds, in which left and
        right are exchanged; a quarter of them take the whole body.
    hidden_factor
        By which outliers and swaps are more frequent for hidden joints.
    crop_rate, crop_time
        Times a second, and mean seconds, in which an edge of the picture cuts off part of the body.
    strength
        0: nothing is changed; 1: as fitted; in between and beyond: amplitudes and rates in proportion.
    """

    # Fitted to OpenPose, AlphaPose, BlazePose and MediaPipe on those real recordings that were not
    # held out; experiments/detector_noise says how, and shows real and simulated detections side by side.
    fast_scale: float = 0.010
    slow_scale: float = 0.010
    still_scale: float = 0.030
    fast_time: float = 0.045
    slow_time: float = 0.26
    detector_spread: float = 0.9
    joint_spread: float = 0.4
    spread: float = 0.42
    difficulty_time: float = 0.15
    speed_gain: float = 0.9
    occlusion_gain: float = 2.2
    confidence_middle: tuple[float, float] = (0.7, 6.0)
    confidence_slope: tuple[float, float] = (0.22, 2.4)
    confidence_insight: float = 0.2
    lost_rate: float = 0.02
    lost_time: float = 0.2
    outlier_rate: float = 0.018
    outlier_time: float = 0.06
    # Too rare in those recordings to be counted: plausible.
    absent_rate: float = 0.02
    absent_time: float = 0.05
    swap_rate: float = 0.02
    swap_time: float = 0.15
    hidden_factor: float = 6.0
    crop_rate: float = 0.01
    crop_time: float = 1.5
    strength: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value).all() or (name != "confidence_middle" and np.min(value) < 0):
                raise DataError(f"expected {name} to be finite and not below 0, found {value}")

    def __call__(
        self,
        pixels: npt.ArrayLike,
        camera: npt.ArrayLike,
        skeleton: Skeleton,
        fps: float,
        rng: np.random.Generator,
        size: tuple[int, int] | None = None,
    ) -> tuple[Floats, Floats]:
        """One person's keypoints as a detector might have found them.

        Parameters
        ----------
        pixels : array_like, shape (frames, joints, 2)
            True places in the image; NaN (behind the camera) comes out missing, here and in ``camera``.
        camera : array_like, shape (frames, joints, 3)
            The same joints in the camera's frame, metres: depth tells what hides what.
        skeleton
            Names of the joints; with shoulders and hips.
        fps
            Frames per second: everything the noise does is in seconds.
        rng
            The source of chance; the same state gives the same noise.
        size
            Width and height of the image: what lies outside is missing or clamped to its edge. None: no end.

        Returns
        -------
        pixels : ndarray of float64, shape (frames, joints, 2)
            NaN where missing.
        confidence : ndarray of float64, shape (frames, joints)
            From 0 to 1; 0 where missing.

        Raises
        ------
        DataError
            If shapes, skeleton and frame rate do not fit.
        """
        x, seen = _pixels(pixels), np.asarray(camera, dtype=np.float64)
        if seen.shape != (*x.shape[:2], 3) or len(skeleton) != x.shape[1]:
            raise DataError(
                f"expected pixels and camera of shapes (frames, {len(skeleton)}, 2) and "
                f"(frames, {len(skeleton)}, 3), found {x.shape} and {seen.shape}"
            )
        if not (np.isfinite(fps) and fps > 0):
            raise DataError(f"expected a frame rate above 0 fps, found {fps}")
        wanted = [f"{s}_{j}" for s in ("left", "right") for j in ("shoulder", "hip")]
        lacking = [n for n in wanted if n not in skeleton.canonical]
        if lacking:
            raise DataError(f"expected a skeleton with shoulders and hips, found none called {lacking[0]!r}")
        if self.strength == 0:
            return x.copy(), complete(x).astype(np.float64)

        x = np.where(complete(seen)[..., None], x, np.nan)
        length = torso_length(seen, skeleton)
        unit = length * _pixels_per_metre(x, seen, skeleton)
        hidden = occlusion(seen, skeleton, length)
        wandering = correlated(x.shape[:2], self.difficulty_time * fps, rng)
        cause = self._cause(x, unit, hidden, fps)
        difficulty = wandering + cause
        out: Floats = x + unit[:, None, None] * self._errors(difficulty, skeleton, fps, rng)
        confidence = self._confidence(wandering, cause, fps, rng)
        out, confidence = self._swapped(out, confidence, hidden, skeleton, fps, rng)
        self._throw(out, confidence, x, unit, hidden, skeleton, fps, rng)
        lost = runs(
            x.shape[:2], self.strength * self.lost_rate * np.exp(difficulty), self.lost_time, fps, rng
        )
        lost |= runs((len(x), 1), self.strength * self.absent_rate, self.absent_time, fps, rng)
        self._cut(out, confidence, unit, fps, rng, size)
        out[lost] = np.nan
        confidence[~complete(out)] = 0.0
        return out, confidence

    def _cause(self, x: Floats, unit: Floats, hidden: Floats, fps: float) -> Floats:
        """What of the difficulty has a reason that can be seen."""
        speed = np.zeros(x.shape[:2])
        if len(x) > 1:
            step = np.gradient(x, axis=0)
            speed = np.nan_to_num(np.hypot(step[..., 0], step[..., 1]) * fps / unit[:, None])
        return np.asarray(self.speed_gain * np.log1p(speed) + self.occlusion_gain * hidden)

    def _errors(self, difficulty: Floats, skeleton: Skeleton, fps: float, rng: np.random.Generator) -> Floats:
        """In torso lengths."""
        shape = (*difficulty.shape, 2)
        level = self.strength * _joint_scales(skeleton)
        level = level * np.exp(self.joint_spread * rng.standard_normal(len(skeleton)))
        shaking = self.fast_scale * np.exp(self.detector_spread * rng.standard_normal())
        fast = shaking * correlated(shape, self.fast_time * fps, rng, smooth=True)
        slow = self.slow_scale * correlated(shape, self.slow_time * fps, rng, smooth=True)
        still = self.still_scale * rng.standard_normal(shape[1:])
        amplitude = np.exp(self.spread * difficulty)[..., None]
        return np.asarray(level[:, None] * (amplitude * (fast + slow) + still))

    def _confidence(self, wandering: Floats, cause: Floats, fps: float, rng: np.random.Generator) -> Floats:
        sure = rng.random()
        middle, slope = (
            (1 - sure) * a + sure * b for a, b in (self.confidence_middle, self.confidence_slope)
        )
        other = correlated(wandering.shape, self.difficulty_time * fps, rng)
        known = self.confidence_insight
        believed = cause + known * wandering + np.sqrt(1 - known**2) * other
        # Weak noise means sure detections: at strength 0 confidence is 1.
        logit = middle - slope * believed - 2 * np.log(min(self.strength, 1.0))
        return np.asarray(1 / (1 + np.exp(-logit)))

    def _swapped(
        self,
        x: Floats,
        confidence: Floats,
        hidden: Floats,
        skeleton: Skeleton,
        fps: float,
        rng: np.random.Generator,
    ) -> tuple[Floats, Floats]:
        """Arms, legs or everything exchanged between the sides, for stretches."""
        names = skeleton.canonical
        arms = np.array([any(part in n for part in ("elbow", "wrist", "hand")) for n in names])
        legs = np.array([any(part in n for part in ("knee", "ankle", "heel", "toe", "foot")) for n in names])
        every = np.ones(len(names), dtype=bool)
        swapped = np.zeros(x.shape[:2], dtype=bool)
        for group, share in ((arms, 0.75), (legs, 0.75), (every, 0.25)):
            if not group.any():
                continue
            worst = hidden[:, group].max(axis=1, keepdims=True)
            rate = self.strength * share * self.swap_rate * (1 + (self.hidden_factor - 1) * worst)
            swapped |= runs((len(x), 1), rate, self.swap_time, fps, rng) & group
        mirror = skeleton.mirror
        return (
            np.where(swapped[..., None], x[:, mirror], x),
            np.where(swapped, confidence[:, mirror], confidence),
        )

    def _throw(
        self,
        out: Floats,
        confidence: Floats,
        x: Floats,
        unit: Floats,
        hidden: Floats,
        skeleton: Skeleton,
        fps: float,
        rng: np.random.Generator,
    ) -> None:
        """Outliers, in place: on the same joint of the other side, on any other joint, or just off."""
        rate = self.strength * self.outlier_rate * (1 + (self.hidden_factor - 1) * hidden)
        thrown = runs(x.shape[:2], rate, self.outlier_time, fps, rng)
        frame, joint = np.nonzero(thrown)
        kind = rng.random(len(frame))
        anywhere = rng.integers(len(skeleton), size=len(frame))
        instead = np.where(kind < 0.5, skeleton.mirror[joint], np.where(kind < 0.7, anywhere, joint))
        reach = np.where(kind < 0.7, 0.06, 0.4) * unit[frame]
        out[frame, joint] = x[frame, instead] + reach[:, None] * rng.standard_normal((len(frame), 2))
        confidence[frame, joint] *= rng.uniform(0.3, 1.0, len(frame))

    def _cut(
        self,
        out: Floats,
        confidence: Floats,
        unit: Floats,
        fps: float,
        rng: np.random.Generator,
        size: tuple[int, int] | None,
    ) -> None:
        """In place: what lies beyond the picture, or beyond an edge that cuts the body for a while."""
        frames = len(out)
        low, high = np.full((frames, 2), -np.inf), np.full((frames, 2), np.inf)
        if size is not None:
            low, high = np.zeros((frames, 2)), np.broadcast_to(np.asarray(size, float), (frames, 2)).copy()
        cut = runs((frames, 1), self.strength * self.crop_rate, self.crop_time, fps, rng)[:, 0]
        box = np.fmin.reduce(out, axis=1), np.fmax.reduce(out, axis=1)
        # Which edge: mostly the lower one (legs), as in videos. It drifts slowly.
        edge = rng.choice(4, p=(0.5, 0.1, 0.2, 0.2))
        share = 0.3 + 0.12 * correlated((frames, 1), 3.0 * fps, rng)[:, 0]
        share = np.clip(share, 0.0, 0.6)
        axis = 1 if edge < 2 else 0
        if edge in (0, 2):
            bound = box[1][:, axis] - share * (box[1] - box[0])[:, axis]
            high[cut, axis] = np.fmin(high[cut, axis], bound[cut])
        else:
            bound = box[0][:, axis] + share * (box[1] - box[0])[:, axis]
            low[cut, axis] = np.fmax(low[cut, axis], bound[cut])
        outside = ((out < low[:, None]) | (out > high[:, None])).any(axis=-1)
        clamped = outside & (rng.random(out.shape[:2]) < 0.4)
        wobble = 0.03 * unit[:, None, None] * correlated(out.shape, self.fast_time * fps, rng)
        held = np.clip(out, low[:, None], high[:, None]) + wobble
        out[clamped] = held[clamped]
        confidence[clamped] *= 0.35
        out[outside & ~clamped] = np.nan


def _pixels(pixels: npt.ArrayLike) -> Floats:
    x = np.asarray(pixels, dtype=np.float64)
    if x.ndim != 3 or x.shape[-1] != 2 or not x.size:
        raise DataError(f"expected pixels of shape (frames, joints, 2), found {x.shape}")
    return x


def _pixels_per_metre(x: Floats, camera: Floats, skeleton: Skeleton) -> Floats:
    """At the person's distance, in every frame: the focal length, from the points themselves, over depth."""
    with np.errstate(divide="ignore", invalid="ignore"):
        flat = camera[..., :2] / camera[..., 2:]
    there = complete(x) & complete(flat)
    if there.sum() < 2:
        return np.ones(len(x))
    focal = np.sqrt(x[there].var(axis=0).sum() / flat[there].var(axis=0).sum())
    return np.asarray(focal / np.maximum(middle(camera, skeleton)[:, 2], _NEAREST))


def _joint_scales(skeleton: Skeleton) -> Floats:
    """The scale of every joint: of its name, else of the last word that has one, else 1."""
    scales = []
    for name in skeleton.canonical:
        part = name.removeprefix("left_").removeprefix("right_")
        words = [w for w in part.split("_") if w in JOINT_SCALES]
        scales.append(JOINT_SCALES.get(part, JOINT_SCALES[words[-1]] if words else 1.0))
    return np.array(scales)
