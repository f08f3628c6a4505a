"""The filters: each a small dataclass whose parameters are in seconds or hertz, and one method that smooths.

All of them see the same thing: complete curves over one segment of time, with a weight for every sample
(from confidence; low for filled samples) or none. Rotations come as the nine entries of their matrices,
which have no sign ambiguity and no wrap-around; the result is projected back onto rotations by the caller.
Linear filters of matrices followed by that projection are the chordal mean (Hartley et al. 2013, "Rotation
averaging", section 5), and they commute with any rotation of the body or the camera.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from steadypose import rotations
from steadypose._given import is_finite
from steadypose.errors import DataError
from steadypose.refine._kalman import adaptive_spline, smoothing_spline
from steadypose.refine._regression import boxcar, gaussian4, local_polynomial
from steadypose.refine._rolling import rolling_median, rolling_medoid, window_span

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]

_HIGHEST_ORDER = 20
_UTMOST = 1e6  # what a parameter and its inverse may be at most, in whatever unit


def _parameter(default: float, low: float, high: float, unit: str, help: str) -> Any:
    """A dataclass field with what --help and tuning need to know about it; low and high bound the search
    only."""
    return field(default=default, metadata={"range": (low, high), "unit": unit, "help": help})


def _setting(help: str, shown: str) -> dict[str, str]:
    """Of a dataclass field that is not searched, and that its class checks; ``shown`` stands for its
    default."""
    return {"unit": "", "help": help, "shown": shown}


@dataclass(frozen=True)
class Filter(ABC):
    """What all filters have in common: parameters checked at construction, and ``smooth``."""

    name: ClassVar[str]
    causal: ClassVar[bool] = False
    handles: ClassVar[tuple[str, ...]] = ("positions", "rotations")

    def __post_init__(self) -> None:
        for f in tunable(self):
            value = getattr(self, f.name)
            zero_ok = f.metadata["unit"] == "" and f.type != "int"
            unit = {"s": " seconds", "Hz": " hertz"}.get(f.metadata["unit"], "")
            if not is_finite(value) or not (value > 0 or (zero_ok and value == 0)):
                raise DataError(f"{self.name}: expected {f.name} above 0{unit}, found {value!r}")
            if value and not 1 / _UTMOST <= value <= _UTMOST:
                limits = f"from {1 / _UTMOST:g} to {_UTMOST:g}{unit}"
                raise DataError(f"{self.name}: expected {f.name} {limits}, found {value!r}")
            if f.type == "int" and (int(value) != value or value > _HIGHEST_ORDER):
                wanted = f"a whole number for {f.name}, {_HIGHEST_ORDER} at most"
                raise DataError(f"{self.name}: expected {wanted}, found {value!r}")

    def describe(self) -> str:
        """The filter with its parameters, as it stands in a history."""
        return f"{self.name}({', '.join(f'{f.name}={getattr(self, f.name):g}' for f in fields(self))})"

    def ahead(self, fps: float) -> float:
        """Frames of future that a frame's result may depend on; infinite if all of them."""
        if self.causal:
            return 0.0
        reach = {"window": 0.5, "sigma": 4.0}
        seconds = [reach[f.name] * getattr(self, f.name) for f in fields(self) if f.name in reach]
        return math.ceil(seconds[0] * fps) if seconds else math.inf

    def check_rate(self, fps: float) -> None:  # noqa: B027 - most filters go with any
        """Refuse a recording of a frame rate that the parameters do not go with.

        Parameters
        ----------
        fps
            Frames a second; NaN for a single frame.

        Raises
        ------
        DataError
            Naming the parameter and the rate.
        """

    @abstractmethod
    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """Smoothed values.

        Parameters
        ----------
        values : ndarray of float32, shape (frames, curves, dims)
            Complete: no NaN.
        weights : ndarray of float32, shape (frames, curves), optional
            Above 0, at most 1.
        times : ndarray, shape (frames,)
            Seconds.
        size : ndarray, shape (curves,)
            Size of the body each curve belongs to, in the units of ``values``; for thresholds on speed.
            Causal filters are given it as seen so far, shape (frames, curves).
        person : ndarray of int, shape (curves,), optional
            Whose curve each is; None: all of one body.
        """


@dataclass(frozen=True)
class MovingAverage(Filter):
    """Mean over a window; at the ends and beside gaps a straight line instead, so that nothing is dragged."""

    name: ClassVar[str] = "moving_average"
    window: float = _parameter(0.2, 0.02, 4.0, "s", "length of the window")

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        return local_polynomial(
            values, weights, times, kernel=boxcar, radius=self.window / 2, degree=1, full_window=False
        )


@dataclass(frozen=True)
class Gaussian(Filter):
    """Gaussian-weighted local line; between the ends of a clean recording exactly the Gaussian
    convolution."""

    name: ClassVar[str] = "gaussian"
    sigma: float = _parameter(
        0.05, 0.005, 1.0, "s", "standard deviation of the bell, which is cut at 4 sigma"
    )

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        return local_polynomial(
            values, weights, times, kernel=gaussian4, radius=4 * self.sigma, degree=1, full_window=False
        )


@dataclass(frozen=True)
class SavitzkyGolay(Filter):
    """Polynomial fitted by least squares in a window (Savitzky and Golay 1964); keeps peaks better than a
    mean."""

    name: ClassVar[str] = "savgol"
    window: float = _parameter(0.35, 0.05, 9.0, "s", "length of the window")
    order: int = _parameter(2, 1, 4, "", "degree of the polynomial")

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        return local_polynomial(
            values,
            weights,
            times,
            kernel=boxcar,
            radius=self.window / 2,
            degree=int(self.order),
            full_window=True,
        )


