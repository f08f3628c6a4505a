"""steadypose: human motion from video, made steady and accurate.

>>> import steadypose as sp
>>> steady = sp.refine(sp.read("poses.json"))
>>> sp.write(steady, "poses.steady.json")
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from steadypose._version import __version__

if TYPE_CHECKING:
    from steadypose import metrics, rotations
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

# Names are imported when first used, so that `steadypose --help` does not wait for NumPy.
_HOMES = {
    "errors": ("DataError", "FormatError", "MissingExtraError", "SteadyposeError"),
    "io": ("detect", "formats", "read", "read_streams", "write"),
    "metrics": ("evaluate",),
    "refine": ("tune",),
    "sequence": ("BodyMotion", "PoseSequence"),
    "skeleton": ("Skeleton",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("metrics", "rotations"):
        return import_module(f"steadypose.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'steadypose' has no attribute {name!r}")
    value = getattr(import_module(f"steadypose.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """A package in which `refine` is always the function, although a room has the same name.

    Python sets a package's attribute to a submodule when that is imported; this keeps the name for the function.
    """

    @property
    def refine(self) -> Any:
        return import_module("steadypose.refine").refine

    @refine.setter
    def refine(self, value: Any) -> None:
        pass


sys.modules[__name__].__class__ = _Package
