"""Scores of methods on all cells, kept under a label; the way in for other experiments.

>>> grid = Grid("validation")
>>> tally = Tally(grid)
>>> for group in grid.groups():
...     tally.add(group, my_method(group))  # what comes out: (frames, curves, dims)
>>> print(tally.short())
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from grid import HERE, Grid, Group, Values
from measures import Scores, measure, ratio
from oracle import oracle


class Tally:
    """Scores of one method, cell by cell, beside those of the input and the oracle.

    Parameters
    ----------
    grid
        Of which split.
    scores
        Of all cells, if they are there already.
    """

    def __init__(self, grid: Grid, scores: Scores | None = None) -> None:
        self.grid, self.scores = grid, scores or {}
        self.oracle = oracle(grid)

    def add(self, group: Group, output: Values) -> None:
        """Measure what came out for a group."""
        at = [c.index for c in group.cells]
        for name, values in measure(group, output).items():
            self.scores.setdefault(name, np.full(len(self.grid.cells), np.nan))[at] = values

    def ratios(self) -> tuple[np.ndarray, np.ndarray]:
        """Error over that of the oracle, and over the input's; NaN for cells not measured."""
        error = self.scores["error"]
        return ratio(error, self.oracle["best.error"]), ratio(error, self.oracle["input.error"])

    def short(self) -> dict[str, float]:
        """The targets in a few numbers, over the cells that were measured.

        Of noisy cells: ``over_1``, ``over_5``: percent whose error is above the input's by more than 1 or 5 %;
        ``worst``: largest ratio to the input; ``within_10``: percent within 1.1 times the oracle, also of clips
        and oscillations; ``mean``, ``geometric``: ratio to the oracle. ``clean_rms``, ``clean_worst``: mm that
        clips without noise are changed by, ``clean_under_1``: percent of all cells without noise under 1 mm.
        ``gain_low``: lowest median gain over frequencies and rates of the target.
        """
        best, given = self.ratios()
        there = np.isfinite(best)
        noisy = there & np.array([c.noise != "none" for c in self.grid.cells])
        family = np.array([self.grid.motions[c.motion]["family"] for c in self.grid.cells])
        clean = there & ~noisy
        change = self.scores["change"]
        clips = change[clean & (family == "clip")]
        return {
            "cells": int(there.sum()),
            "over_1": _percent(given[noisy] > 1.01),
            "over_5": _percent(given[noisy] > 1.05),
            "worst": float(given[noisy].max()),
            "within_10": _percent(best[noisy] <= 1.1),
            "within_10_clips": _percent(best[noisy & (family == "clip")] <= 1.1),
            "within_10_oscillations": _percent(best[noisy & (family == "oscillation")] <= 1.1),
            "mean": float(best[noisy].mean()),
            "geometric": float(np.exp(np.log(best[noisy]).mean())),
            "clean_rms": float(clips.mean()),
            "clean_worst": float(clips.max()),
            "clean_under_1": _percent(change[clean] < 1),
        }


def kept(grid: Grid, label: str) -> Path:
    """Where the scores of a label are; another place whenever grid or measures change."""
    digest = hashlib.sha256((HERE / "measures.py").read_bytes()).hexdigest()[:10]
    return grid.folder / f"scores-{digest}" / f"{label}.npz"


def load(grid: Grid, label: str) -> Tally | None:
    """The tally of a label, or None if there is none."""
    path = kept(grid, label)
    if not path.exists():
        return None
    with np.load(path) as scores:
        return Tally(grid, dict(scores))


def save(tally: Tally, label: str) -> None:
    """Keep a tally under a label."""
    path = kept(tally.grid, label)
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **tally.scores)


def _percent(hit: np.ndarray) -> float:
    return float(100 * hit.mean()) if hit.size else float("nan")
