"""Batches and learning rates."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_pairs import pairs

from steadypose.lift._spec import LiftSpec
from steadypose.train.config import OptimiserConfig
from steadypose.train.module import Batches, InOrder, rate_factor

SPEC = LiftSpec(length=3, normalisation="pixels", confidence=False, derived=False)
PAIRS = pairs(SPEC)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 150), st.integers(0, 5))
def test_processes_share_every_epoch_without_overlap(world, batch, epoch):
    shares = [Batches(lambda n: PAIRS, batch, 1, rank, world) for rank in range(world)]
    windows = [b.order(len(PAIRS), epoch) for b in shares]
    assert len({len(b) for b in shares}) == 1
    assert {len(w) for w in windows} == {shares[0].count * shares[0].batch}
    every = np.concatenate(windows)
    assert len(set(every.tolist())) == len(every)
    assert len(PAIRS) - len(every) < shares[0].batch * world


def test_batches_are_the_windows_of_their_order():
    b = Batches(lambda n: PAIRS, 10, 3)
    order = b.order(len(PAIRS), 0)
    for n, (x, y) in enumerate(b):
        expected = PAIRS.batch(order[n * 10 : n * 10 + 10])
        assert torch.equal(x, torch.from_numpy(expected[0]))
        assert torch.equal(y, torch.from_numpy(expected[1]))
    assert b.step == len(b) == len(PAIRS) // 10


@given(st.integers(0, 40))
@settings(max_examples=15, deadline=None)
def test_from_any_step_on_the_batches_are_the_same(step):
    def batches(start: int, count: int) -> list[float]:
        b = Batches(lambda n: PAIRS, 16, 3)
        b.step = start
        found: list[float] = []
        while len(found) < count:
            found += [float(x.sum()) for x, _ in islice(b, count - len(found))]
        return found

    assert batches(0, 50)[step:] == batches(step, 50 - step)


def test_epochs_come_in_different_order():
    b = Batches(lambda n: PAIRS, 8, 0)
    assert (b.order(100, 0) != b.order(100, 1)).any()
    assert (b.order(100, 0) != Batches(lambda n: PAIRS, 8, 1).order(100, 0)).any()


def test_fresh_pairs_with_fewer_windows_fill_the_same_batches():
    fewer = pairs(SPEC, 3)
    asked = []

    def of(epoch):
        asked.append(epoch)
        return PAIRS if epoch == 0 else fewer

    b = Batches(of, 16, 0)
    assert [len(list(b)) for _ in range(2)] == [len(b), len(b)]
    assert asked == [0, 0, 1]


@pytest.mark.parametrize("world", [1, 3])
def test_validation_sees_every_window(world):
    found = [x for rank in range(world) for x, _ in InOrder(PAIRS, rank, world)]
    assert len({len(InOrder(PAIRS, r, world)) for r in range(world)}) == 1
    total = torch.cat(found)
    every = torch.from_numpy(PAIRS.batch(np.arange(len(PAIRS)))[0])
    assert len(total) - len(every) < world
    assert {float(v) for v in every[:, 0, 0, 0]} == {float(v) for v in total[:, 0, 0, 0]}


def test_the_papers_rate_decays_continuously():
    o = OptimiserConfig()
    assert rate_factor(o, 0, 0) == 1
    assert rate_factor(o, 100_000, 0.5) == pytest.approx(0.96)
    assert rate_factor(o, 50_000, 0.5) == pytest.approx(0.96**0.5)


def test_other_schedules_rise_and_fall():
    cosine = OptimiserConfig(schedule="cosine", warmup=0.2)
    assert [rate_factor(cosine, 0, p) for p in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    cycle = OptimiserConfig(schedule="one-cycle", warmup=0.5)
    assert [rate_factor(cycle, 0, p) for p in (0, 0.5, 1)] == pytest.approx([0.04, 1, 0])
    assert rate_factor(OptimiserConfig(schedule="constant"), 10**6, 1) == 1
