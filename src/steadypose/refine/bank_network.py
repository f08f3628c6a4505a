"""Runs a bank of filters with learnt gates over recordings of any length: the network of ``refine``.

Every body goes by itself, in chunks of some seconds that are faded into each other, at the recording's own
frame rate. A second pass takes samples that lie alone far from the first pass's curve, and those that their
estimator does not believe, for as much less as they are worth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose import _onnx
from steadypose.errors import DataError, FormatError
from steadypose.refine._believe import belief, drawn_to_spline
from steadypose.refine._rate import JITTER, spline
from steadypose.refine.bank import BankSpec, at_frames, bands_of, describe, noise_of
from steadypose.refine.filters import Floats, Indices, Values
from steadypose.refine.window_network import threads

__all__ = ["FIXED", "LOGITS", "VARYING", "BankNetwork"]

# Names inside an ONNX file.
VARYING, FIXED, LOGITS = "varying", "fixed", "logits"

CHUNK, OVERLAP = 12.0, 3.0  # seconds; what the network is told of a whole curve is of one chunk
FADE = 1 / 3  # of an overlap, its middle, in which one chunk gives way to the next
CURVES = 64  # curves a call: what is computed for them stays in a core's cache
FIRMNESS = 3.0  # power of strength that multiplies the energy of noise


class BankNetwork:
    """A network that opens and closes the gates of a bank.

    Parameters
    ----------
    session
        Of ONNX Runtime.
    card
        Of the file; its ``spec`` is a :class:`~steadypose.refine.bank.BankSpec`.
    path
        Of the file, for messages.

    Raises
    ------
    FormatError
        If the file is not such a network.
    """

    longest_step = 0

    def __init__(self, session: Any, card: dict[str, Any], path: Path) -> None:
        self._session = session
        try:
            spec = self.spec = BankSpec.from_json(card.get("spec"))
        except DataError as e:
            raise FormatError(path, "spec", *_onnx.halves(e)) from None
        bands = len(spec.edges)
        shapes = {VARYING: (spec.varying, None), FIXED: (spec.fixed,), LOGITS: (bands, None)}
        _onnx.check_shapes(session, path, shapes)

    def __call__(self, varying: Values, fixed: Values) -> Values:
        """Logits of gates, (curves, bands, gates); see :func:`steadypose.refine.bank.describe`."""
        found = [
            self._session.run([LOGITS], {VARYING: varying[at : at + CURVES], FIXED: fixed[at : at + CURVES]})[
                0
            ]
            for at in range(0, len(varying), CURVES)
        ]
        return np.concatenate(found)

    def ahead(self, fps: float, strength: float) -> float:
        """Frames of future that a frame's result may depend on: all."""
        return math.inf

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
        """Smoothed values, as of :meth:`steadypose.refine.Filter.smooth`; there is no step."""
        frames, curves, _ = values.shape
        if frames < 3 or curves == 0:
            return values.copy()
        start = values if weights is None else drawn_to_spline(values, weights, times)
        of = np.zeros(curves, np.intp) if person is None else person
        bodies = [np.flatnonzero(of == p) for p in np.unique(of)]
        out = np.zeros(values.shape, np.float32)
        jobs = [(body, rows, fade) for rows, fade in _chunks(times) for body in bodies]

        def refined(job: tuple[Indices, slice, Values]) -> Values:
            body, rows, _ = job
            w = None if weights is None else weights[rows, body]
            x, begun = values[rows, body], start[rows, body]
            y = self._chunk(x, begun, w, times[rows], float(size[body[0]]), strength)
            return y - x

        with ThreadPoolExecutor(threads()) as pool:
            for (body, rows, fade), change in zip(jobs, _in_turn(pool, refined, jobs), strict=True):
                out[rows, body] += change * fade[:, None, None]
        out += values
        return out

    def _chunk(
        self, x: Values, start: Values, weights: Values | None, times: Floats, size: float, strength: float
    ) -> Values:
        """A stretch of one body; (frames, keypoints, axes)."""
        grid = _even(times)
        fps = (len(grid) - 1) / (grid[-1] - grid[0])
        if grid is times:
            y, _ = self._passes(x, start, weights, fps, size, strength)
            return y
        # Off the grid: what is calm is read off the grid; what moves faster comes from the samples themselves.
        flat = x.reshape(len(x), -1)
        at_grid = spline(flat, times, grid).reshape(len(grid), *x.shape[1:])
        begun = spline(start.reshape(len(x), -1), times, grid).reshape(at_grid.shape)
        w = None if weights is None else np.clip(_linear(weights, times, grid), 1e-3, 1)
        y, fastest = self._passes(at_grid, begun, w, fps, size, strength)
        there = spline(np.concatenate([y, at_grid], axis=1).reshape(len(grid), -1), grid, times)
        y, again = np.split(there.reshape(len(x), -1, x.shape[2]), 2, axis=1)
        trust = _linear(fastest.reshape(len(grid), -1), grid, times).reshape(x.shape)
        if weights is not None:
            trust = trust * weights[..., None]
        refined: Values = y + trust * (x - again)
        return refined.astype(np.float32)

    def _passes(
        self, x: Values, start: Values, weights: Values | None, fps: float, size: float, strength: float
    ) -> tuple[Values, Values]:
        """Even curves (frames, keypoints, axes), refined, and the gate of their fastest band."""
        curves, begun = (np.ascontiguousarray(np.moveaxis(a, 0, 2)) for a in (x, start))
        w = None if weights is None else np.ascontiguousarray(weights.T)
        y, gate = self._pass(begun, fps, size, strength)
        believed = belief(curves, y, w)
        if believed is not None:
            y, gate = self._pass(y + believed[:, None] * (curves - y), fps, size, strength)
        return np.moveaxis(y, 2, 0), np.moveaxis(gate, 2, 0)

    def _pass(self, x: Values, fps: float, size: float, strength: float) -> tuple[Values, Values]:
        keypoints, axes, frames = x.shape
        bands = bands_of(x, fps, self.spec)
        shared = axes == 9
        seen = describe(bands, x, size, fps, self.spec, shared=shared)
        logits = self(seen.varying, seen.fixed) - np.float32(FIRMNESS * math.log(strength))
        gates = 1 / (1 + np.exp(-logits))
        last = at_frames(gates[:, len(bands) - 1], frames)
        fastest = np.broadcast_to(last.reshape(keypoints, -1, frames), x.shape)
        return x - noise_of(bands, gates), fastest


