"""What refinement does to streams with truth, and what the best filter of many does, chosen in hindsight.

Every method has the same cleaning before it (swaps put back, outliers out, short gaps filled), so that filters
are given all that the network is given. Errors are in the units of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from conditions import FAST, Stream

import steadypose as sp
from steadypose import metrics
from steadypose.refine import make_refiner

Refine = Callable[[sp.PoseSequence], sp.PoseSequence]
FILTERS: dict[str, list[dict[str, float]]] = {
    "gaussian": [{"sigma": s} for s in np.geomspace(0.015, 0.2, 14)],
    "savgol": [{"window": w} for w in np.geomspace(0.1, 1.2, 12)],
    "kalman": [{"cutoff": c} for c in np.geomspace(1, 9, 12)],
    "butterworth": [{"cutoff": c} for c in np.geomspace(1, 9, 10)],
    "one_euro": [
        {"min_cutoff": c, "beta": b} for c in np.geomspace(0.05, 4, 6) for b in (0.3, 1.0, 3.0, 10.0)
    ],
    "moving_average": [{"window": w} for w in np.geomspace(0.05, 0.8, 8)],
}


def hindsight() -> dict[str, Refine]:
    """All filter settings to choose from, 80 of them."""
    return {
        f"{name} {' '.join(f'{v:.3g}' for v in parameters.values())}": cleaned(name, **parameters)
        for name, settings in FILTERS.items()
        for parameters in settings
    }


def cleaned(method: str, **parameters: object) -> Refine:
    """A method behind the default pipeline's cleaning."""
    return make_refiner(method, outliers=True, swaps=True, **parameters)  # type: ignore[arg-type]


def scores(streams: Sequence[Stream], refine: Refine | None) -> dict[str, float]:
    """Means over streams: MPJPE and Accel where there is a result; lag (frames) and peak speed of fast clips."""
    each: dict[str, list[float]] = {}
    for s in streams:
        x = (s.raw if refine is None else refine(s.raw)).positions[:, 0].astype(np.float64)
        found = {"mpjpe": float(metrics.mpjpe(x, s.truth)), "accel": float(metrics.accel(x, s.truth))}
        found["lag"] = metrics.lag(x, s.truth)
        found["worst"] = _worst(x, s)
        if any(word in s.label for word in FAST):
            found["fast"] = float(metrics.peak_speed_ratio(x, s.truth))
        for name, value in found.items():
            each.setdefault(name, []).append(value)
    return {name: float(np.nanmean(values)) for name, values in each.items()}


def changed(streams: Sequence[Stream], refine: Refine) -> dict[str, float]:
    """What refinement does to motion that needs none: rms distance, mean over clips and the worst clip."""
    rms = []
    for s in streams:
        moved = refine(s.raw).positions[:, 0].astype(np.float64) - s.truth
        rms.append(float(np.sqrt(np.nanmean(np.sum(moved**2, axis=-1)))))
    return {"mean": float(np.mean(rms)), "worst": float(np.max(rms))}


def best(rows: Mapping[str, Mapping[str, float]], by: str) -> str:
    """The setting with the lowest score."""
    return min(rows, key=lambda name: rows[name][by])


def _worst(x: np.ndarray, s: Stream) -> float:
    """MPJPE in the percent of frames in which the input is worst."""
    before = np.nanmean(np.linalg.norm(s.raw.positions[:, 0] - s.truth, axis=-1), axis=-1)
    after = np.nanmean(np.linalg.norm(x - s.truth, axis=-1), axis=-1)
    known = np.flatnonzero(np.isfinite(before) & np.isfinite(after))
    if not known.size:
        return float("nan")
    count = max(1, len(known) // 100)
    return float(after[known[np.argsort(before[known])[-count:]]].mean())
