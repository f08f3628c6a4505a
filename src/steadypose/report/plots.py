"""The report's plots as matplotlib figures (extra ``plot``); no global state of matplotlib is touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steadypose._writing import writing
from steadypose.errors import DataError, MissingExtraError
from steadypose.report import signals
from steadypose.report._stream import Stream
from steadypose.sequence import Bools, Motion, PoseSequence

__all__ = ["acceleration", "curves", "gaps", "overview", "spectrum"]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# colours that stay apart for the colour-blind, as on the page
STYLES: dict[str, dict[str, Any]] = {
    "before": {"color": "#8d96a0", "linewidth": 0.9},
    "after": {"color": "#00795a", "linewidth": 1.5},
    "truth": {"color": "#16191d", "linewidth": 0.9, "linestyle": "--"},
}
STATES = ("seen", "missing", "filled in or replaced", "low confidence", "strongly changed")
STATE_COLOURS = ("#eef0f2", "#b4bac1", "#2f9fd8", "#e6a400", "#a3257b")
PathLike = str | os.PathLike[str]


def curves(
    before: Motion,
    after: Motion,
    keypoints: Sequence[str] | None = None,
    person: str | None = None,
    truth: Motion | None = None,
    path: PathLike | None = None,
) -> Figure:
    """Coordinates (of rotations: angles from the mean rotation) of chosen keypoints over time.

    Parameters
    ----------
    before, after, truth
        As in :func:`steadypose.report.report`.
    keypoints
        Names; ``None``: the one that was moved the furthest on average.
    person
        Name; ``None``: the first.
    path
        Where to save the figure (PNG, or what its suffix says); a file there is replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If a keypoint or person is not there, or the motions do not fit each other.
    MissingExtraError
        If matplotlib is not installed.
    """
    stream = Stream("", before, after, truth)
    names = [stream.first_keypoint()] if keypoints is None else [before.skeleton.index(n) for n in keypoints]
    who = _person(before, person)
    channels, layers = stream.channels()
    figure = _figure(9, 1.7 * len(names) * len(channels) + 0.6)
    axes = figure.subplots(len(names) * len(channels), 1, sharex=True, squeeze=False)[:, 0]
    for i, (k, c) in enumerate((k, c) for k in names for c in range(len(channels))):
        for name, values in zip(stream.layer_names, layers, strict=True):
            axes[i].plot(before.times, values[:, who, k, c], label=name, **STYLES[name])
        _shade(axes[i], before, ~before.valid[:, who, k])
        axes[i].set_title(f"{before.skeleton.keypoints[k]} · {channels[c]}", loc="left", fontsize=9)
        axes[i].set_ylabel(stream.unit)
    axes[0].legend(loc="upper right", frameon=False, ncols=3, fontsize=8)
    axes[-1].set_xlabel("time (s)")
    return _saved(figure, path, before, after, truth)


def acceleration(
    before: Motion,
    after: Motion,
    truth: Motion | None = None,
    log: bool = False,
    path: PathLike | None = None,
) -> Figure:
    """Mean acceleration over all points per frame; parameters as in :func:`curves`."""
    figure = _figure(9, 3)
    _acceleration(figure.subplots(), Stream("", before, after, truth), log)
    return _saved(figure, path, before, after, truth)


def spectrum(
    before: Motion, after: Motion, truth: Motion | None = None, log: bool = True, path: PathLike | None = None
) -> Figure:
    """Power over frequency; parameters as in :func:`curves`. Empty where no run of 16 frames is complete."""
    figure = _figure(6, 3.5)
    _spectrum(figure.subplots(), Stream("", before, after, truth), log)
    return _saved(figure, path, before, after, truth)


def gaps(before: Motion, after: Motion, person: str | None = None, path: PathLike | None = None) -> Figure:
    """A strip per keypoint: where it was missing, filled in, doubtful, or strongly changed.

    Parameters as in :func:`curves`.
    """
    figure = _figure(9, 0.16 * len(before.skeleton) + 1.2)
    _gaps(figure.subplots(), Stream("", before, after), _person(before, person))
    return _saved(figure, path, before, after)


def overview(
    before: Motion, after: Motion, path: PathLike | None = None, truth: Motion | None = None
) -> Figure:
    """Acceleration, spectrum and the strips of the first person on one sheet.

    Parameters as in :func:`curves`.
    """
    stream = Stream("", before, after, truth)
    strips = 0.16 * len(before.skeleton) + 1
    figure = _figure(11, 3.4 + strips)
    grid = figure.add_gridspec(2, 2, height_ratios=[3.4, strips])
    _acceleration(figure.add_subplot(grid[0, 0]), stream, False)
    _spectrum(figure.add_subplot(grid[0, 1]), stream, True)
    _gaps(figure.add_subplot(grid[1, :]), stream, _person(before, None))
    return _saved(figure, path, before, after, truth)


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plotting", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


def _saved(figure: Figure, path: PathLike | None, *motions: Motion | None) -> Figure:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    if path is not None:
        reads = [m.source.path for m in motions if m is not None and m.source is not None]
        with writing(path, force=True, reads=reads) as made:
            figure.savefig(made, dpi=150)
    return figure


def _person(motion: Motion, name: str | None) -> int:
    if not motion.persons:
        raise DataError("expected at least one person to plot, found none")
    if name is not None and name not in motion.persons:
        raise DataError(f"expected a person among {', '.join(motion.persons)}, found {name!r}")
    return 0 if name is None else motion.persons.index(name)


def _shade(axes: Axes, motion: Motion, missing: Bools) -> None:
    """Grey where a point was missing, half a frame to either side."""
    half = signals.median_step(motion.times) / 2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(int)))
    for first, end in edges.reshape(-1, 2):
        span = motion.times[first] - half, motion.times[end - 1] + half
        axes.axvspan(*span, color=STATE_COLOURS[1], alpha=0.35, lw=0)


def _acceleration(axes: Axes, stream: Stream, log: bool) -> None:
    for name, line in zip(stream.layer_names, stream.accelerations, strict=True):
        axes.plot(stream.before.times, line, label=name, **STYLES[name])
    axes.set_title("mean acceleration", loc="left", fontsize=9)
    axes.set(xlabel="time (s)", ylabel=f"{stream.unit}/frame²")
    if log and any((a > 0).any() for a in stream.accelerations):
        axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8)


def _spectrum(axes: Axes, stream: Stream, log: bool) -> None:
    found = stream.spectrum
    for name, line in zip(stream.layer_names, found.power, strict=False):
        axes.plot(found.hz, line, label=name, **STYLES[name])
    axes.set_title("power", loc="left", fontsize=9)
    axes.set(xlabel="frequency (Hz)", ylabel=stream.power_unit)
    if log and any((p > 0).any() for p in found.power):
        axes.set_yscale("log")
    if len(found.hz):
        axes.legend(frameon=False, fontsize=8)


def _gaps(axes: Axes, stream: Stream, person: int) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    before, marks = stream.before, stream.marks()[:, person]
    states = np.where(before.valid[:, person], 0, 1)
    limit = signals.low_confidence(before)
    if limit is not None and isinstance(before, PoseSequence) and before.confidence is not None:
        states[(states == 0) & (before.confidence[:, person] < limit)] = 3
    states[np.isin(marks, (1, 3))] = 2
    states[marks == 2] = 4
    half = signals.median_step(before.times) / 2 if len(before.times) > 1 else 0.5
    times = np.append(before.times - half, before.times[-1] + half)
    rows = np.arange(len(before.skeleton) + 1)
    colours = ListedColormap(STATE_COLOURS)
    axes.pcolormesh(times, rows, states.T, cmap=colours, vmin=0, vmax=4, rasterized=True)
    axes.set_yticks(np.arange(len(before.skeleton)) + 0.5, before.skeleton.keypoints, fontsize=6)
    axes.invert_yaxis()
    axes.set_xlabel("time (s)")
    axes.set_title(f"person {before.persons[person]}", loc="left", fontsize=9)
    handles = [Patch(color=c, label=s) for c, s in zip(STATE_COLOURS, STATES, strict=True)]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=5, frameon=False, fontsize=7)
