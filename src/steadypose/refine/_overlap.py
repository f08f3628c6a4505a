"""Overlapping windows in few large steps: where they start, in what order they are refined, how they add up.

The windows of a recording lie on two regular grids, one counted from the front and one from the back. A
:class:`Part` is some hundred neighbouring windows of one grid: read, refined and summed together, so that
nothing here walks over windows one by one and nothing grows with the recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from steadypose.errors import DataError

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]

CHUNK = 512  # windows at a time: their activations stay in a core's cache
CHANNELS = 16  # read together, which costs little more than one of them
BLOCK = 1 << 20  # numbers of a stretch of all channels: 4 MB
ENDS = 5  # frames whose line says where a short clip ends


@dataclass(frozen=True)
class Part:
    """Neighbouring windows of some channels.

    Parameters
    ----------
    rows
        Frames that the windows cover.
    windows
        How many a channel.
    settled
        Frames before this one are complete once this part and all before it are added.
    columns
        Channels.
    """

    rows: slice
    windows: int
    settled: int
    columns: slice


def grids(frames: int, length: int, stride: int) -> list[tuple[int, int]]:
    """First start and number of the windows counted from the front and of those counted from the back."""
    if frames < length:
        raise DataError(f"expected at least {length} frames, a window's, found {frames}")
    last = frames - length
    half = last // (2 * stride)
    between = last - 2 * half * stride  # from the last window of the front to the first of the back
    count = half + 1 + (between > stride)
    behind = count - (between == 0)  # the one in the middle counts once
    front = (0, count)
    return [front, (last - (behind - 1) * stride, behind)] if behind else [front]


def blocks(
    lines: list[tuple[int, int]], length: int, stride: int, channels: int
) -> list[tuple[slice, int, int]]:
    """Stretches of the grids small enough to be held for all channels: frames, windows, frames settled."""
    most = int(np.clip(BLOCK // (channels * stride), 1, CHUNK))
    made = [
        (first + at * stride, min(most, count - at)) for first, count in lines for at in range(0, count, most)
    ]
    ends = [begin + (some - 1) * stride + length for begin, some in made]
    # A frame is settled when no later window begins at or before it; the grids meet in the middle.
    settled = [min(begin for begin, _ in made[i + 1 :][:2]) for i in range(len(made) - 1)] + [ends[-1]]
    return [(slice(b, e), some, s) for (b, some), e, s in zip(made, ends, settled, strict=True)]


def parts(stretches: Iterable[tuple[slice, int, int]], channels: int) -> Iterator[Part]:
    """All channels of a stretch, some at a time, then the next stretch."""
    for rows, windows, settled in stretches:
        together = max(CHANNELS, CHUNK // windows)
        for c in range(0, channels, together):
            yield Part(rows, windows, settled, slice(c, min(c + together, channels)))


def chunks(channels: int, windows: int) -> Iterator[slice]:
    """Channels whose windows are about ``CHUNK``, some at a time."""
    together = max(1, CHUNK // windows)
    for c in range(0, channels, together):
        yield slice(c, min(c + together, channels))


def in_order(
    make: Callable[[Part], Values], todo: Iterable[Part], workers: int
) -> Iterator[tuple[Part, Values]]:
    """Parts and what is made of them, by several threads but handed out in order; few wait at a time."""
    if workers == 1:
        yield from ((part, make(part)) for part in todo)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[Part, Future[Values]]] = deque()
        for part in todo:
            waiting.append((part, pool.submit(make, part)))
            if len(waiting) > 2 * workers:
                first, made = waiting.popleft()
                yield first, made.result()
        for first, made in waiting:
            yield first, made.result()


def overlap_sums(windows: Values, scale: Floats, offset: Floats, taper: Values, stride: int) -> Values:
    """Sums over windows, each ``stride`` frames after the one before, times their taper.

    Parameters
    ----------
    windows : ndarray of float32, shape (channels, windows, length)
    scale, offset : ndarray, shape (channels, windows, 1)
        Each window counts as ``windows * scale + offset``.
    taper : ndarray of float32, shape (length,)
    stride : int

    Returns
    -------
    ndarray of float32, shape (channels, frames)
        At least the frames of the windows; zeros behind.
    """
    # A window is a row of pieces as long as the stride. Frames between two starts get the first piece of one
    # window, the second of the window before, and so on: a diagonal, and with zeros around it always whole.
    channels, count, length = windows.shape
    pieces = -(-length // stride)
    padded = np.zeros((channels, count + 2 * (pieces - 1), pieces * stride), np.float32)
    inner = padded[:, pieces - 1 : pieces - 1 + count, :length]
    np.multiply(windows, scale, out=inner)
    inner += offset
    channel, row, number = padded.strides
    diagonals = as_strided(
        padded[:, pieces - 1 :],
        (channels, count + pieces - 1, pieces, stride),
        (channel, row, stride * number - row, number),
    )
    weights = np.zeros(pieces * stride, np.float32)
    weights[:length] = taper
    sums: Values = np.einsum("cips,ps->cis", diagonals, weights.reshape(pieces, stride))
    return sums.reshape(channels, -1)


def weight_sums(windows: int, taper: Values, stride: int) -> Values:
    """Sum of the tapers of neighbouring windows at every frame they cover; shape (frames,)."""
    total = np.zeros((windows + len(taper) // stride + 1) * stride, np.float32)
    for at in range(0, len(taper), stride):
        piece = taper[at : at + stride]
        total[at : at + windows * stride].reshape(windows, stride)[:, : len(piece)] += piece
    return total[: (windows - 1) * stride + len(taper)]


class Rolling:
    """Sums of the frames that later windows may still add to; those before are divided and given away."""

    def __init__(self, channels: int) -> None:
        self.begin = 0
        self._sums = np.zeros((channels, 0), np.float32)
        self._total = np.zeros(0, np.float32)

    def add(self, part: Part, sums: Values, total: Values | None) -> None:
        """Add a part's sums (channels, frames), and their weights (frames,) with the first of a stretch."""
        more = part.rows.stop - self.begin - self._sums.shape[1]
        if more > 0:
            self._sums = np.pad(self._sums, ((0, 0), (0, more)))
            self._total = np.pad(self._total, (0, more))
        inside = slice(part.rows.start - self.begin, part.rows.stop - self.begin)
        self._sums[part.columns, inside] += sums
        if total is not None:
            self._total[inside] += total

    def finished(self, stop: int) -> Values:
        """Weighted means of the frames before ``stop`` that were not given away yet; (frames, channels)."""
        count = max(0, stop - self.begin)
        done = np.ascontiguousarray((self._sums[:, :count] / self._total[:count]).T)
        self._sums, self._total = self._sums[:, count:].copy(), self._total[count:].copy()
        self.begin += count
        return done


def continued(values: Values, length: int) -> tuple[Values, int]:
    """A clip made at least ``length`` frames long, and how many frames come before its first.

    Minus the line from end to end it is continued as an odd function about either end. Where the ends are, a
    line fitted to a few frames there says, not a single noisy sample.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, channels)
        At least two frames.
    length : int
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
    out = line + np.where(odd, -1.0, 1.0)[:, None] * rest[where]
    return out.astype(np.float32), before