def _chunks(times: Floats) -> Iterator[tuple[slice, Values]]:
    """Stretches of a recording and how much each counts in every frame; the same from either end."""
    frames = len(times)
    seconds = float(times[-1] - times[0]) * frames / max(frames - 1, 1)
    count = max(1, math.ceil((seconds - OVERLAP) / (CHUNK - OVERLAP)))
    if count == 1:
        yield slice(0, frames), np.ones(frames, np.float32)
        return
    length = seconds / (count - (count - 1) * OVERLAP / CHUNK)
    for number in range(count):
        begin = number * length * (1 - OVERLAP / CHUNK)
        first = round(begin / seconds * frames)
        last = frames - round((seconds - begin - length) / seconds * frames)
        rows = slice(max(first, 0), min(last, frames))
        at = (np.arange(rows.start, rows.stop) + 0.5) / frames * seconds
        over = length * OVERLAP / CHUNK
        fade = np.ones(rows.stop - rows.start)
        if number:
            fade *= _rise((at - begin) / over)
        if number < count - 1:
            fade *= 1 - _rise((at - (begin + length - over)) / over)
        yield rows, fade.astype(np.float32)


def _rise(u: Floats) -> Floats:
    """From 0 to 1 over the middle of an overlap."""
    return np.asarray(np.clip((u - 0.5) / FADE + 0.5, 0, 1))


def _even(times: Floats) -> Floats:
    """Even times over the same stretch, or the very same array where they are even."""
    steps = np.diff(times)
    step = float(np.median(steps))
    grid = np.linspace(times[0], times[-1], max(3, round((times[-1] - times[0]) / step) + 1))
    if len(grid) == len(times) and np.abs(grid - times).max() <= JITTER * step:
        return times
    return grid


def _linear(x: Values, knots: Floats, at: Floats) -> Values:
    """Columns between their knots."""
    i = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    u = ((at - knots[i]) / (knots[i + 1] - knots[i])).astype(np.float32)[:, None]
    out: Values = x[i] + (x[i + 1] - x[i]) * u
    return out


def _in_turn(pool: ThreadPoolExecutor, work: Any, jobs: list[Any]) -> Iterator[npt.NDArray[np.float32]]:
    """Results in order; only as many ahead as there are threads, so that memory does not grow."""
    ahead = 2 * threads()
    waiting = [pool.submit(work, job) for job in jobs[:ahead]]
    for job in (*jobs[ahead:], *([None] * min(ahead, len(jobs)))):
        done = waiting.pop(0).result()
        if job is not None:
            waiting.append(pool.submit(work, job))
        yield done
