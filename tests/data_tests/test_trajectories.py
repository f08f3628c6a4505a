"""Pairs of curves."""

from __future__ import annotations

import numpy as np
import pytest

from steadypose.data.trajectories import Trajectory, TrajectoryPairs
from steadypose.errors import DataError
from steadypose.refine._context import SPANS, context_of, relative
from steadypose.refine.windows import WindowSpec


def trajectory(frames: int, channels: int, seed: int = 0, size: float = 1.0) -> Trajectory:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(frames, channels)).cumsum(axis=0).astype(np.float32)
    noisy = truth + rng.normal(0, 0.3, truth.shape).astype(np.float32) + np.float32(0.5)
    return Trajectory(f"clip {seed}", "test", 60.0, noisy, truth, 1, size)


def slow_items(trajectories, length, step):
    """Every window of every channel, in order."""
    for number, t in enumerate(trajectories):
        for channel in range(t.noisy.shape[1]):
            for start in range(0, len(t.noisy) - length + 1, step):
                yield number, channel, slice(start, start + length)


@pytest.mark.parametrize("step", [1, 3])
def test_every_window_of_every_channel_once(step):
    spec = WindowSpec(length=16, step=4, normalisation="none")
    several = [trajectory(40, 3), trajectory(16, 2, 1), trajectory(33, 1, 2)]
    pairs = TrajectoryPairs(several, spec, step=step)
    items = list(slow_items(several, 16, step))
    assert len(pairs) == len(items)
    which = np.random.default_rng(0).permutation(len(items))
    x, y, context = pairs.batch(which)
    assert context is None
    for row, at in enumerate(which):
        number, channel, frames = items[at]
        assert (x[row] == several[number].noisy[frames, channel]).all()
        assert (y[row] == several[number].truth[frames, channel]).all()


def test_targets_have_the_offset_and_scale_of_the_input():
    t = trajectory(50, 2)
    pairs = TrajectoryPairs([t], WindowSpec(length=16, normalisation="window"))
    x, y, _, scale = pairs.scaled_batch(np.arange(len(pairs)))
    assert x.mean(axis=1) == pytest.approx(np.zeros(len(x)), abs=1e-5)
    assert x.std(axis=1) == pytest.approx(np.ones(len(x)), abs=1e-4)
    error = np.stack([t.noisy[f, c] - t.truth[f, c] for _, c, f in slow_items([t], 16, 1)])
    assert (x - y) * scale == pytest.approx(error, abs=1e-4)


def test_centred_targets_have_the_input_s_mean():
    pairs = TrajectoryPairs([trajectory(50, 2)], WindowSpec(length=16), centred=True)
    x, y, _ = pairs.batch(np.arange(len(pairs)))
    assert y.mean(axis=1) == pytest.approx(x.mean(axis=1), abs=1e-5)


def test_body_sizes_are_those_of_the_trajectories():
    spec = WindowSpec(length=16, normalisation="body")
    pairs = TrajectoryPairs([trajectory(16, 1, 0, 1.7), trajectory(16, 1, 0, 3.4)], spec)
    x, _, _ = pairs.batch(np.arange(2))
    assert x[0] == pytest.approx(2 * x[1], rel=1e-5)


def test_jointly_all_channels_of_a_window():
    spec = WindowSpec(length=16, normalisation="none", context=0)
    several = [trajectory(20, 3), trajectory(18, 3, 1)]
    x, y, _ = TrajectoryPairs(several, spec, joint=True).batch(np.arange(8))
    assert x.shape == y.shape == (8, 3, 16)
    assert (x[5] == several[1].noisy[0:16].T).all()
    assert (y[4] == several[0].truth[4:20].T).all()
    with pytest.raises(DataError, match="the same channels"):
        TrajectoryPairs([trajectory(20, 3), trajectory(20, 2)], spec, joint=True)


def test_context_is_the_whole_curve_s_relative_to_the_window():
    spec = WindowSpec(length=16, context=len(SPANS))
    several = [trajectory(60, 2), trajectory(40, 3, 1)]
    pairs = TrajectoryPairs(several, spec)
    items = list(slow_items(several, 16, 1))
    _, _, context, scale = pairs.scaled_batch(np.arange(len(pairs)))
    for row in (0, 50, 100, len(items) - 1):
        number, channel, _ = items[row]
        whole = context_of(several[number].noisy)[channel]
        assert context[row] == pytest.approx(relative(whole, scale[row]), abs=1e-5)


def test_what_is_shorter_than_a_window_is_left_out():
    spec = WindowSpec(length=16)
    assert len(TrajectoryPairs([trajectory(15, 1), trajectory(16, 1)], spec).trajectories) == 1
    with pytest.raises(DataError, match="of 16 frames or more, found 1 shorter"):
        TrajectoryPairs([trajectory(15, 1)], spec)


def test_gaps_and_other_shapes_are_refused():
    x = np.zeros((20, 4), np.float32)
    with pytest.raises(DataError, match="without gaps"):
        Trajectory("a", "", 60.0, np.full((20, 4), np.nan, np.float32), x, 2)
    with pytest.raises(DataError, match="like noisy"):
        Trajectory("a", "", 60.0, x, x[:-1], 2)
    with pytest.raises(DataError, match="keypoints × 3"):
        Trajectory("a", "", 60.0, x, x, 3)


def test_where_the_estimator_holds_still_targets_stay_finite():
    still = np.zeros((40, 1), np.float32)
    moving = np.linspace(0, 1, 40, dtype=np.float32)[:, None]
    t = Trajectory("held", "", 60.0, still, moving, 1)
    x, y, _ = TrajectoryPairs([t], WindowSpec(length=16)).batch(np.arange(20))
    assert (x == 0).all() and np.abs(y).max() == 10
    _, y, _ = TrajectoryPairs([t], WindowSpec(length=16, normalisation="none")).batch(np.arange(20))
    assert y[0] == pytest.approx(moving[:16, 0])
