"""Local polynomial regression against the slow obvious fit, and against SciPy where the two must agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from steadypose.refine._regression import boxcar, gaussian4, local_polynomial


def slow(values, weights, times, kernel, radius, degree):
    """One weighted least-squares fit per sample; the window shrinks at the ends."""
    out = np.empty(values.shape)
    for i, t in enumerate(times):
        w = kernel((times - t) / radius)
        for c in range(values.shape[1]):
            ww = w * weights[:, c]
            use = ww > 0
            d = min(degree, int(use.sum()) - 1)
            design = ((times[use] - t) / radius)[:, None] ** np.arange(d + 1)
            root = np.sqrt(ww[use])[:, None]
            out[i, c] = np.linalg.lstsq(design * root, values[use, c] * root, rcond=None)[0][0]
    return out


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 40),
    even=st.booleans(),
    weighted=st.booleans(),
    degree=st.sampled_from([1, 2]),
    bell=st.booleans(),
)
def test_equals_one_fit_per_sample(seed, frames, even, weighted, degree, bell):
    rng = np.random.default_rng(seed)
    times = np.arange(frames) / 30 if even else np.cumsum(rng.uniform(0.02, 0.05, frames))
    values = rng.normal(size=(frames, 2, 3)).astype(np.float32)
    weights = rng.uniform(0.3, 1, (frames, 2)).astype(np.float32) if weighted else None
    kernel = gaussian4 if bell else boxcar
    got = local_polynomial(
        values, weights, times, kernel=kernel, radius=0.17, degree=degree, full_window=False
    )
    expected = slow(values, np.ones((frames, 2)) if weights is None else weights, times, kernel, 0.17, degree)
    # A Gaussian's far tail can leave a fit nearly undetermined at the ends: there a small ridge decides.
    tolerance = 2e-3 if degree == 2 else 2e-4
    assert np.abs(got - expected).max() < tolerance


@pytest.mark.parametrize("frames", [30, 129, 1000])
def test_gaussian_is_the_convolution_between_the_ends(frames):
    values = np.random.default_rng(0).normal(size=(frames, 4, 3)).astype(np.float32)
    got = local_polynomial(
        values, None, np.arange(frames) / 30, kernel=gaussian4, radius=4 * 2 / 30, degree=1, full_window=False
    )
    expected = gaussian_filter1d(values.astype(float), 2, axis=0, truncate=4)
    assert np.abs(got - expected)[8:-8].max() < 1e-5


@pytest.mark.parametrize("window, order", [(5, 2), (11, 2), (31, 3)])
def test_savgol_is_scipys_with_its_ends(window, order):
    values = np.random.default_rng(0).normal(size=(500, 4, 3)).astype(np.float32)
    radius = window / 2 / 60
    got = local_polynomial(
        values, None, np.arange(500) / 60, kernel=boxcar, radius=radius, degree=order, full_window=True
    )
    assert np.abs(got - savgol_filter(values.astype(float), window, order, axis=0)).max() < 1e-4


@pytest.mark.parametrize("full_window", [True, False])
@pytest.mark.parametrize("degree", [1, 2])
def test_a_polynomial_of_its_degree_passes_unchanged_even_at_the_ends(degree, full_window):
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.01, 0.06, 200))
    values = (times**degree)[:, None, None].repeat(2, 1).astype(np.float32)
    weights = rng.uniform(0.02, 1, (200, 2)).astype(np.float32)
    got = local_polynomial(
        values, weights, times, kernel=boxcar, radius=0.3, degree=degree, full_window=full_window
    )
    assert np.abs(got - values).max() < 1e-3


def test_far_from_the_origin_nothing_is_lost():
    values = np.random.default_rng(0).normal(size=(300, 1, 2)).astype(np.float32)
    arguments = {"kernel": gaussian4, "radius": 0.2, "degree": 1, "full_window": False}
    times, weights = np.arange(300) / 30, np.full((300, 1), 0.5, np.float32)
    near = local_polynomial(values, weights, times, **arguments)
    far = local_polynomial(values + np.float32(2000), weights, times, **arguments)
    assert np.abs(far - 2000 - near).max() < 2e-3


def test_a_window_shorter_than_a_frame_changes_nothing():
    values = np.random.default_rng(0).normal(size=(20, 1, 2)).astype(np.float32)
    got = local_polynomial(
        values, None, np.arange(20) / 30, kernel=boxcar, radius=0.01, degree=1, full_window=False
    )
    assert (got == values).all()
