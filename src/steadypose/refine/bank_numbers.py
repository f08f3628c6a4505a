"""What a network is told of the bands of curves: how large they are, in numbers without unit or direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.refine.bank import ALWAYS, AXIS_ALWAYS, AXIS_NOW, GENERAL, NOW, BankSpec, Values, to_frames
from steadypose.refine.bank_spline import splined

__all__ = ["Described", "describe", "scale_of"]

LEAST = 1e-6  # of a body's size: motion below that is rounding
NOTHING = 1e-12  # of the energy of white noise
SLOW = 1.0  # seconds over which the slower of two energies is taken
REACH = 3.0  # of a bell, in deviations
SPARSE = 0.1  # share of entries from which on a matrix is quicker dense
USUAL = -6.0  # logarithm of how much keypoints shake beside a body's size, more or less


@dataclass(frozen=True)
class Described:
    """What a network sees of keypoints and their axes.

    Parameters
    ----------
    now : ndarray of float32, shape (gates, keypoints, numbers)
        Keypoints of all bodies, one body after the other.
    always : ndarray of float32, shape (keypoints, numbers)
    axis_now : ndarray of float32, shape (gates, keypoints, axes, numbers)
        One axis where all share their gates.
    axis_always : ndarray of float32, shape (keypoints, axes, numbers)
    """

    now: Values
    always: Values
    axis_now: Values
    axis_always: Values


def scale_of(x: Values, size: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Sizes of bodies; a single keypoint has none but the extent of its path.

    Parameters
    ----------
    x : ndarray, shape (frames, bodies, keypoints, axes)
    size : ndarray, shape (bodies,)
    """
    if x.shape[2] > 1:
        return size
    extent = np.linalg.norm(np.ptp(x[:, :, 0].astype(np.float64), axis=0), axis=-1)
    return np.asarray(np.where(extent > 0, extent, 1.0))


