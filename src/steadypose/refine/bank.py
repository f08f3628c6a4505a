"""A bank of filters whose bands pass as far as a network lets them: no window, no other frame rate.

A curve is the sum of its bands, each about half an octave of frequencies. A gate between 0 and 1 for every
band, every curve and every fifteenth of a second says how much of it is motion; what is not is taken away.
Gates of 1 give the curve back to the last bit. This module holds what is not learnt: the bands, what the
network is told of them (:func:`describe`), and what its answer does (:func:`noise_of`).

The filters have no phase: a Fourier sine series of the curve, less the line between its ends, is multiplied by
the response. That continues the curve beyond both ends by point reflection.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError

__all__ = ["BankSpec", "Described", "at_frames", "bands_of", "describe", "hats", "noise_of"]

Values = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

VARYING = 6  # numbers a band that change in time
FIXED = 4  # numbers a band that hold for the whole curve …
GENERAL = 7  # … and numbers that have no band
END = 0.1  # seconds at either end whose fitted line says where the curve ends
LEAST = 1e-6  # of a body's size: motion below that is rounding
SLOW = 1.0  # seconds over which the slower of two energies is taken
QUIET = 0.2  # quantile of a band's energies that counts as its calm
FRAMES = 64  # that tell which keypoint moves with which
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

    edges: tuple[float, ...] = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.3, 16.0, 22.6)
    slope: float = 6.0
    gate_rate: float = 15.0
    reach: float = 0.35
    level: float = 5.6

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
    def varying(self) -> int:
        """Numbers that the network sees of a curve at the time of a gate."""
        return VARYING * len(self.edges)

    @property
    def fixed(self) -> int:
        """Numbers that the network sees of a whole curve."""
        return FIXED * len(self.edges) + GENERAL

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
    """What a network sees of the curves of one body.

    Parameters
    ----------
    varying : ndarray of float32, shape (curves, numbers, gates)
        Curve = keypoint × axes + axis; where axes share their gates, curve = keypoint.
    fixed : ndarray of float32, shape (curves, numbers)
    """

    varying: Values
    fixed: Values


def bands_of(x: Values, fps: float, spec: BankSpec) -> Values:
    """The bands of curves above the lowest edge; what is left of a curve is the motion below it.

    Parameters
    ----------
    x : ndarray of float32, shape (..., frames)
        At an even rate, at least 2 frames, without NaN.
    fps
        Frames a second.
    spec
        Which bands.

    Returns
    -------
    ndarray of float32, shape (bands present, ..., frames)
    """
    from scipy.fft import dst, idst

    frames = x.shape[-1]
    responses = _responses(frames, fps, spec)
    series = dst(x - _between_ends(x, fps), type=2, axis=-1, norm="ortho")
    out = np.empty((len(responses), *x.shape), np.float32)
    for band, response in zip(out, responses, strict=True):
        band[...] = idst(series * response, type=2, axis=-1, norm="ortho", overwrite_x=True)
    return out


@lru_cache(maxsize=64)
def _responses(frames: int, fps: float, spec: BankSpec) -> Values:
    """What each band passes of the members of a sine series; shape (bands, frames)."""
    frequency = (np.arange(frames) + 1) * (fps / (2 * frames))
    edges = np.array(spec.edges[: spec.present(fps)])
    low = 1 / (1 + (frequency / edges[:, None]) ** spec.slope)
    return np.diff(low, axis=0, append=np.ones((1, frames))).astype(np.float32)


def _between_ends(x: Values, fps: float) -> Values:
    """The straight line from where a curve begins to where it ends, half a frame beyond both ends."""
    frames = x.shape[-1]
    n = min(max(3, round(END * fps)), frames)
    t = np.arange(n) - (n - 1) / 2
    at = -n / 2  # half a frame before the first
    weights = (1 / n + at * t / max(float(t @ t), 1.0)).astype(np.float32)
    first, last = x[..., :n] @ weights, x[..., ::-1][..., :n] @ weights
    u = ((np.arange(frames) + 0.5) / frames).astype(np.float32)
    line: Values = first[..., None] * (1 - u) + last[..., None] * u
    return line


@lru_cache(maxsize=64)
def hats(frames: int, gates: int) -> Values:
    """Weight of every gate at every frame, linear between them; shape (gates, frames)."""
    at = np.arange(frames) * ((gates - 1) / max(frames - 1, 1))
    weights = 1 - np.abs(at - np.arange(gates)[:, None])
    out: Values = np.maximum(weights, 0).astype(np.float32)
    return out


@lru_cache(maxsize=64)
def _cells(frames: int, gates: int) -> tuple[Indices, Indices, Values]:
    """Which gate each frame comes after, the first frame after every gate, and how far along a frame is."""
    at = np.arange(frames) * ((gates - 1) / max(frames - 1, 1))
    before = np.minimum(at.astype(np.intp), gates - 2)
    return before, np.searchsorted(before, np.arange(gates - 1)), (at - before).astype(np.float32)


def _at_gates(x: Values, gates: int) -> Values:
    """Means over the frames around every gate, near ones counting more; (..., frames) to (..., gates)."""
    frames = x.shape[-1]
    if frames < 2 * gates:  # some gates have no frame beside them
        weights = hats(frames, gates).copy()
        thin = weights.sum(axis=1) < 1
        at = np.arange(gates)[thin] * ((frames - 1) / (gates - 1))
        weights[thin] = np.maximum(1 - np.abs(np.arange(frames) - at[:, None]), 0)
        weights /= weights.sum(axis=1, keepdims=True)
        means: Values = x @ weights.T
        return means
    _, first, along = _cells(frames, gates)
    whole = np.add.reduceat(x, first, axis=-1)
    later = np.add.reduceat(x * along, first, axis=-1)
    out = np.zeros((*x.shape[:-1], gates), np.float32)
    out[..., :-1] = whole - later
    out[..., 1:] += later
    share = np.add.reduceat(along, first)
    count = np.zeros(gates, np.float32)
    count[:-1] = np.add.reduceat(np.ones_like(along), first) - share
    count[1:] += share
    out /= count
    return out


def at_frames(x: Values, frames: int) -> Values:
    """Values of gates at every frame, linear between them; (..., gates) to (..., frames)."""
    before, _, along = _cells(frames, x.shape[-1])
    low = x[..., before]
    out: Values = low + (x[..., before + 1] - low) * along
    return out


@lru_cache(maxsize=64)
def _bells(gates: int, spec: BankSpec, seconds: tuple[float, ...]) -> Values:
    """Weighted means over neighbouring gates, one matrix for each deviation; shape (…, gates, gates)."""
    apart = np.subtract.outer(np.arange(gates), np.arange(gates)) / spec.gate_rate
    width = np.array(seconds)[:, None, None]
    bell = np.exp(-0.5 * (apart / np.maximum(width, 1e-3)) ** 2)
    means: Values = (bell / bell.sum(axis=2, keepdims=True)).astype(np.float32)
    return means


def describe(bands: Values, x: Values, size: float, fps: float, spec: BankSpec, *, shared: bool) -> Described:
    """What a network is told of the curves of one body.

    Sizes of bands are logarithms of amplitudes beside how much this curve shakes, so they have no unit, and
    neither signs nor the direction of time matter. In the order of the numbers: of every band its
    amplitude now and over a second, that of the keypoint in all axes, of the body, of the keypoint that
    moves most alike, and the correlation with that one; of the whole curve mean, median and calm of every
    band, and whether the recording has it.

    Parameters
    ----------
    bands : ndarray of float32, shape (bands, keypoints, axes, frames)
        Of :func:`bands_of`.
    x : ndarray of float32, shape (keypoints, axes, frames)
        The curves.
    size
        Of the body.
    fps
        Frames a second.
    spec
        The network's.
    shared
        Whether all axes of a keypoint have one gate: then turning them changes nothing.
    """
    count, keypoints, axes, frames = bands.shape
    gates = spec.gates(frames, fps)
    if keypoints == 1:  # a point has no size but its path
        size = float(np.linalg.norm(np.ptp(x[0], axis=-1))) or 1.0
    unit = np.float32(1 / max(size, 1e-30))
    scaled = bands * unit
    energy = _at_gates(np.square(scaled), gates)
    beside = _companions(x)
    product = _at_gates(np.einsum("bkdt,bkdt->bkt", scaled, scaled[:, beside]), gates)

    near = _bells(gates, spec, tuple(spec.reach / e for e in spec.edges[:count]))
    local = _mean_over(energy, near)
    slow = energy @ _bells(gates, spec, (SLOW / 2,))[0].T
    point = local.mean(axis=2)
    body = point.mean(axis=1)
    together = _mean_over(product, near) / np.sqrt(point * point[:, beside] + np.float32(LEAST**4))
    if keypoints == 1:
        together[:] = 0
    if shared:
        local, slow = point[:, :, None], slow.mean(axis=2, keepdims=True)
    fast = [k for k in range(count) if spec.edges[k] >= spec.level] or [count - 1]
    shaking = np.median(_logarithm(local[fast].sum(axis=0)), axis=-1)  # (keypoints, axes)
    level = shaking[None, ..., None]

    amplitude = _logarithm(local) - level
    varying = np.zeros((VARYING, len(spec.edges), *local.shape[1:]), np.float32)
    varying[0, :count] = amplitude
    varying[1, :count] = _logarithm(slow) - level
    varying[2, :count] = _logarithm(point)[:, :, None] - level
    varying[3, :count] = _logarithm(body)[:, None, None] - level
    varying[4, :count] = _logarithm(point[:, beside])[:, :, None] - level
    varying[5, :count] = 3 * together[:, :, None]

    fixed = np.zeros((FIXED, len(spec.edges), *shaking.shape), np.float32)
    fixed[0, :count] = amplitude.mean(axis=-1)
    fixed[1, :count] = np.median(amplitude, axis=-1)
    fixed[2, :count] = np.quantile(amplitude, QUIET, axis=-1)
    fixed[3, :count] = 1
    general = np.zeros((GENERAL, *shaking.shape), np.float32)
    general[0] = 0 if keypoints == 1 else shaking + 6  # of a few units
    general[1] = shaking - np.median(shaking)
    general[2] = math.log(fps / 60)
    general[3 + {2: 0, 3: 1}.get(axes, 2)] = 1
    general[6] = keypoints == 1
    return Described(
        _by_curve(varying.reshape(-1, *local.shape[1:])),
        _by_curve(np.concatenate([fixed.reshape(-1, *shaking.shape), general])),
    )


def noise_of(bands: Values, gates: Values) -> Values:
    """What the gates do not let pass: to be taken away from the curves.

    Parameters
    ----------
    bands : ndarray of float32, shape (bands, keypoints, axes, frames)
    gates : ndarray of float32, shape (keypoints × axes or keypoints, bands or more, gates)
        From 0 to 1.

    Returns
    -------
    ndarray of float32, shape (keypoints, axes, frames)
    """
    count, keypoints, axes, frames = bands.shape
    closed = at_frames(np.moveaxis(1 - gates[:, :count], 1, 0), frames)
    closed = closed.reshape(count, keypoints, -1, frames)
    out = np.zeros(bands.shape[1:], np.float32)
    for band, share in zip(bands, closed, strict=True):
        out += band * share
    return out


def _mean_over(energy: Values, bells: Values) -> Values:
    """Energies (bands, …, gates) as means around every gate, of each band over its own reach."""
    flat = energy.reshape(len(energy), -1, energy.shape[-1])
    means: Values = (flat @ bells.transpose(0, 2, 1)).reshape(energy.shape)
    return means


def _logarithm(energy: Values) -> Values:
    """Of the amplitude."""
    log: Values = 0.5 * np.log(np.maximum(energy, 0) + np.float32(LEAST**2))
    return log


def _by_curve(numbers: Values) -> Values:
    """(numbers, keypoints, axes, …) as (curves, numbers, …)."""
    moved = np.moveaxis(numbers, 0, 2)
    return np.ascontiguousarray(moved.reshape(-1, *moved.shape[2:]))


def _companions(x: Values) -> Indices:
    """For every keypoint the other one whose distance from it changes least: most often along a bone."""
    keypoints, axes, frames = x.shape
    if keypoints == 1:
        return np.zeros(1, np.intp)
    some = np.unique(np.linspace(0, frames - 1, min(frames, FRAMES)).round().astype(np.intp))
    places = x[:, :, some].astype(np.float64)
    changes = np.full((keypoints, keypoints), np.inf)
    for k in range(keypoints):
        apart = np.sqrt(np.square(places - places[k]).sum(axis=1))
        changes[k] = apart.std(axis=1)
    np.fill_diagonal(changes, np.inf)
    return np.asarray(changes.argmin(axis=1))
