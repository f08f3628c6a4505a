"""Errors of refined windows, in the units of the curves and beside those of what came in.

Position is the mean absolute error of a coordinate, acceleration that of its second difference from frame to
frame. Curves of different labels (estimators, conditions) may be in different units and shake differently, so
each label has its own figures; over all labels only ratios to the input's are averaged, geometrically.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from steadypose.data.trajectories import TrajectoryPairs
from steadypose.train._batches import Batch, InOrder

__all__ = ["Errors", "Labelled", "score"]

Values = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
ROUNDING = 1e-5  # of the size of the motion: an input with less error than that has none


class Labelled:
    """Pairs whose batches also have the scale of each window, and the number of its label.

    Parameters
    ----------
    pairs
        The pairs.

    Attributes
    ----------
    labels : list of str
        In alphabetical order.
    """

    def __init__(self, pairs: TrajectoryPairs) -> None:
        self.pairs = pairs
        self.labels = sorted({t.label for t in pairs.trajectories})
        items = [
            ((len(t.noisy) - pairs.spec.length) // pairs.step + 1) * (1 if pairs.joint else t.noisy.shape[1])
            for t in pairs.trajectories
        ]
        self._ends = np.cumsum(items)
        self._label = np.array([self.labels.index(t.label) for t in pairs.trajectories])

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, which: Indices) -> tuple[npt.NDArray[Any] | None, ...]:
        """Inputs, targets, contexts, scales (items, …, 1) and labels (items,)."""
        labels = self._label[np.searchsorted(self._ends, which, side="right")]
        return (*self.pairs.scaled_batch(which), labels)


class Errors:
    """Mean errors of every label, added up over batches.

    Parameters
    ----------
    labels
        Their names.
    position, acceleration
        Factors of the loss, by which one network is better than another.

    Attributes
    ----------
    total : Tensor of float64, shape (labels, 6)
        Sums over windows: their number, the size of the motion in them, errors of position and acceleration
        as refined, those of the input. Sums of several processes may be added.
    """

    def __init__(self, labels: list[str], *, position: float = 1.0, acceleration: float = 1.0) -> None:
        self.labels, self.factors = labels, (position, acceleration)
        self.total = torch.zeros(len(labels), 6, dtype=torch.float64)

    def update(self, refined: Tensor, truth: Tensor, given: Tensor, scale: Tensor, label: Tensor) -> None:
        """Add windows (items, …, length), normalised; their scale (items, …, 1) and label (items,)."""
        columns = [torch.ones_like(truth[..., 0]), (truth * scale).abs().mean(-1)]
        for x in (refined, given):
            error = (x - truth) * scale
            columns += [error.abs().mean(-1), _bend(error)]
        rows = torch.stack(columns, -1).float()  # (items, …, 6)
        rows = rows.flatten(1, -2).sum(1) if rows.ndim > 2 else rows
        sums = rows.new_zeros(self.total.shape).index_add_(0, label, rows)
        self.total += sums.cpu()  # not every device has float64

    def compute(self) -> dict[str, Any]:
        """What was found.

        Returns
        -------
        dict
            ``"position"``, ``"acceleration"``: geometric means over labels of the ratios to the input's;
            ``"loss"``: that of the ratio of both errors added up with the factors of the loss. None where
            the input has no error in any label. ``"labels"``: for each its two errors, those of its input
            (``"input_position"`` …), in the units of the curves, and the number of ``"windows"``, one a
            channel.
        """
        labels, ratios = {}, []
        for name, row in zip(self.labels, self.total.tolist(), strict=True):
            count = row[0]
            if not count:
                continue
            size, own, own_bend, before, before_bend = (value / count for value in row[1:])
            labels[name] = {
                "position": own,
                "acceleration": own_bend,
                "input_position": before,
                "input_acceleration": before_bend,
                "windows": round(count),
            }
            f, g = self.factors
            both = (
                (own, before),
                (own_bend, before_bend),
                (f * own + g * own_bend, f * before + g * before_bend),
            )
            ratios.append([x / y if y > ROUNDING * size else None for x, y in both])
        position, acceleration, loss = (_mean(column) for column in zip(*ratios, strict=True))
        return {"position": position, "acceleration": acceleration, "loss": loss, "labels": labels}


def score(network: nn.Module, pairs: TrajectoryPairs, **factors: float) -> dict[str, Any]:
    """:class:`Errors` of a network, in evaluation mode, over all windows; ``factors`` as there."""
    network.eval()
    labelled = Labelled(pairs)
    errors = Errors(labelled.labels, **factors)
    with torch.inference_mode():
        for batch in InOrder(labelled):
            add(errors, network, batch)
    return errors.compute()


def add(errors: Errors, network: nn.Module, batch: Batch) -> None:
    """Add a batch of :class:`Labelled`."""
    x, y, context, scale, label = batch
    assert x is not None and y is not None and scale is not None and label is not None
    errors.update(network(x, context), y, x, scale, label)


def _bend(error: Tensor) -> Tensor:
    if error.shape[-1] < 3:
        return torch.zeros_like(error[..., 0])
    return error.diff(n=2, dim=-1).abs().mean(-1)


def _mean(ratios: Sequence[float | None]) -> float | None:
    known = [math.log(max(r, 1e-12)) for r in ratios if r is not None]
    return math.exp(sum(known) / len(known)) if known else None
