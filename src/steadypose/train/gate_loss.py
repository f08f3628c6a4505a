"""The loss of a bank with learnt gates: what is left of the error, beside what the best low-pass leaves.

A mean over millimetres would let large errors rule, and a clean or a calm curve would weigh nothing. So every
keypoint's error is taken relative to that of the best of the bank's own low-passes on this very curve, which
is at hand in training: the regret of not having known it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["GateErrors", "GateLossConfig", "errors_of", "loss_of", "passed"]


@dataclass(frozen=True)
class GateLossConfig:
    """What a training lowers.

    Parameters
    ----------
    acceleration
        Factor of the acceleration's error beside the position's.
    lasting
        That factor where errors are an estimator's: they last, and much of what is left of them can be seen.
    harm
        Factor of what the error exceeds the input's by.
    floor
        Error that is as good as none, in sizes of the body.
    """

    acceleration: float = 0.4
    lasting: float = 0.9
    harm: float = 0.5
    floor: float = 0.0002


@dataclass(frozen=True)
class GateErrors:
    """Mean errors of every keypoint, each of shape (pieces, keypoints), in sizes of the body.

    Parameters
    ----------
    position, acceleration
        Of what comes out.
    best_position, best_acceleration
        The least of the low-passes' and the input's.
    input_position
        Of what went in.
    """

    position: Tensor
    acceleration: Tensor
    best_position: Tensor
    best_acceleration: Tensor
    input_position: Tensor


def passed(noisy: Tensor, bands: Tensor, logits: Tensor, spread: Tensor) -> Tensor:
    """Curves less what the gates do not let pass.

    Parameters
    ----------
    noisy
        (frames, pieces, keypoints, axes).
    bands
        (bands, frames, pieces, keypoints, axes).
    logits
        (gates, pieces × keypoints, axes or 1, bands or more); see :class:`steadypose.models.gatenet.GateNet`.
    spread
        (frames, gates); see :func:`steadypose.refine.bank.to_frames`.
    """
    count, frames, pieces, keypoints = bands.shape[:4]
    closed = torch.sigmoid(-logits[..., :count]).movedim(3, 0).flatten(2)  # (bands, gates, curves)
    closed = (spread @ closed).view(count, frames, pieces, keypoints, -1)
    return noisy - (closed * bands).sum(0)


def errors_of(refined: Tensor, noisy: Tensor, truth: Tensor, bands: Tensor, size: Tensor) -> GateErrors:
    """Errors of refined curves, and of the low-passes of the bank; shapes as in :func:`passed`."""
    unit = 1 / size[:, None]
    best, best_bend = None, None
    with torch.no_grad():
        error = noisy - truth
        input_position = _length(error) * unit
        best, best_bend = input_position, _bend(error) * unit
        for band in bands.flip(0):
            error = error - band
            best = torch.minimum(best, _length(error) * unit)
            best_bend = torch.minimum(best_bend, _bend(error) * unit)
    error = refined - truth
    return GateErrors(_length(error) * unit, _bend(error) * unit, best, best_bend, input_position)


def loss_of(errors: GateErrors, config: GateLossConfig, lasting: Tensor) -> Tensor:
    """Mean over keypoints; the root keeps the worst of them from ruling.

    ``lasting``, (pieces,), is 1 for pieces with an estimator's errors.
    """
    c = config
    position = (errors.position + c.floor) / (errors.best_position + c.floor)
    loss = 2 * position.sqrt()
    harm = (errors.position + c.floor) / (errors.input_position + c.floor)
    loss = loss + c.harm * (harm - 1).clamp(min=0)
    bend = (errors.acceleration + c.floor) / (errors.best_acceleration + c.floor)
    factor = c.acceleration + (c.lasting - c.acceleration) * lasting
    return (loss + 2 * factor[:, None] * bend.sqrt()).mean()


def _length(error: Tensor) -> Tensor:
    """Mean over frames of the distance of a keypoint; (pieces, keypoints)."""
    return (error.square().sum(3) + 1e-18).sqrt().mean(0)


def _bend(error: Tensor) -> Tensor:
    return _length(error.diff(n=2, dim=0))
