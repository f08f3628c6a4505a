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
from steadypose.refine.bank import BankSpec, bands_of, noise_of, series_of, to_frames
from steadypose.refine.bank_numbers import Described, describe, scale_of
from steadypose.refine.filters import Floats, Indices, Values
from steadypose.refine.window_network import threads

__all__ = ["AXES", "INPUTS", "LOGITS", "BankNetwork"]

# Names inside an ONNX file.
INPUTS, LOGITS = ("now", "always", "axis_now", "axis_always"), "logits"
AXES = {  # of the inputs; each has numbers behind them, and the logits are like axis_now
    "now": ("gates", "points"),
    "always": ("points",),
    "axis_now": ("gates", "points", "axes"),
    "axis_always": ("points", "axes"),
}

CHUNK, OVERLAP = 12.0, 3.0  # seconds; what the network is told of a whole curve is of one chunk
LEAST = 96  # frames of a chunk at least: at a few frames a minute 12 s are none
NEARLY = 0.05  # of the mean step: two times nearer than that nearly repeat
FINEST = 4  # times as many even frames as there are uneven ones, at most
AT_ONCE = 1 << 14  # gates of keypoints: 75 MB of activations, whatever number of keypoints a body has
FADE = 1 / 3  # of an overlap, its middle, in which one chunk gives way to the next
HARDLY = 0.15  # weight below which the first pass sees a spline rather than the sample
AGAIN = 3  # passes after the first, at most
SMALLEST = 1e-30  # of a body's size: single precision ends a little below
FIRMNESS = 3.0  # power of strength that multiplies the energy of noise
# Added to all logits: a little more passes than has the least error on average. Chosen on the validation grid
# of experiments/no_harm: .27 % of its cells are worse than the input by over 5 % (without, which is strength
# 1.1126: .34 %), and the mean error over the oracle's is .939 (.938).
CAUTION = 0.32


