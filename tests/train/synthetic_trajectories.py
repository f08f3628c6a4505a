"""Small made-up curves: sums of slow sines, and the same with noise."""

from __future__ import annotations

import numpy as np

from steadypose.data.trajectories import Trajectory, TrajectoryPairs
from steadypose.refine.windows import WindowSpec

SPEC = WindowSpec(length=16, step=4)


def trajectory(
    seed: int, frames: int = 120, channels: int = 6, label: str = "noise", sigma: float = 0.03
) -> Trajectory:
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None] / 60
    truth = 0.3 * np.sin(
        2 * np.pi * rng.uniform(0.3, 1.5, channels) * t + rng.uniform(0, 6, channels)
    ) + rng.normal(size=channels)
    noisy = truth + sigma * rng.normal(size=truth.shape)
    return Trajectory(
        f"t{seed}", label, 60.0, noisy.astype(np.float32), truth.astype(np.float32), 3, 1 + seed % 3
    )


def curves(count: int = 4, spec: WindowSpec = SPEC, seed: int = 0, *, joint: bool = False, **how):
    return TrajectoryPairs([trajectory(seed + n, **how) for n in range(count)], spec, joint=joint)
