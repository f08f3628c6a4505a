"""The 1€ filter: causal, for live use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steadypose.refine._blocks import walk_in_blocks
from steadypose.refine.filters import Filter, Floats, Indices, Values, _parameter


@dataclass(frozen=True)
class OneEuro(Filter):
    """Causal low-pass whose cutoff rises with speed (Casiez, Roussel and Vogel, CHI 2012, algorithm 1).

    Uses past frames only (latency 0), so it lags: choose it for live use. Speed is that of the whole
    keypoint, measured in body sizes per second (radians per second for rotations), so that pixels and
    metres behave alike; the size is that of the body as seen so far.
    """

    name: ClassVar[str] = "one_euro"
    causal: ClassVar[bool] = True
    min_cutoff: float = _parameter(1.0, 1e-4, 10.0, "Hz", "cutoff at rest")
    beta: float = _parameter(10.0, 0.01, 100.0, "", "rise of the cutoff in hertz per body size per second")
    derivative_cutoff: float = _parameter(1.0, 0.1, 10.0, "Hz", "cutoff of the speed estimate")

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`; weights do not apply."""
        if len(times) == 1:
            return values.copy()

        def walk(x: Floats, w: Floats | None, t: Floats) -> Floats:
            assert w is not None  # the sizes, which are cut into blocks like weights
            rate = 2 * np.pi * np.diff(t, axis=0)[:, :, None]  # (steps, blocks, 1)
            slow = 1 - 1 / (1 + rate * self.derivative_cutoff)
            per_step = 1 / (np.diff(t, axis=0)[:, :, None] * w[1:])
            speed = np.zeros_like(x[0])
            out = np.empty_like(x)
            out[0] = x[0]
            for i in range(1, len(x)):
                off = x[i] - out[i - 1]
                speed += slow[i - 1][..., None] * (off * per_step[i - 1][..., None] - speed)
                pace = np.sqrt(np.einsum("ncd,ncd->nc", speed, speed))
                cut = rate[i - 1] * (self.min_cutoff + self.beta * pace)
                out[i] = out[i - 1] + (cut / (1 + cut))[..., None] * off
            return out

        slowest = 2 * np.pi * min(self.min_cutoff, self.derivative_cutoff) * float(np.median(np.diff(times)))
        memory = int(np.ceil(18 * (1 + 1 / slowest)))  # e^-18 is below single precision
        sizes = np.broadcast_to(np.asarray(size, np.float32), values.shape[:2])
        return walk_in_blocks(values, sizes, times, memory, walk)