class BankNetwork:
    """A network that opens and closes the gates of a bank.

    Parameters
    ----------
    session
        Its file, opened.
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

    def __init__(self, session: _onnx.Session, card: dict[str, Any], path: Path) -> None:
        self._session = session
        try:
            spec = self.spec = BankSpec.from_json(card.get("spec"))
        except DataError as e:
            raise FormatError(path, "spec", *_onnx.halves(e)) from None
        numbers = {**spec.numbers, LOGITS: len(spec.edges)}
        axes = {**AXES, LOGITS: AXES["axis_now"]}
        shapes = {name: (*(None for _ in axes[name][1:]), n) for name, n in numbers.items()}
        _onnx.check_shapes(session, path, shapes)

    def __call__(self, seen: Described) -> Values:
        """Logits of gates, (gates, keypoints, axes, bands)."""
        gates, points = seen.now.shape[:2]
        some = max(1, AT_ONCE // gates)
        parts = [self._logits(seen, slice(at, at + some)) for at in range(0, points, some)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _logits(self, seen: Described, points: slice) -> Values:
        """Of some keypoints: every one is treated by itself."""
        inputs = {
            name: getattr(seen, name)[(slice(None),) * AXES[name].index("points") + (points,)]
            for name in INPUTS
        }
        shape = (*inputs["axis_now"].shape[:-1], len(self.spec.edges))
        return self._session.run(LOGITS, inputs, shape)

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
        start = values
        if weights is not None and (weights < HARDLY).any():
            start = drawn_to_spline(values, np.where(weights < HARDLY, weights, np.float32(1)), times)
        of = np.zeros(curves, np.intp) if person is None else person
        bodies = [np.flatnonzero(of == p) for p in np.unique(of)]
        out = np.zeros(values.shape, np.float32)
        jobs = [(body, rows, fade) for rows, fade in _chunks(times) for body in bodies]

        def change(job: tuple[Indices, slice, Values]) -> Values:
            body, rows, _ = job
            w = None if weights is None else weights[rows, body]
            # In sizes of the body, from where a curve begins: no square is too large or too small.
            origin, unit = values[rows.start, body], np.float32(max(size[body[0]], SMALLEST))
            x = (values[rows, body] - origin) / unit
            begun = x if start is values else (start[rows, body] - origin) / unit
            refined = self._chunk(x, begun, w, times[rows], strength)
            return np.asarray((refined - x) * unit)

        with ThreadPoolExecutor(threads()) as pool:
            for (body, rows, fade), changed in zip(jobs, _in_turn(pool, change, jobs), strict=True):
                out[rows, body] += changed * fade[:, None, None]
        out += values
        return out

    def _chunk(
        self, x: Values, start: Values, weights: Values | None, times: Floats, strength: float
    ) -> Values:
        """A stretch of one body of size 1; (frames, keypoints, axes)."""
        grid = _even(times)
        fps = (len(grid) - 1) / (grid[-1] - grid[0])
        if grid is times:
            y, _ = self._passes(x, start, weights, fps, strength)
            return y
        # What is calm is read off the even grid; what moves faster comes from the samples themselves.
        # Times that nearly repeat make slopes of mere noise: no spline goes through those.
        read_off = spline if _apart(times) else _linear
        at_grid = read_off(x.reshape(len(x), -1), times, grid).reshape(len(grid), *x.shape[1:])
        begun = at_grid
        if start is not x:
            begun = read_off(start.reshape(len(x), -1), times, grid).reshape(at_grid.shape)
        w = None if weights is None else np.clip(_linear(weights, times, grid), 1e-3, 1)
        y, fastest = self._passes(at_grid, begun, w, fps, strength)
        there = read_off(np.concatenate([y, at_grid], axis=1).reshape(len(grid), -1), grid, times)
        y, again = np.split(there.reshape(len(x), -1, x.shape[2]), 2, axis=1)
        trust = _linear(fastest.reshape(len(grid), -1), grid, times).reshape(x.shape)
        if weights is not None:
            trust = trust * weights[..., None]
        refined: Values = y + trust * (x - again)
        return refined.astype(np.float32)

    def _passes(
        self, x: Values, start: Values, weights: Values | None, fps: float, strength: float
    ) -> tuple[Values, Values]:
        """Even curves (frames, keypoints, axes), refined, and the gate of their fastest band."""
        raw = series_of(start[:, None], fps)
        y, logits = self._pass(start, raw, raw, fps, strength)
        for _ in range(AGAIN):
            believed = belief(x, y, weights)
            if believed is None:
                break
            x_again = y + believed[..., None] * (x - y)
            y, logits = self._pass(x_again, series_of(x_again[:, None], fps), raw, fps, strength)
        fastest = 1 / (1 + np.exp(-logits[..., self.spec.present(fps) - 1]))
        there = to_frames(len(x), len(fastest)) @ fastest.reshape(len(fastest), -1)
        return y, np.broadcast_to(there.reshape(*x.shape[:2], -1), x.shape)

    def _pass(
        self, x: Values, series: Values, raw: Values, fps: float, strength: float
    ) -> tuple[Values, Values]:
        """Curves (frames, keypoints, axes) of some sine series, refined, and logits of the gates.

        ``raw`` is the series of the curves of the first pass.
        """
        bands = bands_of(series, fps, self.spec)
        seen = describe(bands, raw, scale_of(x[:, None], np.ones(1)), fps, self.spec)
        logits = self(seen) + np.float32(CAUTION - FIRMNESS * math.log(strength))
        return x - noise_of(bands, logits)[:, 0], logits


def _chunks(times: Floats) -> Iterator[tuple[slice, Values]]:
    """Stretches of a recording and how much each counts in every frame; the same from either end."""
    frames = len(times)
    seconds = float(times[-1] - times[0]) * frames / max(frames - 1, 1)
    longest = max(CHUNK, LEAST * seconds / frames)
    count = max(1, math.ceil((seconds / longest - OVERLAP / CHUNK) / (1 - OVERLAP / CHUNK)))
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
    step = float(np.median(np.diff(times)))
    count = min(round((times[-1] - times[0]) / step) + 1, FINEST * len(times))
    grid = np.linspace(times[0], times[-1], max(3, count))
    if len(grid) == len(times) and np.abs(grid - times).max() <= JITTER * step:
        return times
    return grid


def _apart(times: Floats) -> bool:
    """Whether no two times are far nearer to each other than they are in the mean."""
    steps = np.diff(times)
    return bool(steps.min() > NEARLY * steps.mean())


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
