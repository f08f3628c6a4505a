"""Batches of windows: shuffled for training, in order for validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from steadypose.train._settings import Settings

__all__ = ["Batch", "Batches", "Data", "InOrder", "Windows", "shuffled"]

Batch = tuple[Tensor | None, ...]
Indices = npt.NDArray[np.intp]
VALIDATION_BATCH = 2048
# Cut out and normalised at a time: at most so many windows, and so many of their numbers.
_CHUNK, _NUMBERS = 16_384, 2**22
_ROUNDS = 4


class Windows(Protocol):
    """Windows and their targets, by number; those with an attribute ``single`` come one a batch."""

    def __len__(self) -> int: ...
    def batch(self, which: Indices) -> tuple[npt.NDArray[Any] | None, ...]:
        """Inputs first; None where there is nothing of a kind."""


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
    steps
        Batches of an epoch. The next epoch goes on where it ended in the shuffled windows, and only when all
        have been seen they are shuffled anew. 0: an epoch is all windows.
    """

    def __init__(
        self,
        pairs_of: Callable[[int], Windows],
        batch: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        steps: int = 0,
    ) -> None:
        self.pairs_of, self.seed, self.rank, self.world, self.step = pairs_of, seed, rank, world, 0
        windows = len(pairs_of(0))
        self.batch = min(batch, max(windows // world, 1))
        self.passing = steps > 0
        self.count = steps or max(windows // (self.batch * world), 1)

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
        wanted = self.count * self.batch * self.world
        if self.passing:
            whole, at = np.divmod(np.arange(epoch * wanted, (epoch + 1) * wanted), windows)
            starts = np.flatnonzero(np.diff(whole)) + 1
            parts = [
                shuffled(part, windows, (self.seed, int(number)))
                for part, number in zip(np.split(at, starts), whole[[0, *starts]], strict=True)
            ]
            return np.concatenate(parts)[self.rank :: self.world]
        order = np.random.default_rng([self.seed, epoch]).permutation(windows)
        # Pairs made anew may be a few less than the first ones: then the order begins again.
        return np.resize(order, wanted)[self.rank :: self.world]


def shuffled(places: Indices, count: int, seed: Sequence[int]) -> Indices:
    """What is at these places of a shuffle of ``range(count)``, of which nothing else is made.

    A Feistel network permutes the numbers below a power of two; one that is not below ``count`` is permuted
    again until it is.
    """
    bits = max(int(count - 1).bit_length(), 2)
    low = bits // 2
    masks = [np.uint64((1 << part) - 1) for part in (low, bits - low)]
    keys = np.random.SeedSequence(list(seed)).generate_state(2 * _ROUNDS, np.uint64)
    found = np.asarray(places).astype(np.uint64)
    at = np.arange(len(found))
    while len(at):
        halves = [found[at] & masks[0], found[at] >> np.uint64(low)]
        for number, key in enumerate(keys):
            one = number % 2
            halves[one] ^= _mixed(halves[1 - one], key) & masks[one]
        found[at] = halves[0] | (halves[1] << np.uint64(low))
        at = at[found[at] >= count]
    return found.astype(np.intp)


def _mixed(x: npt.NDArray[np.uint64], key: np.uint64) -> npt.NDArray[np.uint64]:
    """Numbers of 64 bits that look like chance, from numbers and a key."""
    x = (x ^ key) * np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(29)
    x *= np.uint64(0xD6E8FEB86659FD93)
    return x >> np.uint64(32)


class InOrder:
    """All windows once, in large batches; parameters as for :class:`Batches`.

    Shares of different processes have the same length: at most ``world - 1`` windows come twice.
    """

    def __init__(self, pairs: Windows, rank: int = 0, world: int = 1) -> None:
        share = -(-len(pairs) // world)
        self.pairs, self.order = pairs, np.resize(np.arange(len(pairs)), share * world)[rank::world]
        self.batch = 1 if getattr(pairs, "single", False) else VALIDATION_BATCH

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch)

    def __iter__(self) -> Iterator[Batch]:
        return _batches(self.pairs, self.order, self.batch)


def _batches(pairs: Windows, which: Indices, size: int) -> Iterator[Batch]:
    """Batches of these windows; many are cut out at a time, as a call costs more than a few windows."""
    if size == 1:  # a batch of its own each, whose arrays need not be of one shape
        for number in which:
            arrays = pairs.batch(np.array([number]))
            yield tuple(None if a is None else torch.from_numpy(np.asarray(a)) for a in arrays)
        return
    first = pairs.batch(which[:1])[0] if len(which) else None
    numbers = first.size if first is not None else 1
    chunk = max(min(_CHUNK, _NUMBERS // numbers) // size, 1) * size
    for at in range(0, len(which), chunk):
        parts = [None if a is None else torch.from_numpy(a) for a in pairs.batch(which[at : at + chunk])]
        for start in range(0, min(chunk, len(which) - at), size):
            yield tuple(None if p is None else p[start : start + size] for p in parts)


class Data(LightningDataModule):
    """The pairs of training and validation, as this process has to go through them."""

    def __init__(self, pairs_of: Callable[[int], Windows], validation: Windows, config: Settings) -> None:
        super().__init__()
        self.pairs_of, self.validation, self.config = pairs_of, validation, config

    def train_dataloader(self) -> Batches:
        """Lightning's hook."""
        t = self.trainer
        assert t is not None
        c = self.config.trainer
        batches = Batches(
            self.pairs_of, c.batch, self.config.seed, t.global_rank, t.world_size, c.epoch_steps
        )
        batches.step = t.global_step
        return batches

    def val_dataloader(self) -> InOrder:
        """Lightning's hook."""
        t = self.trainer
        assert t is not None
        return InOrder(self.validation, t.global_rank, t.world_size)
