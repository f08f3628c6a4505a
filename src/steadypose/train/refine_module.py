"""A refining network in training: its loss, and its errors beside the input's as validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from steadypose.models.refiner import RefinerNet
from steadypose.train._batches import Batch, Windows
from steadypose.train._module import TrainingModule
from steadypose.train.losses import RefineLoss
from steadypose.train.refine_config import RefineConfig
from steadypose.train.refine_score import Errors, Labelled, add, score

__all__ = ["RefiningModule"]

FIRST = 1 / 7  # share of λ with which a ramp begins
LEAST_NOISE = 0.02  # of a window's scale: calmer curves count no more than those


class RefiningModule(TrainingModule):
    """Loss and validation of a refining network.

    Parameters
    ----------
    refiner
        The network with its spec.
    config
        The training's.
    epoch_steps
        Steps in an epoch.
    labels
        Of the validation's pairs.
    """

    monitor = "validation/loss"

    def __init__(
        self, refiner: RefinerNet, config: RefineConfig, epoch_steps: int, labels: list[str]
    ) -> None:
        super().__init__(refiner, config, epoch_steps)
        loss = config.loss
        self.loss = RefineLoss(position=loss.position, acceleration=loss.acceleration, norm=loss.norm)
        self.ramp, self.relative = loss.ramp, loss.relative
        self.factors = {"position": loss.position, "acceleration": loss.acceleration}
        self.labels = labels
        self.errors = Errors(labels, **self.factors)

    def loss_of(self, batch: Batch) -> Tensor:
        """The loss of inputs, targets and contexts."""
        x, y, context = batch
        weights: Tensor | None = None
        if self.relative and context is not None:
            weights = (context[..., 0].exp() + LEAST_NOISE) ** -self.relative
        ramp = min(1.0, FIRST + (1 - FIRST) * self.progress / self.ramp) if self.ramp else 1.0
        loss: Tensor = self.loss(self.network(x, context), y, share=ramp, weights=weights)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add up errors, in the units of the curves."""
        add(self.errors, self.kept, batch)

    def on_validation_epoch_end(self) -> None:
        """Ratios to the input's errors, over all windows of all processes."""
        if self.trainer.world_size > 1:
            total = self.errors.total.to(self.device)
            self.errors.total = self.trainer.strategy.reduce(total, reduce_op="sum").cpu()
        found = self.errors.compute()
        for name in ("position", "acceleration", "loss"):
            value = math.nan if found[name] is None else found[name]
            self.log(f"validation/{name}", value, sync_dist=False)
        self.errors = Errors(self.labels, **self.factors)

    def told(self, figures: Mapping[str, float], best: Mapping[str, float]) -> str:
        """Words for what a validation found, beside the best so far."""
        now, then = (_words({k.rpartition("/")[2]: v for k, v in f.items()}) for f in (figures, best))
        return f"validation {now} of the input's (best {then})"

    def scores(self, network: nn.Module, validation: Windows) -> dict[str, Any]:
        """Errors of every label and what they are of the input's."""
        assert isinstance(validation, Labelled)
        return score(network, validation.pairs, **self.factors)

    def summary(self, scores: Mapping[str, Any]) -> str:
        """Words for :meth:`scores`."""
        return f"validation of the best: {_words(scores)} of the input's"


def _words(figures: Mapping[str, Any]) -> str:
    parts = [(name, figures.get(name)) for name in ("position", "acceleration")]
    return ", ".join(f"{name} {value:.3f}" for name, value in parts if value is not None)
