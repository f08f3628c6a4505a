"""Curves at the frame rate of a network, and back at their own times.

Slower ones are read off a cubic spline. Faster ones are averaged by parabolas fitted around every new time,
which a smooth curve passes unbent. What comes back is read off a spline at the original times, which are
never changed. Everything is local, so that a long recording is read and written piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MARGIN", "SAME", "Resampled", "fastest", "spline"]

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]

SAME = 0.02  # rates this near to each other are the same
JITTER = (
    0.05  # of a frame: how far times may be from even ones, as those are that were rounded to milliseconds
)
SWEEPS = 5  # of a spline's slopes; what is left of the error is a thirtieth
FASTEST = 8.0  # times their own rate is what curves are read at: beyond, nothing is gained
MARGIN = SWEEPS + 3  # samples to either side that a spline's value depends on
REACH = 1.5  # of a parabola, to either side, in frames of the new rate


class Resampled:
    """Curves seen at even times, relative to where they begin.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, channels)
        Without NaN.
    times : ndarray, shape (frames,)
        Seconds, strictly increasing.
    rate : float, optional
        Frames a second; None: the curves' own.
    strength : float
        Divides the rate.
    centre : ndarray, shape (channels,)
        Is subtracted.

    Attributes
    ----------
    shape : tuple of int
        Frames and channels, at the new rate.
    same : bool
        Whether nothing had to be done.
    """

    def __init__(
        self, values: Values, times: Floats, rate: float | None, strength: float, centre: Floats
    ) -> None:
        self._values, self._times, self._centre = values, times, centre
        frames, channels = values.shape
        length = float(times[-1] - times[0]) if frames else 0.0
        own = 1 / float(np.median(np.diff(times))) if frames > 1 else 1.0
        wanted = fastest((own if rate is None else rate) / strength, own)
        even = np.linspace(times[0], times[-1], frames) if frames else times
        near = frames < 3 or float(np.abs(times - even).max()) * own <= JITTER
        self.same = frames < 2 or (near and abs(wanted / own - 1) <= SAME)
        # Whole steps from the first frame to the last, so that both are on the grid.
        self.shape = (frames if self.same else max(2, round(length * wanted) + 1), channels)
        self._step = length / max(1, self.shape[0] - 1)
        self._faster = own > wanted * (1 + SAME)
        self._taps = lru_cache(maxsize=4)(self._make_taps)

    def __getitem__(self, rows: slice) -> Values:
        """All channels of a range of frames, at the new rate."""
        return self.read(slice(*rows.indices(self.shape[0])[:2]), slice(0, self.shape[1]))

    def read(self, rows: slice, columns: slice) -> Values:
        """A piece of the curves at even times; shape (frames, channels)."""
        if self.same:
            return self._piece(rows, columns)
        if not self._faster:
            return self._splined(self._at(rows), columns)
        near, first, weights, thin = self._taps(rows.start, rows.stop)
        x = self._piece(near, columns)
        out = weights[:, :1] * x[first]
        for k in range(1, weights.shape[1]):
            out += weights[:, k : k + 1] * x[np.minimum(first + k, len(x) - 1)]
        if thin.size:  # too few samples for a parabola
            out[thin] = self._splined(self._at(rows)[thin], columns)
        return out

    def back(self, pieces: Iterable[tuple[int, Values]]) -> Iterator[tuple[slice, Floats]]:
        """Refined pieces (first frame, values) at even times, in order, as ones at the original times.

        Yields
        ------
        slice, ndarray of float64, shape (frames, channels)
            Frames of the original and their values, with the centre added again.
        """
        if self.same:
            for start, piece in pieces:
                yield slice(start, start + len(piece)), piece + self._centre
            return
        at = (self._times - self._times[0]) / self._step
        held, begin, done = np.empty((0, self.shape[1]), np.float32), 0, 0
        for _, piece in pieces:
            held = np.concatenate([held, piece])
            stop = begin + len(held)
            last = stop >= self.shape[0]
            upto = len(at) if last else int(np.searchsorted(at, stop - 1 - MARGIN))
            if upto <= done:
                continue
            knots = np.arange(begin, stop, dtype=np.float64)
            yield slice(done, upto), spline(held, knots, at[done:upto]) + self._centre
            done = upto
            if not last:
                keep = max(begin, int(at[done]) - MARGIN)
                held, begin = held[keep - begin :], keep

    def _at(self, rows: slice) -> Floats:
        at: Floats = self._times[0] + self._step * np.arange(rows.start, rows.stop)
        return at

    def _piece(self, rows: slice, columns: slice) -> Values:
        piece: Values = np.subtract(self._values[rows, columns], self._centre[columns]).astype(np.float32)
        return piece

    def _splined(self, at: Floats, columns: slice) -> Values:
        low = max(0, int(np.searchsorted(self._times, at[0])) - MARGIN)
        high = int(np.searchsorted(self._times, at[-1])) + MARGIN
        near = slice(low, min(high, len(self._times)))
        return spline(self._piece(near, columns), self._times[near], at)

    def _make_taps(self, start: int, stop: int) -> tuple[slice, Indices, Values, Indices]:
        """Samples near some even times, and what weights give the parabola's value there.

        Returns the range of samples, the first one of every time within it, weights (times, samples) and
        which times have too few of them.
        """
        at = self._at(slice(start, stop))
        radius = REACH * self._step
        first = np.searchsorted(self._times, at - radius)
        after = np.searchsorted(self._times, at + radius, side="right")
        index = first[:, None] + np.arange(max(1, int((after - first).max())))
        u = (self._times[np.minimum(index, len(self._times) - 1)] - at[:, None]) / radius
        bell = np.where(index < after[:, None], np.maximum(1 - u * u, 0.0), 0.0)
        s = [(bell * u**k).sum(axis=1) for k in range(5)]
        # First row of the inverse of the moments [[s0, s1, s2], [s1, s2, s3], [s2, s3, s4]].
        a, b, c = s[2] * s[4] - s[3] ** 2, s[2] * s[3] - s[1] * s[4], s[1] * s[3] - s[2] ** 2
        whole = s[0] * a + s[1] * b + s[2] * c
        thin = (whole <= 1e-9 * s[0] ** 3) | ((bell > 0).sum(axis=1) < 3)
        whole = np.where(thin, 1.0, whole)
        weights = bell * (a[:, None] + b[:, None] * u + c[:, None] * u * u) / whole[:, None]
        near = slice(int(first[0]), max(int(after[-1]), int(first[0]) + 1))
        inside = np.minimum(first - first[0], near.stop - near.start - 1)
        return near, inside, weights.astype(np.float32), np.flatnonzero(thin)


def fastest(wanted: float, own: float) -> float:
    """The rate that curves of a rate of their own are read at."""
    return min(wanted, FASTEST * own)


def spline(values: Values, knots: Floats, at: Floats) -> Values:
    """A cubic spline through values, read off at other times (beyond the ends it goes on).

    Its slopes make the second derivative continuous; they are found by a few sweeps from those of parabolas
    through three neighbours, so that far values have no say.

    Parameters
    ----------
    values : ndarray of float32, shape (knots, channels)
    knots, at : ndarray
        Increasing.

    Returns
    -------
    ndarray of float32, shape (times, channels)
    """
    if len(knots) == 1:
        return np.repeat(values, len(at), axis=0)
    h = np.diff(knots).astype(np.float32)[:, None]
    rise = np.diff(values, axis=0) / h
    slope = np.empty_like(values)
    if len(knots) == 2:
        slope[:] = rise
    else:
        both = h[:-1] + h[1:]
        parabola = (h[1:] * rise[:-1] + h[:-1] * rise[1:]) / both
        slope[1:-1] = parabola
        slope[0] = rise[0] + h[0] * (rise[0] - rise[1]) / both[0]
        slope[-1] = rise[-1] + h[-1] * (rise[-1] - rise[-2]) / both[-1]
        before, behind = h[1:] / (2 * both), h[:-1] / (2 * both)
        parabola *= np.float32(1.5)
        for _ in range(SWEEPS):
            slope[1:-1] = parabola - before * slope[:-2] - behind * slope[2:]
    i = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    u = ((at - knots[i]) / (knots[i + 1] - knots[i])).astype(np.float32)[:, None]
    # Hermite's form by powers of u, from the highest down.
    start, end = h * slope[:-1], h * slope[1:]
    rise *= h
    out: Values = (start + end - 2 * rise)[i]
    for power in (3 * rise - 2 * start - end, start, values):
        out *= u
        out += power[i]
    return out
