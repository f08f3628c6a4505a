"""Smoothing splines, and how smooth generalised cross-validation wants them.

For samples y with weights w (one over their variance) the curve g that minimises Σ w (y - g)² + λ ∫ g''² is a
natural cubic spline. With Reinsch's (1967) banded matrices Q (n, n - 2) and R::

    (R + λ Qᵀ W⁻¹ Q) γ = Qᵀ y,    y - g = λ W⁻¹ Q γ,    g'' = γ at the inner samples

Generalised cross-validation (Craven and Wahba 1979) takes the λ with the least

    V(λ) = n Σ w (y - g)² / (n - trace A)²,    where g = A y,

which estimates how well curves fitted to all samples but one foretell that one. It needs no variance of the
noise, but noise that is independent from sample to sample. The denominator is a derivative of a determinant,
n - trace A = d log det (R + λ Qᵀ W⁻¹ Q) / d log λ, so two Cholesky factors give it in linear time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steadypose.refine._blocks import walk_in_blocks
from steadypose.refine.filters import Filter, Floats, Indices, Values, _parameter

EXCERPT, EXCERPTS = 2000, 10  # frames and number of pieces of a longer recording that λ is chosen on
LEAST_MEMORY = 10_000  # frames: clips of up to five times as many are solved in one piece

# Cutoffs that are searched, per frame, the highest and the lowest: at the first the spline goes through the
# samples (to 10⁻⁷ of what alternates from frame to frame); below the second double precision ends.
HIGHEST, LOWEST = 20.0, 2e-4
FLATTEST = 0.1  # cutoff times length of a curve that is a straight line
STEP = 2.0  # of log λ in the search over the whole range: a factor of 1.6 in the cutoff
FINEST = 0.01  # of log λ at last: a quarter of a per cent of the cutoff
SHIFT = 1e-3  # of log λ, for the derivative


class Spline:
    """The matrices of smoothing splines on given times.

    Parameters
    ----------
    times : ndarray, shape (frames,)
        At least 3, strictly increasing.
    weights : ndarray, shape (frames,), optional
        Above 0.
    """

    def __init__(self, times: Floats, weights: Floats | None = None) -> None:
        h = np.diff(times).astype(np.float64)
        self.noise = np.ones(len(times)) if weights is None else 1.0 / weights.astype(np.float64)
        self.slope = 1.0 / h
        self.middle = -(self.slope[:-1] + self.slope[1:])
        # Bands of R and of Qᵀ W⁻¹ Q, lower form: the diagonal, then what is below it.
        inner = len(h) - 1
        self.stiff, self.rough = np.zeros((3, inner)), np.zeros((3, inner))
        self.stiff[0], self.stiff[1, :-1] = (h[:-1] + h[1:]) / 3, h[1:-1] / 6
        v, a, b, c = self.noise, self.slope[:-1], self.middle, self.slope[1:]
        self.rough[0] = v[:-2] * a**2 + v[1:-1] * b**2 + v[2:] * c**2
        self.rough[1, :-1] = v[1:-2] * b[:-1] * a[1:] + v[2:-1] * c[:-1] * b[1:]
        self.rough[2, :-2] = v[2:-2] * c[:-2] * a[2:]

    def residual(self, values: Floats, penalty: float) -> Floats:
        """What smoothing takes away, y - g; values (frames, columns)."""
        from scipy.linalg import solveh_banded

        slopes = np.diff(values, axis=0) * self.slope[:, None]
        bend = solveh_banded(
            self.stiff + penalty * self.rough,
            np.diff(slopes, axis=0),
            lower=True,
            overwrite_ab=True,
            overwrite_b=True,
            check_finite=False,
        )
        found = np.zeros(values.shape)
        found[:-2] = self.slope[:-1, None] * bend
        found[1:-1] += self.middle[:, None] * bend
        found[2:] += self.slope[1:, None] * bend
        found *= penalty * self.noise[:, None]
        return found

    def freedom(self, penalty: float) -> float:
        """n - trace A: how many numbers are left to the residual."""
        from scipy.linalg import cholesky_banded

        low, high = (
            cholesky_banded(
                self.stiff + penalty * np.exp(shift) * self.rough,
                lower=True,
                overwrite_ab=True,
                check_finite=False,
            )[0]
            for shift in (-SHIFT, SHIFT)
        )
        return float(np.log(high / low).sum()) / SHIFT

    def squares(self, values: Floats, penalty: float) -> Floats:
        """Sum of squares of the residual, weighted, of every column."""
        r = self.residual(values, penalty)
        total: Floats = np.einsum("nc,nc,n->c", r, r, 1.0 / self.noise)
        return total


@dataclass(frozen=True)
class CrossValidated(Filter):
    """Smoothing spline, each axis as smooth as generalised cross-validation wants it (Craven and Wahba 1979).

    What noise it can tell from motion is noise that is independent from frame to frame; where errors last, it
    takes them for motion and hardly smooths. Confidence divides the noise. Rotations have one smoothness for
    all entries of their matrix. Recordings of more than 20,000 frames are smoothed as ten pieces of 2,000
    from all over them want it.
    """

    name: ClassVar[str] = "gcv"
    strength: float = _parameter(
        1.0, 0.3, 3.0, "", "divides every cutoff: above 1 smoother, below 1 closer to the input"
    )

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        if len(times) < 4:  # three samples do not tell noise from motion: V is the same for all λ
            return values.copy()
        clock = (times - times[0]) / float(np.median(np.diff(times)))
        found = penalties(values, weights, clock) * self.strength**4
        if not (found > 0).any():
            return values.copy()

        def walk(x: Floats, w: Floats | None, t: Floats) -> Floats:
            for b in range(x.shape[1]):
                alike = Spline(t[:, b]) if w is None else None
                for c in range(x.shape[2]):
                    spline = alike or Spline(t[:, b], None if w is None else w[:, b, c])
                    for axes in _groups(x.shape[3]):
                        penalty = float(found[c, axes][0])
                        if penalty > 0:
                            x[:, b, c, axes] -= spline.residual(x[:, b, c, axes], penalty)
            return x

        weakest = 1.0 if weights is None else float(weights.min()) ** 0.25
        slowest = float(found.max()) ** -0.25 / (2 * np.pi) * weakest
        memory = max(LEAST_MEMORY, int(np.ceil(4.0 / slowest)))
        return walk_in_blocks(values, weights, clock, memory, walk)


def penalties(values: Values, weights: Values | None, clock: Floats) -> Floats:
    """The λ of every curve, in frames cubed, by generalised cross-validation.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, curves, dims)
        Without NaN; 4 frames or more.
    weights : ndarray of float32, shape (frames, curves), optional
        Above 0: one over the variance of the noise, relative to the best samples.
    clock : ndarray, shape (frames,)
        Times in median steps.

    Returns
    -------
    ndarray, shape (curves, dims)
        0 where nothing is to be taken away.
    """
    curves, dims = values.shape[1:]
    pieces = _pieces(len(clock))
    length = len(clock[pieces[0]])
    low, high = (-4 * np.log(2 * np.pi * c) for c in (HIGHEST, max(LOWEST, FLATTEST / length)))
    grid = np.linspace(low, high, int(np.ceil((high - low) / STEP)) + 1)
    # Differences from the first sample: far from the origin nothing is lost.
    x = [values[p].astype(np.float64) - values[p.start].astype(np.float64) for p in pieces]
    if weights is None:
        alike = [Spline(clock[p]) for p in pieces]
        score = np.stack([_scores(alike, x, u) for u in grid])
    else:
        score = np.empty((len(grid), curves, dims))
    found = np.zeros((curves, dims))
    for c in range(curves):
        own = alike if weights is None else [Spline(clock[p], weights[p, c]) for p in pieces]
        if weights is not None:
            lone = [y[:, [c]] for y in x]
            score[:, c] = np.stack([_scores(own, lone, u)[0] for u in grid])
        for axes in _groups(dims):
            found[c, axes] = _least(own, [y[:, [c], axes] for y in x], grid, score[:, c, axes][:, 0])
    return found


def _least(splines: list[Spline], x: list[Floats], grid: Floats, score: Floats) -> float:
    """The λ of least V of one curve, in the neighbourhood of the least of the grid."""
    from scipy.optimize import minimize_scalar

    best = int(np.argmin(score))
    if best == 0:
        return 0.0
    found = minimize_scalar(
        lambda u: _scores(splines, x, u)[0, 0],
        bounds=(grid[best - 1], grid[min(best + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": FINEST},
    )
    return float(np.exp(found.x))


def _groups(dims: int) -> list[slice]:
    """Axes of one λ: each its own, which has the lower error under white noise; entries of a matrix alike."""
    return [slice(0, 9)] if dims == 9 else [slice(d, d + 1) for d in range(dims)]


def _pieces(frames: int) -> list[slice]:
    """What λ is chosen on: everything, or excerpts from all over a long recording."""
    if frames <= EXCERPT * EXCERPTS:
        return [slice(0, frames)]
    starts = np.linspace(0, frames - EXCERPT, EXCERPTS).astype(int)
    return [slice(int(s), int(s) + EXCERPT) for s in starts]


def _scores(splines: list[Spline], pieces: list[Floats], log_penalty: float) -> Floats:
    """log V of every curve and axis; pieces (frames, curves, dims)."""
    penalty, (curves, dims) = float(np.exp(log_penalty)), pieces[0].shape[1:]
    total, freedom = np.zeros((curves, dims)), 0.0
    for spline, x in zip(splines, pieces, strict=True):
        total += spline.squares(x.reshape(len(x), -1), penalty).reshape(curves, dims)
        freedom += spline.freedom(penalty)
    for axes in _groups(dims):
        total[:, axes] = total[:, axes].sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):  # without noise one λ is as good as another: the first is taken
        score: Floats = np.log(total) - 2 * np.log(freedom)
    return score
