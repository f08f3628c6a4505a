"""A walking person whose left and right can be exchanged."""

import numpy as np

from steadypose.skeleton import Skeleton

JOINTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "eye", "ear")
SKELETON = Skeleton.from_names([f"{side}_{j}" for j in JOINTS for side in ("left", "right")] + ["nose"])
HEIGHT = dict(zip(JOINTS, (0.9, 0.5, 0.1, 1.4, 1.1, 0.9, 1.62, 1.6), strict=True))
WIDTH = dict(zip(JOINTS, (0.12, 0.13, 0.14, 0.2, 0.25, 0.27, 0.035, 0.075), strict=True))
SWING = dict(zip(JOINTS, (0.02, 0.2, 0.35, 0.03, 0.15, 0.3, 0.0, 0.0), strict=True))
PARTS = {
    "legs": ("hip", "knee", "ankle"),
    "shins": ("knee", "ankle"),
    "arms": ("shoulder", "elbow", "wrist"),
    "forearms": ("elbow", "wrist"),
    "face": ("eye", "ear"),
    "all": JOINTS,
}


def walk(frames=150, fps=30.0, heading=0.3, seed=0, noise=0.008, turning=0.0):
    """A walking person (frames, 1, 17, 3): limbs swing and pass each other twice a stride."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    angle = heading + turning * t
    forward = np.stack([np.sin(angle), np.zeros(frames), np.cos(angle)], axis=1)
    aside = np.stack([np.cos(angle), np.zeros(frames), -np.sin(angle)], axis=1)
    x = np.zeros((frames, 1, len(SKELETON), 3))
    for k, name in enumerate(SKELETON.keypoints[:-1]):
        side, joint = name.split("_")
        sign = 1 if side == "left" else -1
        phase = 2 * np.pi * 0.9 * t + (
            0 if (side == "left") == (HEIGHT[joint] < 0.91 and joint != "wrist") else np.pi
        )
        x[:, 0, k] = sign * WIDTH[joint] * aside + SWING[joint] * np.sin(phase)[:, None] * forward
        x[:, 0, k, 1] += HEIGHT[joint]
    x[:, 0, -1] = [0, 1.6, 0.1]
    x[..., 2] += 1.2 * t[:, None, None]
    return (x + rng.normal(0, noise, x.shape)).astype(np.float32), t


def plant(positions, part, frames, person=0):
    """The positions with left and right of a part exchanged in some frames, and where they are."""
    out, mark = positions.copy(), np.zeros(positions.shape[:3], bool)
    for joint in PARTS[part]:
        left, right = (SKELETON.index(f"{side}_{joint}") for side in ("left", "right"))
        out[frames, person, left] = positions[frames, person, right]
        out[frames, person, right] = positions[frames, person, left]
        mark[frames, person, left] = mark[frames, person, right] = True
    return out, mark
