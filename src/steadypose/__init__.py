"""steadypose: human motion from video, made steady and accurate.

>>> import steadypose as sp
>>> steady = sp.refine(sp.read("poses.json"))
>>> sp.write(steady, "poses.steady.json")

Names are imported when first used, so that ``steadypose --help`` need not wait for NumPy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from steadypose._version import __version__

if TYPE_CHECKING:
    from steadypose import metrics, models, rotations
    from steadypose.errors import DataError, FormatError, MissingExtraError, SteadyposeError
    from steadypose.io import detect, formats, read, read_streams, write
    from steadypose.lift import lift
    from steadypose.metrics import evaluate
    from steadypose.refine import refine
    from steadypose.refine.tune import tune
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
    "lift",
    "metrics",
    "models",
    "read",
    "read_streams",
    "refine",
    "rotations",
    "tune",
    "write",
]

_ROOMS = {
    "errors": ("DataError", "FormatError", "MissingExtraError", "SteadyposeError"),
    "io": ("detect", "formats", "read", "read_streams", "write"),
    "lift": ("lift",),
    "metrics": ("evaluate",),
    "refine": ("refine", "tune"),
    "sequence": ("BodyMotion", "PoseSequence"),
    "skeleton": ("Skeleton",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}


class _Package(ModuleType):
    """Keeps ``refine`` and ``lift`` functions: importing the room of that name would put the room there."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (_HOME.get(name) == name and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

if not TYPE_CHECKING:  # so that a type checker still refuses names that do not exist

    def __getattr__(name):
        if name in ("metrics", "models", "rotations"):
            return import_module(f"steadypose.{name}")
        if name not in _HOME:
            raise AttributeError(f"module 'steadypose' has no attribute {name!r}")
        value = getattr(import_module(f"steadypose.{_HOME[name]}"), name)
        setattr(sys.modules[__name__], name, value)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
