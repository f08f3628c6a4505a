"""What refinement did to each cell: error, and what became of speed, time and size.

Lengths are millimetres everywhere: pixels are divided by those of a millimetre at the body, and a degree
counts as 5 mm (``motions.DEGREE``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from grid import Group, Values

from steadypose.rotations import to_axis_angle

FLOOR = 0.2  # mm added to both sides of a ratio of errors
Scores = dict[str, npt.NDArray[np.float64]]


def measure(group: Group, output: Values) -> Scores:
    """Scores of every cell of a group, over the keypoints that are scored.

    Parameters
    ----------
    group
        Whole or not.
    output : ndarray, shape (frames, curves, dims)
        Refined ``group.noisy``.

    Returns
    -------
    dict of ndarray, shape (cells,)
        ``error``: mean distance from the truth (rotations: mean geodesic angle), mm.
        ``change``: root mean square distance from the input, mm.
        ``accel``: mean length of the second difference of the error, mm a frame².
        ``lag``: milliseconds by which the output is late, −⟨output − truth, v⟩ / ⟨v, v⟩ with the true
        velocity v: the shift that explains most of the error.
        ``peak``: of the key keypoint, mean over its fast movements of the ratio of the peak speed to the
        true one; NaN where none is known.
        ``gain``: of oscillations, 1 + ⟨output − truth, w⟩ / ⟨w, w⟩ with the added wave w.
    """
    out, truth, noisy = (_apart(group, a) for a in (output, group.truth, group.noisy))
    some = _some(group)
    off = out[:, :, some] - truth[:, :, some]
    unit = _unit(group)
    velocity = np.diff(truth[:, :, some], axis=0)
    middle = (off[1:] + off[:-1]) / 2
    moved = np.einsum("fckd,fckd->c", velocity, velocity, dtype=np.float64)
    late = -np.einsum("fckd,fckd->c", middle, velocity, dtype=np.float64) / np.maximum(moved, 1e-12)
    changed = _length(out[:, :, some] - noisy[:, :, some])
    return {
        "error": _distance(group, off),
        "change": np.sqrt((changed**2).mean(axis=(0, 2), dtype=np.float64)) / unit,
        "accel": _length(np.diff(off, 2, axis=0)).mean(axis=(0, 2), dtype=np.float64) / unit,
        "lag": 1000 * late / group.rate,
        "peak": _peaks(group, out, truth),
        "gain": _gains(group, out, truth),
    }


def error(group: Group, output: Values) -> npt.NDArray[np.float64]:
    """The error of :func:`measure` alone."""
    some = _some(group)
    return _distance(group, _apart(group, output)[:, :, some] - _apart(group, group.truth)[:, :, some])


def ratio(error: npt.ArrayLike, other: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Error over error, with ``FLOOR`` added to both."""
    return np.asarray((np.asarray(error) + FLOOR) / (np.asarray(other) + FLOOR))


def _apart(group: Group, values: Values) -> Values:
    """(frames, cells, keypoints, dims)."""
    return np.asarray(values, np.float32).reshape(len(values), len(group.cells), -1, values.shape[-1])


def _some(group: Group) -> slice | npt.NDArray[np.intp]:
    """Keypoints that are scored, among those of a cell."""
    scored = group.scored[: group.noisy.shape[1] // len(group.cells)]
    return slice(None) if scored.all() else np.flatnonzero(scored)


def _unit(group: Group) -> npt.NDArray[np.float64]:
    """Differences of a cell that count as a millimetre: those of matrices are √2 times angles."""
    return group.scale * (np.sqrt(2.0) if group.space == "rotations" else 1.0)


def _distance(group: Group, off: Values) -> npt.NDArray[np.float64]:
    """Mean length of differences (frames, cells, keypoints, dims), mm; of matrices the angle between them."""
    length = _length(off)
    if group.space == "rotations":
        most = np.float32(2 * np.sqrt(2.0))
        length = most * np.arcsin((length / most).clip(0, 1))
    return np.asarray(length.mean(axis=(0, 2), dtype=np.float64) / _unit(group))


def _length(x: Values) -> Values:
    return np.sqrt(np.einsum("...d,...d->...", x, x))


def _column(group: Group, cell: int) -> int:
    """Where the key keypoint of a cell is among its curves."""
    motion = group.motions[cell]
    whole = group.noisy.shape[1] // len(group.cells) > len(motion["scored"])
    return motion["key"] if whole else motion["scored"].index(motion["key"])


def _peaks(group: Group, out: Values, truth: Values) -> npt.NDArray[np.float64]:
    found = np.full(len(group.cells), np.nan)
    for c, motion in enumerate(group.motions):
        k, ratios = _column(group, c), []
        for start, stop in motion["peaks"]:
            rows = slice(max(0, int(np.floor(start * group.rate))), int(np.ceil(stop * group.rate)) + 1)
            speeds = [_length(np.diff(x[rows, c, k].astype(np.float64), axis=0)) for x in (out, truth)]
            if len(speeds[1]) and speeds[1].max() > 0:
                ratios.append(speeds[0].max() / speeds[1].max())
        if ratios:
            found[c] = np.mean(ratios)
    return found


def _gains(group: Group, out: Values, truth: Values) -> npt.NDArray[np.float64]:
    found = np.full(len(group.cells), np.nan)
    for c, motion in enumerate(group.motions):
        if motion["family"] != "oscillation":
            continue
        k, wave = _column(group, c), group.waves[:, c].astype(np.float64)
        x, y = (a[:, c, k].astype(np.float64) for a in (out, truth))
        off = x - y
        if group.space == "rotations":
            off = to_axis_angle(y.reshape(-1, 3, 3).swapaxes(-1, -2) @ x.reshape(-1, 3, 3))
        found[c] = 1 + (off * wave).sum() / (wave * wave).sum()
    return found
