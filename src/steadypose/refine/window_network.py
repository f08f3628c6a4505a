"""The runner of networks that see windows of one curve at a time.

Every curve goes by itself: to the network's frame rate (``_rate``), in overlapping windows through it
(``windows``), and back to its own times.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose import _onnx
from steadypose.errors import DataError, FormatError
from steadypose.refine._believe import drawn_to_spline
from steadypose.refine._context import EXCERPT, EXCERPTS, SPANS, context_of
from steadypose.refine._rate import MARGIN, SAME, Resampled, fastest
from steadypose.refine.filters import Floats, Indices, Values
from steadypose.refine.windows import CONTEXT, INPUT, OUTPUT, WindowSpec, centre_of, stream_curves

__all__ = ["WindowNetwork"]

CHUNK = 256  # windows a call: activations of 512 numbers a window stay in a core's cache
THREADS = 8  # at most: more of them wait for Python longer than they work


class WindowNetwork:
    """A network that refines windows of a curve, ready to run.

    Parameters
    ----------
    session
        Its file, opened.
    card
        What is known about the network: configuration, training, licence, scores.
    path
        Its file, for messages.

    Attributes
    ----------
    spec : WindowSpec
        What goes in and out.
    longest_step : int
        Frames of a window, which is the largest distance from one to the next.

    Raises
    ------
    FormatError
        If the card has no such spec, or inputs and outputs are others than it says.
    """

    def __init__(self, session: _onnx.Session, card: dict[str, Any], path: Path) -> None:
        self._session = session
        try:
            spec = self.spec = WindowSpec.from_json(card.get("spec"))
        except DataError as e:
            raise FormatError(path, "spec", *_onnx.halves(e)) from None
        if spec.context not in (0, len(SPANS)):
            raise FormatError(path, "spec", f"context of 0 or {len(SPANS)} numbers", str(spec.context))
        context = {CONTEXT: (spec.context,)} if spec.context else {}
        _onnx.check_shapes(session, path, {INPUT: (spec.length,), **context, OUTPUT: (spec.length,)})
        self.longest_step = spec.length

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
            inputs = {name: x[some] for name, x in given.items()}
            refined[some] = self._session.run(OUTPUT, inputs, inputs[INPUT].shape)
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

    def ahead(self, fps: float, strength: float) -> float:
        """Frames of future that a frame's result may depend on: a window, at the network's rate; all if it
        looks at whole curves.

        Samples of little weight lean on a spline besides, whose memory fades within a second.
        """
        if self.spec.context:
            return math.inf
        rate = fastest((self.spec.rate or fps) / strength, fps)
        between = 0.0 if abs(rate / fps - 1) <= SAME else MARGIN * (1 + fps / rate)
        return math.ceil(self.spec.length * fps / rate + between)

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
        *,
        strength: float = 1.0,
        step: int | None = None,
    ) -> Values:
        """Smoothed values, as of :meth:`steadypose.refine.Filter.smooth`; persons do not matter.

        A sample of weight w enters as w times itself plus 1 − w times a smoothing spline that weighs its
        neighbours likewise: where nothing was seen well, the network is not told otherwise.
        """
        frames, _, dims = values.shape
        believed = values if weights is None else drawn_to_spline(values, weights, times)
        refined = self.refine(
            believed.reshape(frames, -1), times, np.repeat(size, dims), strength=strength, step=step
        )
        return refined.reshape(values.shape)


def threads() -> int:
    """As many as there are processors for this process, or fewer if OMP_NUM_THREADS says so."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(THREADS, usable, int(said) if said.isdecimal() else usable))


def _context(curves: Resampled) -> npt.NDArray[np.float32]:
    """What the network is told of whole curves; of long ones only the excerpts are read."""
    source: Any = curves[:] if curves.shape[0] <= EXCERPT * EXCERPTS else curves
    return context_of(source)
