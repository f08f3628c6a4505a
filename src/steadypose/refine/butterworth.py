"""The Butterworth filter of biomechanics: a low-pass, forwards and backwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from steadypose.errors import DataError
from steadypose.refine._regression import boxcar, local_polynomial
from steadypose.refine.filters import Filter, Floats, Indices, Values, _parameter


@dataclass(frozen=True)
class Butterworth(Filter):
    """Low-pass run forwards and backwards: no lag, −3 dB at ``cutoff`` after both passes.

    The single pass is designed at a higher cutoff, tan(π·single) = tan(π·cutoff) · (√2 − 1)^(−1 / 2·order)
    with both per frame, so that the double pass has the one asked for (Winter, Biomechanics and Motor
    Control of Human Movement, section 3.4). Uneven time stamps are resampled to the median rate and back. A
    cutoff at or above half of a recording's frame rate is an error, as in SciPy.
    """

    name: ClassVar[str] = "butterworth"
    cutoff: float = _parameter(6.0, 0.2, 14.0, "Hz", "half-power frequency")
    order: int = _parameter(2, 1, 4, "", "order of one pass")

    def check_rate(self, fps: float) -> None:
        """See :meth:`Filter.check_rate`."""
        if self.cutoff >= fps / 2 * (1 - 1e-9):
            raise DataError(
                f"butterworth: expected cutoff below {fps / 2:.6g} Hz, half of this recording's "
                f"{fps:.6g} fps, found {self.cutoff:g} Hz"
            )

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`; weights do not apply."""
        frames = len(times)
        if frames < 3:
            return values.copy()
        step = float(np.median(np.diff(times)))
        if self.cutoff * step >= 0.5:  # a stretch slower than its recording: nothing to remove
            return values.copy()
        warped = np.tan(np.pi * self.cutoff * step) * (2**0.5 - 1) ** (-1 / (2 * self.order))
        single = float(np.arctan(warped) / (np.pi * step))
        from scipy.signal import butter, sosfilt, sosfilt_zi

        sos = butter(int(self.order), single, fs=1 / step, output="sos")
        zi = sosfilt_zi(sos)[:, :, None]
        even = np.ptp(np.diff(times)) <= 1e-3 * step
        grid = times if even else np.linspace(times[0], times[-1], round((times[-1] - times[0]) / step) + 1)
        # Ends are continued by point reflection about a fitted line, not about the last noisy sample.
        pad = min(len(grid) - 1, int(np.ceil(1.5 / (self.cutoff * step))))
        line = partial(
            local_polynomial,
            weights=None,
            kernel=boxcar,
            radius=0.25 / self.cutoff,
            degree=1,
            full_window=True,
        )
        first = line(values[: pad + 1], times=times[: pad + 1])[0].ravel()
        last = line(values[-pad - 1 :], times=times[-pad - 1 :])[-1].ravel()
        flat = values.reshape(frames, -1)
        out = np.empty_like(flat)
        width = max(1, (1 << 22) // len(grid))  # columns at a time: temporaries stay below 100 MB
        for c in range(0, flat.shape[1], width):
            x: Floats = flat[:, c : c + width].astype(np.float64)
            x = x if even else _resample(x, times, grid)
            head = 2 * first[c : c + width] - x[pad:0:-1]
            tail = 2 * last[c : c + width] - x[-2 : -pad - 2 : -1]
            x = np.concatenate([head, x, tail])
            for _ in range(2):
                x = sosfilt(sos, x, axis=0, zi=zi * x[0])[0][::-1]
            x = x[pad : pad + len(grid)]
            out[:, c : c + width] = x if even else _resample(x, grid, times)
        return out.reshape(values.shape)


def _resample(x: Floats, old: Floats, new: Floats) -> Floats:
    """Linear interpolation of all columns at once."""
    at = np.clip(np.searchsorted(old, new, side="right") - 1, 0, len(old) - 2)
    u = ((new - old[at]) / (old[at + 1] - old[at]))[:, None]
    result: Floats = x[at] * (1 - u) + x[at + 1] * u
    return result