def describe(
    bands: Values, raw: Values, size: npt.NDArray[np.floating[Any]], fps: float, spec: BankSpec
) -> Described:
    """What a network is told of the curves of some bodies with as many keypoints each.

    Sizes of bands are logarithms of amplitudes beside how much the keypoint (or the axis) shakes, and white
    noise has the same in all of them: so they have no unit, mean the same at every frame rate, and neither
    signs nor the direction of time matter. Of a keypoint, in the order of the numbers: every band's amplitude
    now, over a second, and that of the body; of the whole recording the mean, calm and height of every band,
    whether the recording has it, what cross-validation would let pass of it and how high it stands beside the
    noise that this finds, both of the keypoint and of the body; how much the keypoint shakes beside the
    body's size and beside the other keypoints, the frame rate, how much it shakes beside what
    cross-validation takes for noise, that beside the other keypoints, and how sure it is of it. Of an axis:
    its amplitude now and over a second, the mean of every band beside the keypoint's, and what
    cross-validation would let pass beside what it would of the keypoint. The nine entries of a rotation count
    as one axis, so that turning it changes nothing.

    Parameters
    ----------
    bands : ndarray of float32, shape (bands, frames, bodies, keypoints, axes)
        Of :func:`steadypose.refine.bank.bands_of`.
    raw : ndarray of float32, shape (frames, bodies, keypoints, axes)
        The sine series of the curves before any pass: what cross-validation judges.
    size : ndarray, shape (bodies,)
        Of the bodies, in the unit of the curves.
    fps
        Frames a second.
    spec
        The network's.
    """
    count, frames, bodies, keypoints, axes = bands.shape
    gates = spec.gates(frames, fps)
    per_gate = spec.gate_rate
    unit = 1 / np.maximum(np.asarray(size, np.float32), np.float32(1e-30))
    average = _to_gates(frames, gates)
    wide = _bell(gates, SLOW / 2 * per_gate)
    local = np.empty((count, gates, bodies, keypoints, 1 if axes == 9 else axes), np.float32)
    slow = np.empty_like(local)
    for k, band in enumerate(bands):
        square = average @ np.square(band.reshape(frames, -1))
        if axes == 9:
            square = _mean_of_axes(square.reshape(gates, -1, 9))
        near = _bell(gates, spec.reach / spec.edges[k] * per_gate)
        local[k] = (near @ square).reshape(local.shape[1:])
        slow[k] = (wide @ square).reshape(local.shape[1:])
    squared = np.square(unit)[:, None, None]
    # Energies of white noise of variance 1; at rates that no camera has a band may pass nothing.
    white = np.maximum(np.square(spec.responses(frames, fps)).mean(axis=1), np.float32(NOTHING))
    fast = [k for k in range(count) if spec.edges[k] >= spec.level] or [count - 1]
    of_fast = (white[fast] / white[fast].sum()).reshape(-1, *[1] * (local.ndim - 1))
    for energy in (local, slow):
        energy *= squared
        energy /= white.reshape(-1, *[1] * (local.ndim - 1))

    point, point_slow = _mean_of_axes(local), _mean_of_axes(slow)  # (bands, gates, bodies, keypoints)
    shaking = _logarithm((point[fast] * of_fast[..., 0]).sum(axis=0)).mean(axis=0)  # (bodies, keypoints)
    amplitude = _logarithm(point) - shaking
    body = _logarithm(point.mean(axis=3, keepdims=True)) - shaking
    now = np.zeros((gates, bodies, keypoints, NOW, len(spec.edges)), np.float32)
    for kind, numbers in enumerate((amplitude, _logarithm(point_slow) - shaking, body)):
        now[..., kind, :count] = np.moveaxis(numbers, 0, -1)

    always = np.zeros((bodies, keypoints, ALWAYS, len(spec.edges)), np.float32)
    calm = -_logarithm((1 / (point + np.float32(LEAST**2))).mean(axis=1)) - shaking
    height = _logarithm(point.mean(axis=1)) - shaking
    mean = amplitude.mean(axis=1)  # (bands, bodies, keypoints)
    energies = np.square(raw) * squared  # (frames, bodies, keypoints, axes)
    of_point = splined(_mean_of_axes(energies), fps, spec)
    noise = of_point.noise + np.float32(LEAST**2)
    above = point.mean(axis=1) / noise
    others = np.broadcast_to(of_point.passing.mean(axis=2, keepdims=True), mean.shape)
    others_above = np.broadcast_to(_logarithm(above.mean(axis=2, keepdims=True)), mean.shape)
    told = (mean, calm, height, of_point.passing, _logarithm(above), others, others_above)
    for kind, whole in enumerate(told):
        always[..., kind, :count] = np.moveaxis(whole, 0, -1)
    always[..., len(told), :count] = 1
    general = np.zeros((bodies, keypoints, GENERAL), np.float32)
    general[..., 0] = 0 if keypoints == 1 else shaking - USUAL  # a single point has no size of a body
    general[..., 1] = shaking - shaking.mean(axis=1, keepdims=True)
    general[..., 2] = math.log(fps / 60)
    general[..., 3] = axes == 9
    general[..., 4] = keypoints == 1
    found = _logarithm(of_point.noise)
    general[..., 5] = shaking - found
    general[..., 6] = found - found.mean(axis=1, keepdims=True)
    general[..., 7] = of_point.free

    level = _logarithm((local[fast] * of_fast).sum(axis=0)).mean(axis=0)  # (bodies, keypoints, axes)
    axis_now = np.zeros((*local.shape[1:], AXIS_NOW, len(spec.edges)), np.float32)
    own = _logarithm(local) - level
    axis_now[..., 0, :count] = np.moveaxis(own, 0, -1)
    axis_now[..., 1, :count] = np.moveaxis(_logarithm(slow) - level, 0, -1)
    axis_always = np.zeros((*local.shape[2:], AXIS_ALWAYS, len(spec.edges)), np.float32)
    axis_always[..., 0, :count] = np.moveaxis(own.mean(axis=1) - mean[..., None], 0, -1)
    if local.shape[4] > 1:
        of_axis = splined(energies, fps, spec).passing - of_point.passing[..., None]
        axis_always[..., 1, :count] = np.moveaxis(of_axis, 0, -1)
    points = bodies * keypoints
    return Described(
        now.reshape(gates, points, -1),
        np.concatenate([always.reshape(points, -1), general.reshape(points, -1)], axis=1),
        axis_now.reshape(gates, points, local.shape[4], -1),
        axis_always.reshape(points, local.shape[4], -1),
    )


def _mean_of_axes(x: Values) -> Values:
    """Mean over the last dimension, which is short: a product is quicker there than a sum."""
    mean: Values = x @ np.full(x.shape[-1], 1 / x.shape[-1], np.float32)
    return mean


@lru_cache(maxsize=64)
def _to_gates(frames: int, gates: int) -> Any:
    """Sparse matrix of means over the frames around every gate, near ones counting more; (gates, frames)."""
    from scipy.sparse import csr_array

    weights = to_frames(frames, gates).T.toarray()
    thin = weights.sum(axis=1) < 1  # fewer frames than gates
    at = np.arange(gates)[thin] * ((frames - 1) / (gates - 1))
    weights[thin] = np.maximum(1 - np.abs(np.arange(frames) - at[:, None]), 0)
    return csr_array(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@lru_cache(maxsize=256)
def _bell(gates: int, deviation: float) -> Any:
    """Matrix of means over gates, weighted by a bell of some gates, sparse if narrow; (gates, gates)."""
    from scipy.sparse import csr_array

    apart = np.subtract.outer(np.arange(gates), np.arange(gates))
    bell = np.exp(-0.5 * (apart / max(deviation, 1e-3)) ** 2)
    bell[np.abs(apart) > REACH * deviation] = 0
    bell = (bell / bell.sum(axis=1, keepdims=True)).astype(np.float32)
    return bell if np.count_nonzero(bell) > SPARSE * bell.size else csr_array(bell)


def _logarithm(energy: Values) -> Values:
    """Of the amplitude."""
    log: Values = np.float32(0.5) * np.log(energy + np.float32(LEAST**2))
    return log
