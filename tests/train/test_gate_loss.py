"""The loss of a bank with gates, beside the same written out at length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from steadypose.refine.bank import BankSpec, bands_of, noise_of, series_of, to_frames
from steadypose.train.gate_loss import GateErrors, GateLossConfig, errors_of, loss_of, passed

SPEC = BankSpec(edges=(0.5, 1.0, 2.0, 4.0, 8.0))
FRAMES, PIECES, KEYPOINTS, AXES, FPS = 50, 2, 3, 3, 30.0


@pytest.fixture
def curves():
    """Noisy and true curves, their bands, and sizes of the bodies."""
    rng = np.random.default_rng(0)
    truth = np.cumsum(rng.normal(0, 0.02, (FRAMES, PIECES, KEYPOINTS, AXES)), axis=0).astype(np.float32)
    noisy = truth + rng.normal(0, 0.03, truth.shape).astype(np.float32)
    bands = bands_of(series_of(noisy, FPS), FPS, SPEC)
    size = np.array([1.7, 0.9], np.float32)
    return [torch.from_numpy(a) for a in (noisy, truth, bands, size)]


def gates(axes: int = AXES) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(SPEC.gates(FRAMES, FPS), PIECES * KEYPOINTS, axes, len(SPEC.edges))


def spread(logits: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(to_frames(FRAMES, len(logits)).toarray())


@pytest.mark.parametrize("axes", [1, AXES])
def test_what_passes_is_what_passes_in_use(curves, axes):
    noisy, _, bands, _ = curves
    logits = gates(axes)
    wanted = noisy.numpy() - noise_of(bands.numpy(), logits.numpy())
    assert np.allclose(passed(noisy, bands, logits, spread(logits)).numpy(), wanted, atol=1e-5)


def test_open_gates_give_back_the_input_and_closed_ones_the_slowest(curves):
    noisy, _, bands, _ = curves
    wide = torch.full_like(gates(), float("inf"))
    assert torch.equal(passed(noisy, bands, wide, spread(wide)), noisy)
    slowest = passed(noisy, bands, -wide, spread(wide))
    assert torch.allclose(slowest, noisy - bands.sum(0), atol=1e-5)


def length(error: np.ndarray) -> float:
    """Mean distance of one keypoint, (frames, axes)."""
    return float(np.mean([np.sqrt(sum(v * v for v in row)) for row in error.astype(np.float64)]))


def bend(error: np.ndarray) -> float:
    return length(error[2:] - 2 * error[1:-1] + error[:-2])


def test_errors_are_those_of_an_obvious_version(curves):
    noisy, truth, bands, size = curves
    logits = gates()
    refined = passed(noisy, bands, logits, spread(logits))
    found = errors_of(refined, noisy, truth, bands, size)
    x, y, t, b = (a.numpy() for a in (noisy, refined, truth, bands))
    for piece in range(PIECES):
        for keypoint in range(KEYPOINTS):
            at, unit = (slice(None), piece, keypoint), float(size[piece])
            low = [x[at] - sum((b[k][at] for k in range(first, len(b))), np.zeros_like(x[at]))
                   for first in range(len(b) + 1)]  # fmt: skip
            wanted = {
                "position": length(y[at] - t[at]),
                "acceleration": bend(y[at] - t[at]),
                "best_position": min(length(c - t[at]) for c in low),
                "best_acceleration": min(bend(c - t[at]) for c in low),
                "input_position": length(x[at] - t[at]),
            }
            for name, value in wanted.items():
                assert float(getattr(found, name)[piece, keypoint]) == pytest.approx(value / unit, rel=1e-3)


def test_the_best_is_never_worse_than_the_input(curves):
    noisy, truth, bands, size = curves
    e = errors_of(noisy, noisy, truth, bands, size)
    assert (e.best_position <= e.input_position).all()
    assert (e.best_acceleration <= e.acceleration).all()
    assert torch.equal(e.position, e.input_position)
    clean = errors_of(truth, truth, truth, bands, size)
    assert clean.best_position.max() < 1e-8


def test_errors_count_in_sizes_of_the_body(curves):
    noisy, truth, bands, size = curves
    small = errors_of(truth, noisy, truth, bands, size)
    large = errors_of(1000 * truth, 1000 * noisy, 1000 * truth, 1000 * bands, 1000 * size)
    assert torch.allclose(large.best_position, small.best_position, rtol=1e-3)


def errors(**change: float) -> GateErrors:
    same = dict.fromkeys(GateErrors.__dataclass_fields__, 0.01)
    return GateErrors(**{k: torch.full((2, 3), v) for k, v in {**same, **change}.items()})


def test_the_loss_rises_with_every_error():
    c, never = GateLossConfig(), torch.zeros(2)
    best = loss_of(errors(), c, never)
    assert best == pytest.approx(2 + 2 * c.acceleration)
    assert loss_of(errors(position=0.02), c, never) > best
    assert loss_of(errors(acceleration=0.02), c, never) > best
    assert loss_of(errors(position=0.005), c, never) < best
    # What is harmed counts beyond what is merely not the best.
    worse = errors(position=0.02)
    harmed = loss_of(worse, c, never) - loss_of(worse, replace(c, harm=0.0), never)
    assert harmed == pytest.approx(c.harm * ((0.02 + c.floor) / (0.01 + c.floor) - 1), rel=1e-4)
    assert loss_of(errors(), replace(c, harm=9.0), never) == best


def test_acceleration_counts_as_errors_last():
    c = GateLossConfig(acceleration=0.4, lasting=1.2)
    for lasting, factor in ((torch.zeros(2), 0.4), (torch.ones(2), 1.2), (torch.tensor([0.0, 1.0]), 0.8)):
        assert loss_of(errors(), c, lasting) == pytest.approx(2 + 2 * factor)


def test_gradients_are_finite_where_nothing_is_wrong(curves):
    _, truth, bands, size = curves
    logits = gates().requires_grad_()
    refined = passed(truth, 0 * bands, logits, spread(logits))
    loss_of(errors_of(refined, truth, truth, 0 * bands, size), GateLossConfig(), torch.ones(2)).backward()
    assert torch.isfinite(logits.grad).all()
