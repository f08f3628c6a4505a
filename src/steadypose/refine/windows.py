"""Windows: curves cut into them, normalised, refined by a network and put together again.

One :class:`WindowSpec` says how, in training and in use, so that the two cannot drift apart. The main path is
:func:`refine_curves`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from steadypose.errors import DataError
from steadypose.refine._context import relative

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
]

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
T = TypeVar("T")
Run = Callable[[Values, Values | None], Values]
Normalisation = Literal["window", "body", "none"]
Taper = Literal["hann", "flat"]

# Names inside an ONNX file: inputs, output, and the key of its metadata that holds the card (JSON; the spec
# is the card's "spec").
INPUT, OUTPUT, CONTEXT, METADATA = "windows", "refined", "context", "steadypose"

CHUNK = 512  # windows at a time: their activations stay in a core's cache
BODY = 1.7  # diagonal of the box around a body, in the units of networks trained on metres
STILL = 1e-18  # standard deviation below which a window stands still; its square is still single precision
ENDS = 5  # frames whose line says where a short clip ends


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
        grids = _grids(frames, self.length, self._step(step))
        stride = self._step(step)
        starts = np.concatenate([first + stride * np.arange(count, dtype=np.intp) for first, count in grids])
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
    if spec.normalisation == "window":
        centred = windows - offset
        square = np.einsum("...t,...t->...", centred, centred) / dtype.type(length)
        scale = np.maximum(np.sqrt(square), dtype.type(STILL))[..., None]
    else:
        if size is None:
            raise DataError("expected the size of the body for normalisation 'body', found none")
        centred = windows - offset
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

    Notes
    -----
    Besides the result, one number a frame and a few megabytes are in use, however long the recording.
    """
    stride = spec._step(step)
    frames, channels = values.shape
    if frames < 2 or channels == 0:
        return values.copy()
    if frames < spec.length:
        longer, before = _continued(values, spec.length)
        whole = refine_curves(longer, run, spec, size=size, step=step, context=context, workers=workers)
        return whole[before : before + frames]
    grids = _grids(frames, spec.length, stride)
    centre = np.zeros(channels) if spec.normalisation == "none" else _centre(values)
    taper = spec.weights()

    def refined(part: tuple[slice, slice]) -> Values:
        rows, columns = part
        x = np.subtract(values[rows, columns], centre[columns])
        about = None if context is None else context[columns]
        return _weighted_sums(
            np.ascontiguousarray(x.T, np.float32), run, spec, stride, taper, size[columns], about
        )

    out = np.zeros((frames, channels), np.float32)
    for (rows, columns), sums in _in_order(refined, _parts(grids, spec.length, stride, channels), workers):
        out[rows, columns] += sums.T
    total = _weight_sums(grids, taper, stride, frames)
    for at in range(0, frames, 4096):
        some = slice(at, at + 4096)
        out[some] = out[some] / total[some, None] + centre
    return out


def _parts(
    grids: list[tuple[int, int]], length: int, stride: int, channels: int
) -> Iterator[tuple[slice, slice]]:
    """Frames and channels that hold about ``CHUNK`` windows."""
    for first, count in grids:
        for at in range(0, count, CHUNK):
            begin, some = first + at * stride, min(CHUNK, count - at)
            together = max(1, CHUNK // some)
            for c in range(0, channels, together):
                yield (
                    slice(begin, begin + (some - 1) * stride + length),
                    slice(c, min(c + together, channels)),
                )


def _in_order(make: Callable[[T], Values], parts: Iterator[T], workers: int) -> Iterator[tuple[T, Values]]:
    """Parts and what is made of them, made by several threads but handed out in order; few wait at a time."""
    if workers == 1:
        yield from ((part, make(part)) for part in parts)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[T, Future[Values]]] = deque()
        for part in parts:
            waiting.append((part, pool.submit(make, part)))
            if len(waiting) > 2 * workers:
                done, result = waiting.popleft()
                yield done, result.result()
        for done, result in waiting:
            yield done, result.result()


