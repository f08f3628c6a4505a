"""What a refinement does to real streams with truth: error, steadiness, timing, fast movement, knees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from real_data import Data
from real_fit import LIMBS
from real_rotations import flexion_of_rotations
from real_streams import Stream
from scipy.signal import find_peaks

from steadypose import metrics

Refine = Callable[[Any], Any]  # a PoseSequence or a BodyMotion to the same
Scores = dict[str, float]

BENT = 40.0  # degrees: a knee's peak is above this
AROUND = 0.04  # seconds on both sides of the truth's peak that a knee's flexion is averaged over


def scores(stream: Stream, refine: Refine | None) -> Scores:
    """Scores of one stream; ``refine`` None is the input itself.

    ``mpjpe`` and ``accel`` in the truth's unit (Accel per frame²), ``offset_free`` MPJPE about constant
    offsets of the joints, ``shake`` the mean acceleration of the output itself, ``lag`` in frames,
    ``peak_speed`` over the truth's, ``change`` the mean distance from the input, ``coverage`` the share of
    the input's keypoints that are still there. Errors are over keypoints that the input has.
    """
    before = stream.measured(stream.raw)
    x = before if refine is None else stream.measured(refine(stream.raw))
    seen = np.isfinite(before).all(axis=-1, keepdims=True)
    judged = np.where(seen, x, np.nan)
    kept = np.isfinite(judged).all(axis=-1)
    return {
        "mpjpe": float(metrics.mpjpe(judged, stream.truth, root=stream.root)),
        "offset_free": float(metrics.mpjpe(judged, stream.moved, root=stream.root)),
        "accel": float(metrics.accel(judged, stream.truth, root=stream.root)),
        "shake": float(metrics.accel_magnitude(judged, root=stream.root)),
        "lag": metrics.lag(judged, stream.truth, root=stream.root),
        "peak_speed": float(metrics.peak_speed_ratio(judged, stream.truth, root=stream.root)),
        "change": float(np.nanmean(np.linalg.norm(judged - before, axis=-1))),
        "coverage": float(kept.sum() / seen.sum()),
    }


def knees(data: Data, refine: Refine | None) -> dict[str, dict[str, list[float]]]:
    """Flexion of the knees at the truth's peaks in real walking, degrees: ``input``, ``output``, ``truth``.

    From MediaPipe's landmarks in metres, refined as positions, and from rotations, refined as such.
    ``errors``: mean distance from the truth over all frames, of the input and of the output.
    """
    found = {}
    for s in data.streams:
        if s.name in data.walks and s.family == "MediaPipe 3D":
            before = flexion(s.measured(s.raw))
            after = before if refine is None else flexion(s.measured(refine(s.raw)))
            found[f"{s.name}, positions"] = _at_peaks(s.raw.times, before, after, flexion(s.truth))
    for name, (body, truth) in data.walks.items():
        before = flexion_of_rotations(body)
        after = before if refine is None else flexion_of_rotations(refine(body))
        found[f"{name}, rotations"] = _at_peaks(body.times, before, after, flexion(truth))
    return found


def flexion(x: np.ndarray) -> np.ndarray:
    """Flexion of both knees from limb joints (frames, 12, 3); (frames, 2), degrees, 0 when straight."""
    angles = []
    for side in ("left", "right"):
        hip, knee, ankle = (x[:, LIMBS.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        thigh, shank = knee - hip, ankle - knee
        across = np.linalg.norm(np.cross(thigh, shank), axis=-1)
        angles.append(np.degrees(np.arctan2(across, np.einsum("td,td->t", thigh, shank))))
    return np.stack(angles, axis=1)


def peaks(times: np.ndarray, truth: np.ndarray) -> list[tuple[int, int]]:
    """Frame and knee of the truth's peaks; truth (frames, 2), degrees."""
    step = float(np.median(np.diff(times)))
    room = AROUND / step
    found = []
    for side in range(2):
        y = np.where(np.isfinite(truth[:, side]), truth[:, side], -1.0)
        tops, _ = find_peaks(y, height=BENT, prominence=BENT / 2, distance=max(1, round(0.4 / step)))
        found += [(int(t), side) for t in tops if room <= t < len(y) - room]
    return found


def around(times: np.ndarray, angles: np.ndarray, where: Iterable[tuple[int, int]]) -> list[float]:
    """Mean of an angle near every peak."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a knee that is nowhere seen there
        near = [(np.abs(times - times[t]) <= AROUND + 1e-9, side) for t, side in where]
        return [round(float(np.nanmean(angles[frames, side])), 2) for frames, side in near]


def _at_peaks(
    times: np.ndarray, before: np.ndarray, after: np.ndarray, truth: np.ndarray
) -> dict[str, list[float]]:
    where = peaks(times, truth)
    named = {"input": before, "output": after, "truth": truth}
    errors = [round(float(np.nanmean(np.abs(x - truth))), 2) for x in (before, after)]
    return {word: around(times, angles, where) for word, angles in named.items()} | {"errors": errors}
