"""RefineNet: the optimisation of a whole clip that SmoothNet's supplement compares with (its table 6).

No network in spite of its name: for every clip the positions are sought that stay near to those seen, by as
much as each was seen well, and that move little. Source: Véges and Lőrincz, "Temporal Smoothing for 3D Human
Pose Estimation and Localization for Occluded People" (ICONIP 2020) and its released settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.refine._blocks import walk_in_blocks
from steadypose.refine.filters import Filter, Floats, Indices, Values, _parameter

Bools = npt.NDArray[np.bool_]

LEAST_MEMORY = 10_000  # frames: clips of up to five times as many are solved in one piece
SPANS_REMEMBERED = 25  # where nothing is seen, a change shows this many spans away, and no further
BEYOND = 1e-6  # slope of the data term beyond its cap, so that there is always one best curve
ROUNDS = 50


@dataclass(frozen=True)
class RefineNet(Filter):
    r"""The curve of least energy: near to what was seen well, moving little (Véges and Lőrincz 2020).

    For every keypoint, over all frames t of the clip at once, with y the input, v its weight (visibility),
    h the time from one frame to the next, H its median and s = 1 / (2π ``cutoff``)::

        E(p) = Σ v ρ(|p - y|²)                                        stay where it was seen
             + s² / H · Σ |p(t) - p(t-h)|² / h                        move little from frame to frame
             + hold / 2 · Σ (1 - v) (|p(t) - p(t-span)|² + |p(t) - p(t+span)|²)
                                                                      and, where unseen, over a longer time
        ρ(e) = e up to c = (cap · body size)², then hardly rising: c + 10⁻⁶ (e - c)

    With ``order`` 2 velocity may be constant instead of zero, which the release has too: the second term is
    s⁴ / H · Σ |p''|² h with divided second differences, the third hold · Σ (1 - v) |p(t-span) - 2 p(t) +
    p(t+span)|². Without a cap in reach the response is 1 / (1 + (f / cutoff)^(2 order)). Positions at
    t ± span are interpolated linearly between frames; terms that reach outside of the clip are left out.

    The energy is quadratic but for ρ: its minimum is the solution of a banded system. Samples beyond the cap
    are found by solving, letting go of those that are too far off (the furthest first) and solving again
    until nothing changes, which never raises E.

    What differs from the release: it takes a number of steps of Adam from the input, here is the minimum. It
    weighs a frame by the mean of its 2D confidences after a running median, here every keypoint has its own.
    It has the hip and the other joints relative to it, with factors of their own, here every curve is by
    itself. It counts frames, metres and single axes, here are seconds, body sizes and distances. Its long
    term looks back only. Its factors are in a file that is not with its code; those in a public continuation
    of it are 1 for the hip (a ``cutoff`` of 4.8 Hz at 30 frames a second) and 0.1 for the other joints
    (15 Hz), a tenth of these over 20 frames (0.67 s), and a cap of a metre; the defaults are the hip's.
    """

    name: ClassVar[str] = "refinenet"
    cutoff: float = _parameter(4.8, 0.3, 15.0, "Hz", "half-amplitude frequency")
    span: float = _parameter(0.67, 0.1, 2.0, "s", "how far apart in time unseen positions hold each other")
    hold: float = _parameter(0.1, 0.01, 2.0, "", "how much they do, relative to a sample seen well")
    cap: float = _parameter(0.6, 0.05, 2.0, "", "samples further off than this many body sizes pull no more")
    order: int = _parameter(1, 1, 2, "", "1 asks for little velocity, 2 for little acceleration")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order > 2:
            raise DataError(f"{self.name}: expected order 1 or 2, found {self.order!r}")
        if self.cap == 0:
            raise DataError(f"{self.name}: expected cap above 0, found {self.cap!r}")

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        if len(times) < 2:
            return values.copy()
        step = float(np.median(np.diff(times)))

        def walk(x: Floats, w: Floats | None, t: Floats) -> Floats:
            for b in range(x.shape[1]):
                x[:, b] = self._least_energy(x[:, b], None if w is None else w[:, b], t[:, b], step, size)
            return x

        memory = max(LEAST_MEMORY, int(np.ceil(SPANS_REMEMBERED * self.span / step)))
        return walk_in_blocks(values, weights, times, memory, walk)

    def _least_energy(
        self, values: Floats, weights: Floats | None, times: Floats, step: float, size: Floats
    ) -> Floats:
        """Curves of least energy; values (frames, curves, dims), weights (frames, curves) or None."""
        frames, curves = values.shape[:2]
        middle = values.mean(axis=0)  # far from the origin nothing is lost
        y: Floats = values - middle
        p: Floats = np.empty_like(y)
        move = _movement(times, int(self.order), step, 1 / (2 * np.pi * self.cutoff))
        cap = self.cap * size
        if weights is None:  # one system for all curves
            band, ones = _band(move), np.ones(frames)
            p = _solve(band, ones, y.reshape(frames, -1)).reshape(y.shape)
            far = (np.linalg.norm(p - y, axis=2) > cap).any(axis=0)
            for c in range(curves):
                if far[c]:
                    p[:, c] = _let_go(band, ones, y[:, c], cap[c])
        else:
            apart = _apart(times, int(self.order), self.span)
            for c in range(curves):
                unseen = self.hold / len(apart) * (1 - weights[:, c])
                long = [rows.T @ rows.multiply(unseen[at, None]) for at, rows in apart]
                p[:, c] = _let_go(_band(sum(long, start=move)), weights[:, c], y[:, c], cap[c])
        p += middle
        return p


def _let_go(band: Floats, weights: Floats, y: Floats, cap: float) -> Floats:
    """The curve (frames, dims) that minimises energy with the cap, from the quadratic one downwards."""
    near: Bools = np.ones(len(y), bool)
    p = _solve(band, weights, y)
    far = np.linalg.norm(p - y, axis=1)
    for i in range(ROUNDS):
        # Sixteen caps first: what is far off drags its neighbours along.
        limit = cap * max(1.0, 2.0 ** (4 - i))
        now = far <= limit
        if (now == near).all():
            if limit > cap:
                continue
            break
        near = now
        p = _solve(band, np.where(near, weights, BEYOND * weights), y)
        far = np.linalg.norm(p - y, axis=1)
    return p


def _movement(times: Floats, order: int, step: float, slow: float) -> Any:
    """The matrix of the second term of the energy, sparse (frames, frames)."""
    from scipy import sparse

    frames = len(times)
    h = np.diff(times)
    here = np.arange(frames - 1)
    slope = _rows(here, here + 1, 1 / h, frames)[:-1] - _rows(here, here, 1 / h, frames)[:-1]
    if order == 1:
        return slope.T @ sparse.diags_array(slow**2 / step * h) @ slope
    if frames < 3:
        return sparse.csr_array((frames, frames))
    between = (h[1:] + h[:-1]) / 2
    bend = sparse.diags_array(1 / between) @ (slope[1:] - slope[:-1])
    return bend.T @ sparse.diags_array(slow**4 / step * between) @ bend


def _apart(times: Floats, order: int, span: float) -> list[tuple[npt.NDArray[np.intp], Any]]:
    """The differences of the third term: for which frames, and their rows, sparse (those frames, frames)."""
    frames = len(times)
    here = np.arange(frames)
    sides = []
    for to in (times - span, times + span):
        inside = np.flatnonzero((to >= times[0] - 1e-9) & (to <= times[-1] + 1e-9))
        left = np.clip(np.searchsorted(times, to[inside], side="right") - 1, 0, frames - 2)
        u = np.clip((to[inside] - times[left]) / (times[left + 1] - times[left]), 0.0, 1.0)
        there = _rows(inside, left, 1 - u, frames) + _rows(inside, left + 1, u, frames)
        sides.append((inside, there))
    identity = _rows(here, here, np.ones(frames), frames)
    if order == 1:
        return [(inside, (there - identity)[inside]) for inside, there in sides]
    both = np.intersect1d(sides[0][0], sides[1][0])
    return [(both, (sides[0][1] - 2 * identity + sides[1][1])[both])]


def _rows(row: npt.NDArray[np.intp], column: npt.NDArray[np.intp], value: Floats, frames: int) -> Any:
    """A sparse (frames, frames) of these values."""
    from scipy import sparse

    return sparse.csr_array((value, (row, column)), shape=(frames, frames))


def _band(matrix: Any) -> Floats:
    """The upper band of a sparse symmetric matrix, as SciPy's banded solvers want it."""
    from scipy import sparse

    upper = sparse.triu(matrix, format="coo")
    upper.eliminate_zeros()
    width = int((upper.col - upper.row).max(initial=0))
    band = np.zeros((width + 1, matrix.shape[0]))
    band[width + upper.row - upper.col, upper.col] = upper.data
    return band


def _solve(band: Floats, weights: Floats, y: Floats) -> Floats:
    """The curve where (matrix + weights) p = weights y; y (frames, columns)."""
    from scipy.linalg import solveh_banded

    whole = band.copy()
    whole[-1] += weights
    solved: Floats = solveh_banded(whole, weights[:, None] * y, overwrite_ab=True, check_finite=False)
    return solved
