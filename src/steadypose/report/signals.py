"""What page and plots show of a pair of motions: acceleration, spectrum, and where points are missing.

Before and after are always compared on the same points: a point counts only where both have it, so that gaps
that were filled cannot make one of the two look steadier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from steadypose import rotations
from steadypose.errors import DataError
from steadypose.sequence import Bools, Floats, Motion, PoseSequence

SEGMENTS = (256, 128, 64, 32, 16)
_BATCH = 1 << 22


def check_pair(before: Motion, after: Motion) -> None:
    """That two motions are of one kind and have the same frames, persons and keypoints.

    Raises
    ------
    DataError
        If they do not; the message names what was expected and found.
    """
    if type(before) is not type(after):
        found = f"{type(before).__name__} and {type(after).__name__}"
        raise DataError(f"expected before and after of one kind, found {found}")
    if before.shape != after.shape:
        raise DataError(f"expected before and after of one shape, found {before.shape} and {after.shape}")
    if before.persons != after.persons or before.skeleton.keypoints != after.skeleton.keypoints:
        raise DataError("expected before and after of the same persons and keypoints, found other names")
    if not np.allclose(before.times, after.times):
        raise DataError("expected before and after at the same times, found different times")


def median_step(times: npt.ArrayLike) -> float:
    """The usual time between two frames in seconds; NaN for a single frame."""
    t = np.asarray(times, dtype=np.float64)
    return float(np.median(np.diff(t))) if len(t) > 1 else float("nan")


def acceleration(values: Floats, times: Floats) -> Floats:
    """Size of the second difference of every point, per frame².

    Parameters
    ----------
    values : shape (frames, persons, keypoints, dims) or (frames, persons, joints, 3, 3)
        Positions in any unit, or rotation matrices.
    times : shape (frames,)
        Seconds. Uneven steps are accounted for: a frame is the median time step.

    Returns
    -------
    ndarray, shape (frames, persons, keypoints)
        In the unit of the positions per frame², or degrees per frame²; NaN in the first and last frame and
        beside missing points.
    """
    out = np.full(values.shape[:3], np.nan)
    if len(values) < 3:
        return out
    steps = np.diff(times) / median_step(times)
    steps = steps.reshape(-1, 1, 1, 1)
    velocity = _differences(values) / steps
    second = np.diff(velocity, axis=0) / ((steps[1:] + steps[:-1]) / 2)
    out[1:-1] = np.sqrt(np.einsum("...d,...d->...", second, second))
    return out


def _differences(values: Floats) -> Floats:
    """First differences; of rotations the rotation vector from each frame to the next, in degrees."""
    if values.ndim == 4:
        return np.diff(values.astype(np.float64), axis=0)
    turn = values[1:] @ np.swapaxes(values[:-1], -1, -2)
    return np.degrees(rotations.to_axis_angle(turn))


def mean_over_points(before: Floats, others: list[Floats]) -> list[Floats]:
    """Mean over persons and keypoints, on the points that all of them have; shape (frames,) each."""
    common = np.isfinite(before)
    for o in others:
        common &= np.isfinite(o)
    count = common.sum(axis=(1, 2))
    means = []
    for a in (before, *others):
        total = np.where(common, a, 0.0).sum(axis=(1, 2))
        means.append(np.divide(total, count, out=np.full(len(a), np.nan), where=count > 0))
    return means


@dataclass(frozen=True)
class Spectrum:
    """Mean power spectral density over persons, keypoints and axes.

    Parameters
    ----------
    hz : ndarray, shape (frequencies,)
        Without 0 Hz. Empty where no run of frames is long enough.
    power : tuple of ndarray, shape (frequencies,) each
        Of every layer asked for, in unit² per hertz.
    segment
        Frames of one segment.
    segments
        How many were averaged, over all channels.
    """

    hz: Floats
    power: tuple[Floats, ...]
    segment: int
    segments: int


def spectrum(layers: list[Floats], times: Floats) -> Spectrum:
    """Power over frequency by Welch's method, on runs of frames without missing points.

    Segments half overlap, lose their mean and linear trend, and are weighted by a Hann window. The longest
    segment is taken (256 to 16 frames) for which at least half of the points lie in a complete one. A segment
    counts only where it is complete in every layer, so all layers are measured on the same frames. Time steps
    are taken as even; a skipped frame ends a run.

    Parameters
    ----------
    layers : list of ndarray, shape (frames, persons, keypoints, dims)
        At least one; positions, or rotation vectors.
    times : shape (frames,)
        Seconds.

    References
    ----------
    P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio
    Electroacoustics 15 (1967) 70-73.
    """
    frames = len(times)
    none = Spectrum(np.empty(0), tuple(np.empty(0) for _ in layers), 0, 0)
    if frames < SEGMENTS[-1]:
        return none
    step = median_step(times)
    # cumulative counts: how many good samples, and unbroken steps, lie in any stretch of frames
    good = np.logical_and.reduce([np.isfinite(a).all(axis=3) for a in layers]).reshape(frames, -1)
    counts = _cumulative(good)
    even = _cumulative(np.abs(np.diff(times) / step - 1) < 0.5)
    for length in SEGMENTS:
        if length > frames:
            continue
        starts = np.arange(0, frames - length + 1, length // 2)
        starts = starts[even[starts + length - 1] - even[starts] == length - 1]
        whole = counts[starts + length] - counts[starts] == length  # (segments, points)
        covered = np.zeros(good.shape, dtype=bool)
        for s, w in zip(starts, whole, strict=True):
            covered[s : s + length] |= w
        if covered.sum() * 2 >= good.sum() > 0 and whole.any():
            power = tuple(
                _welch(a.reshape(frames, good.shape[1], -1), starts, whole, length, step) for a in layers
            )
            return Spectrum(np.fft.rfftfreq(length, step)[1:], power, length, int(whole.sum()))
    return none


def _cumulative(flags: Bools) -> npt.NDArray[np.int64]:
    return np.concatenate(
        [np.zeros((1, *flags.shape[1:]), np.int64), np.cumsum(flags, axis=0, dtype=np.int64)]
    )


def _welch(x: Floats, starts: npt.NDArray[np.intp], whole: Bools, length: int, step: float) -> Floats:
    window = np.hanning(length + 1)[:-1]
    ramp = np.arange(length) - (length - 1) / 2
    total = np.zeros(length // 2 + 1)
    batch = max(1, _BATCH // (length * x.shape[1] * x.shape[2]))
    for at in range(0, len(starts), batch):
        index = starts[at : at + batch, None] + np.arange(length)
        segments = np.moveaxis(x[index], 1, -1)[whole[at : at + batch]].astype(
            np.float64
        )  # (chosen, dims, length)
        segments -= segments.mean(axis=-1, keepdims=True)
        segments -= (segments @ ramp / (ramp @ ramp))[..., None] * ramp
        total += (np.abs(np.fft.rfft(segments * window)) ** 2).sum(axis=(0, 1))
    total *= 2 * step / (window @ window) / (whole.sum() * x.shape[2])
    if length % 2 == 0:
        total[-1] /= 2
    return total[1:]


def share_above(s: Spectrum, hz: float) -> list[float]:
    """Power of every layer above a frequency, integrated: unit²."""
    at = s.hz > hz
    width = s.hz[0] if len(s.hz) else 0.0
    return [float(p[at].sum() * width) for p in s.power]


def low_confidence(motion: Motion) -> float | None:
    """The confidence below which a point is drawn as doubtful; None where the file gives no confidence.

    Confidence is not comparable between estimators: 0.3 where it stays within 0…1, else 0.3 of its 99th
    percentile.
    """
    c = motion.confidence if isinstance(motion, PoseSequence) else None
    if c is None:
        return None
    known = c[np.isfinite(c)]
    return 0.3 * max(1.0, float(np.percentile(known, 99))) if known.size else None


def changes(before: Floats, after: Floats) -> Floats:
    """How far every point was moved (rotations: turned, in degrees); NaN where either is missing.

    Shape (frames, persons, keypoints) from positions (…, dims) or rotation matrices (…, 3, 3).
    """
    if before.ndim == 5:
        return np.degrees(rotations.geodesic(before, after))
    d = after.astype(np.float64) - before
    return np.asarray(np.sqrt(np.einsum("...d,...d->...", d, d)))


def strong_change(moved: Floats) -> float | None:
    """The 99th percentile of the changes: points moved further are marked as strongly replaced."""
    known = moved[np.isfinite(moved)]
    limit = float(np.percentile(known, 99)) if known.size else 0.0
    return limit if limit > 0 else None


def from_mean(layers: list[Floats]) -> list[Floats]:
    """Rotation vectors in degrees from each joint's mean rotation in the first layer, for every layer.

    The mean is the rotation nearest to the average matrix (chordal L2 mean).
    """
    known = np.isfinite(layers[0]).all(axis=(-1, -2), keepdims=True)
    mean = rotations.project(np.where(known, layers[0], 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    inverse = np.swapaxes(mean, -1, -2)
    return [np.degrees(rotations.to_axis_angle(a @ inverse)) for a in layers]


def angle_from_first(layers: list[Floats]) -> list[Floats]:
    """Geodesic angle in degrees from each joint's first known rotation in the first layer.

    Shape (frames, persons, joints), for every layer.
    """
    known = np.isfinite(layers[0][..., 0, 0])
    first = np.take_along_axis(layers[0], known.argmax(axis=0)[None, ..., None, None], axis=0)
    return [np.degrees(rotations.geodesic(a, first)) for a in layers]
