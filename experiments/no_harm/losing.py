"""Every cell in which a method misses what is asked of it, as a table: losing_<split>.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from disturbances import KINDS
from measures import ratio
from scores import CLEAN, GAINED, LEAST_GAIN, LOSES, STRONG, Tally

HEAD = ("motion", "space", "noise", "fps", "why", "error", "input", "oracle", "change", "gain")


def write(path: Path, tally: Tally, rivals: Mapping[str, Tally]) -> int:
    """Write the cells, millimetres; returns how many."""
    rows = list(losing(tally, rivals))
    with path.open("w", newline="", encoding="utf-8") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow((*HEAD, *rivals))
        table.writerows(rows)
    return len(rows)


def losing(tally: Tally, rivals: Mapping[str, Tally]) -> Iterator[list[object]]:
    """Cells with a reason: worse than the input, the oracle or a rival, changed though clean, gain lost."""
    about = tally.about()
    best, given = tally.ratios()
    noisy = about["noise"] != "none"
    change, gain = tally.scores["change"], tally.scores["gain"]
    why = {
        "over input": noisy & (given > 1.01),
        "over oracle": noisy & (best > 1.1),
        "changed": ~noisy & (change >= np.array([CLEAN[s] for s in about["space"]])),
        "gain": asked_gain(about) & (gain < LEAST_GAIN),
    }
    for name, rival in rivals.items():
        why[name] = noisy & (ratio(tally.scores["error"], rival.scores["error"]) > LOSES)
    for at in np.flatnonzero(np.any(list(why.values()), axis=0)):
        cell = tally.grid.cells[at]
        numbers = [tally.scores["error"][at], tally.oracle["input.error"][at], tally.oracle["best.error"][at]]
        numbers += [change[at], gain[at], *(r.scores["error"][at] for r in rivals.values())]
        motion = tally.grid.motions[cell.motion]
        reasons = "; ".join(name for name, hit in why.items() if hit[at])
        shown = ["" if np.isnan(n) else f"{n:.4g}" for n in numbers]
        yield [motion["name"], motion["space"], cell.noise, cell.rate, reasons, *shown]


def strong(about: Mapping[str, np.ndarray]) -> np.ndarray:
    """Oscillations whose amplitude is ``STRONG`` times the noise or more."""
    rms = np.array([KINDS[n].rms for n in about["noise"]])
    return np.asarray((about["family"] == "oscillation") & (about["amplitude"] >= STRONG * rms))


def asked_gain(about: Mapping[str, np.ndarray]) -> np.ndarray:
    """Strong oscillations at the rates and frequencies of the target."""
    highest = np.array([GAINED.get(int(r), 0.0) for r in about["rate"]])
    return strong(about) & (about["frequency"] <= highest)
