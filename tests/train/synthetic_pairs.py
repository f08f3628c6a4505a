"""Small made-up tracks: bodies that swing about, seen by a fixed camera."""

from __future__ import annotations

import numpy as np

from steadypose.data.cameras import Camera, film_set
from steadypose.data.pairs import Pairs, Track
from steadypose.lift._spec import H36M17, LiftSpec


def body(frames: int, seed: int) -> np.ndarray:
    """World positions (frames, 17, 3), metres, near the middle of the stage."""
    rng = np.random.default_rng(seed)
    rest = rng.uniform((-0.4, -0.2, 0.2), (0.4, 0.2, 1.7), (17, 3))
    t = np.arange(frames)[:, None, None] / 50
    swing = 0.15 * np.sin(2 * np.pi * rng.uniform(0.3, 1.2, (17, 3)) * t + rng.uniform(0, 6, (17, 3)))
    return np.asarray(rest + swing)


def track(
    spec: LiftSpec, frames: int = 30, seed: int = 0, camera: Camera | None = None, label: str = "swing", **how
) -> Track:
    camera = camera or film_set()[seed % 4]
    seen = camera.to_camera(body(frames, seed))
    pixels = camera.to_pixels(seen).astype(np.float32)
    joints = [H36M17.index(n) for n in spec.joints]
    outputs = [H36M17.index(n) for n in spec.outputs]
    truth = ((seen - seen[:, :1]) * 1000)[:, outputs].astype(np.float32)
    confidence = np.ones((frames, len(joints)), np.float32)
    return Track(f"track{seed}", label, 50.0, pixels[:, joints], confidence, truth, camera, **how)


def pairs(spec: LiftSpec, tracks: int = 4, frames: int = 30, **how) -> Pairs:
    return Pairs([track(spec, frames, n, label=f"action{n % 2}", **how) for n in range(tracks)], spec)
