"""A bank of filters whose bands pass as far as a network lets them: no window, no other frame rate.

A curve is the sum of its bands, each about half an octave of frequencies. A gate between 0 and 1 for every
band, every curve and every fifteenth of a second says how much of it is motion; what is not is taken away.
Gates of 1 give the curve back to the last bit. This module holds what is not learnt: the bands, and what the
network's answer does (:func:`noise_of`). What it is told of them is in ``refine/bank_numbers.py``.

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

__all__ = ["BankSpec", "bands_of", "noise_of", "series_of", "to_frames"]

Values = npt.NDArray[np.float32]

# Numbers that the network sees of a keypoint: of a band and gate, of a band, and others; and of an axis.
NOW, ALWAYS, GENERAL = 3, 8, 8
AXIS_NOW, AXIS_ALWAYS = 2, 2
ENDS = (0.05, 0.07, 0.1, 0.15, 0.22, 0.33, 0.5, 0.75, 1.1, 1.6)  # seconds of lines fitted to an end
APART = 4.0  # variances by which two of those differ if they have nothing in common; from 1 on they do less
OF_BENDS = 20  # times the variance of white noise is that of its third differences
TINY = 1e-30
MOST = 8  # gates a frame, however slow the recording
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
        """How many numbers the network sees, by field of ``Described`` in ``refine/bank_numbers.py``."""
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

    def responses(self, frames: int, fps: float) -> Values:
        """What each band passes of the members of a sine series; float32, shape (bands present, frames)."""
        return _responses(self, frames, fps)

    def gates(self, frames: int, fps: float) -> int:
        """Gates of a recording, the first and the last of them at its ends; a few for every frame at most."""
        return max(2, min(round((frames - 1) / fps * self.gate_rate), MOST * frames) + 1)

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


def series_of(x: Values, fps: float) -> Values:
    """The sine series of curves less the lines between their ends.

    Parameters
    ----------
    x : ndarray of float32, shape (frames, ..., axes)
        At an even rate, at least 2 frames, without NaN.
    fps
        Frames a second.

    Returns
    -------
    ndarray of float32, shape (frames, ..., axes)
        Member ``i`` has frequency ``(i + 1) * fps / (2 * frames)``; the sum of squares is the curve's.
    """
    from scipy.fft import dst

    flat = (x - _between_ends(x, fps)).reshape(len(x), -1)
    series: Values = dst(flat, type=2, axis=0, norm="ortho", overwrite_x=True).reshape(x.shape)
    return series


def bands_of(series: Values, fps: float, spec: BankSpec) -> Values:
    """The bands of curves above the lowest edge; what is left of a curve is the motion below it.

    Parameters
    ----------
    series : ndarray of float32, shape (frames, ...)
        Of :func:`series_of`.
    fps
        Frames a second.
    spec
        Which bands.

    Returns
    -------
    ndarray of float32, shape (bands present, frames, ...)
    """
    from scipy.fft import idst

    flat = series.reshape(len(series), -1)
    responses = spec.responses(len(series), fps)
    out = np.empty((len(responses), *flat.shape), np.float32)
    for band, response in zip(out, responses, strict=True):
        np.multiply(flat, response[:, None], out=band)
        band[...] = idst(band, type=2, axis=0, norm="ortho", overwrite_x=True)
    return out.reshape(len(responses), *series.shape)


@lru_cache(maxsize=64)
def _responses(spec: BankSpec, frames: int, fps: float) -> Values:
    frequency = (np.arange(frames) + 1) * (fps / (2 * frames))
    edges = np.array(spec.edges[: spec.present(fps)])
    low = 1 / (1 + (frequency / edges[:, None]) ** spec.slope)
    return np.asarray(np.diff(low, axis=0, append=np.ones((1, frames))), np.float32)


def _between_ends(x: Values, fps: float) -> Values:
    """The straight line from where curves begin to where they end, half a frame beyond both ends."""
    frames = len(x)
    first, last = _end(x, fps), _end(x[::-1], fps)
    u = ((np.arange(frames, dtype=np.float32) + 0.5) / np.float32(frames)).reshape(-1, *[1] * (x.ndim - 1))
    return np.asarray(first * (1 - u) + last * u, np.float32)


def _end(x: Values, fps: float) -> Values:
    """Where curves (frames, ..., axes) begin, half a frame before their first one.

    Read off lines that are fitted to the first frames: to as many of them as agree, beside the noise, with
    what fewer say (Lepski 1990). Few frames follow fast motion, many are calm under noise.
    """
    most = min(len(x), max(8, round(ENDS[-1] * fps)))
    x = np.ascontiguousarray(x[:most])
    noise = np.square(np.diff(x, n=3, axis=0)).mean(axis=(0, -1)) / OF_BENDS if most > 3 else np.zeros(1)
    lengths = sorted({min(max(3, round(seconds * fps)), max(most // 2, min(3, most))) for seconds in ENDS})
    values = np.stack([np.tensordot(_weights_at_end(n), x[:n], 1) for n in lengths])
    least = np.maximum(np.multiply.outer(4 / np.array(lengths, np.float32), noise), TINY)
    out, agreeing = values[0], np.ones(1, np.float32)
    for k in range(1, len(lengths)):
        apart = np.square(values[k] - values[:k]).mean(axis=-1) / least[:k]
        agreeing = agreeing * np.clip((APART - apart) / (APART - 1), 0, 1).prod(axis=0)
        out = out + agreeing[..., None] * (values[k] - out)
    return np.asarray(out, np.float32)


@lru_cache(maxsize=256)
def _weights_at_end(frames: int) -> Values:
    """What the line fitted to some frames is half a frame before the first, as weights of theirs."""
    t = np.arange(frames) - (frames - 1) / 2
    return np.asarray(1 / frames - frames / 2 * t / float(t @ t), np.float32)


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
