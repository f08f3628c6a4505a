"""Numbers of the tables from scores of cells: results.json, of which result_tables.py makes results.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import losing
import numpy as np
import scores
from catalogue import RATES, SPLITS
from disturbances import KINDS
from grid import HERE, Grid
from measures import ratio
from motions import FREQUENCIES
from oracle import SETTINGS
from result_tables import ORDER, markdown
from scores import CLEAN, LEAST_GAIN, LOSES, Tally, percent

RIVALS = ("adaptive", "gcv", "butterworth-6")
LOOKED_AT = "after"  # whose losing cells are listed one by one
LISTED = 20
CALM_NOISES = ("none", "white 0.5", "white 2", "white 6")  # where peak speeds are compared

Hits = np.ndarray


def summarise(others: Sequence[str] = ()) -> None:
    """Write results.json and results.md, of ``ORDER`` and other labels.

    Labels whose scores are not at hand keep the numbers they have.
    """
    path = HERE / "results.json"
    record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for split in reversed(SPLITS):
        grid = Grid(split)
        old = record.get(split, {})
        labels = old.get("labels", {}) if old.get("grid") == grid.folder.name else {}
        tallies = {label: scores.load(grid, label) for label in (*ORDER, *others)}
        there = {label: t for label, t in tallies.items() if t is not None}
        for label, tally in there.items():
            rivals = {r: there[r] for r in RIVALS if r in there and r != label}
            labels[label] = numbers(tally, rivals)
            if label == LOOKED_AT:
                losing.write(HERE / f"losing_{split}.csv", tally, rivals)
        record[split] = {"grid": grid.folder.name, "settings": len(SETTINGS), "labels": labels}
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    (HERE / "results.md").write_text(markdown(record, (HERE / "about.md").read_text().strip()))


def numbers(tally: Tally, rivals: dict[str, Tally]) -> dict[str, Any]:
    """All that the tables say of one method on one split."""
    about = tally.about()
    best, given = tally.ratios()
    noisy = about["noise"] != "none"
    shares = {
        what: {str(v): _shares(best, given, noisy & (about[what] == v)) for v in _values(about[what][noisy])}
        for what in ("family", "space", "noise", "rate", "kind")
    }
    return {
        "short": tally.short(),
        "by": shares,
        "gain": _gains(tally, about),
        "peak": _peaks(tally, about),
        "clean": _clean(tally, about),
        "lag": [_short(np.quantile(np.abs(tally.scores["lag"]), q)) for q in (0.5, 0.95)],
        "accel": {of: _short(_accel(tally, of, noisy)) for of in ("best", "input")},
        "against": {r: _against(tally, other, about, noisy) for r, other in rivals.items()},
        "worst": _listed(tally, np.where(noisy, best, 0)),
        "harmed": _listed(tally, np.where(noisy, given, 0)),
    }


def _values(column: np.ndarray) -> list[Any]:
    """All values: numbers from the lowest up, words as they come."""
    return sorted(set(column.tolist())) if column.dtype.kind in "if" else list(dict.fromkeys(column.tolist()))


def _shares(best: np.ndarray, given: np.ndarray, some: Hits) -> dict[str, float]:
    """Of some cells: how many, how far from the oracle, how many worse than the input."""
    return {
        "cells": int(some.sum()),
        "within": _short(percent(best[some] <= 1.1)),
        "mean": _short(best[some].mean()),
        "over_1": _short(percent(given[some] > 1.01)),
        "over_5": _short(percent(given[some] > 1.05)),
        "worst": _short(given[some].max()),
    }


def _gains(tally: Tally, about: dict[str, np.ndarray]) -> dict[str, Any]:
    """Median and lowest gain by rate and frequency, where the amplitude is ten times the noise or more."""
    loud, asked = losing.strong(about), losing.asked_gain(about)
    gain = tally.scores["gain"]
    table: dict[str, dict[str, list[float]]] = {}
    for rate in RATES:
        for f in FREQUENCIES:
            some = loud & (about["rate"] == rate) & (about["frequency"] == f)
            if some.any():
                row = [_short(np.median(gain[some])), _short(gain[some].min()), int(some.sum())]
                table.setdefault(str(rate), {})[f"{f:g}"] = row
    share = percent(gain[asked] >= LEAST_GAIN)
    lowest = _short(gain[asked].min())
    return {"table": table, "asked": int(asked.sum()), "share": _short(share), "lowest": lowest}


def _peaks(tally: Tally, about: dict[str, np.ndarray]) -> dict[str, Any]:
    """By kind of fast motion and noise: median ratio of peak speeds, percent of cells within 5 %."""
    found: dict[str, Any] = {}
    peak = tally.scores["peak"]
    for kind in dict.fromkeys(about["kind"]):
        rows = {}
        for noise in CALM_NOISES:
            some = (about["kind"] == kind) & (about["noise"] == noise) & np.isfinite(peak)
            if some.any():
                row = (np.median(peak[some]), peak[some].min(), percent(np.abs(peak[some] - 1) <= 0.05))
                rows[noise] = [_short(v) for v in row]
        if rows:
            found[str(kind)] = rows
    return found


def _clean(tally: Tally, about: dict[str, np.ndarray]) -> dict[str, Any]:
    """What motion without noise is changed by: mean, worst, percent of cells under the limit, worst cells."""
    change = tally.scores["change"]
    limit = np.array([CLEAN[s] for s in about["space"]])
    found: dict[str, Any] = {}
    clean = about["noise"] == "none"
    for space in dict.fromkeys(about["space"]):
        for family in dict.fromkeys(about["family"]):
            some = clean & (about["space"] == space) & (about["family"] == family)
            if some.any():
                row = (change[some].mean(), change[some].max(), percent(change[some] < limit[some]))
                found[f"{space}, {family}"] = [int(some.sum()), *(_short(v) for v in row)]
    found["worst"] = [
        [_short(change[at]), *_name(tally, int(at))]
        for at in np.argsort(np.where(clean, change / limit, -1))[::-1][:LISTED]
    ]
    return found


def _against(tally: Tally, other: Tally, about: dict[str, np.ndarray], noisy: Hits) -> dict[str, Any]:
    """How often a method loses to a rival by more than 5 %, by how much, and where most."""
    lost = ratio(tally.scores["error"], other.scores["error"])
    hit = noisy & (lost > LOSES)
    where = []
    for family in dict.fromkeys(about["family"]):
        for noise in KINDS:
            some = noisy & (about["family"] == family) & (about["noise"] == noise)
            if hit[some].any():
                where.append([f"{family}, {noise}", int(hit[some].sum()), _short(percent(hit[some]))])
    where.sort(key=lambda row: -row[1])
    return {
        "share": _short(percent(hit[noisy])),
        "worst": _short(lost[noisy].max()),
        "geometric": _short(np.exp(np.log(lost[noisy]).mean())),
        "where": where[:LISTED],
    }


def _accel(tally: Tally, other: str, some: Hits) -> float:
    """Geometric mean of Accel over that of the input or the oracle."""
    tiny = 1e-6
    ratios = (tally.scores["accel"] + tiny) / (tally.oracle[f"{other}.accel"] + tiny)
    return float(np.exp(np.log(ratios[some]).mean()))


def _listed(tally: Tally, by: np.ndarray) -> list[list[Any]]:
    """The cells with the largest numbers: the number, the cell, errors of output, input and oracle."""
    rows = []
    for at in np.argsort(by)[::-1][:LISTED]:
        errors = (tally.scores["error"][at], tally.oracle["input.error"][at], tally.oracle["best.error"][at])
        method, parameters = SETTINGS[int(tally.oracle["best.setting"][at])]
        setting = " ".join([method, *(f"{v:.3g}" for v in parameters.values())])
        rows.append([_short(by[at]), *_name(tally, int(at)), *(_short(e) for e in errors), setting])
    return rows


def _name(tally: Tally, at: int) -> list[Any]:
    cell = tally.grid.cells[at]
    return [tally.grid.motions[cell.motion]["name"], cell.noise, cell.rate]


def _short(value: float) -> float:
    return float(f"{float(value):.4g}")
