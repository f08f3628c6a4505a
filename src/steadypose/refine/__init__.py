"""Refinement: a jittering motion in, the same motion out, steady.

The main path is :func:`refine` → :class:`Refiner` → for every segment of every curve one filter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from steadypose.refine._refiner import Refiner
from steadypose.refine._thin import Worth, worth
from steadypose.refine.butterworth import Butterworth
from steadypose.refine.filters import METHODS, Filter, make_filter
from steadypose.refine.gcv import CrossValidated
from steadypose.refine.network import Network, SmoothNet
from steadypose.refine.one_euro import OneEuro
from steadypose.refine.refinenet import RefineNet
from steadypose.refine.tune import Tuning, tune
from steadypose.sequence import BodyMotion, PoseSequence

__all__ = [
    "METHODS",
    "Filter",
    "Refiner",
    "Tuning",
    "Worth",
    "make_filter",
    "make_refiner",
    "refine",
    "tune",
    "worth",
]

AnyMotion = TypeVar("AnyMotion", bound=PoseSequence | BodyMotion)

# They stand on filters.py, so they join its table here.
METHODS |= {f.name: f for f in (Butterworth, OneEuro, CrossValidated, RefineNet, Network, SmoothNet)}

# The last stage of the pipeline used when no method is named, after swaps, outliers and gaps;
# experiments/no_harm says what it is worth. Everything that speaks of the default reads it here.
DEFAULT_METHOD = "network"


def method_for(method: str | None, parameters: Mapping[str, Any]) -> str:
    """The method meant: the one named, that of a network if only its weights are, else the default."""
    if method is not None:
        return method
    return DEFAULT_METHOD if parameters.get("weights") is None else Network.name


def make_refiner(
    method: str | None = None,
    *,
    max_gap: float = 0.25,
    outliers: bool | None = None,
    swaps: bool | None = None,
    confidence: bool = True,
    min_confidence: float | None = None,
    strays: bool | None = None,
    check_rate: bool | None = None,
    **parameters: Any,
) -> Refiner:
    """A refiner to use on many motions; parameters are those of :func:`refine`."""
    whole = method is None
    return Refiner(
        make_filter(method_for(method, parameters), **parameters),
        max_gap=max_gap,
        outliers=whole if outliers is None else outliers,
        swaps=whole if swaps is None else swaps,
        confidence=confidence,
        min_confidence=min_confidence,
        strays=whole if strays is None else strays,
        check_rate=whole if check_rate is None else check_rate,
    )


def refine(
    motion: AnyMotion,
    method: str | None = None,
    *,
    max_gap: float = 0.25,
    outliers: bool | None = None,
    swaps: bool | None = None,
    confidence: bool = True,
    min_confidence: float | None = None,
    strays: bool | None = None,
    check_rate: bool | None = None,
    **parameters: Any,
) -> AnyMotion:
    """The same motion, steady.

    Parameters
    ----------
    motion : PoseSequence or BodyMotion
        Any number of persons, who may come and go; uneven time stamps are fine.
    method
        One of :data:`METHODS`; ``None`` is the whole pipeline: left–right swaps put back, outliers removed,
        short gaps filled, then :data:`DEFAULT_METHOD` (``"network"`` if ``weights`` are given).
    max_gap
        Gaps up to this many seconds are filled (and marked in ``filled``); longer ones stay missing and
        nothing is smoothed across them.
    outliers
        Take out slips (Hampel) and frames in which the body collapses before smoothing, and keep a rest pose
        in the first rows as it is. Default: only when no method is named.
    swaps
        Put exchanged left and right limbs back before smoothing. Default: only when no method is named.
    confidence
        Let confidence weigh samples, for the methods that can (moving_average, gaussian, savgol, kalman,
        adaptive, gcv, refinenet, network, smoothnet).
    min_confidence
        Keypoints with less confidence are missing: short gaps are filled, in longer ones they stay missing
        and ``history`` says how many. Without confidence there is nothing to do, and ``history`` says so.
    strays
        Keypoints that leap off their path while their confidence is far below what it usually is are no part
        of it: short gaps are filled, in longer ones they are left as they were. Default: only when no method
        is named.
    check_rate
        Look at what the frames are worth. Those that repeat the one before (12 frames a second stored at 60)
        are left out, and get what lies between the others. What moves too fast for fewer than 9 frames a
        second is left as it was. Default: only when no method is named.
    **parameters
        Of the method, in seconds or hertz; see its class. ``weights`` of network: one by name, or an
        ONNX file of ``steadypose export``.

    Returns
    -------
    PoseSequence or BodyMotion
        Of the same shape, times, names and source; ``history`` says what was done.

    Raises
    ------
    DataError
        If the method or a parameter is unknown or out of range, or goes not with the recording's frame rate.
    SteadyposeError
        If no network of that name comes with steadypose, or the file is not one.
    """
    refiner = make_refiner(
        method,
        max_gap=max_gap,
        outliers=outliers,
        swaps=swaps,
        confidence=confidence,
        min_confidence=min_confidence,
        strays=strays,
        check_rate=check_rate,
        **parameters,
    )
    return refiner(motion)
