"""The published networks, one file each: a configuration, the modules, shapes where they change.

Needs torch, which is imported with the first name that is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from steadypose.errors import MissingExtraError

if TYPE_CHECKING:
    from steadypose.models.checkpoints import load, save
    from steadypose.models.export import Exported, export_onnx
    from steadypose.models.fcn import FCN, FCNConfig
    from steadypose.models.gatenet import GatedBank, GateNet, GateNetConfig
    from steadypose.models.lifter import Lifter, build
    from steadypose.models.official import load_smoothnet
    from steadypose.models.refiner import RefinerNet, build_refiner
    from steadypose.models.seq2seq import Seq2Seq, Seq2SeqConfig
    from steadypose.models.smoothnet import (
        MotionAwareConfig,
        MotionAwareSmoothNet,
        SmoothNet,
        SmoothNetConfig,
    )
    from steadypose.models.spatiotemporal import SpatioTemporal, SpatioTemporalConfig
    from steadypose.models.steadynet import SteadyNet, SteadyNetConfig
    from steadypose.models.tcn import TCN, TCNConfig
    from steadypose.models.transformer import TemporalTransformer, TransformerConfig

__all__ = [
    "FCN",
    "TCN",
    "Exported",
    "FCNConfig",
    "GateNet",
    "GateNetConfig",
    "GatedBank",
    "Lifter",
    "MotionAwareConfig",
    "MotionAwareSmoothNet",
    "RefinerNet",
    "Seq2Seq",
    "Seq2SeqConfig",
    "SmoothNet",
    "SmoothNetConfig",
    "SpatioTemporal",
    "SpatioTemporalConfig",
    "SteadyNet",
    "SteadyNetConfig",
    "TCNConfig",
    "TemporalTransformer",
    "TransformerConfig",
    "build",
    "build_refiner",
    "export_onnx",
    "load",
    "load_smoothnet",
    "save",
]

_FILES = {
    "checkpoints": ("load", "save"),
    "export": ("Exported", "export_onnx"),
    "fcn": ("FCN", "FCNConfig"),
    "gatenet": ("GateNet", "GateNetConfig", "GatedBank"),
    "lifter": ("Lifter", "build"),
    "official": ("load_smoothnet",),
    "refiner": ("RefinerNet", "build_refiner"),
    "seq2seq": ("Seq2Seq", "Seq2SeqConfig"),
    "smoothnet": ("MotionAwareConfig", "MotionAwareSmoothNet", "SmoothNet", "SmoothNetConfig"),
    "spatiotemporal": ("SpatioTemporal", "SpatioTemporalConfig"),
    "steadynet": ("SteadyNet", "SteadyNetConfig"),
    "tcn": ("TCN", "TCNConfig"),
    "transformer": ("TemporalTransformer", "TransformerConfig"),
}
_HOME = {name: file for file, names in _FILES.items() for name in names}

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
