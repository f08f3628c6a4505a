"""Windows: curves cut into them, normalised, refined by a network and put together again.

One :class:`WindowSpec` says how, in training and in use, so that the two cannot drift apart. The main path is
:func:`refine_curves`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from steadypose._onnx import METADATA
from steadypose.errors import DataError
from steadypose.refine._context import relative
from steadypose.refine._overlap import (
    Part,
    Rolling,
    blocks,
    chunks,
    continued,
    grids,
    in_order,
    overlap_sums,
    parts,
    weight_sums,
)

__all__ = [
    "CONTEXT",
    "INPUT",
    "METADATA",
    "OUTPUT",
    "Normalisation",
    "Taper",
    "WindowSpec",
    "normalise",
    "refine_curves",
    "stream_curves",
]

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Run = Callable[[Values, Values | None], Values]
Normalisation = Literal["window", "body", "none"]
Taper = Literal["hann", "flat"]

# Names inside an ONNX file: inputs and output. The spec is in its card, as "spec".
INPUT, OUTPUT, CONTEXT = "windows", "refined", "context"

BODY = 1.7  # diagonal of the box around a body, in the units of networks trained on metres
STILL = 1e-18  # standard deviation below which a window stands still; its square is still single precision


@dataclass(frozen=True)
class WindowSpec:
    """What windows a refining network sees.

    Parameters
    ----------
    length
        Frames of a window, at least 2.
    step
        Frames from one window to the next in use, from 1 to ``length``.
    rate
        Frames a second the network was trained at; None: curves come at whatever rate they have.
    normalisation
        ``"window"``: each window of each channel minus its mean, divided by its standard deviation.
        ``"body"``: minus its mean, divided by the size of the body and times 1.7, for networks trained on
        metres. ``"none"``: as it is.
    taper
        Weights of a window's frames where windows overlap: ``"hann"``, a bell, or ``"flat"``.
    context
        How many numbers about the whole curve the network takes besides the window; 0: none.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    length: int = 64
    step: int = 16
    rate: float | None = 60.0
    normalisation: Normalisation = "window"
    taper: Taper = "hann"
    context: int = 0

    def __post_init__(self) -> None:
        for name, low in {"length": 2, "step": 1, "context": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < low:
                raise DataError(
                    f"expected {name} of windows as a whole number from {low} up, found {value!r}"
                )
            object.__setattr__(self, name, int(value))
        if self.step > self.length:
            raise DataError(f"expected a step of at most the length {self.length}, found {self.step}")
        rate = self.rate
        if rate is not None:
            number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
            if not (number and 0 < rate < math.inf):
                raise DataError(f"expected rate of windows above 0 hertz, or None, found {rate!r}")
            object.__setattr__(self, "rate", float(rate))
        for name, choices in {"normalisation": Normalisation, "taper": Taper}.items():
            value, known = getattr(self, name), get_args(choices)
            if not isinstance(value, str) or value not in known:
                said = ", ".join(map(repr, known))
                raise DataError(f"expected {name} of windows as one of {said}, found {value!r}")

    def starts(self, frames: int, step: int | None = None) -> npt.NDArray[np.intp]:
        """First frames of the windows of a curve, in order.

        The same from either end: those of the first half count from the first frame, those of the second from
        the last, so that a reversed curve has the same windows, reversed. None is further than ``step`` from
        the next, and every frame is in one.

        Parameters
        ----------
        frames
            Of the curve, at least ``length``.
        step
            In place of the spec's.

        Raises
        ------
        DataError
            If there are fewer frames than that, or the step is not from 1 to ``length``.
        """
        stride = self._step(step)
        starts = np.concatenate(
            [
                first + stride * np.arange(count, dtype=np.intp)
                for first, count in grids(frames, self.length, stride)
            ]
        )
        starts.sort()
        return starts

    def weights(self) -> Values:
        """The taper: weight of every frame of a window; shape (length,)."""
        if self.taper == "flat":
            return np.ones(self.length, np.float32)
        t = (np.arange(self.length) + 0.5) / self.length
        bell: Values = ((1 - np.cos(2 * np.pi * t)) / 2).astype(np.float32)
        return bell

    def to_json(self) -> dict[str, Any]:
        """The spec as what JSON can hold, for a card; :meth:`from_json` gives it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> WindowSpec:
        """A spec from :meth:`to_json`'s mapping; every field must be there.

        Raises
        ------
        DataError
            If a field is missing, unknown or does not fit.
        """
        names = [f.name for f in fields(cls)]
        if not isinstance(data, dict) or set(data) != set(names):
            found = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
            raise DataError(f"expected a refining network's spec with {', '.join(names)}, found {found}")
        return cls(**data)

    def _step(self, step: int | None) -> int:
        if step is None:
            return self.step
        if not isinstance(step, int | np.integer) or not 1 <= step <= self.length:
            raise DataError(f"expected a step from 1 to the window's {self.length} frames, found {step!r}")
        return int(step)


def normalise(windows: Floats, spec: WindowSpec, size: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Windows as a network sees them, and what undoes it: ``windows = normalised * scale + offset``.

    Place and scale are gone, nothing else: a window turned upside down or backwards gives the normalised
    window turned so. A window that stands still is all zeros, with a scale of practically zero.

    Parameters
    ----------
    windows : ndarray, shape (..., length)
        May be a view; it is not changed.
    spec
        Its ``normalisation``.
    size : ndarray, broadcastable to shape (...), optional
        Of the body each window belongs to; for ``"body"``.

    Returns
    -------
    normalised : ndarray, shape (..., length)
        New, contiguous, of the type of ``windows``.
    offset, scale : ndarray, shape (..., 1)
    """
    dtype = windows.dtype
    shape = windows.shape[:-1]
    if spec.normalisation == "none":
        return np.array(windows, order="C"), np.zeros((*shape, 1), dtype), np.ones((*shape, 1), dtype)
    length = windows.shape[-1]
    offset: Floats = (np.einsum("...t->...", windows) / dtype.type(length))[..., None]
    centred: Floats = np.subtract(windows, offset, order="C")
    if spec.normalisation == "window":
        square = np.einsum("...t,...t->...", centred, centred) / dtype.type(length)
        scale = np.maximum(np.sqrt(square), dtype.type(STILL))[..., None]
    elif size is None:
        raise DataError("expected the size of the body for normalisation 'body', found none")
    else:
        scale = np.broadcast_to(np.asarray(size / BODY, dtype), shape)[..., None]
    centred *= dtype.type(1) / scale
    return centred, offset, scale


def refine_curves(
    values: Values,
    run: Run,
    spec: WindowSpec,
    *,
    size: Floats,
    step: int | None = None,
    context: Values | None = None,
    workers: int = 1,
) -> Values:
    """Curves refined window by window, and the windows' weighted mean at every frame.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, channels)
        Without NaN, evenly spaced, at the network's rate. A clip shorter than a window is continued at both
        ends by point reflection about the line through them; a single frame comes back as it is.
    run : callable
        Takes normalised windows (windows, length) and their context (windows, numbers) or None; returns
        refined windows. Of the windows it is given a few hundred at a time.
    spec
        What windows, normalised and weighted how.
    size : ndarray, shape (channels,)
        Of the body each channel belongs to.
    step
        In place of the spec's.
    context : ndarray of float32, shape (channels, numbers), optional
        What :func:`steadypose.refine._context.context_of` says of every curve; each window's network sees it
        relative to the window's scale.
    workers
        Threads that each call ``run`` for windows of their own; the result does not depend on it.

    Returns
    -------
    ndarray of float32, shape (frames, channels)
    """
    frames, channels = values.shape
    if frames < 2 or channels == 0:
        return values.copy()
    centre = centre_of(values, spec)

    def read(rows: slice, columns: slice) -> Values:
        return np.subtract(values[rows, columns], centre[columns]).astype(np.float32)

    out = np.empty((frames, channels), np.float32)
    for at, block in stream_curves(
        read, (frames, channels), run, spec, size=size, step=step, context=context, workers=workers
    ):
        out[at : at + len(block)] = block + centre
    return out


def centre_of(values: Values, spec: WindowSpec) -> Floats:
    """Where every curve begins: single precision is too coarse for small motion far from zero.

    Returns
    -------
    ndarray of float64, shape (channels,)
        The median of the first window; 0 for networks that are to see places as they are.
    """
    if spec.normalisation == "none":
        return np.zeros(values.shape[1])
    start: Floats = np.median(values[: spec.length].astype(np.float64), axis=0)
    return start


def stream_curves(
    read: Callable[[slice, slice], Values],
    shape: tuple[int, int],
    run: Run,
    spec: WindowSpec,
    *,
    size: Floats,
    step: int | None = None,
    context: Values | None = None,
    workers: int = 1,
) -> Iterator[tuple[int, Values]]:
    """As :func:`refine_curves`, for curves that are read, and handed out, piece by piece.

    A few megabytes are in use, however long the recording.

    Parameters
    ----------
    read : callable
        Takes a range of frames and one of channels, returns values of float32, shape (frames, channels). Is
        called by all workers.
    shape : tuple of int
        Frames, at least 2, and channels, at least 1.
    run, spec, size, step, context, workers
        As for :func:`refine_curves`.

    Yields
    ------
    int, ndarray of float32, shape (frames, channels)
        First frame and refined values, one stretch after the other.
    """
    stride = spec._step(step)
    frames, channels = shape
    if frames < spec.length:
        longer, before = continued(read(slice(0, frames), slice(0, channels)), spec.length)
        whole = refine_curves(longer, run, spec, size=size, step=step, context=context, workers=workers)
        yield 0, whole[before : before + frames]
        return
    taper = spec.weights()

    def refined(part: Part) -> Values:
        x = np.ascontiguousarray(read(part.rows, part.columns).T)
        windows = sliding_window_view(x, spec.length, axis=1)[:, ::stride]
        out = np.empty_like(x)
        for some in chunks(len(x), part.windows):
            channels = slice(part.columns.start + some.start, part.columns.start + some.stop)
            given, offset, scale = normalise(windows[some], spec, size[channels, None])
            about = None
            if context is not None:
                about = relative(context[channels, None], scale).reshape(-1, context.shape[1])
            done = run(given.reshape(-1, spec.length), about).reshape(given.shape)
            out[some] = overlap_sums(done, scale, offset, taper, stride)[:, : x.shape[1]]
        return out

    stretches = blocks(grids(frames, spec.length, stride), spec.length, stride, channels)
    sums = Rolling(channels)
    for part, found in in_order(refined, parts(stretches, channels), workers):
        sums.add(part, found, weight_sums(part.windows, taper, stride) if part.columns.start == 0 else None)
        if part.columns.stop == channels:
            start = sums.begin
            yield start, sums.finished(part.settled)
