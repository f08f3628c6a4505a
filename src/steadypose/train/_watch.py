"""A training while it runs: what it says, when it stops, and what an interruption leaves."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from steadypose.train._module import TrainingModule

__all__ = ["Watch", "quiet"]


class Watch(Callback):
    """Says how it goes after every validation; stops at the limits and on SIGINT.

    Parameters
    ----------
    last
        Where the training is saved after every epoch and when it is stopped.
    say
        Is told a line at a time.
    """

    def __init__(self, last: Path, say: Callable[[str], None]) -> None:
        self.last, self.say = last, say
        self.wished = self.interrupted = False
        self._saved = False
        self._best: dict[str, float] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT for a wish to stop after the step; a second one does what it always does."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def stop(number: int, frame: FrameType | None) -> None:
            self.wished = True
            signal.signal(signal.SIGINT, before)
            self.say("stopping after this step (once more: at once)")

        signal.signal(signal.SIGINT, stop)
        try:
            yield
        except _StopError:
            self.say(f"interrupted; saved as {self.last}")
        finally:
            signal.signal(signal.SIGINT, before)

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """The last epoch is always validated."""
        if trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.check_val_every_n_epoch = 1

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop where it is time to, and save so that it can be gone on with."""
        assert isinstance(module, TrainingModule)
        t = module.config.trainer
        if trainer.world_size > 1 and trainer.global_step % t.log_every == 0:  # all stop at the same step
            self.interrupted = trainer.strategy.reduce_boolean_decision(self.wished, all=False)
        elif trainer.world_size == 1:
            self.interrupted = self.wished
        out_of_time = t.max_minutes and module.clock >= t.max_minutes
        out_of_steps = t.max_steps and trainer.global_step >= t.max_steps
        if not (self.interrupted or out_of_time or out_of_steps):
            return
        trainer.check_val_every_n_epoch = 1
        trainer.should_stop = True
        if batch_idx + 1 < trainer.num_training_batches:
            # Lightning takes an epoch that is stopped for a finished one; saved before that, it goes on.
            trainer.save_checkpoint(self.last)
            self._saved = True
            if self.interrupted:
                raise _StopError

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save, after the best has been saved."""
        if not self._saved:
            trainer.save_checkpoint(self.last)
        if self.interrupted:
            raise _StopError

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Say how far it is."""
        assert isinstance(module, TrainingModule)
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if not self._best or figures[module.monitor] < self._best[module.monitor]:
            self._best = figures
        self.say(
            f"epoch {trainer.global_step / module.epoch_steps:.3g}, step {trainer.global_step:,}, "
            f"{module.minutes:.1f} min: loss {module.take_loss():.4g}, {module.told(figures, self._best)}"
        )


class _StopError(Exception):
    """Takes an interrupted training out of Lightning's loops."""


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's greetings and advice, which are not for whoever runs a command."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
