"""Scores of methods on all cells, kept under a label; the way in for other experiments.

>>> grid = Grid("validation")
>>> tally = Tally(grid)
>>> for group in grid.groups():
...     tally.add(group, my_method(group))  # what comes out: (frames, curves, dims)
>>> print(tally.short())
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fingerprint import fingerprint
from grid import HERE, Grid, Group, Values
from measures import Scores, measure, ratio
from motions import DEGREE
from oracle import oracle

# Millimetres below which motion without noise may be changed; of rotations 0.3°.
CLEAN = {"3d": 1.0, "2d": 1.0, "rotations": 0.3 * DEGREE}
LOSES = 1.05  # times a rival's error, and a cell is lost to it
STRONG, LEAST_GAIN = 10.0, 0.95  # times the noise: amplitudes whose gain is asked for, and the least of it
# Frames a second and the highest frequency up to which it is.
GAINED = {30: 6.0, 50: 6.0, 60: 8.0, 120: 8.0, 240: 8.0}


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

    def about(self) -> dict[str, np.ndarray]:
        """What every cell is: noise, rate, and its motion's family, kind, space, frequency and amplitude."""
        motions = [self.grid.motions[c.motion] for c in self.grid.cells]
        found = {n: np.array([m[n] for m in motions]) for n in ("family", "kind", "space")}
        found |= {n: np.array([m[n] for m in motions], float) for n in ("frequency", "amplitude")}
        found["noise"] = np.array([c.noise for c in self.grid.cells])
        found["rate"] = np.array([c.rate for c in self.grid.cells])
        return found

    def short(self) -> dict[str, float]:
        """The targets in a few numbers, over the cells that were measured.

        Of noisy cells: ``over_1``, ``over_5``: percent whose error is above the input's by more than 1 or
        5 %; ``worst``: largest ratio to the input; ``within``: percent within 1.1 times the oracle, also of
        clips and oscillations; ``mean``, ``geometric``: ratio to the oracle. ``clean_mean``,
        ``clean_worst``: mm that clips without noise are changed by; ``clean_under``: percent of all cells
        without noise that are changed by less than ``CLEAN``.
        """
        about = self.about()
        best, given = self.ratios()
        there = np.isfinite(best)
        noisy = there & (about["noise"] != "none")
        clean = there & ~noisy
        change, limit = self.scores["change"], np.array([CLEAN[s] for s in about["space"]])
        clips = change[clean & (about["family"] == "clip")]
        found = {
            "cells": int(there.sum()),
            "over_1": percent(given[noisy] > 1.01),
            "over_5": percent(given[noisy] > 1.05),
            "worst": float(given[noisy].max()),
            "within": percent(best[noisy] <= 1.1),
            "within_clips": percent(best[noisy & (about["family"] == "clip")] <= 1.1),
            "within_oscillations": percent(best[noisy & (about["family"] == "oscillation")] <= 1.1),
            "mean": float(best[noisy].mean()),
            "geometric": float(np.exp(np.log(best[noisy]).mean())),
            "clean_mean": float(clips.mean()),
            "clean_worst": float(clips.max()),
            "clean_under": percent(change[clean] < limit[clean]),
        }
        return {name: float(f"{value:.5g}") for name, value in found.items()}


def kept(grid: Grid, label: str) -> Path:
    """Where the scores of a label are; another place whenever grid or measures change."""
    return grid.folder / f"scores-{fingerprint(HERE / 'measures.py')}" / f"{label}.npz"


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


def percent(hit: np.ndarray) -> float:
    """Of true ones; NaN of none."""
    return float(100 * hit.mean()) if hit.size else float("nan")
