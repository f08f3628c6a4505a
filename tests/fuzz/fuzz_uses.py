"""What a user does with a file: reads it, writes it again, in another format, refines it, lifts with it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import steadypose as sp
from steadypose.sequence import BodyMotion, Motion, PoseSequence

Use = Callable[[Path, Path, Random], None]
"""With a file, a folder for results, and a source of decisions."""


class Differs(AssertionError):
    """What was written is not what was read."""


def memory() -> str | None:
    """A folder that is no disk, where there is one."""
    shared = "/dev/shm"
    return shared if Path(shared).is_dir() and os.access(shared, os.W_OK) else None


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, gone afterwards."""
    with TemporaryDirectory(prefix="steadypose-fuzz-", dir=memory()) as place:
        yield Path(place)


def of_format(name: str, suffix: str) -> Use:
    """Reading and detecting a file of a format; often writing what was read; sometimes more."""

    def use(path: Path, results: Path, rng: Random) -> None:
        if name == "openpose" and rng.random() < 0.4:
            path = _unpacked(path)
        if rng.random() < 0.3:
            try:
                sp.detect(path)
            except sp.SteadyposeError as e:
                _said(e)
        options: dict[str, Any] = {"format": name if rng.random() < 0.8 else None}
        if rng.random() < 0.1:
            options |= {"fps": rng.choice((25.0, 1e-3, 1e6)), "keep_zeros": True}
        streams = sp.read_streams(path, **options)
        if not streams or not all(isinstance(m, PoseSequence | BodyMotion) for m in streams.values()):
            raise Differs(f"sequences expected, found {streams!r}"[:200])
        what = rng.random()
        if what < 0.4:
            _write_again(streams, results / f"out{suffix}", options)
        elif what < 0.5:
            other = rng.choice(list(sp.formats().values()))
            sp.write(next(iter(streams.values())), results / f"out{other.suffix}", format=other.name)
        elif what < 0.55:
            motion = next(iter(streams.values()))
            sp.refine(motion, method="gaussian")

    return use


def _said(error: sp.SteadyposeError) -> None:
    """A refusal that is not the end is judged too."""
    from fuzz_judge import improper

    wrong = improper(str(error))
    if wrong:
        raise Differs(f"improper refusal: {wrong}")


def _unpacked(path: Path) -> Path:
    """An OpenPose archive as a folder; what has no plain name stays out."""
    target = path.with_suffix("")
    target.mkdir(exist_ok=True)
    try:
        with zipfile.ZipFile(path) as z:
            for info in z.infolist()[:50]:
                name = info.filename.rpartition("/")[2][:200]
                if name.strip(".") and "\0" not in name and info.file_size < 10**6:
                    (target / name).write_bytes(z.read(info))
    except Exception:  # a damaged archive: what came out so far is the folder
        pass
    return target


def _write_again(streams: dict[str, Motion], target: Path, options: dict[str, Any]) -> None:
    sp.write(streams, target)
    again = sp.read_streams(target, **{**options, "format": None})
    if list(again) != list(streams):
        raise Differs(f"streams {list(streams)} came back as {list(again)}")
    for stream, motion in streams.items():
        if not np.array_equal(_values(motion), _values(again[stream]), equal_nan=True):
            raise Differs(f"values of stream {stream!r} came back changed")


def _values(motion: Motion) -> Any:
    return motion.positions if isinstance(motion, PoseSequence) else motion.rotations


@cache
def _recording(dims: int) -> PoseSequence:
    from io_samples import walk

    return (
        walk("coco17", dims, "px", "image", frames=20)
        if dims == 2
        else walk("h36m17", 3, "m", "world", frames=20)
    )


def refine_with(path: Path, results: Path, rng: Random) -> None:
    """A refining network on a short recording."""
    sp.refine(_recording(3), method="network", weights=str(path))


def lift_with(path: Path, results: Path, rng: Random) -> None:
    """A lifting network on a short recording."""
    sp.lift(_recording(2), weights=str(path))


def camera(path: Path, results: Path, rng: Random) -> None:
    """A calibration file."""
    from steadypose.lift._camera import read_camera

    read_camera(path, rng.choice((None, "left", "cam_01")))


def columns(path: Path, results: Path, rng: Random) -> None:
    """A file that says what the columns of a table mean."""
    from io_samples import content

    from steadypose.cli._options import _columns

    table = results / "table.csv"
    table.write_bytes(content("long-csv"))
    try:
        sp.read_streams(table, columns=_columns(str(path)))
    finally:
        table.unlink()


def configuration(path: Path, results: Path, rng: Random) -> None:
    """A training's configuration."""
    from steadypose.train.config import load

    load(path)
