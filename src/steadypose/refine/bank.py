"""A bank of filters whose bands pass as far as a network lets them: no window, no other frame rate.

A curve is the sum of its bands, each about half an octave of frequencies. A gate between 0 and 1 for every
band, every curve and every fifteenth of a second says how much of it is motion; what is not is taken away.
Gates of 1 give the curve back to the last bit. This module holds what is not learnt: the bands, what the
network is told of them (:func:`describe`), and what its answer does (:func:`noise_of`).

The filters have no phase: a Fourier sine series of the curve, less the line between its ends, is multiplied
by the response. That continues the curve beyond both ends by point reflection.

Arrays have time first, so that everything is done for many curves at once.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError

__all__ = ["BankSpec", "Described", "bands_of", "describe", "noise_of", "scale_of", "to_frames"]

Values = npt.NDArray[np.float32]

NOW, ALWAYS, GENERAL = (
    3,
    4,
    5,
)  # numbers that the network sees of a keypoint: a band and gate, a band, and other
AXIS_NOW, AXIS_ALWAYS = 2, 1  # … and of an axis
END = 0.1  # seconds at either end whose fitted line says where the curve ends
LEAST = 1e-6  # of a body's size: motion below that is rounding
SLOW = 1.0  # seconds over which the slower of two energies is taken
REACH = 3.0  # of a bell, in deviations
USUAL = -6.0  # logarithm of how much keypoints shake beside a body's size, more or less
HIGHEST = 0.4  # of the frame rate: an edge above it has nothing above itself


@dataclass(frozen=True)
class BankSpec:
    """What bands there are, and how often their gates move.

    Parameters
    ----------
    edges
        Hertz, rising: what is slower than the first always passes; each next band ends at the next edge, the
        last one never.
    slope
        Power of the low-passes 1 / (1 + (f / edge) ** slope).
    gate_rate
        Gates a second.
    reach
        Deviation of the bell over which the energy of a band is taken, in periods of its lower edge.
    level
        Hertz: what is faster tells how noisy a curve is.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    edges: tuple[float, ...] = (0.2, 0.4, 0.7, 1.1, 1.6, 2.3, 3.3, 4.7, 6.7, 9.5, 13.5, 19.0)
    slope: float = 6.0
    gate_rate: float = 15.0
    reach: float = 0.35
    level: float = 6.7

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(float(e) for e in self.edges))
        rising = len(self.edges) > 0 and self.edges[0] > 0 and (np.diff(self.edges) > 0).all()
        if not (rising and math.isfinite(self.edges[-1])):
            raise DataError(f"expected edges of a bank in rising hertz, found {self.edges}")
        for name in ("slope", "gate_rate", "reach", "level"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise DataError(f"expected {name} of a bank above 0, found {value!r}")

    @property
    def numbers(self) -> dict[str, int]:
        """How many numbers the network sees, by the fields of :class:`Described`."""
        bands = len(self.edges)
        return {
            "now": NOW * bands,
            "always": ALWAYS * bands + GENERAL,
            "axis_now": AXIS_NOW * bands,
            "axis_always": AXIS_ALWAYS * bands,
        }

    def present(self, fps: float) -> int:
        """How many of the bands a recording has; one without any has one all the same."""
        return max(1, int(np.searchsorted(self.edges, HIGHEST * fps, side="right")))

    def gates(self, frames: int, fps: float) -> int:
        """Gates of a recording, the first and the last of them at its ends."""
        return max(2, round((frames - 1) / fps * self.gate_rate) + 1)

    def to_json(self) -> dict[str, Any]:
        """The spec as what JSON can hold, for a card; :meth:`from_json` gives it back."""
        return {**asdict(self), "edges": list(self.edges)}

    @classmethod
    def from_json(cls, data: Any) -> BankSpec:
        """A spec from :meth:`to_json`'s mapping; every field must be there.

        Raises
        ------
        DataError
            If a field is missing, unknown or does not fit.
        """
        names = [f.name for f in fields(cls)]
        if not isinstance(data, dict) or set(data) != set(names) or not isinstance(data["edges"], list):
            found = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
            raise DataError(f"expected a bank's spec with {', '.join(names)}, found {found}")
        if not all(isinstance(e, int | float) for e in data["edges"]):
            raise DataError(f"expected edges of a bank in rising hertz, found {data['edges']}")
        return cls(**data)


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


def bands_of(x: Values, fps: float, spec: BankSpec) -> Values:
    """The bands of curves above the lowest edge; what is left of a curve is the motion below it.

    Parameters
    ----------
    x : ndarray of float32, shape (frames, ...)
        At an even rate, at least 2 frames, without NaN.
    fps
        Frames a second.
    spec
        Which bands.

    Returns
    -------
    ndarray of float32, shape (bands present, frames, ...)
    """
    from scipy.fft import dst, idst

    frames = len(x)
    flat = x.reshape(frames, -1)
    responses = _responses(frames, fps, spec)
    series = dst(flat - _between_ends(flat, fps), type=2, axis=0, norm="ortho")
    out = np.empty((len(responses), *flat.shape), np.float32)
    for band, response in zip(out, responses, strict=True):
        np.multiply(series, response[:, None], out=band)
        band[...] = idst(band, type=2, axis=0, norm="ortho", overwrite_x=True)
    return out.reshape(len(responses), *x.shape)


@lru_cache(maxsize=64)
def _responses(frames: int, fps: float, spec: BankSpec) -> Values:
    """What each band passes of the members of a sine series; shape (bands, frames)."""
    frequency = (np.arange(frames) + 1) * (fps / (2 * frames))
    edges = np.array(spec.edges[: spec.present(fps)])
    low = 1 / (1 + (frequency / edges[:, None]) ** spec.slope)
    return np.asarray(np.diff(low, axis=0, append=np.ones((1, frames))), np.float32)


def _between_ends(x: Values, fps: float) -> Values:
    """The straight line from where a curve begins to where it ends, half a frame beyond both ends."""
    frames = len(x)
    n = min(max(3, round(END * fps)), frames)
    t = np.arange(n) - (n - 1) / 2
    at = -n / 2  # half a frame before the first
    weights = (1 / n + at * t / max(float(t @ t), 1.0)).astype(np.float32)
    first, last = weights @ x[:n], weights @ x[::-1][:n]
    u = ((np.arange(frames, dtype=np.float32) + 0.5) / np.float32(frames))[:, None]
    return np.asarray(first * (1 - u) + last * u, np.float32)


@lru_cache(maxsize=64)
def to_frames(frames: int, gates: int) -> Any:
    """Sparse matrix that gives values of gates at every frame, linear between them; (frames, gates)."""
    from scipy.sparse import csr_array

    at = np.arange(frames) * ((gates - 1) / max(frames - 1, 1))
    before = np.minimum(at.astype(np.intp), gates - 2)
    after = (at - before).astype(np.float32)
    row = np.repeat(np.arange(frames), 2)
    column = np.stack([before, before + 1], axis=1).ravel()
    weights = np.stack([1 - after, after], axis=1).ravel()
    return csr_array((weights, (row, column)), shape=(frames, gates))


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
    """Sparse matrix of means over gates, weighted by a bell of some gates; (gates, gates)."""
    from scipy.sparse import csr_array

    apart = np.subtract.outer(np.arange(gates), np.arange(gates))
    bell = np.exp(-0.5 * (apart / max(deviation, 1e-3)) ** 2)
    bell[np.abs(apart) > REACH * deviation] = 0
    return csr_array(bell / bell.sum(axis=1, keepdims=True), dtype=np.float32)


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


def describe(bands: Values, size: npt.NDArray[np.floating[Any]], fps: float, spec: BankSpec) -> Described:
    """What a network is told of the curves of some bodies with as many keypoints each.

    Sizes of bands are logarithms of amplitudes beside how much the keypoint (or the axis) shakes, so they
    have no unit, and neither signs nor the direction of time matter. Of a keypoint, in the order of the
    numbers: every band's amplitude now, over a second, and that of the body; of the whole recording the mean,
    calm and height of every band, and whether the recording has it; how much the keypoint shakes beside the
    body's size and beside the other keypoints, and the frame rate. Of an axis: its amplitude now and over a
    second, and the mean of every band beside the keypoint's. The nine entries of a rotation count as one
    axis, so that turning it changes nothing.

    Parameters
    ----------
    bands : ndarray of float32, shape (bands, frames, bodies, keypoints, axes)
        Of :func:`bands_of`.
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
            square = square.reshape(gates, -1, 9).mean(axis=2)
        near = _bell(gates, spec.reach / spec.edges[k] * per_gate)
        local[k] = (near @ square).reshape(local.shape[1:])
        slow[k] = (wide @ square).reshape(local.shape[1:])
    squared = np.square(unit)[:, None, None]
    local *= squared
    slow *= squared
    fast = [k for k in range(count) if spec.edges[k] >= spec.level] or [count - 1]

    point, point_slow = local.mean(axis=4), slow.mean(axis=4)  # (bands, gates, bodies, keypoints)
    shaking = _logarithm(point[fast].sum(axis=0)).mean(axis=0)  # (bodies, keypoints)
    amplitude = _logarithm(point) - shaking
    body = _logarithm(point.mean(axis=3, keepdims=True)) - shaking
    now = np.zeros((gates, bodies, keypoints, NOW, len(spec.edges)), np.float32)
    for kind, numbers in enumerate((amplitude, _logarithm(point_slow) - shaking, body)):
        now[..., kind, :count] = np.moveaxis(numbers, 0, -1)

    always = np.zeros((bodies, keypoints, ALWAYS, len(spec.edges)), np.float32)
    calm = -_logarithm((1 / (point + np.float32(LEAST**2))).mean(axis=1)) - shaking
    height = _logarithm(point.mean(axis=1)) - shaking
    for kind, whole in enumerate((amplitude.mean(axis=1), calm, height)):
        always[..., kind, :count] = np.moveaxis(whole, 0, -1)
    always[..., 3, :count] = 1
    general = np.zeros((bodies, keypoints, GENERAL), np.float32)
    general[..., 0] = 0 if keypoints == 1 else shaking - USUAL  # a single point has no size of a body
    general[..., 1] = shaking - shaking.mean(axis=1, keepdims=True)
    general[..., 2] = math.log(fps / 60)
    general[..., 3] = axes == 9
    general[..., 4] = keypoints == 1

    level = _logarithm(local[fast].sum(axis=0)).mean(axis=0)  # (bodies, keypoints, axes)
    axis_now = np.zeros((*local.shape[1:], AXIS_NOW, len(spec.edges)), np.float32)
    own = _logarithm(local) - level
    axis_now[..., 0, :count] = np.moveaxis(own, 0, -1)
    axis_now[..., 1, :count] = np.moveaxis(_logarithm(slow) - level, 0, -1)
    axis_always = np.zeros((*local.shape[2:], len(spec.edges)), np.float32)
    beside = own.mean(axis=1) - amplitude.mean(axis=1)[..., None]
    axis_always[..., :count] = np.moveaxis(beside, 0, -1)
    points = bodies * keypoints
    return Described(
        now.reshape(gates, points, -1),
        np.concatenate([always.reshape(points, -1), general.reshape(points, -1)], axis=1),
        axis_now.reshape(gates, points, local.shape[4], -1),
        axis_always.reshape(points, local.shape[4], -1),
    )


def noise_of(bands: Values, logits: Values) -> Values:
    """What the gates do not let pass: to be taken away from the curves.

    Parameters
    ----------
    bands : ndarray of float32, shape (bands, frames, bodies, keypoints, axes)
    logits : ndarray of float32, shape (gates, bodies × keypoints, axes or 1, bands or more)
        Of the gates.

    Returns
    -------
    ndarray of float32, shape (frames, bodies, keypoints, axes)
    """
    count, frames, *shape = bands.shape
    gates = len(logits)
    closed = 1 / (1 + np.exp(np.moveaxis(logits[..., :count], 3, 0).reshape(count, gates, -1)))
    spread = to_frames(frames, gates)
    points = int(np.prod(shape[:-1]))
    out = np.zeros((frames, points, shape[-1]), np.float32)
    for band, share in zip(bands, closed, strict=True):
        at_frames: Values = (spread @ share).reshape(frames, points, -1)
        out += band.reshape(out.shape) * at_frames
    return out.reshape(frames, *shape)


def _logarithm(energy: Values) -> Values:
    """Of the amplitude."""
    log: Values = np.float32(0.5) * np.log(energy + np.float32(LEAST**2))
    return log
