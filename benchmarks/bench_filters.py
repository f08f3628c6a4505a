"""Filters against what a user would use instead, on a long clip and on a very long one.

python benchmarks/bench_filters.py
"""

from __future__ import annotations

import numpy as np
from filterpy.kalman import KalmanFilter
from OneEuroFilter import OneEuroFilter
from scipy.ndimage import gaussian_filter1d, median_filter, uniform_filter1d
from scipy.signal import butter, savgol_filter, sosfiltfilt
from timing import row, save, side_by_side

import steadypose as sp
from steadypose.sequence import PoseSequence

FPS = 30
SIZES = {"10,000 × 1 × 33 × 3": (10_000, 1, 33, 3), "1,000,000 × 1 × 17 × 3": (1_000_000, 1, 17, 3)}
SCALAR_FRAMES = 1000  # the per-scalar packages are timed on this many frames; their time is proportional


def walk(shape: tuple[int, ...]) -> np.ndarray:
    """A random walk with jitter, float32."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape, dtype=np.float32)
    np.cumsum(x, axis=0, out=x)
    return x * np.float32(3) + 500


def per_channel(x: np.ndarray, work) -> np.ndarray:
    """The loop most people write."""
    flat, out = x.reshape(len(x), -1), np.empty_like(x).reshape(len(x), -1)
    for c in range(flat.shape[1]):
        out[:, c] = work(flat[:, c])
    return out.reshape(x.shape)


def one_euro_per_scalar(x: np.ndarray) -> np.ndarray:
    """OneEuroFilter: one object a channel, one call a number."""
    flat, out = x.reshape(len(x), -1), np.empty_like(x).reshape(len(x), -1)
    filters = [OneEuroFilter(FPS, 1.0, 0.007, 1.0) for _ in range(flat.shape[1])]
    for i in range(len(flat)):
        for c, f in enumerate(filters):
            out[i, c] = f(float(flat[i, c]), 1 + i / FPS)
    return out


def kalman_per_scalar(x: np.ndarray) -> np.ndarray:
    """filterpy: constant velocity, filter and RTS smoother, one channel after the other."""
    flat, out = x.reshape(len(x), -1), np.empty_like(x).reshape(len(x), -1)
    h, q = 1 / FPS, (2 * np.pi * 4.0) ** 4 / FPS
    for c in range(flat.shape[1]):
        k = KalmanFilter(dim_x=2, dim_z=1)
        k.x = np.array([[flat[0, c]], [0.0]])
        k.F, k.H = np.array([[1, h], [0, 1]]), np.array([[1.0, 0.0]])
        k.P, k.R = np.diag([1.0, 1e7]), np.eye(1)
        k.Q = q * np.array([[h**3 / 3, h**2 / 2], [h**2 / 2, h]])
        means, covariances, _, _ = k.batch_filter(flat[:, c])
        out[:, c] = k.rts_smoother(means, covariances)[0][:, 0, 0]
    return out


def main() -> None:
    """Time everything and write results/filters.{json,md}."""
    sos = butter(2, 6.0, fs=FPS, output="sos")
    rows = []
    for size, shape in SIZES.items():
        x = walk(shape)
        seq = PoseSequence.from_array(x, fps=FPS, unit="mm", space="world")
        rounds = 7 if len(x) < 100_000 else 3
        small = x[:SCALAR_FRAMES]
        scale = len(x) / SCALAR_FRAMES
        whole = {
            "gaussian": ("one SciPy call", lambda x=x: gaussian_filter1d(x, 1.5, axis=0)),
            "savgol": ("one SciPy call", lambda x=x: savgol_filter(x, 11, 2, axis=0)),
            "butterworth": ("one SciPy call", lambda x=x: sosfiltfilt(sos, x, axis=0)),
            "moving_average": ("one SciPy call", lambda x=x: uniform_filter1d(x, 7, axis=0)),
            "median": ("one SciPy call", lambda x=x: median_filter(x, (5, 1, 1, 1))),
        }
        channel = {
            "gaussian": lambda c: gaussian_filter1d(c, 1.5),
            "savgol": lambda c: savgol_filter(c, 11, 2),
            "butterworth": lambda c: sosfiltfilt(sos, c),
        }
        for method, (rival, call) in whole.items():
            rivals = {"ours": lambda m=method, s=seq: sp.refine(s, m), rival: call}
            if method in channel:
                rivals["SciPy per channel"] = lambda x=x, f=channel[method]: per_channel(x, f)
            seconds = side_by_side(rivals, rounds)
            rows.append(row(f"{method}, {size}", seconds.pop("ours"), seconds))
            print(rows[-1], flush=True)
        for method, rival, loop in (
            ("one_euro", "OneEuroFilter per scalar", one_euro_per_scalar),
            ("kalman", "filterpy per scalar", kalman_per_scalar),
        ):
            seconds = side_by_side(
                {"ours": lambda m=method, s=seq: sp.refine(s, m), rival: lambda f=loop, x=small: f(x)}, 3
            )
            rows.append(row(f"{method}, {size}", seconds.pop("ours"), seconds, scale))
            print(rows[-1], flush=True)
        seconds = side_by_side({"ours": lambda s=seq: sp.refine(s)}, 3)
        rows.append(row(f"the default pipeline, {size}", seconds["ours"], {}))
    notes = [
        "Ours is the whole of sp.refine(): checks, gaps, segments and all; the others get the bare array.",
        f"Per-scalar packages were timed on {SCALAR_FRAMES} frames and their time multiplied up.",
        "SciPy's median filter is given the same window; its ends differ.",
    ]
    save("filters", "Filters", rows, notes, "python benchmarks/bench_filters.py")


if __name__ == "__main__":
    main()