@dataclass(frozen=True)
class Median(Filter):
    """Median over a window per coordinate (for rotations the medoid); removes single slips, keeps steps."""

    name: ClassVar[str] = "median"
    window: float = _parameter(0.15, 0.03, 2.0, "s", "length of the window")

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`; weights do not apply."""
        half, span = window_span(times, self.window)
        rolling = rolling_medoid if values.shape[2] == 9 else rolling_median
        smoothed: Values = rolling(values, np.ones(values.shape[:2], bool), half, span)
        return smoothed


@dataclass(frozen=True)
class Kalman(Filter):
    """Kalman filter and Rauch–Tung–Striebel smoother of a constant-velocity body with white acceleration.

    The ratio of process to measurement noise is given as the frequency at which the smoother halves an
    oscillation: its response is 1 / (1 + (f / cutoff)^4) (Rauch, Tung and Striebel 1965 for the recursions;
    Wahba 1978 for the spline they compute). Confidence divides the measurement noise; dropped frames are
    predicted across.
    """

    name: ClassVar[str] = "kalman"
    cutoff: float = _parameter(4.0, 0.1, 14.0, "Hz", "half-amplitude frequency")

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        return smoothing_spline(values, weights, times, np.array([self.cutoff]))


@dataclass(frozen=True)
class Adaptive(Filter):
    """The Kalman smoother with a cutoff found for every curve and every sample believed as it deserves.

    The noise of a curve is read off its third differences, the motion off its acceleration; where their
    spectra cross is the Wiener cutoff. Samples far from the smoothed curve then count less, as those of a
    Student-t distribution do, and the curve is smoothed again. Calm curves are smoothed hard, fast ones
    little, clean ones hardly at all; there is nothing to set.
    """

    name: ClassVar[str] = "adaptive"
    strength: float = _parameter(
        1.0, 0.3, 3.0, "", "divides every cutoff: above 1 smoother, below 1 closer to the input"
    )
    lowest: float = _parameter(1.0, 0.2, 4.0, "Hz", "lowest cutoff a curve can be given")
    highest: float = _parameter(12.0, 4.0, 14.0, "Hz", "highest cutoff a curve can be given")

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        return adaptive_spline(values, weights, times, self.strength, (self.lowest, self.highest))


MOST_PASSES = 10_000  # of slerp over a recording


@dataclass(frozen=True)
class Slerp(Filter):
    """Spherical linear interpolation between neighbours, for rotations only (the post-filter of MEVA and
    TCMR).

    Every rotation moves towards the one interpolated between its two neighbours, again and again until the
    passes together spread a step like a Gaussian of ``sigma``; MEVA's single pass of ratio 0.3 at 30 fps is
    the default. Works on the manifold itself, without an embedding.
    """

    name: ClassVar[str] = "slerp"
    handles: ClassVar[tuple[str, ...]] = ("rotations",)
    sigma: float = _parameter(0.0183, 0.005, 0.2, "s", "standard deviation of the passes together")

    def check_rate(self, fps: float) -> None:
        """See :meth:`Filter.check_rate`: at a very high rate the passes would never end."""
        if self.sigma**2 * fps**2 > 0.3 * MOST_PASSES:
            most = (0.3 * MOST_PASSES) ** 0.5 / fps
            raise DataError(
                f"slerp: expected a sigma of at most {most:.3g} s at {fps:.6g} fps, found {self.sigma:g}"
            )

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`; weights do not apply. Ends stay where they are."""
        if len(times) < 3:
            return values.copy()
        matrices = values.astype(np.float64).reshape(*values.shape[:2], 3, 3)
        step = np.diff(times)
        passes = max(1, int(np.ceil(self.sigma**2 / (0.3 * float(np.median(step)) ** 2) - 1e-9)))
        # The kernel (r·b/(a+b), 1-r, r·a/(a+b)) over steps a, b has variance r·a·b.
        ratio = np.clip(self.sigma**2 / (passes * step[:-1] * step[1:]), 0.0, 0.5)[:, None]
        between = (step[:-1] / (step[:-1] + step[1:]))[:, None]
        for _ in range(passes):
            middle = rotations.slerp(matrices[:-2], matrices[2:], between)
            matrices[1:-1] = rotations.slerp(matrices[1:-1], middle, ratio)
        return matrices.reshape(values.shape).astype(np.float32)


METHODS: dict[str, type[Filter]] = {
    f.name: f for f in (MovingAverage, Median, Gaussian, SavitzkyGolay, Kalman, Adaptive, Slerp)
}


def tunable(filter_: Filter | type[Filter]) -> list[Field[Any]]:
    """The parameters that are numbers with a range to search; the others choose a network or its speed."""
    return [f for f in fields(filter_) if "range" in f.metadata]


def default_text(parameter: Field[Any]) -> str:
    """A parameter's default, for people."""
    shown: str = parameter.metadata.get("shown", "")
    return shown or f"{parameter.default:g}"


def make_filter(method: str, **parameters: Any) -> Filter:
    """The filter of that name with these parameters.

    Raises
    ------
    DataError
        If there is no such method or it has no such parameter; the message lists those that there are.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise DataError(f"expected a method among {', '.join(METHODS)}, found {method!r}")
    kind = METHODS[method]
    known = [f.name for f in fields(kind)]
    for name in parameters:
        if name not in known:
            raise DataError(f"{method}: expected parameters among {', '.join(known)}, found {name!r}")
    make: Callable[..., Filter] = kind
    return make(**parameters)
