"""The best of many filters for every cell, chosen in hindsight, and the rules by which it was."""

from __future__ import annotations

import measures
import numpy as np
from fingerprint import fingerprint
from grid import HERE, Grid, Group
from methods import filtered

SETTINGS: tuple[tuple[str, dict[str, float]], ...] = (
    *(("gaussian", {"sigma": float(s)}) for s in np.geomspace(0.004, 0.25, 13)),
    *(("butterworth", {"cutoff": float(c)}) for c in np.geomspace(0.7, 20, 13)),
    *(("savgol", {"window": float(w)}) for w in np.geomspace(0.04, 1.2, 10)),
    *(("kalman", {"cutoff": float(c)}) for c in np.geomspace(0.7, 25, 14)),
    ("gcv", {}),
)


def oracle(grid: Grid, progress: bool = True) -> dict[str, np.ndarray]:
    """Scores of the input and of the best setting for every cell.

    Returns
    -------
    dict of ndarray
        ``input.error``, ``best.error`` … of :func:`measures.measure`; ``best.setting``, and ``errors`` of all
        settings (cells, settings).
    """
    path = grid.folder / f"oracle-{version()}.npz"
    found: dict[str, np.ndarray] = {}
    if path.exists():
        with np.load(path) as kept:
            found = dict(kept)
        if np.isfinite(found["errors"]).all():
            return found
    done = np.isfinite(found["errors"]).all(axis=1) if found else np.zeros(len(grid.cells), bool)
    for group in grid.groups(whole=False):
        at = [c.index for c in group.cells]
        if done[at].all():
            continue
        errors, best = hindsight(group)
        rows = {"errors": errors, "best.setting": np.argmin(errors, axis=1).astype(float)}
        rows |= {f"best.{k}": v for k, v in best.items()}
        rows |= {f"input.{k}": v for k, v in measures.measure(group, group.noisy).items()}
        for name, values in rows.items():
            shape = (len(grid.cells), *values.shape[1:])
            found.setdefault(name, np.full(shape, np.nan))[at] = values
        np.savez(path, **found)  # to go on from, should it stop
        if progress:
            print(f"oracle {grid.split}: {len(at)} cells, {group.space} {group.rate} fps", flush=True)
    return found


def hindsight(group: Group) -> tuple[np.ndarray, measures.Scores]:
    """Errors of all settings (cells, settings), and all scores of the best one of every cell."""
    errors = np.empty((len(group.cells), len(SETTINGS)))
    best = np.empty_like(group.noisy)
    lowest = np.full(len(group.cells), np.inf)
    for s, (method, parameters) in enumerate(SETTINGS):
        output = filtered(group, method, **parameters)
        errors[:, s] = measures.error(group, output)
        better = (errors[:, s] < lowest)[group.person]
        best[:, better] = output[:, better]
        lowest = np.minimum(lowest, errors[:, s])
    return errors, measures.measure(group, best)


def version() -> str:
    """Changes with the settings, how they are run, and the measures."""
    files = (HERE / f"{n}.py" for n in ("measures", "operators", "methods"))
    return fingerprint(*files, text=repr(SETTINGS))
