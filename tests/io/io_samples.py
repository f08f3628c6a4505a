"""A small valid file of every format, for tests that treat all formats alike."""

from __future__ import annotations

import json
import shutil
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import steadypose as sp
from steadypose._layouts import layouts
from steadypose.rotations import from_axis_angle
from steadypose.sequence import BodyMotion, Motion, PoseSequence, Space, Unit

DATA = Path(__file__).parent.parent / "data"
FRAMES = 6

# Real recordings, where there is one of the format; every other sample is written by steadypose itself.
REAL: dict[str, tuple[str, int | None]] = {  # and how many of its lines
    "keraal-text": ("keraal/G3-Kinect-CTK-P1T1-Unknown-C-0.txt", 6),
    "trc": ("pose2sim_trc/S00_P01_T01_0-3.trc", None),
    "bvh": ("bvh/02_03.bvh", None),
    "long-csv": ("caliscope/xyz_HOLISTIC.csv", 80),
}


def walk(
    layout: str, dims: int, unit: Unit, space: Space, persons: int = 1, frames: int = FRAMES
) -> PoseSequence:
    """A body that sways: no number twice, none zero; a point is missing once, and so is the second person."""
    s = layouts()[layout]
    rng = np.random.default_rng(len(s) + 100 * dims + persons)
    size = {"px": 200.0, "normalized": 0.2, "m": 0.5, "cm": 50.0, "mm": 500.0}[unit]
    rest = rng.uniform(1, 2, (persons, len(s), dims)) + 2 * np.arange(persons)[:, None, None]
    t = np.arange(frames) / 30
    sway = 0.05 * np.sin(t[:, None, None, None] * 3 + np.arange(len(s))[:, None])
    x = (size * (rest + sway)).astype(np.float32)
    x[2, 0, 3] = np.nan
    confidence = rng.uniform(0.3, 0.9, x.shape[:3]).astype(np.float32)
    confidence[2, 0, 3] = 0
    if persons > 1:
        x[4, 1], confidence[4, 1] = np.nan, 0
    if space == "image" and unit == "normalized":
        x /= 2 * persons + 1
    return PoseSequence(x, t, s, confidence, unit=unit, space=space)


def turn(layout: str = "smpl24", frames: int = FRAMES, persons: int = 1) -> BodyMotion:
    """A body whose joints turn, with translation and shape."""
    s = layouts()[layout]
    rng = np.random.default_rng(len(s))
    axis = rng.normal(0, 0.3, (1, persons, len(s), 3))
    t = np.arange(frames) / 30
    return BodyMotion(
        from_axis_angle(axis * (1 + np.sin(t))[:, None, None, None]),
        t,
        s,
        translation=rng.normal(0, 1, (1, persons, 3)) + t[:, None, None],
        body_shape=np.broadcast_to(rng.normal(0, 1, (1, persons, 10)), (frames, persons, 10)),
        representation="axis-angle",
    )


@cache
def candidates() -> tuple[Motion, ...]:
    """What a format may be able to hold, the richer first."""
    found: list[Motion] = []
    for layout in ("coco17", "mediapipe33", "h36m17", "body25", "smpl24", "kinect25", "spin49"):
        for persons in (2, 1):
            found += [
                walk(layout, 2, "px", "image", persons),
                walk(layout, 2, "normalized", "image", persons),
                walk(layout, 3, "m", "world", persons),
                walk(layout, 3, "mm", "world", persons),
                walk(layout, 3, "m", "camera", persons),
            ]
    for layout in ("smpl24", "smplh52", "smplx55"):
        found += [turn(layout, persons=persons) for persons in (2, 1)]
    return tuple(found)


@cache
def content(format: str) -> bytes:
    """The bytes of a sample; of a folder, of a zip of it."""
    if format in REAL:
        name, lines = REAL[format]
        return b"".join((DATA / name).read_bytes().splitlines(keepends=True)[:lines])
    suffix = sp.formats()[format].suffix
    with TemporaryDirectory() as folder:
        for motion in candidates():
            target = Path(folder) / f"sample{suffix}"
            try:
                sp.write(motion, target, format=format)
            except sp.SteadyposeError:
                continue
            if target.is_file():
                return target.read_bytes()
            packed = shutil.make_archive(str(target), "zip", target)
            return Path(packed).read_bytes()
    raise AssertionError(f"{format} holds nothing that there is")


def suffix(format: str) -> str:
    """Of a sample as a file."""
    return sp.formats()[format].suffix or ".zip"


def sample(format: str, folder: Path, name: str = "sample") -> Path:
    """A valid file of a format in a folder (OpenPose's is a folder itself)."""
    if sp.formats()[format].suffix:
        path = folder / (name + suffix(format))
        path.write_bytes(content(format))
        return path
    packed = folder / f"{name}.zip"
    packed.write_bytes(content(format))
    with zipfile.ZipFile(packed) as z:
        z.extractall(folder / name)
    packed.unlink()
    return folder / name


def trc_file(
    path: Path,
    rows: list[str] | None = None,
    names: tuple[str, ...] = ("LHip", "RHip"),
    unit: str = "mm",
    rate: str = "60",
) -> Path:
    """A TRC file of these rows (frame, time, coordinates), by default of three good ones."""
    if rows is None:
        rows = [f"{f + 1}\t{f / 60:.6f}\t" + "\t".join(["1.5"] * 3 * len(names)) for f in range(3)]
    head = ["PathFileType\t4\t(X/Y/Z)\ta.trc", "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits",
            f"{rate}\t{rate}\t{len(rows)}\t{len(names)}\t{unit}", "Frame#\tTime\t" + "\t\t\t".join(names),
            "\t\t" + "\t".join(f"{a}{k + 1}" for k in range(len(names)) for a in "XYZ")]  # fmt: skip
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


def openpose_folder(folder: Path, frames: list[list[list[float]]]) -> Path:
    """A folder of one JSON a frame, each a list of people."""
    folder.mkdir()
    for n, people in enumerate(frames):
        entries = [{"person_id": [-1], "pose_keypoints_2d": p} for p in people]
        (folder / f"a_{n:012d}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": entries}))
    return folder


def body(x: float, confidence: float = 0.9) -> list[float]:
    """BODY_25 standing at x."""
    return [v for k in range(25) for v in (x + 5 * (k % 5), 100.0 + 20 * k, confidence)]


def read_positions(path: Path, **options: Any) -> PoseSequence:
    motion = sp.read(path, **options)
    assert isinstance(motion, PoseSequence)
    return motion
