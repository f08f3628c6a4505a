"""Streams with truth to judge refinement on: motion capture of subjects never trained on, through estimators.

The noise of the 3D conditions is that of `experiments/classical_default/noise.py`, not the one the network
learned from. The detector is the simulated one; the lifters are those in the package, on its keypoints.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

import steadypose as sp
from steadypose._layouts import layouts
from steadypose.data.cameras import film_set, place
from steadypose.data.mocap import Clip, load_clips
from steadypose.data.noise import DetectorNoise

SECONDS = 12  # of a clip, at most
LEVELS = (1.5, 6.0, 15.0, 35.0)  # mm, clip by clip
SPLITS = {  # splits of the motion capture, licences, every n-th clip
    "validation": (("validation",), "permissive", 1),
    "CMU 02, 05": (("test",), "permissive", 2),
    "Bandai, SIE": (("noncommercial",), "any", 18),
}
FAST = ("punch", "kick", "clap", "jump", "slash", "sword", "dash")


@dataclass(frozen=True)
class Stream:
    """One recording of one estimator; truth has the shape of its positions, error is that of every frame."""

    name: str
    label: str
    raw: sp.PoseSequence
    truth: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]


def conditions(split: str, root: str) -> dict[str, list[Stream]]:
    """Streams by condition."""
    splits, licence, every = SPLITS[split]
    clips = load_clips(root, splits=splits, licence=licence)[::every]
    makers: dict[str, tuple[Callable[..., Stream], dict]] = {
        "3D 30 Hz": (_noisy, {"fps": 30.0}),
        "3D 60 Hz": (_noisy, {"fps": 60.0}),
        "3D 50 Hz, white, p .5, 50 mm": (_white, {"fps": 50.0}),
        "2D detector 30 Hz": (_detected, {"fps": 30.0}),
        "2D detector 60 Hz": (_detected, {"fps": 60.0}),
        "FCN lifter 50 Hz": (_lifted, {"fps": 50.0, "lifter": "fcn"}),
        "seq2seq lifter 50 Hz": (_lifted, {"fps": 50.0, "lifter": "seq2seq"}),
    }
    made = {}
    for number, (name, (make, settings)) in enumerate(makers.items()):
        made[name] = [
            make(c, at, np.random.default_rng([17, number, at]), **settings) for at, c in enumerate(clips)
        ]
    return made


def clean(split: str, root: str) -> dict[str, list[Stream]]:
    """The motion itself, in mm."""
    splits, licence, every = SPLITS[split]
    found: dict[str, list[Stream]] = {}
    for clip in load_clips(root, splits=splits, licence=licence)[::every]:
        for fps in (30.0, 60.0):
            x = _joints(clip, fps)
            found.setdefault(f"{fps:g} Hz", []).append(_stream(clip, x, None, x, fps, "mm", "world"))
    return found


def _joints(clip: Clip, fps: float) -> npt.NDArray[np.float64]:
    """mm, about the origin."""
    x = clip.at(fps).joints("h36m17").positions[: int(SECONDS * fps), 0].astype(np.float64) * 1000
    return x - x.mean(axis=(0, 1))


def _noisy(clip: Clip, at: int, rng: np.random.Generator, *, fps: float) -> Stream:
    x = _joints(clip, fps)
    y, confidence = _noise().realistic(x, fps, LEVELS[at % len(LEVELS)], rng)
    return _stream(clip, y, confidence, x, fps, "mm", "world")


def _white(clip: Clip, at: int, rng: np.random.Generator, *, fps: float) -> Stream:
    x = _joints(clip, fps)
    y, _ = _noise().white(x, fps, 50.0, rng)
    return _stream(clip, y, None, x, fps, "mm", "world")


def _detected(clip: Clip, at: int, rng: np.random.Generator, *, fps: float) -> Stream:
    pixels, noisy, confidence, _, _ = _seen(clip, at, rng, fps)
    return _stream(clip, noisy, confidence, pixels, fps, "px", "image")


def _lifted(clip: Clip, at: int, rng: np.random.Generator, *, fps: float, lifter: str) -> Stream:
    _, noisy, confidence, joints, camera = _seen(clip, at, rng, fps)
    seen = _stream(clip, noisy, confidence, noisy, fps, "px", "image").raw
    lens = {"focal": camera.focal, "centre": camera.centre, "distortion": camera.distortion}
    lifted = sp.lift(seen, weights=lifter, camera=lens)
    truth = (joints - joints[:, :1]) * 1000
    return _stream(clip, lifted.positions[:, 0], None, truth, fps, "mm", "root-relative")


def _seen(clip: Clip, at: int, rng: np.random.Generator, fps: float):
    """Exact and detected pixels, confidence, joints in the camera's axes (metres), and the camera."""
    body = clip.at(fps).joints("h36m17").positions[: int(SECONDS * fps), 0].astype(np.float64)
    camera = film_set()[at % 4]
    points = camera.to_camera(place(body, rng))
    pixels = camera.to_pixels(points)
    pixels[~camera.inside(pixels)] = np.nan  # who leaves the picture is not seen
    noisy, confidence = DetectorNoise()(pixels, points, layouts()["h36m17"], fps, rng, camera.size)
    return pixels, noisy, confidence, points, camera


def _stream(clip, positions, confidence, truth, fps, unit, space) -> Stream:
    raw = sp.PoseSequence(
        positions=np.asarray(positions, np.float32)[:, None],
        times=np.arange(len(positions)) / fps,
        skeleton=layouts()["h36m17"],
        confidence=None if confidence is None else np.asarray(confidence, np.float32)[:, None],
        persons=("0",),
        unit=unit,
        space=space,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames without anybody
        error = np.nanmean(np.linalg.norm(raw.positions[:, 0] - truth, axis=-1), axis=-1)
    return Stream(clip.name, clip.label, raw, np.asarray(truth, np.float64), error)


def _noise() -> ModuleType:
    """The noise of a sibling experiment."""
    path = Path(__file__).parents[1] / "classical_default" / "noise.py"
    spec = importlib.util.spec_from_file_location("classical_noise", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
