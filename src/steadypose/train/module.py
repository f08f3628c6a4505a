"""A lifter in training: its loss, and MPJPE as validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from steadypose.data.pairs import Pairs
from steadypose.models.lifter import Lifter
from steadypose.train._batches import Batch, Batches, InOrder, Windows
from steadypose.train._module import TrainingModule, rate_factor
from steadypose.train.config import TrainConfig
from steadypose.train.losses import LiftingLoss
from steadypose.train.score import predictor, score

__all__ = ["Batches", "InOrder", "LiftingModule", "rate_factor"]

_SAID = {"MPJPE (mm)": "mpjpe", "PA-MPJPE (mm)": "pa_mpjpe", "Accel (mm/frame²)": "accel"}


class LiftingModule(TrainingModule):
    """Loss and validation of a lifter.

    Parameters
    ----------
    lifter
        With its statistics.
    config
        The training's.
    epoch_steps
        Steps in an epoch.
    """

    monitor = "validation/mpjpe"

    def __init__(self, lifter: Lifter, config: TrainConfig, epoch_steps: int) -> None:
        super().__init__(lifter, config, epoch_steps)
        loss = config.loss
        self.loss = LiftingLoss(
            lifter.spec.outputs, mse=loss.mse, temporal=loss.temporal, weights=loss.weights
        )
        self.error = MeanMetric()

    def loss_of(self, batch: Batch) -> Tensor:
        """The loss of inputs and targets."""
        x, y = batch
        loss: Tensor = self.loss(self.network(x), y)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """MPJPE of the last frames, without the root: what a network that runs along a video puts out."""
        x, y = batch
        assert x is not None and y is not None
        errors = torch.linalg.vector_norm(self.kept(x)[:, -1, 1:] - y[:, -1, 1:], dim=-1)
        self.error.update(errors.mean(), len(x))

    def on_validation_epoch_end(self) -> None:
        """The mean over all windows, of all processes."""
        self.log(self.monitor, self.error.compute(), sync_dist=False)
        self.error.reset()

    def told(self, figures: Mapping[str, float], best: Mapping[str, float]) -> str:
        """Words for what a validation found, beside the best so far."""
        return f"validation MPJPE {figures[self.monitor]:.2f} mm (best {best[self.monitor]:.2f})"

    def scores(self, network: nn.Module, validation: Windows) -> dict[str, Any]:
        """The papers' scores."""
        assert isinstance(network, Lifter) and isinstance(validation, Pairs)
        return score(predictor(network), validation)

    def summary(self, scores: Mapping[str, Any]) -> str:
        """Words for :meth:`scores`."""
        words = [f"{label} {scores[key]:.2f}" for label, key in _SAID.items() if scores[key] is not None]
        return f"validation of the best, mean over actions: {', '.join(words)}"
