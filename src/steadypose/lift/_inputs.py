"""What enters a lifting network: windows of frames, gaps bridged, each window normalised.

Training and use share every line of this, so that a network sees in use what it saw in training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._timed import complete
from steadypose.lift._spec import LiftSpec
from steadypose.refine._segments import fill_gaps, find_segments

Floats = npt.NDArray[np.floating[Any]]
Values = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

# A point that was not seen but is bridged or held is believed this much: less than what detectors are sure
# of, more than nothing.
BRIDGED_CONFIDENCE = 0.3
# A person of whom fewer input joints are known in a frame is not there: two limbs say nothing about a body.
FEWEST_JOINTS = 6


def step(fps: float, spec: LiftSpec) -> int:
    """Frames from one frame of a window to the next, so that the network sees a rate it was trained on.

    1 up to the highest trained rate, 2 at twice that, … and where the rate is not known.
    """
    return max(1, round(fps / spec.rates[1])) if math.isfinite(fps) else 1


def window_frames(ends: npt.ArrayLike, first: int, length: int, step: int) -> Indices:
    """Frames of the windows that end at ``ends``; shape (windows, length), oldest first.

    A window that would begin before the frame ``first`` repeats that frame instead.
    """
    back = np.arange(length - 1, -1, -1) * step
    found: Indices = np.maximum(np.asarray(ends, dtype=np.intp)[:, None] - back, first)
    return found


def normalise_person(xy: Floats, known: Bools) -> Values:
    """Windows relative to the person in them: an exact invariance to translation and scale.

    Minus the mean over a window's known joints, divided by their root mean square distance to it; joints
    that are not known become 0.

    Parameters
    ----------
    xy : ndarray, shape (..., frames, joints, 2)
        One window along the last axes; anything where not known.
    known : ndarray of bool, shape (..., frames, joints)

    Returns
    -------
    ndarray of float32, of the shape of ``xy``
    """
    seen = known[..., None]
    count = np.maximum(known.sum(axis=(-2, -1), keepdims=True)[..., None], 1)
    x = np.where(seen, xy, 0)
    x = np.where(seen, x - x.sum(axis=(-3, -2), keepdims=True) / count, 0)
    size = np.sqrt((x * x).sum(axis=(-3, -2, -1), keepdims=True) / count)
    return (x / np.where(size > 0, size, 1)).astype(np.float32)


def network_input(xy: Floats, confidence: Floats, spec: LiftSpec) -> Values:
    """Windows as the network takes them.

    Parameters
    ----------
    xy : ndarray, shape (..., frames, joints, 2)
        Anything where the confidence is 0.
    confidence : ndarray, shape (..., frames, joints)
        0 where a joint is missing, else up to 1.
    spec
        Says which normalisation, and whether there is a channel for confidence.

    Returns
    -------
    ndarray of float32, shape (..., frames, joints, channels)
    """
    known = confidence > 0
    if spec.normalisation == "person":
        x = normalise_person(xy, known)
    else:
        x = np.where(known[..., None], xy, 0).astype(np.float32)
    if not spec.confidence:
        return x
    return np.concatenate([x, confidence[..., None].astype(np.float32)], axis=-1)


def bridge(xy: Values, confidence: Values, times: Floats, max_gap: float) -> tuple[Values, Values]:
    """Points and confidences with gaps of up to ``max_gap`` seconds filled from both sides.

    Parameters
    ----------
    xy : ndarray of float32, shape (frames, joints, 2)
        NaN where missing.
    confidence : ndarray of float32, shape (frames, joints)
        0 where missing.
    times : ndarray, shape (frames,)
        Seconds.
    """
    seen = complete(xy)
    if max_gap == 0 or seen.all():
        return xy, confidence
    x, c = xy.copy(), confidence.copy()
    c[fill_gaps(x, seen, times, find_segments(seen, times, max_gap))] = BRIDGED_CONFIDENCE
    return x, c


def hold(xy: Values, confidence: Values, times: Floats, max_gap: float) -> tuple[Values, Values]:
    """Points and confidences with missing joints held where they were last seen, up to ``max_gap`` seconds.

    Parameters are those of :func:`bridge`; what comes out of a frame depends on no later one.
    """
    seen = complete(xy)
    if max_gap == 0 or seen.all():
        return xy, confidence
    frame = np.arange(len(xy))[:, None]
    last = np.maximum.accumulate(np.where(seen, frame, -1), axis=0)
    held = ~seen & (last >= 0) & (times[:, None] - times[last] <= max_gap + 1e-9)
    source = np.where(held, last, frame)
    x = np.take_along_axis(xy, source[..., None], axis=0)
    return x, np.where(held, np.float32(BRIDGED_CONFIDENCE), confidence)


def runs(there: Bools, times: Floats, longest_step: float) -> Iterator[tuple[int, int]]:
    """Stretches of frames ``first:stop`` in which a person is there and no step takes longer than that (s).

    No window reaches across the ends of one. Where a run begins depends on no later frame.
    """
    cut = np.ones(len(there) + 1, bool)
    cut[1:-1] = (there[1:] != there[:-1]) | (np.diff(times) > longest_step)
    for first, stop in pairwise(np.flatnonzero(cut)):
        if there[first]:
            yield int(first), int(stop)


def window_ends(first: int, stop: int, length: int, step: int) -> Indices:
    """Last frames of the windows from which a run is lifted with all its frames at hand.

    All windows that fit; in a run too short for them to reach every frame, a window that ends at each frame.
    """
    span = (length - 1) * step
    return np.arange(first + span if stop - first >= span + step else first, stop)
