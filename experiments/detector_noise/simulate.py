"""Motion capture through the noise: recordings like the real ones, made and measured by the same code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from real import JOINTS, Recording, calibrated

from steadypose.data.cameras import film_set, place
from steadypose.data.mocap import read_clip
from steadypose.data.noise import DetectorNoise
from steadypose.skeleton import skeleton

FPS = 30.0
SECONDS = 6.0
# As in the real recordings, most movement is slow: exercises, standing, balance; some is fast. The second
# number is the pace at which a clip is played (1: as it was).
CLIPS = (
    ("cmu_sports/train_directing_traffic_1", 0.2),
    ("cmu_sports/train_basketball_signal_2", 0.2),
    ("cmu/12_01", 0.3),
    ("cmu/26_01", 0.3),
    ("cmu_sports/test_washwindow_1", 0.5),
    ("cmu_sports/train_jumping_1", 0.7),
    ("cmu/27_01", 1.0),
    ("cmu_sports/train_soccer_2", 1.0),
)
BODY = skeleton("coco17")
PICK = [BODY.index(n) for n in JOINTS]


@cache
def motions(root: Path) -> tuple[np.ndarray, ...]:
    """World positions of COCO's joints, (frames, 17, 3), at :data:`FPS`."""
    out = []
    for name, pace in CLIPS:
        units = {"unit_m": 0.0254 / 0.45, "skip": 1} if name.startswith("cmu/") else {}
        seq = read_clip(root / f"{name}.bvh", **units).at(FPS / pace).joints(BODY)
        out.append(seq.positions[: int(SECONDS * FPS), 0].astype(float))
    return tuple(out)


def simulate(noise: DetectorNoise, root: Path, seed: int) -> tuple[list[Recording], list[Recording]]:
    """Every clip seen by the four cameras of the film set.

    Returns the recordings with errors to the points triangulated from the noisy detections, as for the
    calibrated cameras, and the same recordings with the true errors.
    """
    rng = np.random.default_rng(seed)
    cameras = list(film_set())
    triangulated, true = [], []
    for i, world in enumerate(motions(root)):
        world = place(world, rng)
        seen, sure, exact = [], [], []
        for c in cameras:
            points = c.to_camera(world)
            x, confidence = noise(c.to_pixels(points), points, BODY, FPS, rng)
            seen.append(x[:, PICK])
            sure.append(confidence[:, PICK])
            exact.append(x[:, PICK] - c.to_pixels(points)[:, PICK])
        found = calibrated(f"clip {i}", "simulated", "CMU", FPS, cameras, seen, sure)
        triangulated += found
        true += [
            Recording(**(vars(r) | {"error": e, "kind": "motion capture"}))
            for r, e in zip(found, exact, strict=True)
        ]
    return triangulated, true
