"""What is compared: the same statistics of real and of simulated detections, made by the same code."""

from __future__ import annotations

import numpy as np
from real import JOINTS, Recording

LAGS = (1 / 30, 2 / 30, 0.1, 0.2, 0.4, 0.8)  # seconds
HIGH_PASS = 0.07  # seconds: sigma of the zero-lag Gaussian whose result is taken off
PARTS = ("nose", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
PART = np.array([PARTS.index(n.removeprefix("left_").removeprefix("right_")) for n in JOINTS])
FAST = 1.0  # torso lengths a second


def high_pass(r: Recording) -> np.ndarray:
    """Detections minus themselves smoothed, torso lengths; gaps are bridged by their neighbours' weight."""
    reach = int(np.ceil(3 * HIGH_PASS * r.fps))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (HIGH_PASS * r.fps)) ** 2)
    there = np.isfinite(r.pixels).all(axis=-1)
    x = np.where(there[..., None], r.pixels, 0.0).reshape(len(there), -1)
    w = np.repeat(there, 2, axis=1).astype(float)
    total, weight = (np.stack([np.convolve(c, kernel, "same") for c in a.T], axis=1) for a in (x, w))
    smooth = (total / np.maximum(weight, 1e-9)).reshape(r.pixels.shape)
    out = (r.pixels - smooth) / r.unit
    out[:reach] = out[-reach:] = np.nan
    return out


def speed(r: Recording) -> np.ndarray:
    """Of the smoothed detections, torso lengths a second, (frames, joints)."""
    smooth = r.pixels / r.unit - high_pass(r)
    return np.linalg.norm(np.gradient(smooth, axis=0), axis=-1) * r.fps


def acf(e: np.ndarray, fps: float) -> list[float]:
    """Autocorrelation at :data:`LAGS`; large errors are clipped so that a few do not make it all."""
    size = np.nanmedian(np.abs(e), axis=0)
    e = np.clip(e / np.where(size > 0, size, np.nan), -6, 6)
    out = []
    for lag in LAGS:
        k = round(lag * fps)
        if k >= len(e) // 2:
            out.append(np.nan)
            continue
        a, b = e[k:], e[:-k]
        both = np.isfinite(a) & np.isfinite(b)
        power = np.sqrt((a[both] ** 2).sum() * (b[both] ** 2).sum())
        out.append(float((a[both] * b[both]).sum() / power) if both.sum() > 50 else np.nan)
    return out


def describe(r: Recording, jitter: bool = True) -> dict[str, object]:
    """Every statistic of one recording, of its error ("error_…", offsets taken off) and its high pass."""
    out: dict[str, object] = {"missing": float(np.isnan(r.pixels[..., 0]).mean())}
    out["run_seconds"] = _run_seconds(r)
    fast = speed(r)
    out["speed"] = float(np.nanmedian(fast))
    if jitter:
        out |= _sizes("jitter", high_pass(r), r, fast)
    if r.error is not None:
        e = r.error / r.unit
        offset = np.nanmedian(e, axis=0)
        out["error_offset"] = float(np.nanmedian(np.linalg.norm(offset, axis=-1)))
        out |= _sizes("error", e - offset, r, fast)
    return out


def _sizes(name: str, e: np.ndarray, r: Recording, fast: np.ndarray) -> dict[str, object]:
    d = np.linalg.norm(e, axis=-1)
    typical = np.nanmedian(d, axis=0)
    relative = d / np.where(typical > 0, typical, np.nan)
    out: dict[str, object] = {
        f"{name}_median": float(np.nanmedian(d)),
        f"{name}_parts": [float(np.nanmedian(d[:, p == PART])) for p in range(len(PARTS))],
        f"{name}_acf": acf(e, r.fps),
        f"{name}_tail": [float(q) for q in np.nanquantile(relative, (0.25, 0.75, 0.9, 0.99))],
        f"{name}_kurtosis": _kurtosis(e),
        f"{name}_far": float(np.nanmean(np.where(np.isnan(d), np.nan, d > 0.3))),
        f"{name}_fast": _ratio(relative, fast > FAST, fast < FAST / 4),
    }
    if r.confidence is not None:
        c = np.where(np.isfinite(d), r.confidence, np.nan)
        # By rank within the joint and the recording: estimators do not mean the same by their numbers.
        rank = _rank(c)
        out[f"{name}_by_confidence"] = [
            float(np.nanmedian(relative[(rank >= a) & (rank <= b)]))
            for a, b in ((0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.0))
        ]
        both = np.isfinite(c) & np.isfinite(d)
        ranks = (_rank(np.where(both, a, np.nan)) for a in (c, d))
        out[f"{name}_spearman"] = _correlation(*ranks)
        out["confidence"] = [float(q) for q in np.nanquantile(c, (0.05, 0.25, 0.5, 0.75, 0.95))]
        logit = np.log(np.clip(c, 0.002, 0.998) / (1 - np.clip(c, 0.002, 0.998)))
        out["confidence_acf"] = acf(logit - np.nanmedian(logit, axis=0), r.fps)
    if r.hidden is not None:
        out[f"{name}_hidden"] = _ratio(d / np.nanmedian(typical), r.hidden > 0.5, r.hidden == 0)
    return out


def _kurtosis(e: np.ndarray) -> float:
    """Kurtosis (3: Gaussian) of x and y, median over joints; of all there is, outliers and all."""
    e = e - np.nanmean(e, axis=0)
    k = np.nanmean(e**4, axis=0) / np.nanmean(e**2, axis=0) ** 2
    return float(np.nanmedian(k))


def _ratio(relative: np.ndarray, here: np.ndarray, there: np.ndarray) -> float:
    """Median error in some places over that in others."""
    here, there = (m & np.isfinite(relative) for m in (here, there))
    if here.sum() < 40 or there.sum() < 40:
        return np.nan
    return float(np.median(relative[here]) / np.median(relative[there]))


def _rank(a: np.ndarray) -> np.ndarray:
    """Ranks along the first axis, 0 … 1, NaN stays."""
    order = np.argsort(np.argsort(a, axis=0), axis=0).astype(float)
    n = np.isfinite(a).sum(axis=0)
    return np.where(np.isfinite(a), order / np.maximum(n - 1, 1), np.nan)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[both], b[both])[0, 1]) if both.sum() > 50 else np.nan


def _run_seconds(r: Recording) -> float:
    """Mean length of runs of missing frames, of joints that are there for at least a third of the time."""
    lengths = []
    for lost in np.isnan(r.pixels[..., 0]).T:
        if lost.mean() > 2 / 3:
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[0], lost.astype(int), [0]])))
        lengths += list(edges[1::2] - edges[::2])
    return float(np.mean(lengths) / r.fps) if lengths else np.nan


def average(rows: list[dict[str, object]]) -> dict[str, object]:
    """Median over recordings of every statistic; NaN where none has it."""
    keys = {k: None for row in rows for k in row}
    out: dict[str, object] = {}
    for k in keys:
        a = np.array([row[k] for row in rows if k in row], dtype=float)
        some = np.isfinite(a).any(axis=0)
        out[k] = np.where(some, np.nanmedian(np.where(some, a, 0), axis=0), np.nan).tolist()
    return out
