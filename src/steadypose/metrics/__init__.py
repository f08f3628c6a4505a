"""Metrics: every one on plain arrays, and :func:`evaluate` for recordings.

Arrays are (frames, keypoints, dims) or (frames, persons, keypoints, dims), NaN where missing. Values come in
the units of the data, rates per frame.
"""

from __future__ import annotations

from steadypose.metrics._align import Alignment, align
from steadypose.metrics._arrays import find_cuts
from steadypose.metrics._changes import Changes, acceleration, compare
from steadypose.metrics._evaluate import evaluate
from steadypose.metrics._positions import (
    accel,
    accel_worst,
    auc,
    mpjpe,
    mpjpe_worst,
    mpjve,
    mpvpe,
    n_mpjpe,
    pa_mpjpe,
    pck,
)
from steadypose.metrics._result import Evaluation
from steadypose.metrics._rotations import angular_accel, mpjae, translation_error
from steadypose.metrics._timing import lag, peak_speed_ratio
from steadypose.metrics._untruthed import (
    accel_magnitude,
    bone_length_variation,
    foot_sliding,
    high_frequency_power,
    jerk,
    jitter,
)

__all__ = [
    "Alignment",
    "Changes",
    "Evaluation",
    "accel",
    "accel_magnitude",
    "accel_worst",
    "acceleration",
    "align",
    "angular_accel",
    "auc",
    "bone_length_variation",
    "compare",
    "evaluate",
    "find_cuts",
    "foot_sliding",
    "high_frequency_power",
    "jerk",
    "jitter",
    "lag",
    "mpjae",
    "mpjpe",
    "mpjpe_worst",
    "mpjve",
    "mpvpe",
    "n_mpjpe",
    "pa_mpjpe",
    "pck",
    "peak_speed_ratio",
    "translation_error",
]
