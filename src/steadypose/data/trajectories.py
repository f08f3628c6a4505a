"""Pairs to learn refinement from: curves as an estimator gave them, and the same curves as they were.

A :class:`Trajectory` is a clip as seen by one estimator; :class:`TrajectoryPairs` cuts curves into windows by
index, so that nothing is copied before a batch is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.refine._context import context_of, relative
from steadypose.refine.windows import WindowSpec, normalise

__all__ = ["Trajectory", "TrajectoryPairs"]

# Where an estimator holds still while the body moves, the target is any number of deviations away:
# beyond this many it teaches no more, and one such window would outweigh all others.
FAR = 10.0

Values = npt.NDArray[np.float32]
Indices = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One person as an estimator saw him, and as he was.

    Parameters
    ----------
    name, label
        Of the clip; of the estimator or condition, by which scores are grouped.
    fps
        Frames a second.
    noisy, truth : ndarray of float32, shape (frames, channels)
        Complete: no NaN. Channel = keypoint × dims + axis.
    dims
        Axes of a keypoint.
    size
        Of the body, in the units of the curves (:func:`steadypose._size.body_size`).
    """

    name: str
    label: str
    fps: float
    noisy: Values
    truth: Values
    dims: int
    size: float = 1.0

    def __post_init__(self) -> None:
        for what in ("noisy", "truth"):
            x = getattr(self, what)
            if x.ndim != 2 or x.shape != self.noisy.shape or x.shape[1] % self.dims:
                raise DataError(
                    f"{self.name}: expected {what} of shape (frames, keypoints × {self.dims}) like noisy, "
                    f"found {x.shape}"
                )
            if not np.isfinite(x).all():
                raise DataError(f"{self.name}: expected {what} without gaps, found NaN or infinity")


class TrajectoryPairs:
    """Windows of curves and their targets.

    Trajectories shorter than a window are left out.

    Parameters
    ----------
    trajectories
        At least one as long as a window.
    spec
        The network's interface: length and normalisation of a window.
    step
        Frames from one window to the next.
    joint
        Whether an item is a window of all channels, (channels, length), or of one, (length,).
    centred
        Whether targets too are taken relative to their mean over the window (and put at the input's): the
        constant part of an estimator's error cannot be seen in a window that is relative to its own mean.

    Attributes
    ----------
    trajectories : tuple of Trajectory
        Those that are long enough.

    Raises
    ------
    DataError
        If none is, or ``joint`` and their channels differ.
    """

    def __init__(
        self,
        trajectories: Sequence[Trajectory],
        spec: WindowSpec,
        *,
        step: int = 1,
        joint: bool = False,
        centred: bool = False,
    ) -> None:
        self.spec, self.step, self.joint, self.centred = spec, step, joint, centred
        self.trajectories = kept = tuple(t for t in trajectories if len(t.noisy) >= spec.length)
        if not kept:
            raise DataError(
                f"expected trajectories of {spec.length} frames or more, found {len(trajectories)} shorter"
            )
        channels = np.array([t.noisy.shape[1] for t in kept])
        if joint and (channels != channels[0]).any():
            raise DataError(
                f"expected the same channels in all trajectories, found {sorted({*channels.tolist()})}"
            )
        frames = np.array([len(t.noisy) for t in kept])
        # Curves laid end to end, one channel after the other, so that a window is one stretch of memory.
        self._noisy = np.concatenate([t.noisy.T.ravel() for t in kept])
        self._truth = np.concatenate([t.truth.T.ravel() for t in kept])
        self._frames, self._channels = frames, channels
        self._first = np.concatenate([[0], np.cumsum(frames * channels)[:-1]])
        self._size = np.array([t.size for t in kept], np.float32)
        self._windows = (frames - spec.length) // step + 1
        items = self._windows if joint else self._windows * channels
        self._ends = np.cumsum(items)
        self._context = _contexts(kept, spec)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def batch(self, which: Indices) -> tuple[Values, Values, Values | None]:
        """Inputs, targets and contexts of items.

        Returns
        -------
        x, y : ndarray of float32, shape (items, length) or (items, channels, length)
            Normalised by the spec, both with the offset and scale of x; with normalisation ``"window"`` y is
            kept between -10 and 10.
        context : ndarray of float32, shape (items, numbers) or (items, channels, numbers), or None
            As many numbers as the spec says.
        """
        x, y, context, _ = self.scaled_batch(which)
        return x, y, context

    def scaled_batch(self, which: Indices) -> tuple[Values, Values, Values | None, Values]:
        """:meth:`batch` and the scale of each window, shape (…, 1), to undo the normalisation of errors."""
        at = np.searchsorted(self._ends, which, side="right")
        item = which - (self._ends[at] - (self._windows * (1 if self.joint else self._channels))[at])
        if self.joint:
            channel = np.arange(self._channels[0])
            window, curve = item[:, None], at[:, None]
        else:
            channel, window, curve = item // self._windows[at], item % self._windows[at], at
        start = self._first[curve] + channel * self._frames[curve] + window * self.step
        index = start[..., None] + np.arange(self.spec.length)
        x, y = self._noisy[index], self._truth[index]
        if self.centred:
            y += (x - y).mean(axis=-1, keepdims=True)
        x, offset, scale = normalise(x, self.spec, self._size[curve])
        y = (y - offset) / scale
        if self.spec.normalisation == "window":
            np.clip(y, -FAR, FAR, out=y)
        if self._context is None:
            return x, y, None, scale
        first = np.concatenate([[0], np.cumsum(self._channels)[:-1]])
        return x, y, relative(self._context[first[curve] + channel], scale), scale


def _contexts(trajectories: Sequence[Trajectory], spec: WindowSpec) -> Values | None:
    """What is known of whole curves, one row a channel of every trajectory."""
    if not spec.context:
        return None
    return np.concatenate([context_of(t.noisy) for t in trajectories])
