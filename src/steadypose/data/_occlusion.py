"""Which joints are hidden behind which limbs: capsules around the bones, as the camera sees them."""

from __future__ import annotations

import numpy as np

from steadypose.sequence import Floats
from steadypose.skeleton import Skeleton

# Capsules: ends by canonical name (the first that a skeleton has) and radius in torso lengths, of a grown-up
# of usual build whose torso (middle of the shoulders to middle of the hips) is half a metre.
_HEADS = ("head_top", "head", "nose")
_LIMBS = {
    ("*_shoulder",): {("*_elbow",): 0.10},
    ("*_elbow",): {("*_wrist",): 0.08},
    ("*_hip",): {("*_knee",): 0.15},
    ("*_knee",): {("*_ankle",): 0.11},
}
_SIDE_OF_TRUNK = 0.22
_MIDDLE_OF_TRUNK = 0.26
_HEAD = 0.19


def torso_length(x: Floats, skeleton: Skeleton) -> float:
    """From the middle of the hips to the middle of the shoulders: the median over frames, of finite ones."""
    shoulders, hips = _trunk(skeleton)
    lengths = np.linalg.norm(x[:, shoulders].mean(axis=1) - x[:, hips].mean(axis=1), axis=-1)
    lengths = lengths[np.isfinite(lengths)]
    return float(np.median(lengths)) if len(lengths) else 1.0


def middle(x: Floats, skeleton: Skeleton) -> Floats:
    """The middle of the trunk; shape (frames, dims)."""
    shoulders, hips = _trunk(skeleton)
    return np.asarray(x[:, shoulders + hips].mean(axis=1))


def _trunk(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    """Indices of both shoulders and of both hips."""
    names = skeleton.canonical
    shoulders, hips = ([names.index(f"{s}_{j}") for s in ("left", "right")] for j in ("shoulder", "hip"))
    return shoulders, hips


def capsules(skeleton: Skeleton) -> list[tuple[tuple[int, ...], tuple[int, ...], float]]:
    """Ends of every capsule as sets of keypoints (their mean is the end), and its radius in torso lengths."""
    names = skeleton.canonical

    def find(candidates: tuple[str, ...]) -> tuple[int, ...]:
        return next(((names.index(n),) for n in candidates if n in names), ())

    found = []
    for side in ("left", "right"):
        for starts, ends in _LIMBS.items():
            for end, radius in ends.items():
                a, b = (find(tuple(n.replace("*", side) for n in c)) for c in (starts, end))
                found.append((a, b, radius))
        found.append((find((f"{side}_shoulder",)), find((f"{side}_hip",)), _SIDE_OF_TRUNK))
    shoulders = find(("left_shoulder",)) + find(("right_shoulder",))
    hips = find(("left_hip",)) + find(("right_hip",))
    found.append((shoulders, hips, _MIDDLE_OF_TRUNK))
    found.append((find(_HEADS), shoulders, _HEAD))
    return [(a, b, r) for a, b, r in found if a and b]


def occlusion(camera: Floats, skeleton: Skeleton, length: float) -> Floats:
    """How far every joint is hidden behind another part of the body.

    Parameters
    ----------
    camera : ndarray, shape (frames, joints, 3)
        The camera's frame, metres.
    skeleton
        With shoulders and hips.
    length
        Of the torso, metres.

    Returns
    -------
    ndarray of float64, shape (frames, joints)
        0: in the open, or on the edge of a limb in front; 1: behind the inner half of one. A limb hides what
        lies further away than its own surface; never its own ends. 0 where a joint is NaN.
    """
    frames, joints, _ = camera.shape
    z = camera[..., 2]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # From here on in the image at depth 1, x and y apart: much quicker than one array of both.
        x, y = camera[..., 0] / z, camera[..., 1] / z
        hidden = np.zeros((frames, joints))
        for a, b, radius in capsules(skeleton):
            others = [k for k in range(joints) if k not in a and k not in b]
            (ax, ay, az), (bx, by, bz) = (_projected(camera[:, list(end)].mean(axis=1)) for end in (a, b))
            dx, dy = bx - ax, by - ay
            px, py, pz = x[:, others], y[:, others], z[:, others]
            along = np.clip(
                ((px - ax) * dx + (py - ay) * dy) / np.maximum(dx * dx + dy * dy, 1e-12), 0.0, 1.0
            )
            depth = 1.0 / ((1.0 - along) / az + along / bz)  # inverse depth is linear along a line's image
            thick = radius * length
            aside = np.hypot(px - ax - along * dx, py - ay - along * dy) * depth / thick
            behind = (pz - depth > thick) & (depth > 0)
            cover = np.where(behind, np.clip(2.0 * (1.0 - aside), 0.0, 1.0), 0.0)
            hidden[:, others] = np.fmax(hidden[:, others], cover)
    return hidden


def _projected(points: Floats) -> tuple[Floats, Floats, Floats]:
    """Columns of x and y in the image at depth 1, and of depth."""
    x, y, z = (points[:, k, None] for k in range(3))
    return x / z, y / z, z
