"""What a refinement does to real streams with truth: error, steadiness, timing, fast movement, knees."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import numpy as np
from real_fit import LIMBS
from real_streams import Stream
from scipy.signal import find_peaks

from steadypose import metrics
from steadypose.sequence import BodyMotion, PoseSequence

AnyMotion = TypeVar("AnyMotion", PoseSequence, BodyMotion)
Refine = Callable[[AnyMotion], AnyMotion]
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


def flexion(x: np.ndarray) -> np.ndarray:
    """Flexion of both knees from limb joints (frames, 12, 3); (frames, 2), degrees, 0 when straight."""
    angles = []
    for side in ("left", "right"):
        hip, knee, ankle = (x[:, LIMBS.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        angles.append(_angle(knee - hip, ankle - knee))
    return np.stack(angles, axis=1)


def flexion_of_rotations(motion: BodyMotion) -> np.ndarray:
    """The same of a body: the angle between the long axes of thigh and shank."""
    names = motion.skeleton.keypoints
    down = np.array([0.0, -1.0, 0.0])
    shanks = [motion.rotations[:, 0, names.index(f"{side}_tibia")] for side in ("left", "right")]
    return np.stack([_angle(np.broadcast_to(down, (len(r), 3)), r @ down) for r in shanks], axis=1)


def peaks(times: np.ndarray, truth: np.ndarray) -> list[tuple[int, int]]:
    """Frame and knee of the truth's peaks; truth (frames, 2), degrees."""
    step = float(np.median(np.diff(times)))
    found = []
    for side in range(2):
        y = np.where(np.isfinite(truth[:, side]), truth[:, side], -1.0)
        tops, _ = find_peaks(y, height=BENT, prominence=BENT / 2, distance=max(1, round(0.4 / step)))
        room = AROUND / step
        found += [(int(t), side) for t in tops if room <= t < len(y) - room]
    return found


def at_peaks(times: np.ndarray, angles: np.ndarray, where: Iterable[tuple[int, int]]) -> list[float]:
    """Mean flexion around each peak."""
    near = [np.abs(times - times[t]) <= AROUND + 1e-9 for t, _ in where]
    return [float(np.nanmean(angles[n, side])) for n, (_, side) in zip(near, where, strict=True)]


def mean_of(
    rows: Mapping[str, Scores], families: Mapping[str, str], over: Mapping[str, Scores], what: str
) -> float:
    """Geometric mean over families of geometric means over streams of a score over another's."""
    logs: dict[str, list[float]] = {}
    for name, row in rows.items():
        logs.setdefault(families[name], []).append(math.log(row[what] / over[name][what]))
    return math.exp(float(np.mean([np.mean(v) for v in logs.values()])))


def least(front: np.ndarray, allowed: float) -> float:
    """The lowest second score that settings of a method reach with a first score of at most ``allowed``.

    front : (settings, 2) both scores in the order of their parameter; between neighbours their logarithms are
    interpolated. NaN where no setting has so low a first score.
    """
    x = np.log(front)
    share = np.linspace(0.0, 1.0, 101)[:, None, None]
    first, second = np.moveaxis(x[:-1] + share * np.diff(x, axis=0), -1, 0)
    there = first <= np.log(allowed) + 1e-9
    return float(np.exp(second[there].min())) if there.any() else float("nan")


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        dot = np.einsum("td,td->t", a, b)
        return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), dot))
