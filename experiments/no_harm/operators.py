"""Filters as matrices, so that dozens of settings run over the whole grid in minutes.

Without confidence every filter among the oracle's is linear in the curve: at given times it is one matrix,
which is found by filtering unit impulses with the filter itself. The smoothing spline by generalised
cross-validation is linear once its penalty is chosen (Craven and Wahba 1979), which costs little in the basis
in which the spline is diagonal at even times (Demmler and Reinsch 1975).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.refine import make_filter

Values = npt.NDArray[np.float32]

PENALTIES = np.geomspace(1e-5, 1e7, 145)  # frames³
COLUMNS = 1 << 20  # numbers multiplied at a time
ROWS, NEGLIGIBLE = 64, 1e-7  # of a matrix that are multiplied together; entries that count for nothing
POLAR_STEPS = 6


@lru_cache(maxsize=128)
def operator(method: str, parameters: tuple[tuple[str, float], ...], frames: int, rate: float) -> Values:
    """The matrix (frames, frames) of a linear filter at even times."""
    impulses = np.eye(frames, dtype=np.float32)[:, :, None]
    given: dict[str, Any] = dict(parameters)
    smooth = make_filter(method, **given).smooth(impulses, None, np.arange(frames) / rate, np.ones(frames))
    return np.ascontiguousarray(smooth[:, :, 0])


def apply(matrix: Values, values: Values) -> Values:
    """A matrix times curves (frames, curves, dims), about the middle of each so that nothing is lost."""
    flat = values.reshape(len(values), -1)
    out = np.empty_like(flat)
    bands = _bands(matrix)
    for columns in _blocks(flat):
        x = flat[:, columns]
        middle = x.mean(axis=0)
        x = x - middle
        for rows, near in bands:
            np.add(matrix[rows, near] @ x[near], middle, out=out[rows, columns])
    return out.reshape(values.shape)


def gcv_spline(values: Values) -> Values:
    """What the package's ``gcv`` gives at even times without confidence.

    Every axis has the penalty of lowest score; the nine numbers of rotation matrices have one together.
    """
    frames = len(values)
    basis, roughness = _spline_basis(frames)
    factors = 1 / (1 + PENALTIES[:, None] * roughness)  # (penalties, frames)
    taken = ((1 - factors) ** 2).astype(np.float32)
    free = frames - factors.sum(axis=1)
    alike = 9 if values.shape[2] == 9 else 1
    flat = values.reshape(frames, -1)
    out = np.empty_like(flat)
    for columns in _blocks(flat, alike):
        x = flat[:, columns]
        middle = x.mean(axis=0)
        parts = basis.T @ (x - middle)
        left = (taken @ parts**2).reshape(len(taken), -1, alike).sum(axis=2)
        best = np.repeat(np.argmin(left / (free * free)[:, None], axis=0), alike)
        parts *= factors[best].T
        np.add(basis @ parts, middle, out=out[:, columns])
    return out.reshape(values.shape)


@lru_cache(maxsize=8)
def _spline_basis(frames: int) -> tuple[Values, npt.NDArray[np.float64]]:
    """Orthonormal curves, and the roughness (the integral of the squared second derivative) of each."""
    second = np.zeros((frames - 2, frames))
    at = np.arange(frames - 2)
    second[at, at], second[at, at + 1], second[at, at + 2] = 1, -2, 1
    mass = np.eye(frames - 2) * 2 / 3 + (np.eye(frames - 2, k=1) + np.eye(frames - 2, k=-1)) / 6
    roughness, basis = np.linalg.eigh(second.T @ np.linalg.solve(mass, second))
    roughness[:2] = 0.0  # straight lines
    return basis.astype(np.float32), np.maximum(roughness, 0)


def nearest_rotations(values: Values) -> Values:
    """Rotations nearest to smoothed ones; matrices as nine numbers.

    Newton's iteration for the polar decomposition (Higham 1986), X ← (X + X⁻ᵀ) / 2, with the inverse written
    out: a tenth of the time of singular values, and the same for what filters make of rotations.
    """
    x = np.moveaxis(values.reshape(*values.shape[:-1], 3, 3), (-2, -1), (0, 1)).copy()
    for _ in range(POLAR_STEPS):
        cofactors = np.empty_like(x)
        for i in range(3):
            a, b = x[(i + 1) % 3], x[(i + 2) % 3]
            for j in range(3):
                k, m = (j + 1) % 3, (j + 2) % 3
                cofactors[i, j] = a[k] * b[m] - a[m] * b[k]
        cofactors /= (x[0] * cofactors[0]).sum(axis=0)
        x += cofactors
        x *= np.float32(0.5)
    return np.ascontiguousarray(np.moveaxis(x, (0, 1), (-2, -1))).reshape(values.shape)


def _bands(matrix: Values) -> list[tuple[slice, slice]]:
    """Rows, and the columns that count for them: a filter does not look far."""
    found = []
    for start in range(0, len(matrix), ROWS):
        rows = slice(start, start + ROWS)
        counts = np.flatnonzero(np.abs(matrix[rows]).max(axis=0) > NEGLIGIBLE)
        found.append((rows, slice(int(counts[0]), int(counts[-1]) + 1)))
    return found


def _blocks(flat: Values, alike: int = 1) -> list[slice]:
    """Columns a block; so many beside each other stay together."""
    width = alike * max(1, COLUMNS // (alike * len(flat)))
    return [slice(c, c + width) for c in range(0, flat.shape[1], width)]
