"""steadypose: human motion from video, made steady and accurate.

>>> import steadypose as sp
>>> steady = sp.refine(sp.read("poses.json"))
>>> sp.write(steady, "poses.steady.json")
"""

from __future__ import annotations

from steadypose import metrics, rotations
from steadypose._version import __version__
from steadypose.errors import DataError, FormatError, MissingExtraError, SteadyposeError
from steadypose.io import detect, formats, read, read_streams, write
from steadypose.metrics import evaluate
from steadypose.refine import refine, tune
from steadypose.sequence import BodyMotion, PoseSequence
from steadypose.skeleton import Skeleton

__all__ = [
    "BodyMotion",
    "DataError",
    "FormatError",
    "MissingExtraError",
    "PoseSequence",
    "Skeleton",
    "SteadyposeError",
    "__version__",
    "detect",
    "evaluate",
    "formats",
    "metrics",
    "read",
    "read_streams",
    "refine",
    "rotations",
    "tune",
    "write",
]