def _weighted_sums(
    x: Values, run: Run, spec: WindowSpec, stride: int, taper: Values, size: Floats, context: Values | None
) -> Values:
    """Sums over a stretch's refined windows, times their taper; x and result (channels, frames)."""
    channels, frames = x.shape
    windows = sliding_window_view(x, spec.length, axis=1)[:, ::stride]
    count = windows.shape[1]
    given, offset, scale = normalise(windows, spec, size[:, None])
    about = None if context is None else relative(context[:, None], scale).reshape(-1, context.shape[1])
    refined = run(given.reshape(-1, spec.length), about).reshape(given.shape)
    # A window is a row of pieces as long as the stride. Frames between two starts get the first piece of one
    # window, the second of the window before, and so on: a diagonal, and with zeros around it always whole.
    pieces = -(-spec.length // stride)
    padded = np.zeros((channels, count + 2 * (pieces - 1), pieces * stride), np.float32)
    inner = padded[:, pieces - 1 : pieces - 1 + count, : spec.length]
    np.multiply(refined, scale, out=inner)
    inner += offset
    channel, row, number = padded.strides
    diagonals = as_strided(
        padded[:, pieces - 1 :],
        (channels, count + pieces - 1, pieces, stride),
        (channel, row, stride * number - row, number),
    )
    weights = np.zeros(pieces * stride, np.float32)
    weights[: spec.length] = taper
    sums: Values = np.einsum("cips,ps->cis", diagonals, weights.reshape(pieces, stride))
    return sums.reshape(channels, -1)[:, :frames]


def _weight_sums(grids: list[tuple[int, int]], taper: Values, stride: int, frames: int) -> Values:
    """Sum of the tapers over every frame; shape (frames,)."""
    total = np.zeros(frames + stride, np.float32)
    for first, count in grids:
        for at in range(0, len(taper), stride):
            piece = taper[at : at + stride]
            rows = total[first + at : first + at + count * stride].reshape(count, stride)
            rows[:, : len(piece)] += piece
    return total[:frames]


def _grids(frames: int, length: int, stride: int) -> list[tuple[int, int]]:
    """First start and number of the windows counted from the front and of those counted from the back."""
    if frames < length:
        raise DataError(f"expected at least {length} frames, a window's, found {frames}")
    last = frames - length
    half = last // (2 * stride)
    between = last - 2 * half * stride  # from the last window of the front to the first of the back
    count = half + 1 + (between > stride)
    behind = count - (between == 0)  # the one in the middle counts once
    grids = [(0, count)]
    if behind:
        grids.append((last - (behind - 1) * stride, behind))
    return grids


def _centre(values: Values) -> Floats:
    """Mean of every channel over frames from all over the recording; shape (channels,)."""
    some = values[:: max(1, len(values) // 1000)]
    mean: Floats = some.mean(axis=0, dtype=np.float64)
    return mean


def _continued(values: Values, length: int) -> tuple[Values, int]:
    """A clip made at least ``length`` frames long, and how many frames come before its first.

    Minus the line from end to end it is continued as an odd function about either end. Where the ends are, a
    line fitted to a few frames there says, not a single noisy sample.
    """
    frames = len(values)
    before = (length - frames + 1) // 2  # as many behind
    x = values.astype(np.float64)
    near = min(frames, ENDS)
    t = np.arange(near) - (near - 1) / 2
    weights = 1 / near + t[0] * t / (t @ t)  # of the fitted line at its first frame
    first, last = weights @ x[:near], weights @ x[: -near - 1 : -1]
    at = np.arange(-before, frames + before)
    line = first + (last - first) * (at / (frames - 1))[:, None]
    rest = x - line[before : before + frames]
    period = 2 * (frames - 1)
    within = at % period
    odd = within > frames - 1
    where = np.where(odd, period - within, within)
    continued = line + np.where(odd, -1.0, 1.0)[:, None] * rest[where]
    return continued.astype(np.float32), before
