"""The table of file formats: what each is called, which module reads and writes it, and what it can hold.

A format is a module with three functions:

``sniff(probe)``
    Whether the content of a file or folder is of this format; cheap, and never raises.
``read(probe, options)``
    The file's sequences by stream name, the main one first; raises FormatError.
``write(streams, document, target)``
    Writes ``target`` (a path that does not exist yet). ``document`` is what ``read`` kept of the file the
    streams came from: then everything in it is preserved and coordinates alone change. None: a new file.

Order matters where content could be taken for two formats: the more particular comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from steadypose.errors import SteadyposeError
from steadypose.io._probe import Probe, ReadOptions
from steadypose.sequence import Motion


class FormatModule(Protocol):
    """What every format module offers."""

    def sniff(self, probe: Probe) -> bool: ...
    def read(self, probe: Probe, options: ReadOptions) -> dict[str, Motion]: ...
    def write(self, streams: Mapping[str, Motion], document: Any, target: Path) -> None: ...


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Parameters
    ----------
    name
        What ``--format`` takes.
    title
        One line for people.
    suffix
        Of a new file; empty for a folder.
    holds
        Any of ``"2d"``, ``"3d"``, ``"rotations"``.
    extra
        The optional dependencies it needs, if any.
    """

    name: str
    title: str
    suffix: str
    holds: tuple[str, ...]
    extra: str | None = None

    @property
    def module(self) -> FormatModule:
        """The module that implements it, imported when first needed."""
        return cast(FormatModule, import_module(f"steadypose.io.{self.name.replace('-', '_')}"))


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        # folders and archives
        Format("openpose", "OpenPose: a folder (or zip) of one JSON a frame", "", ("2d", "3d")),
        # JSON
        Format("mediapipe-json", "MediaPipe: steadypose's JSON layout", ".json", ("2d", "3d")),
        Format(
            "keraal-json", "Keraal: name-keyed JSON of OpenPose, AlphaPose, BlazePose", ".json", ("2d", "3d")
        ),
        Format("mmpose", "mmpose 1.x inferencer (plain or wrapped)", ".json", ("2d", "3d")),
        Format("alphapose", "AlphaPose results", ".json", ("2d", "3d")),
        Format("coco", "COCO keypoints: results or annotations", ".json", ("2d",)),
        # pickles
        Format("wham", "WHAM results", ".pkl", ("rotations",)),
        Format("phalp", "PHALP / 4D-Humans results", ".pkl", ("rotations", "2d", "3d")),
        Format("vibe", "VIBE, TCMR or PARE results", ".pkl", ("rotations", "2d", "3d")),
        Format("threedpw", "3DPW sequence", ".pkl", ("rotations", "2d", "3d")),
        Format("aist", "AIST++ motions or keypoints", ".pkl", ("rotations", "2d", "3d")),
        Format("gvhmr", "GVHMR results", ".pt", ("rotations",)),
        # NumPy
        Format("amass", "AMASS", ".npz", ("rotations",)),
        Format("videopose3d", "VideoPose3D data_2d / data_3d", ".npz", ("2d", "3d")),
        Format("smoothnet", "SmoothNet's data layout", ".npz", ("rotations", "2d", "3d")),
        Format("mediapipe-npz", "MediaPipe: image and world landmarks", ".npz", ("3d",)),
        Format(
            "plain", "Plain arrays: (frames, persons, keypoints, dims)", ".npz", ("2d", "3d", "rotations")
        ),
        # HDF5
        Format("sleap", "SLEAP analysis", ".h5", ("2d",), "formats"),
        Format("deeplabcut-h5", "DeepLabCut tables", ".h5", ("2d", "3d"), "formats"),
        # text tables
        Format("deeplabcut-csv", "DeepLabCut", ".csv", ("2d", "3d")),
        Format("anipose", "Anipose 3D", ".csv", ("3d",)),
        Format("mediapipe-csv", "MediaPipe: steadypose's CSV layout", ".csv", ("2d", "3d")),
        Format(
            "long-csv", "Long form: one row a point (Caliscope, or your own columns)", ".csv", ("2d", "3d")
        ),
        # motion capture
        Format("trc", "TRC (OpenSim, Pose2Sim)", ".trc", ("3d",)),
        Format("c3d", "C3D", ".c3d", ("3d",), "formats"),
        Format("bvh", "BVH", ".bvh", ("rotations",)),
        Format(
            "keraal-text",
            "Keraal: Kinect or Vicon text, position and quaternion",
            ".txt",
            ("3d", "rotations"),
        ),
    )
}


def find(name: str) -> Format:
    """The format of that name.

    Raises
    ------
    SteadyposeError
        If there is none; the message lists those that there are.
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise SteadyposeError(f"expected a format among {', '.join(FORMATS)}, found {name!r}")
    return FORMATS[name]
