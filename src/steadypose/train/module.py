"""What Lightning is given: batches of whole arrays, one step of training, one of validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor
from torchmetrics import MeanMetric

from steadypose.data.pairs import Pairs
from steadypose.models.lifter import Lifter
from steadypose.train.config import OptimiserConfig, TrainConfig
from steadypose.train.losses import LiftingLoss

__all__ = ["Batches", "InOrder", "LiftingData", "LiftingModule", "rate_factor"]

Batch = tuple[Tensor, Tensor]
Indices = npt.NDArray[np.intp]
VALIDATION_BATCH = 2048
_CHUNK = 16_384  # windows that are cut out and normalised at a time


class Batches:
    """Epochs of shuffled batches; where it stands is a number of steps.

    Every process of a distributed training has a share of its own: the windows are shuffled by seed and epoch
    alone, and process ``rank`` takes every ``world``-th. All have the same number of batches, of the same
    size, every epoch; what does not fill a batch is left out. So the step alone tells which batch comes next,
    and a training that is resumed goes on with the very batches it would have seen.

    Parameters
    ----------
    pairs_of
        The pairs of an epoch.
    batch
        Windows in a batch; fewer if there are not so many.
    seed
        Of the order.
    rank, world
        Which of how many processes this is.
    """

    def __init__(
        self, pairs_of: Callable[[int], Pairs], batch: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self.pairs_of, self.seed, self.rank, self.world, self.step = pairs_of, seed, rank, world, 0
        windows = len(pairs_of(0))
        self.batch = min(batch, max(windows // world, 1))
        self.count = max(windows // (self.batch * world), 1)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = divmod(self.step, self.count)
        pairs = self.pairs_of(epoch)
        for batch in _batches(pairs, self.order(len(pairs), epoch)[first * self.batch :], self.batch):
            self.step += 1
            yield batch

    def order(self, windows: int, epoch: int) -> Indices:
        """The windows that this process takes in an epoch, in order."""
        shuffled = np.random.default_rng([self.seed, epoch]).permutation(windows)
        # Pairs made anew may be a few less than the first ones: then the order begins again.
        return np.resize(shuffled, self.count * self.batch * self.world)[self.rank :: self.world]


class InOrder:
    """All windows once, in large batches; parameters as for :class:`Batches`.

    Shares of different processes have the same length: at most ``world - 1`` windows come twice.
    """

    def __init__(self, pairs: Pairs, rank: int = 0, world: int = 1) -> None:
        share = -(-len(pairs) // world)
        self.pairs, self.order = pairs, np.resize(np.arange(len(pairs)), share * world)[rank::world]

    def __len__(self) -> int:
        return -(-len(self.order) // VALIDATION_BATCH)

    def __iter__(self) -> Iterator[Batch]:
        return _batches(self.pairs, self.order, VALIDATION_BATCH)


def _batches(pairs: Pairs, which: Indices, size: int) -> Iterator[Batch]:
    """Batches of these windows; many are cut out at a time, as a call costs more than a few windows."""
    chunk = max(_CHUNK // size, 1) * size
    for at in range(0, len(which), chunk):
        x, y = (torch.from_numpy(a) for a in pairs.batch(which[at : at + chunk]))
        for start in range(0, len(x), size):
            yield x[start : start + size], y[start : start + size]


class LiftingData(LightningDataModule):
    """The pairs of training and validation, as this process has to go through them."""

    def __init__(self, pairs_of: Callable[[int], Pairs], validation: Pairs, config: TrainConfig) -> None:
        super().__init__()
        self.pairs_of, self.validation, self.config = pairs_of, validation, config

    def train_dataloader(self) -> Batches:
        """Lightning's hook."""
        t = self.trainer
        assert t is not None
        c = self.config
        batches = Batches(self.pairs_of, c.trainer.batch, c.seed, t.global_rank, t.world_size)
        batches.step = t.global_step
        return batches

    def val_dataloader(self) -> InOrder:
        """Lightning's hook."""
        t = self.trainer
        assert t is not None
        return InOrder(self.validation, t.global_rank, t.world_size)


class LiftingModule(LightningModule):
    """Loss, optimiser and validation of a lifter.

    Dropout is seeded by every epoch and process anew, so that what happens in an epoch does not depend on
    whether the training was interrupted before it; the generator's state is kept for interruptions inside.

    Parameters
    ----------
    lifter
        With its statistics.
    config
        The training's.
    steps
        How many there will be, as far as epochs and ``max_steps`` tell; 0: not known.

    Attributes
    ----------
    minutes : float
        Spent in training, before interruptions too.
    clock : float
        The same as all processes have it, read now and then: rate and end must not differ between them.
    """

    def __init__(self, lifter: Lifter, config: TrainConfig, steps: int) -> None:
        super().__init__()
        self.lifter, self.config, self.steps = lifter, config, steps
        loss = config.loss
        self.loss = LiftingLoss(
            lifter.spec.outputs, mse=loss.mse, temporal=loss.temporal, weights=loss.weights
        )
        self.error = MeanMetric()
        self._minutes_before, self._started, self.clock = 0.0, time.monotonic(), 0.0
        self._random: Tensor | None = None
        self._sum, self._count = torch.zeros(()), 0

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
        """Adam with the paper's defaults, in one kernel."""
        o = self.config.optimiser
        kind = torch.optim.AdamW if o.weight_decay else torch.optim.Adam
        return kind(self.lifter.parameters(), lr=o.rate, weight_decay=o.weight_decay, fused=True)

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
        rate = self.config.optimiser.rate * rate_factor(
            self.config.optimiser, self.global_step, self.progress
        )
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The loss of a batch."""
        x, y = batch
        loss: Tensor = self.loss(self.lifter(x), y)
        self._sum += loss.detach()
        self._count += 1
        return loss

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

    def validation_step(self, batch: Batch, index: int) -> None:
        """MPJPE of the last frames, without the root: what a network that runs along a video puts out."""
        x, y = batch
        errors = torch.linalg.vector_norm(self.lifter(x)[:, -1, 1:] - y[:, -1, 1:], dim=-1)
        self.error.update(errors.mean(), len(x))

    def on_validation_epoch_end(self) -> None:
        """The mean over all windows, of all processes."""
        self.log("validation/mpjpe", self.error.compute(), sync_dist=False)
        self.error.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what an exact continuation needs beyond Lightning's own."""
        checkpoint["steadypose"] = {"minutes": self.minutes, "random": torch.get_rng_state()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up again."""
        self._minutes_before = checkpoint["steadypose"]["minutes"]
        self._random = checkpoint["steadypose"]["random"]


def rate_factor(o: OptimiserConfig, step: int, progress: float) -> float:
    """What the learning rate is multiplied with, at a step and with that much of the training done."""
    if o.schedule == "decay":
        return float(o.decay ** (step / o.decay_steps))
    if o.schedule == "constant":
        return 1.0
    lowest = 1 / 25 if o.schedule == "one-cycle" else 0.0
    if progress < o.warmup:
        return lowest + (1 - lowest) * progress / o.warmup
    return (1 + math.cos(math.pi * (progress - o.warmup) / (1 - o.warmup))) / 2
