"""RefineNet's optimisation against its energy written out term by term, and what it must not depend on."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import steadypose as sp
from steadypose.errors import DataError
from steadypose.refine import _blocks, make_filter, refinenet
from steadypose.refine.refinenet import BEYOND, RefineNet

FPS = 30
ONE = np.ones(1)


def solve(values, weights=None, times=None, size=ONE, **parameters):
    times = np.arange(len(values)) / FPS if times is None else times
    return make_filter("refinenet", **parameters).smooth(values, weights, times, size)


def walk(seed, frames, dims=3, step=0.05):
    steps = np.random.default_rng(seed).normal(0, step, (frames, 1, dims))
    return np.cumsum(steps, axis=0).astype(np.float32)


def clock(seed, frames, even):
    rng = np.random.default_rng(seed)
    return np.arange(frames) / FPS if even else np.cumsum(rng.uniform(0.01, 0.06, frames))


def at(p, times, when):
    """The position between two frames."""
    return np.array([np.interp(when, times, column) for column in p.T])


def energy(p, y, weights, times, size, f):
    """The three terms of the docstring in plain loops; p and y (frames, dims)."""
    step, slow = np.median(np.diff(times)), 1 / (2 * np.pi * f.cutoff)
    c = (f.cap * size) ** 2
    total = 0.0
    for t, when in enumerate(times):
        off = np.sum((p[t] - y[t]) ** 2)
        total += weights[t] * (off if off <= c else c + BEYOND * (off - c))
        # frame to frame
        if f.order == 1 and t > 0:
            total += slow**2 / step * np.sum((p[t] - p[t - 1]) ** 2) / (when - times[t - 1])
        if f.order == 2 and 0 < t < len(times) - 1:
            before, after = when - times[t - 1], times[t + 1] - when
            between = (before + after) / 2
            bend = ((p[t + 1] - p[t]) / after - (p[t] - p[t - 1]) / before) / between
            total += slow**4 / step * np.sum(bend**2) * between
        # over the span
        past, future = when - f.span >= times[0] - 1e-9, when + f.span <= times[-1] + 1e-9
        unseen = f.hold * (1 - weights[t])
        if f.order == 1 and past:
            total += unseen / 2 * np.sum((p[t] - at(p, times, when - f.span)) ** 2)
        if f.order == 1 and future:
            total += unseen / 2 * np.sum((p[t] - at(p, times, when + f.span)) ** 2)
        if f.order == 2 and past and future:
            ends = at(p, times, when - f.span) + at(p, times, when + f.span)
            total += unseen * np.sum((ends - 2 * p[t]) ** 2)
    return total


def quadratic_minimum(e, shape):
    """Where a quadratic function is least: its dense normal equations, read off its values."""
    n = int(np.prod(shape))
    unit, zero = np.eye(n), e(np.zeros(shape))
    single = [e(u.reshape(shape)) for u in unit]
    b = np.array([(e(-u.reshape(shape)) - one) / 4 for u, one in zip(unit, single, strict=True)])
    a = np.empty((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        a[i, j] = (e((unit[i] + unit[j]).reshape(shape)) - single[i] - single[j] + zero) / 2
    return np.linalg.solve(a, b).reshape(shape) * 1.0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(2, 14),
    weighted=st.booleans(),
    even=st.booleans(),
    order=st.sampled_from([1, 2]),
    cutoff=st.floats(1, 12),
    span=st.floats(0.05, 0.3),
    hold=st.just(0.0) | st.floats(1e-6, 3),
)
def test_it_is_the_least_energy(seed, frames, weighted, even, order, cutoff, span, hold):
    """Nothing beyond the cap: one quadratic form, solved densely."""
    f = RefineNet(cutoff, span, hold, 1e3, order)
    y, times = walk(seed, frames, 1), clock(seed, frames, even)
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.02, 1, frames).astype(np.float32) if weighted else np.ones(frames, np.float32)

    def e(p):
        return energy(p, y[:, 0].astype(float), weights.astype(float), times, 1.0, f)

    got = f.smooth(y, weights[:, None] if weighted else None, times, ONE)
    assert np.abs(got[:, 0] - quadratic_minimum(e, (frames, 1))).max() < 1e-5


@pytest.mark.parametrize("order", [1, 2])
def test_samples_beyond_the_cap_are_the_best_choice_of_all(order):
    """All 2^9 choices of samples to believe, each solved densely: the least of them all."""
    f = RefineNet(4.0, 0.1, 0.5, 0.3, order)
    times = np.arange(9) / FPS
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y = walk(seed, 9, 2, 0.02).astype(float)
        y[rng.choice(9, 2, replace=False)] += rng.choice([-1, 1], (2, 1, 2)) * [1.0, 8.0]
        weights = rng.uniform(0.3, 1, 9)
        free = RefineNet(f.cutoff, f.span, f.hold, 1e6, order)
        best = np.inf
        quadratic = [  # the same for every choice but for the weights of the data
            energy(np.eye(9)[:, [i]] + np.eye(9)[:, [j]], np.zeros((9, 1)), weights, times, 1.0, free)
            for i, j in itertools.product(range(9), repeat=2)
        ]
        single = np.diag(np.reshape(quadratic, (9, 9))) / 4
        a = (np.reshape(quadratic, (9, 9)) - single[:, None] - single) / 2 - np.diag(weights)
        for choice in itertools.product([1.0, BEYOND], repeat=9):
            w = weights * choice
            p = np.linalg.solve(a + np.diag(w), w[:, None] * y[:, 0])
            best = min(best, energy(p, y[:, 0], weights, times, 1.0, f))
        got = f.smooth(y.astype(np.float32), weights[:, None].astype(np.float32), times, ONE)
        assert energy(got[:, 0].astype(float), y[:, 0], weights, times, 1.0, f) < best * (1 + 1e-4)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.sampled_from([1, 2]))
def test_no_step_from_it_lowers_the_energy(seed, order):
    """With many samples beyond the cap the minimum need not be the lowest of all, but it is one."""
    f = RefineNet(4.0, 0.1, 0.5, 0.5, order)
    rng = np.random.default_rng(seed)
    y, times = walk(seed, 12, 2, 0.3), clock(seed, 12, False)
    weights = rng.uniform(0.05, 1, 12).astype(np.float32)
    got = f.smooth(y, weights[:, None], times, ONE)[:, 0].astype(float)

    def e(p):
        return energy(p.reshape(12, 2), y[:, 0].astype(float), weights.astype(float), times, 1.0, f)

    here = e(got.ravel())
    assert here <= e(y[:, 0].astype(float).ravel())
    assert minimize(e, got.ravel(), method="BFGS", options={"maxiter": 50}).fun > here * (1 - 1e-3) - 1e-6


@pytest.mark.parametrize("order", [1, 2])
def test_it_halves_an_oscillation_at_its_cutoff(order):
    # Slow beside the frame rate, where sums are integrals.
    t = np.arange(6000) / 240
    wave = np.sin(2 * np.pi * 2.0 * t).astype(np.float32)[:, None, None]
    middle = solve(wave, times=t, cutoff=2.0, order=order, cap=10)[2000:4000]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("rate", [24, 60, 120])
@pytest.mark.parametrize("order", [1, 2])
def test_the_same_seconds_at_any_frame_rate(rate, order):
    """Also the term that reaches over a span: the middle second is hardly seen."""

    def at_thirds(fps):
        t = np.arange(4 * fps + 1) / fps
        x = (np.sin(2 * np.pi * 0.7 * t) + 0.4 * np.sin(2 * np.pi * 1.7 * t)).astype(np.float32)
        w = np.where((t > 1.4) & (t < 2.6), np.float32(0.05), np.float32(1))
        out = solve(x[:, None, None], w[:, None], t, cutoff=3.0, order=order, cap=10)[:, 0, 0]
        return np.interp(np.linspace(0.5, 3.5, 40), t, out)

    assert np.abs(at_thirds(rate) - at_thirds(48)).max() < 0.07


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e3), order=st.sampled_from([1, 2]))
def test_it_moves_turns_and_grows_with_the_body(seed, scale, order):
    rng = np.random.default_rng(seed)
    y = walk(seed, 40, 3, 0.1)
    y[rng.random(40) < 0.1] += 3
    weights = rng.uniform(0.05, 1, (40, 1)).astype(np.float32)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    out = solve(y, weights, order=order)
    there = solve((y @ turn * scale + 5 * scale).astype(np.float32), weights, size=ONE * scale, order=order)
    assert np.abs(there / scale - 5 - out @ turn).max() < 1e-4
    back = solve(y[::-1], weights[::-1], order=order)[::-1]
    assert np.abs(back - out).max() < 1e-5


def test_every_curve_is_by_itself():
    y = np.concatenate([walk(s, 50) for s in range(3)], axis=1)
    y[20, 1] += 30
    weights = np.random.default_rng(0).uniform(0.1, 1, (50, 3)).astype(np.float32)
    for w in (None, weights):
        together = solve(y, w, size=np.array([1.0, 1.5, 2.0]))
        for c, size in enumerate((1.0, 1.5, 2.0)):
            alone = solve(y[:, c : c + 1], None if w is None else w[:, c : c + 1], size=np.array([size]))
            assert np.abs(together[:, c : c + 1] - alone).max() < 1e-6


def test_weights_of_one_are_no_weights():
    y = walk(0, 60)
    assert np.abs(solve(y, np.ones((60, 1), np.float32)) - solve(y)).max() < 1e-6


def test_a_slip_pulls_little_and_a_sure_sample_beside_it_much():
    still = np.zeros((61, 1, 2), np.float32)
    still[30] = 0.5  # within the cap
    believed = np.abs(solve(still)).max()
    doubted = np.abs(solve(still, np.where(np.arange(61) == 30, 0.02, 1).astype(np.float32)[:, None])).max()
    assert doubted < 0.1 * believed
    still[30] = 50  # far beyond: let go of without being told
    assert np.abs(solve(still)).max() < 1e-3


def test_what_is_unseen_for_long_is_held_by_what_is_seen():
    """A second of noise far off, hardly believed: without the long term nothing else would pull it back."""
    t = np.arange(150) / FPS
    y = np.zeros((150, 1, 1), np.float32)
    y[60:90] = 0.4
    w = np.where((t >= 2) & (t < 3), np.float32(0.02), np.float32(1))[:, None]
    held, loose = (np.abs(solve(y, w, hold=hold)).max() for hold in (0.5, 0.0))
    assert held < 0.5 * loose


@pytest.mark.parametrize("order", [1, 2])
def test_short_clips(order):
    y = walk(0, 3)
    w = np.full((3, 1), 0.5, np.float32)
    assert (solve(y[:1], w[:1], order=order) == y[:1]).all()
    for frames in (2, 3):
        for weights in (None, w[:frames]):
            out = solve(y[:frames], weights, order=order)
            assert np.isfinite(out).all()
            assert np.ptp(out, axis=0).max() <= np.ptp(y[:frames], axis=0).max() * (1 + 1e-5)


def test_order_two_leaves_steady_motion_alone_and_order_one_drags_its_ends():
    times = clock(0, 100, False)
    line = (times[:, None, None] * [[[3.0, -2.0, 1.0]]]).astype(np.float32)
    weights = np.random.default_rng(0).uniform(0.1, 1, (100, 1)).astype(np.float32)
    assert np.abs(solve(line, weights, times, order=2) - line).max() < 1e-4
    assert 0.02 < np.abs(solve(line, None, times, order=1) - line).max() < 0.1


@pytest.mark.parametrize("weighted", [False, True])
def test_pieces_of_a_long_recording_fit_together(weighted, monkeypatch):
    y = walk(0, 12_000, 2, 0.02)
    y[::700] += 5
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.02, 1, (12_000, 1)).astype(np.float32) if weighted else None
    if weighted:
        weights[5000:5200] = 0.02  # seven seconds of nothing
    whole = solve(y, weights)
    monkeypatch.setattr(refinenet, "LEAST_MEMORY", 1)
    monkeypatch.setattr(_blocks, "BUDGET", 1 << 12)
    assert np.abs(solve(y, weights) - whole).max() < 1e-5


def test_a_million_frames():
    y = walk(0, 1_000_000, 1, 0.02)
    out = solve(y)
    assert np.std(np.diff(out, 2, axis=0)) < 0.5 * np.std(np.diff(y, 2, axis=0))


def test_in_the_pipeline_it_is_nearer_to_the_truth_than_what_came_in():
    rng = np.random.default_rng(0)
    t = np.arange(300) / FPS
    truth = 0.4 * np.sin(2 * np.pi * 0.5 * t[:, None, None, None] + rng.uniform(0, 6, (1, 1, 17, 3)))
    noisy = truth + rng.normal(0, 0.03, truth.shape)
    confidence = np.ones(truth.shape[:3], np.float32)
    bad = rng.random(truth.shape[:3]) < 0.05
    noisy[bad] += rng.normal(0, 0.5, (bad.sum(), 3))
    confidence[bad] = 0.1
    seq = sp.PoseSequence.from_array(noisy, fps=FPS, skeleton="coco17", confidence=confidence)
    out = sp.refine(seq, "refinenet")
    assert "refinenet(cutoff=4.8" in out.history[-1]
    errors = [
        np.abs(s.positions - truth).mean() for s in (seq, sp.refine(seq, "refinenet", confidence=False), out)
    ]
    assert errors[2] < 0.85 * errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize(
    "parameters, words",
    [
        ({"order": 3}, "expected order 1 or 2, found 3"),
        ({"order": 1.5}, "expected a whole number for order"),
        ({"cap": 0}, "expected cap above 0, found 0"),
        ({"span": 0}, "expected span above 0 seconds"),
        ({"cutoff": -1}, "expected cutoff above 0 hertz"),
    ],
)
def test_wrong_parameters_say_what_is_wrong(parameters, words):
    with pytest.raises(DataError, match=words):
        make_filter("refinenet", **parameters)


CASES = Path(__file__).parents[1] / "data/behaviour"


@pytest.mark.parametrize("method", [None, "refinenet", "adaptive", "kalman"])
def test_a_single_keypoint_gives_the_same_in_every_unit(method):
    x, truth = (np.load(CASES / f"f9_{name}.npy") for name in ("single_px", "truth"))
    found = [
        sp.refine(sp.PoseSequence.from_array(x * scale, fps=30), method).positions[:, 0] / scale
        for scale in (1.0, 1e-3, 1e3)
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=0.05)
    error, given_error = (np.linalg.norm(p - truth, axis=2).mean() for p in (found[0], x))
    assert error < 0.75 * given_error
