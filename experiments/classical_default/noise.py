"""What estimators do to a motion, for a trial: correlated noise, bursts, slips, missing runs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

Floats = npt.NDArray[np.floating]


def realistic(
    x: Floats, fps: float, scale: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Noisy positions and a confidence that falls with the error.

    White noise, noise with time constants of 0.03 to 0.27 s, slow drift of 0.3 to 3 s, bursts of two to six
    times the amplitude, single outliers of fifteen times, and runs of missing frames; amplitudes differ
    between keypoints. x (frames, keypoints, dims) and scale in the same unit.
    """
    frames, keypoints, _ = x.shape
    level = np.ones((frames, keypoints, 1))
    missing = np.zeros((frames, keypoints), bool)
    for k in range(keypoints):
        for _ in range(rng.poisson(frames / fps * 0.25)):
            start = rng.integers(frames)
            level[start : start + int(rng.uniform(0.05, 0.6) * fps) + 1, k] = rng.uniform(2, 6)
        for _ in range(rng.poisson(frames / fps * 0.15)):
            start = rng.integers(frames)
            missing[start : start + int(rng.exponential(0.1) * fps) + 1, k] = True
    amplitude = scale * np.exp(rng.normal(0, 0.5, (1, keypoints, 1)))
    fast = _correlated(x.shape, rng.uniform(0.03, 0.27) * fps, rng)
    slow = _correlated(x.shape, rng.uniform(0.3, 3.0) * fps, rng)
    noise = amplitude * (level * (0.5 * rng.normal(size=x.shape) + 0.6 * fast) + 0.6 * slow)
    slips = rng.random((frames, keypoints, 1)) < 0.004
    noise = noise + slips * rng.normal(size=x.shape) * scale * 15
    error = np.linalg.norm(noise, axis=-1) / scale
    confidence = np.clip(0.95 - 0.12 * error + rng.normal(0, 0.08, error.shape), 0.05, 1)
    y = np.where(missing[..., None], np.nan, x + noise)
    return y.astype(np.float32), confidence.astype(np.float32)


def white(
    x: Floats, fps: float, scale: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Independent Gaussian noise on half of the samples: the synthetic noise of SmoothNet's supplement."""
    hit = rng.random((*x.shape[:2], 1)) < 0.5
    return (x + hit * rng.normal(0, scale, x.shape)).astype(np.float32), None


def _correlated(shape: tuple[int, ...], constant: float, rng: np.random.Generator) -> Floats:
    """First-order autoregressive noise of variance 1; the time constant is in frames."""
    a = np.exp(-1 / max(constant, 1e-3))
    e = rng.normal(size=shape) * np.sqrt(1 - a * a)
    e[0] /= np.sqrt(1 - a * a)
    return lfilter([1.0], [1.0, -a], e, axis=0)
