"""What a whole curve tells a network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.refine._context import CALMEST, EXCERPT, EXCERPTS, SPANS, context_of, relative


def test_white_noise_has_its_deviation_over_every_span():
    noise = np.random.default_rng(0).normal(0, 0.02, (20_000, 3))
    assert np.exp(context_of(noise)) == pytest.approx(np.full((3, len(SPANS)), 0.02), rel=0.05)


def test_motion_grows_with_the_square_of_the_span():
    t = np.arange(3000)[:, None] / 60
    context = context_of(np.sin(2 * np.pi * 0.5 * t))
    assert np.diff(context[0, [0, 1, 3, 5]]) == pytest.approx(np.full(3, 2 * np.log(2)), abs=0.1)


@given(st.integers(1, 400), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 2**32 - 1))
def test_place_mirror_and_time_do_not_matter_and_scale_adds_its_logarithm(frames, factor, shift, seed):
    x = np.random.default_rng(seed).normal(size=(frames, 2)).cumsum(axis=0)
    context = context_of(x)
    assert context.shape == (2, len(SPANS)) and np.isfinite(context).all()
    assert context_of(x[::-1]) == pytest.approx(context, abs=1e-5)
    assert context_of(-x) == pytest.approx(context, abs=1e-5)
    if frames > 2:
        assert context_of(factor * (x + shift)) == pytest.approx(context + np.log(factor), abs=1e-4)


def test_a_long_recording_is_judged_by_pieces_of_it():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.5, (EXCERPT * EXCERPTS + 5000, 1))
    assert np.exp(context_of(x)) == pytest.approx(np.full((1, len(SPANS)), 0.5), rel=0.1)
    assert context_of(x[::-1]) == pytest.approx(context_of(x), abs=1e-6)


def test_a_short_curve_takes_the_longest_span_that_fits():
    x = np.random.default_rng(2).normal(size=(8, 1))  # spans 1, 2, 3
    context = context_of(x)[0]
    assert (context[3:] == context[2]).all()
    assert np.isfinite(context_of(np.zeros((1, 1)))).all()


def test_relative_to_the_scale_of_a_window_it_has_no_unit():
    context = context_of(np.random.default_rng(3).normal(size=(200, 1)))
    scale = np.array([[0.7]], np.float32)
    assert relative(context + np.log(1000), scale * 1000) == pytest.approx(relative(context, scale), abs=1e-5)
    still = relative(context_of(np.zeros((200, 1))), scale)
    assert (still == CALMEST).all()  # not minus infinity
