"""What Lightning is given, for any task: optimiser, rate, and all that an exact continuation needs."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from steadypose.train._batches import Batch, Windows
from steadypose.train._settings import OptimiserConfig, Settings

__all__ = ["TrainingModule", "average", "rate_factor"]


class TrainingModule(LightningModule):
    """A network in training; what it learns and how it is judged is said by the classes made of this one.

    Dropout is seeded by every epoch and process anew, so that what happens in an epoch does not depend on
    whether the training was interrupted before it; the generator's state is kept for interruptions inside.

    Parameters
    ----------
    network
        The network.
    config
        The training's.
    epoch_steps
        Steps in an epoch.

    Attributes
    ----------
    monitor : str
        The figure of validation by which the best network is chosen; lower is better.
    averaged : Module or None
        The running average of the network's weights.
    steps : int
        How many there will be, as far as epochs and ``max_steps`` tell; 0: not known.
    clock : float
        :attr:`minutes` as all processes have it, read now and then: rate and end must not differ between
        them.
    """

    monitor: ClassVar[str]

    def __init__(self, network: nn.Module, config: Settings, epoch_steps: int) -> None:
        super().__init__()
        self.network, self.config, self.epoch_steps = network, config, epoch_steps
        self.averaged: nn.Module | None = None
        if config.optimiser.average:
            self.averaged = copy.deepcopy(network).requires_grad_(False).eval()
        t = config.trainer
        self.steps = min((n for n in (t.epochs * epoch_steps, t.max_steps) if n), default=0)
        self._minutes_before, self._started, self.clock = 0.0, time.monotonic(), 0.0
        self._random: Tensor | None = None
        self._sum, self._count = torch.zeros(()), 0

    def loss_of(self, batch: Batch) -> Tensor:
        """The loss of a batch; a scalar."""
        raise NotImplementedError

    def told(self, figures: Mapping[str, float], best: Mapping[str, float]) -> str:
        """Words for what a validation found, beside the best so far."""
        raise NotImplementedError

    def scores(self, network: nn.Module, validation: Windows) -> dict[str, Any]:
        """Scores for the card of a network that is kept."""
        raise NotImplementedError

    def summary(self, scores: Mapping[str, Any]) -> str:
        """Words for :meth:`scores`."""
        raise NotImplementedError

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and kept: the averaged one if there is an average."""
        return self.network if self.averaged is None else self.averaged

    @property
    def minutes(self) -> float:
        """Spent in training, before interruptions too."""
        return self._minutes_before + (time.monotonic() - self._started) / 60

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        limit = self.config.trainer.max_minutes
        by_time = self.clock / limit if limit else 0.0
        by_steps = self.global_step / self.steps if self.steps else 0.0
        return min(max(by_time, by_steps), 1.0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with its usual moments, in one kernel."""
        o = self.config.optimiser
        kind = torch.optim.AdamW if o.weight_decay else torch.optim.Adam
        return kind(
            self.network.parameters(), lr=o.rate, weight_decay=o.weight_decay, amsgrad=o.amsgrad, fused=True
        )

    def on_train_start(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self._sum, self._count = torch.zeros((), device=self.device), 0

    def on_train_epoch_start(self) -> None:
        """Make chance independent of what was before; not called on the way back into an epoch."""
        self._random = None
        torch.manual_seed(
            int(
                np.random.SeedSequence(
                    [self.config.seed, self.current_epoch, self.global_rank]
                ).generate_state(1)[0]
            )
        )

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Set the rate, and chance where the training was interrupted inside an epoch."""
        if self._random is not None:
            torch.set_rng_state(self._random)
            self._random = None
        t = self.config.trainer
        if self.trainer.world_size == 1:
            self.clock = self.minutes
        elif t.max_minutes and self.global_step % t.log_every == 0:
            self.clock = self.trainer.strategy.broadcast(self.minutes)
        o = self.config.optimiser
        rate = o.rate * rate_factor(o, self.global_step, self.progress, self.global_step // self.epoch_steps)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The loss of a batch."""
        loss = self.loss_of(batch)
        self._sum += loss.detach()
        self._count += 1
        return loss

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: torch.optim.Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """A step, and the average's."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.averaged is not None:
            # Early on the average is over a tenth of the steps there were: not of how it began.
            share = min(self.config.optimiser.average, self.global_step / (self.global_step + 9))
            average(self.averaged, self.network, share)

    def on_train_batch_end(self, outputs: Any, batch: Batch, index: int) -> None:
        """Log now and then; every number read from a device costs a wait."""
        if self.global_step % self.config.trainer.log_every == 0 and self.logger is not None:
            loss = float(outputs["loss"])
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            self.logger.log_metrics({"loss": loss, "rate": rate}, step=self.global_step)

    def take_loss(self) -> float:
        """Mean loss since it was last asked for; NaN if there was no step."""
        mean = float(self._sum) / self._count if self._count else math.nan
        self._sum, self._count = torch.zeros_like(self._sum), 0
        return mean

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what an exact continuation needs beyond Lightning's own."""
        checkpoint["steadypose"] = {"minutes": self.minutes, "random": torch.get_rng_state()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up again."""
        self._minutes_before = checkpoint["steadypose"]["minutes"]
        self._random = checkpoint["steadypose"]["random"]


@torch.no_grad()
def average(old: nn.Module, new: nn.Module, share: float) -> None:
    """Move the numbers of one network towards those of another: ``share`` of the old, the rest of the new."""
    before, now = list(old.state_dict().values()), list(new.state_dict().values())
    moving = [n for n, x in enumerate(before) if x.is_floating_point()]
    torch._foreach_lerp_([before[n] for n in moving], [now[n] for n in moving], 1 - share)
    for n in set(range(len(before))) - set(moving):
        before[n].copy_(now[n])


def rate_factor(o: OptimiserConfig, step: int, progress: float, epoch: int = 0) -> float:
    """What the learning rate is multiplied with, at a step and with that much of the training done."""
    if o.schedule == "decay":
        return float(o.decay ** (step / o.decay_steps))
    if o.schedule == "epoch":
        return float(o.decay**epoch)
    if o.schedule == "constant":
        return 1.0
    lowest = 1 / 25 if o.schedule == "one-cycle" else 0.0
    if progress < o.warmup:
        return lowest + (1 - lowest) * progress / o.warmup
    return (1 + math.cos(math.pi * (progress - o.warmup) / (1 - o.warmup))) / 2
