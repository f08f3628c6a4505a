"""Noise of pieces: its size, how long it lasts, and what keypoints have in common."""

from __future__ import annotations

import numpy as np
import pytest

from steadypose.data.refine_noise import _sparse, noise_like_estimators

SHAPE = (240, 17, 3)
FPS = 60.0


def noise(seed: int, level: float = 0.01, estimator: bool = False, smoothed: bool = False) -> np.ndarray:
    return noise_like_estimators(SHAPE, FPS, level, np.random.default_rng(seed), estimator, smoothed)


def many(**how) -> list[np.ndarray]:
    return [noise(seed, **how) for seed in range(60)]


def lasting(x: np.ndarray) -> float:
    """Correlation of a frame's errors with the next one's."""
    a, b = x[1:] - x[1:].mean(axis=0), x[:-1] - x[:-1].mean(axis=0)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("estimator", [False, True])
@pytest.mark.parametrize("smoothed", [False, True])
def test_the_same_chance_gives_the_same_noise(estimator, smoothed):
    x = noise(3, estimator=estimator, smoothed=smoothed)
    assert x.shape == SHAPE and np.isfinite(x).all()
    assert np.array_equal(x, noise(3, estimator=estimator, smoothed=smoothed))
    assert not np.array_equal(x, noise(4, estimator=estimator, smoothed=smoothed))


@pytest.mark.parametrize("estimator", [False, True])
def test_no_level_is_no_noise_and_twice_the_level_twice_the_noise(estimator):
    assert not noise(0, 0.0, estimator).any()
    for seed in range(8):
        assert np.allclose(noise(seed, 0.02, estimator), 2 * noise(seed, 0.01, estimator), rtol=1e-5)


@pytest.mark.parametrize("estimator", [False, True])
def test_noise_has_its_size(estimator):
    sizes = np.array([np.sqrt(np.square(x).mean()) for x in many(estimator=estimator)])
    assert 0.005 < np.median(sizes) < 0.03
    assert np.quantile(sizes, 0.1) > 0.001  # where a few keypoints shake it may be none
    assert sizes.max() < 0.5


def test_errors_of_an_estimator_last_and_a_filter_of_its_own_makes_them_smoother():
    of_a_frame, estimated, smoothed = (
        np.median([lasting(x) for x in many(estimator=e, smoothed=s)])
        for e, s in ((False, False), (True, False), (True, True))
    )
    assert of_a_frame < 0.2 < estimated < smoothed
    assert smoothed > 0.8


def test_a_filter_of_its_own_begins_where_the_errors_do():
    first, usual = (np.median([np.abs(x[rows]).mean() for x in many(estimator=True, smoothed=True)])
                    for rows in (slice(0, 3), slice(60, None)))  # fmt: skip
    assert 0.5 < first / usual < 2


def test_kinds_are_of_all_sorts():
    found = many()
    exact = [float((x == 0).all(axis=2).mean()) for x in found]
    assert 0.05 < np.mean([e > 0.1 for e in exact]) < 0.5  # sparse ones
    assert 0.05 < np.mean([lasting(x) > 0.5 for x in found]) < 0.6  # with memory
    along = [x.std(axis=(0, 1)) for x in found]
    assert 0.05 < np.mean([a.max() > 1.5 * np.median(a) for a in along]) < 0.5  # along one axis


def test_sparse_noise_leaves_the_other_samples_exact():
    for seed in range(10):
        x = _sparse(SHAPE, FPS, np.random.default_rng(seed))
        hit = (x != 0).any(axis=2)
        assert 0.03 < hit.mean() < 0.83
        assert (x[hit] != 0).all()


@pytest.mark.parametrize("estimator", [False, True])
def test_keypoints_often_have_a_part_in_common(estimator):
    shared = 0
    for x in many(estimator=estimator):
        steps = np.diff(x[:, :, 0], axis=0)
        apart = steps[:, steps.std(axis=0) > 0]
        correlation = np.corrcoef(apart.T) - np.eye(apart.shape[1])
        shared += correlation.max() > 0.35
    assert 12 < shared < 48


def test_some_pieces_have_one_kind_of_one_size_throughout():
    def spread(x: np.ndarray) -> float:
        return float(np.std(np.log(np.sqrt(np.square(x).mean(axis=(0, 2))) + 1e-9)))

    alike = [spread(x) < 0.1 for x in many()]
    assert 0.1 < np.mean(alike) < 0.5
