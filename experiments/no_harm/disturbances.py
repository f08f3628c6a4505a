"""What an estimator might do to a motion, one kind at a time and of known size.

Millimetres (a coordinate's standard deviation), seconds. None of it comes from the generators that training
uses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

Floats = npt.NDArray[np.float64]

BURSTS, BURST_LENGTHS = 0.5, (0.15, 0.5)  # a second and keypoint on average; seconds


@dataclass(frozen=True)
class Noise:
    """One kind of noise.

    Parameters
    ----------
    white
        Standard deviation of noise that is independent in every frame.
    lasting, memory
        Standard deviation and time constant of first-order autoregressive noise.
    share
        Of the samples that are hit at all; the others are exact.
    burst
        How many times larger the noise is in bursts; 1: no bursts.
    confidence
        Whether a confidence tells of the bursts.
    """

    white: float = 0.0
    lasting: float = 0.0
    memory: float = 0.0
    share: float = 1.0
    burst: float = 1.0
    confidence: bool = False

    @property
    def rms(self) -> float:
        """Root mean square of a coordinate."""
        hit = BURSTS * float(np.mean(BURST_LENGTHS))
        power = self.white**2 * self.share * (1 + hit * (self.burst**2 - 1)) + self.lasting**2
        return float(np.sqrt(power))


KINDS: dict[str, Noise] = {
    "none": Noise(),
    "white 0.5": Noise(white=0.5),
    "white 2": Noise(white=2),
    "white 6": Noise(white=6),
    "white 20": Noise(white=20),
    "lasting .05 s": Noise(lasting=6, memory=0.05),
    "lasting .15 s": Noise(lasting=6, memory=0.15),
    "lasting .5 s": Noise(lasting=6, memory=0.5),
    "slow 2 s + white 2": Noise(white=2, lasting=12, memory=2),
    "sparse 25": Noise(white=25, share=0.5),
    "sparse 50": Noise(white=50, share=0.5),
    "bursts": Noise(white=3, burst=5),
    "bursts, confidence": Noise(white=3, burst=5, confidence=True),
}


def disturb(
    noise: Noise, shape: tuple[int, int, int], fps: float, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.float32] | None]:
    """Errors in mm, and a confidence (frames, keypoints) where there is one.

    Parameters
    ----------
    shape
        (frames, keypoints, dims).
    """
    frames, keypoints, _ = shape
    error = noise.white * rng.standard_normal(shape)
    level = np.ones((frames, keypoints))
    if noise.share < 1:
        error *= (rng.random((frames, keypoints)) < noise.share)[..., None]
    if noise.burst > 1:
        level = np.where(_bursts(frames, keypoints, fps, rng), noise.burst, 1.0)
        error *= level[..., None]
    if noise.lasting:
        error += noise.lasting * _remembering(shape, noise.memory * fps, rng)
    if not noise.confidence:
        return error, None
    believed = 0.9 / np.sqrt(level) + rng.normal(0, 0.05, level.shape)
    return error, believed.clip(0.05, 1).astype(np.float32)


def _bursts(frames: int, keypoints: int, fps: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which samples lie in a burst."""
    burst = np.zeros((frames, keypoints), bool)
    for k in range(keypoints):
        for start in rng.uniform(0, frames, rng.poisson(BURSTS * frames / fps)):
            burst[int(start) : int(start + rng.uniform(*BURST_LENGTHS) * fps) + 1, k] = True
    return burst


def _remembering(shape: tuple[int, ...], constant: float, rng: np.random.Generator) -> Floats:
    """Stationary noise of variance 1 whose correlation falls to 1/e within ``constant`` frames."""
    a = np.exp(-1 / constant)
    steps = rng.standard_normal(shape)
    steps[1:] *= np.sqrt(1 - a * a)
    return np.asarray(lfilter([1.0], [1.0, -a], steps, axis=0))
