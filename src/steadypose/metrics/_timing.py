"""What smoothing spoils and Accel does not see: lag, and fast movements made slow."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from steadypose.metrics import _arrays
from steadypose.metrics._arrays import Array, Floats, Root


def lag(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    max_lag: int = 15,
    root: Root = None,
    cuts: Iterable[int] = (),
) -> float:
    """How many frames ``pred`` is behind the truth; negative: ahead.

    The shift at which velocities correlate best (normalised over the frames and keypoints that both have),
    refined to a fraction of a frame by a parabola through the three highest values.

    Parameters
    ----------
    pred, truth, root, cuts
        As in :func:`accel`.
    max_lag
        Frames searched to both sides.

    Returns
    -------
    float
        NaN where nothing moves, or where correlation is highest at the end of the search.
    """
    (a, b), at = _arrays.stack(pred, truth, cuts=cuts)
    clips = _arrays.segments(len(a), at)
    reach = min(max_lag, max(c.stop - c.start for c in clips) - 2)
    if reach < 1:
        return float("nan")
    sums = np.zeros((3, 2 * reach + 1))  # products, and the power of either over the same frames
    for clip in clips:
        frames = clip.stop - clip.start
        for s in _arrays.blocks(frames, a[:1].size, 1):
            _correlate(sums, a[clip], b[clip], s, reach, root)
    power = np.sqrt(sums[1] * sums[2])
    c = np.where(power > 0, sums[0] / np.where(power > 0, power, 1.0), -np.inf)
    best = int(np.argmax(c))
    if not np.isfinite(c[best]) or not 0 < best < 2 * reach or not np.isfinite(c[best - 1 : best + 2]).all():
        return float("nan")
    left, top, right = c[best - 1 : best + 2]
    bend = left - 2 * top + right
    return float(best - reach + (0.5 * (left - right) / bend if bend < 0 else 0.0))


def peak_speed_ratio(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    root: Root = None,
    cuts: Iterable[int] = (),
    per_joint: bool = False,
) -> float | Floats:
    """Peak speed of ``pred`` over that of the truth: below 1, fast movements have been smoothed away.

    A keypoint's peak is the 99th percentile of its speed over the frames that both have; the total is the sum
    of peaks over the sum of peaks, so that keypoints that hardly move hardly count. Noise makes speed: a raw
    input can be far above 1.
    """
    (a, b), at = _arrays.stack(pred, truth, cuts=cuts)
    x, y = (_arrays.differences(m, None, 1, at, root) for m in (a, b))
    peaks = np.full((2, a.shape[1]), np.nan)
    for k in range(a.shape[1]):
        both = np.isfinite(x[:, k]) & np.isfinite(y[:, k])
        if both.any():
            peaks[:, k] = [np.percentile(s[both, k], 99) for s in (x, y)]
    if not per_joint:
        peaks = np.nansum(peaks, axis=1, keepdims=True)
    out = np.where(peaks[1] > 0, peaks[0] / np.where(peaks[1] > 0, peaks[1], 1.0), np.nan)
    return out if per_joint else float(out[0])


def _correlate(sums: Floats, a: Array, b: Array, at: slice, reach: int, root: Root) -> None:
    """Add the products of the truth's velocities in a block with those of pred up to ``reach`` frames off."""
    wide = slice(max(at.start - reach, 0), min(at.stop + reach, len(a)))
    x, _ = _arrays.centred(a[wide], a[wide], root)
    y, _ = _arrays.centred(b[at], b[at], root)
    # Single precision halves the time, and velocities are small numbers without an offset.
    v, seen_v, power_v = _velocities(x)
    u, seen_u, power_u = _velocities(y)
    for i in range(2 * reach + 1):
        offset = at.start - wide.start + i - reach  # row of v that meets row 0 of u
        lo, hi = max(0, -offset), min(len(u), len(v) - offset)
        if hi <= lo:
            continue
        mine, theirs = slice(lo + offset, hi + offset), slice(lo, hi)
        sums[0, i] += float(np.vdot(v[mine], u[theirs]))
        sums[1, i] += float(np.vdot(power_v[mine], seen_u[theirs]))
        sums[2, i] += float(np.vdot(seen_v[mine], power_u[theirs]))


def _velocities(x: Floats) -> tuple[Array, Array, Array]:
    """First differences with 0 where missing, where they are there (1 or 0), and their squared lengths."""
    v = np.diff(x, axis=0).astype(np.float32, order="C")  # or every slice of it would be copied
    seen = np.asarray(np.isfinite(v).all(axis=-1, keepdims=True))
    v = np.where(seen, v, np.float32(0))
    return v, seen[..., 0].astype(np.float32), np.einsum("fkd,fkd->fk", v, v)
