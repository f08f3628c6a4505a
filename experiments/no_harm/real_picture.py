"""front_real.png: error against Accel on real streams, of Kalman smoothers, networks and other methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from real_compare import KINDS, MODELS, Rows, points, sweeps
from real_store import Results

BLUE, RED, GREEN, GREY = "#2166ac", "#b2182b", "#1b7837", "#777777"
COLOURS = (BLUE, RED, "#e08214", "#8073ac")
MARKS = {"butterworth 6 Hz": ("s", "#8c510a"), "gcv": ("D", "#c51b7d")}


def draw(path: Path, results: Results, families: Mapping[str, str], strengths: Sequence[float]) -> None:
    """Two panels of means over all families, then one a family; both axes over the input's."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    kinds = list(dict.fromkeys(families.values()))
    panels: list[tuple[str, str, list[str]]] = [
        ("All: MPJPE", "mpjpe", list(families)),
        ("All: offset-free MPJPE", "offset_free", list(families)),
    ]
    panels += [(kind, "offset_free", [n for n, k in families.items() if k == kind]) for kind in kinds]
    columns = 4
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(4.2 * columns, 3.5 * lines), squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (title, error, names) in zip(axes.flat, panels, strict=False):
        _panel(axis, results, error, {n: families[n] for n in names}, strengths)
        axis.set_title(title, fontsize=11)
    for axis in axes[-1]:
        axis.set_xlabel("error ÷ the input's")
    for axis in axes[:, 0]:
        axis.set_ylabel("Accel ÷ the input's")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.055, 1, 1))
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _panel(
    axis: Any, results: Results, error: str, families: Mapping[str, str], strengths: Sequence[float]
) -> None:
    given = results.rows["input"]

    def placed(rows: Sequence[Rows]) -> np.ndarray:
        return points([{n: r[n] for n in families} for r in rows], given, error, families)

    smoothers = []
    for kind, style in zip(KINDS, ("--", "-"), strict=True):
        for model, colour in zip(MODELS, ("#aaaaaa", GREY), strict=True):
            p = placed(sweeps(results.rows, kind)[list(MODELS).index(model)])
            smoothers.append(p)
            axis.plot(*p.T, style, color=colour, lw=1.2, label=f"Kalman, constant {model}, {kind}")
    lines = {"adaptive": GREEN} | dict(zip(networks(results), COLOURS, strict=False))
    for name, colour in lines.items():
        p = placed([results.rows[f"{name}, strength {s:g}"] for s in strengths])
        smoothers.append(p)
        axis.plot(*p.T, "o-", color=colour, ms=3, lw=1.2, label=f"{name}, strength {strengths[0]:g} … 3")
        axis.plot(*p[list(strengths).index(1.0)], "*", color=colour, ms=14, mec="white", zorder=4)
    for name, (mark, colour) in MARKS.items():
        if name in results.rows:
            p = placed([results.rows[name]])
            axis.plot(*p.T, mark, color=colour, ms=6, label=name, ls="none")
    every = np.concatenate(smoothers)
    least = every.min(axis=0)
    # Strong smoothing leaves the picture to the right; what matters is near the lowest error.
    right = max(1.02, least[0] + 1.5 * (1 - least[0]))
    inside = every[every[:, 0] <= right]
    axis.set_xlim(least[0] - 0.05 * (right - least[0]), right)
    axis.set_yscale("log")
    axis.set_ylim(0.93 * inside[:, 1].min(), min(1.1, 1.1 * inside[:, 1].max()))
    axis.axvline(1.0, color="black", lw=0.6, ls=":")
    axis.grid(which="both", lw=0.3, alpha=0.5)
    axis.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_major_formatter("{x:.2g}")
    axis.yaxis.set_minor_formatter("{x:.2g}" if inside[:, 1].max() < 2.5 * inside[:, 1].min() else "")
    axis.tick_params(which="both", labelsize=8)


def networks(results: Results) -> list[str]:
    """Networks as the default is, by their labels without strength."""
    ends = ", strength 1"
    names = [n.removesuffix(ends) for n in results.rows if n.endswith(ends)]
    return [n for n in names if n != "adaptive" and not n.endswith(" alone")]
