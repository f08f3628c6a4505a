"""Training, on Lightning: a configuration in, checkpoints and their cards out."""

from __future__ import annotations

from steadypose.errors import MissingExtraError

try:
    import lightning  # noqa: F401
    import torch  # noqa: F401
except ModuleNotFoundError:
    raise MissingExtraError("training", "train") from None

from steadypose.train.config import TrainConfig, from_mapping, load
from steadypose.train.run import Trained, pairs_of, train

__all__ = ["TrainConfig", "Trained", "from_mapping", "load", "pairs_of", "train"]
