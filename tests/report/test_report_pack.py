import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from steadypose.report import _pack

coordinates = arrays(
    np.float32,
    array_shapes(min_dims=4, max_dims=4, min_side=0, max_side=5),
    elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan),
)


@given(coordinates)
def test_exact_arrays_come_back_as_they_were(a):
    np.testing.assert_array_equal(_pack.unpack(_pack.pack(a, True)), a)


@given(coordinates)
def test_rounded_arrays_are_off_by_half_a_step_at_most(a):
    packed = json.loads(json.dumps(_pack.pack(a, False), allow_nan=False))
    back = _pack.unpack(packed)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(a))
    scale = np.array(packed["scale"]).reshape(a.shape[2:])
    error = np.abs(back - a.astype(np.float64))
    assert (np.nan_to_num(error) <= 0.5 * scale * (1 + 1e-6)).all()


@given(coordinates)
def test_the_step_is_the_range_over_the_stated_number(a):
    packed = _pack.pack(a, False)
    for k in range(a.shape[2]):
        for d in range(a.shape[3]):
            known = a[:, :, k, d][np.isfinite(a[:, :, k, d])].astype(np.float64)
            span = known.max() - known.min() if known.size else 0.0
            scale = packed["scale"][k * a.shape[3] + d]
            assert scale == pytest.approx(span / 65534) if span else scale == 1.0


def test_an_outlier_in_one_keypoint_does_not_blur_the_others():
    a = np.random.default_rng(0).normal(size=(50, 1, 3, 2))
    a[7, 0, 1, 0] = 1e9
    back = _pack.unpack(_pack.pack(a, False))
    assert np.abs(back - a)[:, :, [0, 2]].max() < 1e-3


def test_bytes_and_times():
    c = np.array([[0.0, 0.5, 6.0, np.nan]])
    np.testing.assert_allclose(_pack.unpack(_pack.pack_bytes(c, 6.0)), [[0, 0.5, 6.0, 0]], atol=6 / 255 / 2)
    t = np.array([1e9, 1e9 + 1 / 60])
    np.testing.assert_array_equal(_pack.unpack(_pack.pack_times(t)), t)


@given(
    st.integers(1, 200_000),
    st.integers(0, 3000),
    st.integers(0, 1000),
    st.sampled_from([24.0, 30.0, 60.0, 120.0, float("nan")]),
    st.integers(10_000, 10_000_000),
)
def test_a_plan_stays_within_the_budget_and_never_below_ten_fps(frames, values, marks, fps, budget):
    p = _pack.plan(frames, values, marks, fps, budget)
    size = p.count * ((4 if p.exact else 2) * values + marks)
    one_frame = 2 * values + marks
    assert size <= max(budget, one_frame)
    assert p.step == 1 or fps / p.step >= 10
    assert 1 <= p.stop <= frames
    if p.exact:
        assert p.step == 1 and p.stop == frames and p.note(fps) == ""
    else:
        assert "rounded" in p.note(fps)
        assert ("every" in p.note(fps)) == (p.step > 1)
        assert (f"of {frames:,} frames" in p.note(fps)) == (p.stop < frames)


def test_a_long_whole_body_recording_fits():
    p = _pack.plan(10_000, 133 * 3 * 2, 133 * 2, 30.0)
    assert p.step == 2 and p.stop == 10_000
    assert "every 2nd frame (15 of 30 fps)" in p.note(30.0)
