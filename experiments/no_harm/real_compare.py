"""Methods against each other on real streams: means, and Kalman smoothers' front of error against Accel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from real_score import Scores

Rows = Mapping[str, Scores]  # by stream
COMPARED = ("mpjpe", "offset_free", "accel")
ERRORS = ("mpjpe", "offset_free")
KINDS = ("plain", "cleaned")
MODELS = {"velocity": 2, "acceleration": 3}
CUTOFFS = tuple(float(c) for c in np.geomspace(0.7, 10.0, 14))
NOTHING = 1e-6  # mm or pixels: below any score but that of a stream that comes back as it is
BEFORE = "before, strength 1"  # the default when this began


def kalman(kind: str, model: str, cutoff: float) -> str:
    """Label of a Kalman smoother."""
    return f"kalman {kind} {model} {cutoff:.3g} Hz"


def mean_of(rows: Rows, over: Rows, what: str, families: Mapping[str, str]) -> float:
    """Geometric mean over families of geometric means over streams of a score over another's.

    A stream that neither of them changes at all counts as alike.
    """
    logs: dict[str, list[float]] = {}
    for name, row in rows.items():
        ratio = max(row[what], NOTHING) / max(over[name][what], NOTHING)
        logs.setdefault(families[name], []).append(math.log(ratio))
    return math.exp(float(np.mean([np.mean(v) for v in logs.values()])))


def least(front: np.ndarray, allowed: float) -> float:
    """The lowest second score that settings of a method reach with a first score of at most ``allowed``.

    front : (settings, 2) both scores in the order of their parameter; between neighbours their logarithms are
    interpolated. NaN where no setting has so low a first score.
    """
    x = np.log(front)
    share = np.linspace(0.0, 1.0, 101)[:, None, None]
    first, second = np.moveaxis(x[:-1] + share * np.diff(x, axis=0), -1, 0)
    there = first <= np.log(allowed) + 1e-9
    return float(np.exp(second[there].min())) if there.any() else float("nan")


def compared(rows: Rows, stored: Mapping[str, Rows], families: Mapping[str, str]) -> dict[str, Any]:
    """Rows of one method against the input, the default before and Kalman smoothers; see `score_real`."""
    known = {word: label for word, label in (("input", "input"), ("before", BEFORE)) if label in stored}
    found: dict[str, Any] = {
        "mean": {
            word: {m: mean_of(rows, stored[label], m, families) for m in COMPARED}
            for word, label in known.items()
        }
    }
    if kalman(KINDS[0], "velocity", CUTOFFS[0]) in stored:
        found["kalman"] = {
            f"{kind}, {error}": _against_kalman(rows, stored, kind, error, families)
            for kind in KINDS
            for error in ERRORS
        }
    return found


def sweeps(stored: Mapping[str, Rows], kind: str) -> list[list[Rows]]:
    """Rows of Kalman smoothers by model, in the order of their cutoffs."""
    return [[stored[kalman(kind, model, c)] for c in CUTOFFS] for model in MODELS]


def points(settings: Iterable[Rows], given: Rows, error: str, families: Mapping[str, str]) -> np.ndarray:
    """Means of error and Accel over the input's; (settings, 2)."""
    return np.array([[mean_of(p, given, m, families) for m in (error, "accel")] for p in settings])


def _against_kalman(
    rows: Rows, stored: Mapping[str, Rows], kind: str, error: str, families: Mapping[str, str]
) -> dict[str, Any]:
    """Accel over Kalman's least with at most the same error, and error over its least with that Accel."""
    by_model = sweeps(stored, kind)
    each = {
        name: _ratios(
            [np.array([[p[name][error], p[name]["accel"]] for p in s]) for s in by_model],
            (row[error], row["accel"]),
        )
        for name, row in rows.items()
    }
    # One setting for all streams, as a default is.
    fronts = [points(s, stored["input"], error, families) for s in by_model]
    mine = points([rows], stored["input"], error, families)[0]
    return {"mean": _ratios(fronts, mine), "streams": each}


def _ratios(fronts: Sequence[np.ndarray], mine: Sequence[float]) -> dict[str, float | None]:
    """None where no Kalman smoother has so low an error, or so low an Accel."""
    found: dict[str, float | None] = {}
    for what, turned in (("accel", 1), ("error", -1)):
        allowed, value = mine[::turned]
        best = [b for b in (least(front[:, ::turned], allowed) for front in fronts) if math.isfinite(b)]
        found[what] = float(value / min(best)) if best else None
    return found
