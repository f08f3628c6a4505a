"""Another frame rate: positions by a windowed sinc, rotations by the same when slowed down, else by slerp.

Taking every second frame folds what is faster than the new rate allows into what is slower; interpolating
linearly dampens what both rates could show. The kernel here (sinc times a Kaiser window, 16 zero crossings to
either side) passes up to 0.34 of the lower rate unchanged and stops by 80 dB at half of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.rotations import from_quaternion, slerp, to_quaternion
from steadypose.sequence import BodyMotion, Motion

Floats = npt.NDArray[np.float64]

_CROSSINGS = 16  # zero crossings of the sinc on either side
_BETA = 8.0  # of the Kaiser window: 80 dB
_TRANSITION = 0.157  # width of the transition band of that window and length, in parts of the lower rate
_SAME = 1e-3  # rates this near to each other are the same: 1/0.0083333 is 120


def same_rate(rate: float, fps: float) -> bool:
    """Whether two frame rates are the same but for the digits of a file."""
    return abs(rate / fps - 1) < _SAME


def motion(old: Motion, fps: float) -> Motion:
    """A motion of at least two evenly spaced frames at another rate."""
    times = np.asarray(old.times, np.float64)
    new = new_times(times, fps)
    note = f"resampled from {old.fps:g} to {fps:g} fps"
    if not isinstance(old, BodyMotion):
        x = positions(old.positions.astype(np.float64), times, new)
        return replace(
            old,
            positions=x.astype(np.float32),
            times=new,
            confidence=None,
            filled=None,
            source=None,
            history=(*old.history, note),
        )
    return replace(
        old,
        rotations=rotations(old.rotations, times, new),
        translation=None if old.translation is None else positions(old.translation, times, new),
        times=new,
        body_shape=None if old.body_shape is None else old.body_shape[np.zeros(len(new), int)],
        filled=None,
        source=None,
        history=(*old.history, note),
    )


def new_times(times: Floats, fps: float) -> Floats:
    """Times from the first to the last of ``times``, ``fps`` a second."""
    steps = int(np.floor((times[-1] - times[0]) * fps + 1e-6))
    return np.asarray(times[0] + np.arange(steps + 1) / fps)


def positions(x: Floats, times: Floats, new: Floats) -> Floats:
    """Positions at other times, band-limited to the lower of both rates.

    Parameters
    ----------
    x : ndarray, shape (frames, ...)
        NaN where missing; stays missing at times whose nearest frame before or after is.
    times, new : ndarray
        Evenly spaced seconds.
    """
    flat = x.reshape(len(x), -1)
    gone = ~np.isfinite(flat)
    if gone.any():
        flat = _bridged(flat, gone, times)
    y = _kernel(times, new) @ _extended(flat, _reach(times, new))
    if gone.any():
        at = np.clip((new - times[0]) / (times[1] - times[0]), 0, len(x) - 1)
        y[gone[np.floor(at + 1e-6).astype(int)] | gone[np.ceil(at - 1e-6).astype(int)]] = np.nan
    return np.asarray(y.reshape(len(new), *x.shape[1:]))


def rotations(r: Floats, times: Floats, new: Floats) -> Floats:
    """Rotations at other times, shape (frames, ..., 3, 3).

    Slower: the components of their quaternions are low-passed (each with the sign that makes it continuous)
    and made a rotation again. Faster: by slerp.
    """
    if len(new) > 1 and new[1] - new[0] <= (times[1] - times[0]) * (1 + _SAME):
        at = np.clip((new - times[0]) / (times[1] - times[0]), 0, len(r) - 1)
        before = np.minimum(at.astype(int), len(r) - 2)
        t = (at - before).reshape(-1, *(1,) * (r.ndim - 3))
        return slerp(r[before], r[before + 1], t)
    q = to_quaternion(r)
    flips = np.where((q[1:] * q[:-1]).sum(axis=-1) < 0, -1.0, 1.0)
    q[1:] *= np.cumprod(flips, axis=0)[..., None]
    return from_quaternion(positions(q, times, new))


def _reach(times: Floats, new: Floats) -> int:
    """Frames that the kernel reaches to either side."""
    step = times[1] - times[0]
    slower = max(step, new[1] - new[0] if len(new) > 1 else step)
    return int(np.ceil(_CROSSINGS * slower / step)) + 1


def _kernel(times: Floats, new: Floats) -> Any:
    """Sparse matrix from frames (extended at both ends) to new times."""
    from scipy.sparse import csr_array

    step, reach = times[1] - times[0], _reach(times, new)
    ratio = min(1.0, step / (new[1] - new[0])) if len(new) > 1 else 1.0
    at = (new - times[0]) / step
    first = np.floor(at).astype(int) - reach + 1
    taps = np.arange(2 * reach)
    distance = (at - first)[:, None] - taps  # in frames
    window = np.sqrt(np.clip(1 - (distance * ratio / _CROSSINGS) ** 2, 0, None))
    inside = np.abs(distance * ratio) <= _CROSSINGS
    # At the same or a higher rate everything up to half the old rate may pass.
    cut = ratio * (1 - _TRANSITION) if ratio < 1 else 1.0
    weights = np.where(inside, np.sinc(distance * cut) * np.i0(_BETA * window), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    columns = first[:, None] + taps + reach
    rows = np.repeat(np.arange(len(new)), len(taps))
    size = (len(new), len(times) + 2 * reach)
    return csr_array((weights.ravel(), (rows, np.clip(columns.ravel(), 0, size[1] - 1))), shape=size)


def _extended(x: Floats, reach: int) -> Floats:
    """Reflected through its first and last frame, so that neither place nor speed jumps at the ends."""
    return np.pad(x, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")


def _bridged(x: Floats, gone: npt.NDArray[np.bool_], times: Floats) -> Floats:
    """With straight lines across what is missing (zeros where nothing is there)."""
    out = x.copy()
    for k in np.flatnonzero(gone.any(axis=0)):
        there = ~gone[:, k]
        out[:, k] = np.interp(times, times[there], x[there, k]) if there.any() else 0.0
    return out
