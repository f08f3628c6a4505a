"""The published networks, one file each: a configuration, the modules, shapes where they change.

Needs torch, which is imported with the first name that is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from steadypose.errors import MissingExtraError

if TYPE_CHECKING:
    from steadypose.models.export import Exported, export_onnx
    from steadypose.models.fcn import FCN, FCNConfig
    from steadypose.models.lifter import Lifter, build
    from steadypose.models.seq2seq import Seq2Seq, Seq2SeqConfig

_HOME = {
    "Exported": "export",
    "FCN": "fcn",
    "FCNConfig": "fcn",
    "Lifter": "lifter",
    "Seq2Seq": "seq2seq",
    "Seq2SeqConfig": "seq2seq",
    "build": "lifter",
    "export_onnx": "export",
}

__all__ = ["FCN", "Exported", "FCNConfig", "Lifter", "Seq2Seq", "Seq2SeqConfig", "build", "export_onnx"]

if not TYPE_CHECKING:  # so that a type checker still refuses names that do not exist

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(f"module 'steadypose.models' has no attribute {name!r}")
        try:
            return getattr(import_module(f"steadypose.models.{_HOME[name]}"), name)
        except ModuleNotFoundError as e:
            if (e.name or "").split(".")[0] == "steadypose":
                raise
            raise MissingExtraError("a network", "train") from None

    def __dir__():
        return sorted({*globals(), *__all__})
