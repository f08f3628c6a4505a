"""Training, on Lightning: a configuration in, checkpoints and their cards out."""

from __future__ import annotations

from steadypose.errors import MissingExtraError

try:
    import lightning  # noqa: F401
    import torch  # noqa: F401
except ModuleNotFoundError:
    raise MissingExtraError("training", "train") from None

from steadypose.train.config import GateConfig, RefineConfig, TrainConfig, from_mapping, load
from steadypose.train.gate_run import train_gates
from steadypose.train.refine_run import refine_pairs_of, train_refiner
from steadypose.train.run import Trained, pairs_of, train

__all__ = [
    "GateConfig", "RefineConfig", "TrainConfig", "Trained", "from_mapping", "load", "pairs_of",
    "refine_pairs_of", "train", "train_gates", "train_refiner",
]  # fmt: skip
