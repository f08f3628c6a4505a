"""Batches, learning rates, and the average of weights."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_pairs import pairs
from synthetic_trajectories import curves

from steadypose.lift._spec import LiftSpec
from steadypose.train._batches import shuffled
from steadypose.train._module import average
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


def test_a_rate_that_falls_after_every_epoch():
    o = OptimiserConfig(schedule="epoch", decay=0.95)
    assert [rate_factor(o, 99, 0.5, epoch) for epoch in (0, 1, 10)] == pytest.approx([1, 0.95, 0.95**10])


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.lists(st.integers(0, 2**40), min_size=1, max_size=3))
def test_a_shuffle_has_everything_once(count, seed):
    found = shuffled(np.arange(count), count, seed)
    assert sorted(found.tolist()) == list(range(count))


@given(st.integers(1, 2**62), st.integers(0, 9), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_any_place_of_a_shuffle_can_be_asked_for(count, seed, shares):
    places = np.array([min(int(s * count), count - 1) for s in shares])
    together = shuffled(places, count, [seed])
    assert together.tolist() == [
        int(shuffled(places[n : n + 1], count, [seed])[0]) for n in range(len(places))
    ]
    assert ((together >= 0) & (together < count)).all()


def test_a_shuffle_of_many_looks_like_chance():
    count = 10**8
    found = shuffled(np.arange(100_000), count, [0, 0])
    share = np.histogram(found, bins=20, range=(0, count))[0] / len(found)
    assert np.abs(share - 0.05).max() < 0.004  # six deviations
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.02
    other = shuffled(np.arange(100_000), count, [0, 1])
    assert abs(np.corrcoef(found, other)[0, 1]) < 0.02


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 30), st.integers(1, 12), st.integers(0, 6))
def test_epochs_of_a_number_of_steps_go_on_through_all_windows(world, batch, steps, epoch):
    windows = len(PAIRS)
    shares = [Batches(lambda n: PAIRS, batch, 1, rank, world, steps) for rank in range(world)]
    size = shares[0].batch * world
    assert {len(b) for b in shares} == {steps}
    seen = np.concatenate(
        [np.stack([b.order(windows, e) for b in shares], 1).ravel() for e in range(epoch + 1)]
    )
    assert len(seen) == size * steps * (epoch + 1)
    for at in range(0, len(seen) - windows + 1, windows):  # every pass has all of them
        assert len(set(seen[at : at + windows].tolist())) == windows
    rest = seen[len(seen) // windows * windows :]
    assert len(set(rest.tolist())) == len(rest)


def test_batches_of_curves_leave_out_what_there_is_not():
    source = curves()
    b = Batches(lambda n: source, 50, 0, steps=7)
    found = list(b)
    assert len(found) == 7
    order = b.order(len(source), 0)
    for n, (x, y, context) in enumerate(found):
        expected = source.batch(order[n * 50 : n * 50 + 50])
        assert torch.equal(x, torch.from_numpy(expected[0]))
        assert torch.equal(y, torch.from_numpy(expected[1]))
        assert context is None


def test_an_average_follows_by_its_share():
    torch.manual_seed(0)
    old, new = (torch.nn.BatchNorm1d(4) for _ in range(2))
    new(torch.randn(9, 4))
    before = {k: v.clone() for k, v in old.state_dict().items()}
    average(old, new, 0.75)
    for k, v in old.state_dict().items():
        moved = (
            new.state_dict()[k]
            if k == "num_batches_tracked"
            else 0.75 * before[k] + 0.25 * new.state_dict()[k]
        )
        torch.testing.assert_close(v, moved)
