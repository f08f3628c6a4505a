"""Plain Kalman filters with Rauch–Tung–Striebel smoothers, as anybody would write them, to be compared with.

Constant velocity (white acceleration) and constant acceleration (white jerk), one ratio of process to
measurement noise for the whole recording, given as the frequency at which the smoother halves an
oscillation: its response is 1 / (1 + (f / cutoff)^(2 · order)) (Rauch, Tung and Striebel 1965).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import ClassVar

import numpy as np

from steadypose.refine import Filter

VAGUE = (
    1e8  # prior variance of velocity and acceleration, in units of measurement noise and of the first step
)


@dataclass(frozen=True)
class RauchTungStriebel(Filter):
    """The smoother; `order` 2 is constant velocity, 3 constant acceleration. Weights do not apply."""

    name: ClassVar[str] = "rts"
    cutoff: float = 4.0
    order: int = 2

    def smooth(self, values, weights, times, size):
        """See :meth:`Filter.smooth`."""
        frames, n = len(times), self.order
        if frames <= n:
            return values.copy()
        x = values.reshape(frames, -1).astype(np.float64)
        steps = np.diff(times)
        step = float(np.median(steps))
        strength = (2 * np.pi * self.cutoff) ** (2 * n) * step
        moves = [transition(dt, n) for dt in steps]
        noises = [strength * process_noise(dt, n) for dt in steps]
        state = np.zeros((n, x.shape[1]))
        state[0] = x[0]
        spread = np.diag([1.0, *(VAGUE / step ** (2 * k) for k in range(1, n))])
        means, spreads = [state], [spread]
        for t in range(1, frames):
            state = moves[t - 1] @ state
            spread = moves[t - 1] @ spread @ moves[t - 1].T + noises[t - 1]
            gain = spread[:, :1] / (spread[0, 0] + 1.0)
            state = state + gain * (x[t] - state[0])
            spread = spread - gain @ spread[:1]
            means.append(state)
            spreads.append(0.5 * (spread + spread.T))
        out = np.empty_like(x)
        out[-1] = means[-1][0]
        later = means[-1]
        for t in range(frames - 2, -1, -1):
            ahead = moves[t] @ spreads[t] @ moves[t].T + noises[t]
            back = np.linalg.solve(ahead, moves[t] @ spreads[t]).T
            later = means[t] + back @ (later - moves[t] @ means[t])
            out[t] = later[0]
        return out.reshape(values.shape).astype(np.float32)


def transition(dt: float, n: int) -> np.ndarray:
    """How position and its derivatives go on when the highest of them stays."""
    return np.array(
        [[dt ** (j - i) / factorial(j - i) if j >= i else 0.0 for j in range(n)] for i in range(n)]
    )


def process_noise(dt: float, n: int) -> np.ndarray:
    """Covariance that white noise of unit density in the next derivative adds in a step."""

    def entry(i: int, j: int) -> float:
        power = 2 * n - 1 - i - j
        return dt**power / (power * factorial(n - 1 - i) * factorial(n - 1 - j))

    return np.array([[entry(i, j) for j in range(n)] for i in range(n)])
