"""A refining network in an ONNX file, as one of the filters.

Every curve goes by itself: to the network's frame rate (``_rate``), in overlapping windows through it
(``windows``), and back to its own times.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from steadypose import _onnx
from steadypose.errors import DataError, FormatError
from steadypose.refine._context import EXCERPT, EXCERPTS, SPANS, context_of
from steadypose.refine._kalman import USUAL_CUTOFF, smoothing_spline
from steadypose.refine._rate import MARGIN, SAME, Resampled, fastest
from steadypose.refine.filters import Filter, Floats, Values, _parameter, _setting
from steadypose.refine.windows import CONTEXT, INPUT, OUTPUT, WindowSpec, centre_of, stream_curves

__all__ = ["Network", "SmoothNet", "shipped"]

KIND = _onnx.Kind("refining network", "refine_", "default")
CHUNK = 256  # windows a call: activations of 512 numbers a window stay in a core's cache
THREADS = 8  # at most: more of them wait for Python longer than they work
WHOLLY = 0.999  # weight from which a sample enters as it is


class Network:
    """A refining network, ready to run.

    Parameters
    ----------
    weights
        The name of a network that comes with steadypose (:func:`shipped`), or the path of an ONNX file that
        ``steadypose export`` has written. None: "default".

    Attributes
    ----------
    name : str
        From its card, else the file's.
    spec : WindowSpec
        What goes in and out.
    card : dict
        What is known about it: configuration, training, licence, scores.

    Raises
    ------
    SteadyposeError
        If no network has that name; the message lists those that come along.
    FormatError
        If the file is not a refining network.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None) -> None:
        path = KIND.find(weights)
        # One thread a call and several calls at a time: no thread waits for another at every layer.
        self._session = _onnx.session(path, _onnx.content(path), 1)
        self.card = _onnx.card(self._session, path, KIND)
        try:
            spec = self.spec = WindowSpec.from_json(self.card.get("spec"))
        except DataError as e:
            raise FormatError(path, "spec", *_onnx.halves(e)) from None
        if spec.context not in (0, len(SPANS)):
            raise FormatError(path, "spec", f"context of 0 or {len(SPANS)} numbers", str(spec.context))
        self.name = str(self.card.get("name") or path.stem)
        context = {CONTEXT: (spec.context,)} if spec.context else {}
        _onnx.check_shapes(self._session, path, {INPUT: (spec.length,), **context, OUTPUT: (spec.length,)})

    def __call__(self, windows: Values, context: Values | None = None) -> Values:
        """Refined windows.

        Parameters
        ----------
        windows : ndarray of float32, shape (windows, length)
            Normalised as the spec says.
        context : ndarray of float32, shape (windows, numbers), optional
            Of networks that take it.

        Returns
        -------
        ndarray of float32, shape (windows, length)
        """
        given = {INPUT: windows} if context is None else {INPUT: windows, CONTEXT: context}
        refined = np.empty_like(windows)
        for at in range(0, len(windows), CHUNK):
            some = slice(at, at + CHUNK)
            refined[some] = self._session.run([OUTPUT], {name: x[some] for name, x in given.items()})[0]
        return refined

    def refine(
        self, values: Values, times: Floats, size: Floats, *, strength: float = 1.0, step: int | None = None
    ) -> Values:
        """Curves refined at the network's rate.

        Parameters
        ----------
        values : ndarray of float32, shape (frames, channels)
            Without NaN.
        times : ndarray, shape (frames,)
            Seconds, strictly increasing.
        size : ndarray, shape (channels,)
            Of the body each channel belongs to.
        strength
            Divides the network's rate.
        step
            Frames from one window to the next, at that rate; None: the spec's.

        Returns
        -------
        ndarray of float32, shape (frames, channels)
        """
        frames, channels = values.shape
        if frames < 2 or channels == 0:
            return values.copy()
        spec = self.spec
        curves = Resampled(values, times, spec.rate, strength, centre_of(values, spec))
        pieces = stream_curves(
            curves.read,
            curves.shape,
            self,
            spec,
            size=size,
            step=step,
            context=_context(curves) if spec.context else None,
            workers=threads(),
        )
        out = np.empty((frames, channels), np.float32)
        for rows, piece in curves.back(pieces):
            out[rows] = piece
        return out


def shipped() -> dict[str, Path]:
    """Refining networks that come with steadypose: path by name."""
    return KIND.shipped()


