"""What varies between people and views: bodies, mirrored ones, what hides parts of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.skeleton import Skeleton

Floats = npt.NDArray[np.floating[Any]]

# Adults of both sexes, and how their proportions scatter (standard deviations).
_STATURE, _STATURE_SPREAD, _STATURES, _PROPORTION_SPREAD = 1.69, 0.1, (1.45, 2.0), 0.05
_GROUPS = ("legs", "arms", "trunk", "head", "hips", "shoulders")


def sample_body(rng: np.random.Generator) -> dict[str, Any]:
    """Stature in metres and proportions of somebody, for ``Clip.joints``."""
    factors = np.clip(rng.normal(1.0, _PROPORTION_SPREAD, len(_GROUPS)), 0.85, 1.15)
    return {
        "stature": float(np.clip(rng.normal(_STATURE, _STATURE_SPREAD), *_STATURES)),
        "proportions": dict(zip(_GROUPS, factors.tolist(), strict=True)),
    }


def mirrored(positions: Floats, skeleton: Skeleton) -> Floats:
    """A body as a mirror shows it: left and right exchanged, x turned round."""
    turned_round: Floats = positions[:, skeleton.mirror] * np.array([-1.0, 1.0, 1.0])
    return turned_round


_LIMBS = (
    ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"),
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
)
_LOWER = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle"))


def hidden(
    frames: int, skeleton: Skeleton, fps: float, share: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Keypoints that something hides: a joint, a limb or the lower body, for a while.

    Times in sight and hidden are drawn from exponential distributions; hidden ones last 0.4 s in the mean,
    and make up ``share`` of all frames.

    Returns
    -------
    ndarray of bool, shape (frames, keypoints)
    """
    out = np.zeros((frames, len(skeleton)), bool)
    mean = 0.4 * fps
    at = rng.exponential(mean * (1 - share) / share)
    while at < frames:
        stop = at + max(1.0, rng.exponential(mean))
        kind = rng.choice(3, p=(0.4, 0.4, 0.2))
        if kind == 0:
            joints = [int(rng.integers(len(skeleton)))]
        else:
            names = _LOWER if kind == 2 else _LIMBS[rng.integers(len(_LIMBS))]
            joints = [skeleton.index(n) for n in names]
        out[int(at) : int(np.ceil(stop)), joints] = True
        at = stop + rng.exponential(mean * (1 - share) / share)
    return out
