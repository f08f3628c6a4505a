"""A bank with learnt gates in training: its loss, and its errors beside the best low-pass's as validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from steadypose.data.refine_pieces import Block, Pieces
from steadypose.models.gatenet import GatedBank
from steadypose.refine._believe import belief
from steadypose.refine.bank import to_frames
from steadypose.refine.bank_numbers import Described
from steadypose.train._batches import Batch, InOrder, Windows
from steadypose.train._module import TrainingModule
from steadypose.train.gate_config import GateConfig
from steadypose.train.gate_loss import GateErrors, errors_of, loss_of, passed

__all__ = ["GateModule", "Judged"]

HARM = 1.02  # times the input's error: from there on a keypoint counts as harmed
Values = npt.NDArray[np.float32]


class Judged:
    """Blocks as batches: what a block holds, its rate, its bands, and what the network sees."""

    single = True  # blocks have shapes of their own

    def __init__(self, pieces: Pieces, first: int = 0) -> None:
        self.pieces, self.first = pieces, first

    def __len__(self) -> int:
        return len(self.pieces)

    def batch(self, which: npt.NDArray[np.intp]) -> tuple[npt.NDArray[Any] | None, ...]:
        """The batch of one block."""
        (number,) = which
        block = self.pieces.block(self.first + int(number))
        rate = np.array(block.fps, np.float32)
        seen, bands = block.described(block.noisy, self.pieces.spec)
        given = block.noisy, block.truth, block.size, block.lasting
        return (*given, rate, bands, *astuple(seen))


class GateModule(TrainingModule):
    """Loss and validation of a bank with learnt gates.

    Every other step trains the second pass: on curves whose lone samples count less, as
    :class:`~steadypose.refine.bank_network.BankNetwork` makes them with the network as it is.
    """

    monitor = "validation/loss"

    def __init__(self, bank: GatedBank, config: GateConfig, epoch_steps: int) -> None:
        super().__init__(bank, config, epoch_steps)
        self.loss = config.loss
        self._sums: dict[str, list[float]] = {}

    def loss_of(self, batch: Batch) -> Tensor:
        """The loss of a block."""
        errors = _errors(self.network, batch, second=self.global_step % 2 == 1)
        return loss_of(errors, self.loss, _lasting(batch))

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add up a block."""
        self._add(_errors(self.kept, batch, second=True), _lasting(batch))

    def on_validation_epoch_end(self) -> None:
        """Means over blocks."""
        for name, value in self._means().items():
            self.log(f"validation/{name}", value, sync_dist=True)

    def told(self, figures: Mapping[str, float], best: Mapping[str, float]) -> str:
        """Words for what a validation found, beside the best so far."""
        now, then = ({k.rpartition("/")[2]: v for k, v in f.items()} for f in (figures, best))
        return f"validation {_words(now)} (best loss {then.get('loss', float('nan')):.4f})"

    def scores(self, network: nn.Module, validation: Windows) -> dict[str, Any]:
        """Errors beside those of the best low-pass of every keypoint, in hindsight."""
        network.eval()
        with torch.inference_mode():
            for batch in InOrder(validation):
                self._add(_errors(network, batch, second=True), _lasting(batch))
        return self._means()

    def summary(self, scores: Mapping[str, Any]) -> str:
        """Words for :meth:`scores`."""
        return f"validation of the best: {_words(scores)}"

    def _add(self, e: GateErrors, lasting: Tensor) -> None:
        floor = self.loss.floor
        figures = {
            "loss": loss_of(e, self.loss, lasting),
            "position": ((e.position + floor) / (e.best_position + floor)).log().mean(),
            "acceleration": ((e.acceleration + floor) / (e.best_acceleration + floor)).log().mean(),
            "input": ((e.position + floor) / (e.input_position + floor)).log().mean(),
            "harmed": (e.position > HARM * e.input_position + floor / 2).float().mean(),
        }
        for name, value in figures.items():
            self._sums.setdefault(name, []).append(float(value))

    def _means(self) -> dict[str, float]:
        means = {name: float(np.mean(values)) for name, values in self._sums.items()}
        self._sums = {}
        ratios = ("position", "acceleration", "input")
        return {name: float(np.exp(m)) if name in ratios else m for name, m in means.items()}


def _errors(network: nn.Module, batch: Batch, *, second: bool) -> GateErrors:
    noisy, truth, size, lasting, rate, bands, *seen = (t for t in batch if t is not None)
    spread = torch.from_numpy(to_frames(len(noisy), len(seen[0])).toarray())
    if not second:
        return errors_of(passed(noisy, bands, network(*seen), spread), noisy, truth, bands, size)
    with torch.no_grad():
        first = passed(noisy, bands, network(*seen), spread)
    block = Block(float(rate), *(t.numpy() for t in (noisy, truth, size, lasting)))
    again = _believed(block.noisy, first.numpy())
    described, of_again = block.described(again, network.spec)  # type: ignore[arg-type]
    logits = network(*map(torch.from_numpy, astuple(described)))
    refined = passed(torch.from_numpy(again), torch.from_numpy(of_again), logits, spread)
    return errors_of(refined, noisy, truth, bands, size)


def _lasting(batch: Batch) -> Tensor:
    lasting = batch[3]
    assert lasting is not None
    return lasting


def _believed(noisy: Values, first: Values) -> Values:
    """Curves for the second pass; (frames, pieces, keypoints, axes)."""
    flat = len(noisy), -1, noisy.shape[-1]
    x, y = noisy.reshape(flat), first.reshape(flat)
    weights = belief(x, y, None)
    again = x if weights is None else y + weights[..., None] * (x - y)
    return np.asarray(again.reshape(noisy.shape))


def astuple(seen: Described) -> tuple[Values, ...]:
    """The arrays of what a network sees, in the order it takes them."""
    return tuple(getattr(seen, f.name) for f in fields(seen))


def _words(figures: Mapping[str, float]) -> str:
    return (
        f"{figures['position']:.3f} of the best low-pass's error, "
        f"acceleration {figures['acceleration']:.3f}, {figures['input']:.3f} of the input's, "
        f"{figures['harmed']:.1%} of keypoints harmed, loss {figures['loss']:.4f}"
    )