def load(weights: str | os.PathLike[str] | None = None) -> Network:
    """A :class:`Network`; the last few stay open, so that making a filter anew costs nothing."""
    path = KIND.find(weights)
    try:
        about = path.stat()
    except OSError:
        return Network(path)  # which says what is wrong
    return _load(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int, size: int) -> Network:
    return Network(path)


def threads() -> int:
    """As many as there are processors for this process, or fewer if OMP_NUM_THREADS says so."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(THREADS, usable, int(said) if said.isdecimal() else usable))


@dataclass(frozen=True)
class SmoothNet(Filter):
    """A network that has learnt from motion capture what is jitter and what is motion (Zeng et al. 2022).

    It sees a window of one coordinate's curve, relative to its place and size, and gives it back refined;
    windows overlap, and every frame is the weighted mean of those it is in. One network serves pixels and
    metres, positions and rotations, any skeleton and frame rate.

    A sample of weight w enters as w times itself plus 1 − w times a smoothing spline that weighs its
    neighbours likewise: where nothing was seen well, the network is not told otherwise.
    """

    name: ClassVar[str] = "smoothnet"
    strength: float = _parameter(1.0, 0.3, 3.0, "", "above 1 smoother, below 1 closer to the input")
    weights: str | Path | None = field(
        default=None,
        metadata=_setting("network: a name that comes with steadypose, or an ONNX file", "the shipped one"),
    )
    step: int = field(
        default=0,
        metadata=_setting("frames from one window to the next; fewer is slower", "the network's own"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.__dataclass_fields__["strength"].metadata["range"]
        if not low <= self.strength <= high:
            raise DataError(
                f"{self.name}: expected strength from {low:g} to {high:g}, found {self.strength!r}"
            )
        if not isinstance(self.weights, str | os.PathLike | None):
            raise DataError(f"{self.name}: expected weights as a name or a path, found {self.weights!r}")
        length = self.network.spec.length
        whole = isinstance(self.step, int | np.integer) and not isinstance(self.step, bool)
        if not (whole and 0 <= self.step <= length):
            raise DataError(
                f"{self.name}: expected step as a whole number of frames from 1 to the window's {length}, or "
                f"0 for the network's own, found {self.step!r}"
            )

    @property
    def network(self) -> Network:
        """The network, opened when first needed."""
        return load(self.weights)

    def describe(self) -> str:
        """See :meth:`Filter.describe`."""
        step = f", step={self.step}" if self.step else ""
        return f"{self.name}({self.network.name}, strength={self.strength:g}{step})"

    def ahead(self, fps: float) -> float:
        """See :meth:`Filter.ahead`: a window, at the network's rate; all frames if it looks at whole curves.

        Samples of little weight lean on a spline besides, whose memory fades within a second.
        """
        spec = self.network.spec
        if spec.context:
            return math.inf
        rate = fastest((spec.rate or fps) / self.strength, fps)
        between = 0.0 if abs(rate / fps - 1) <= SAME else MARGIN * (1 + fps / rate)
        return math.ceil(spec.length * fps / rate + between)

    def smooth(self, values: Values, weights: Values | None, times: Floats, size: Floats) -> Values:
        """See :meth:`Filter.smooth`."""
        frames, _, dims = values.shape
        believed = values if weights is None else _believed(values, weights, times)
        refined = self.network.refine(
            believed.reshape(frames, -1),
            times,
            np.repeat(size, dims),
            strength=float(self.strength),
            step=int(self.step) or None,
        )
        return refined.reshape(values.shape)


def _believed(values: Values, weights: Values, times: Floats) -> Values:
    """Samples drawn towards a smoothing spline by as much as they are not believed."""
    doubted = np.flatnonzero((weights < WHOLLY).any(axis=0))
    if not doubted.size:
        return values
    some, w = values[:, doubted], weights[:, doubted]
    spline = smoothing_spline(some, w, times, np.array([USUAL_CUTOFF]))
    out = values.copy()
    for at in range(0, len(values), 1 << 14):
        rows = slice(at, at + (1 << 14))
        out[rows, doubted] += (1 - w[rows, :, None]) * (spline[rows] - some[rows])
    return out


def _context(curves: Resampled) -> npt.NDArray[np.float32]:
    """What the network is told of whole curves; of long ones only the excerpts are read."""
    source: Any = curves[:] if curves.shape[0] <= EXCERPT * EXCERPTS else curves
    return context_of(source)
