"""The parts of experiments/lift_real that decide what its tables say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from steadypose.data.cameras import film_set
from steadypose.lift._spec import H36M17
from steadypose.skeleton import skeleton

HERE = Path(__file__).parents[2] / "experiments" / "lift_real"
sys.path.insert(0, str(HERE))

from recordings import POINTS, at_times, h36m  # noqa: E402
from triangulate import quarter_turn, triangulate, turned_pixels  # noqa: E402


def seen(rng, frames=3, joints=5):
    """Points on the stage, and where the film set's cameras see them."""
    world = rng.uniform([-1, -1, 0.1], [1, 1, 1.8], (frames, joints, 3))
    return world, np.stack([camera.project(world) for camera in film_set()])


def test_exact_pixels_give_exact_points():
    world, pixels = seen(np.random.default_rng(0))
    made = triangulate(film_set(), pixels)
    np.testing.assert_allclose(made.world, world, atol=1e-6)
    np.testing.assert_allclose(made.off, 0, atol=1e-3)


def test_a_detection_that_is_elsewhere_does_not_count():
    rng = np.random.default_rng(1)
    world, pixels = seen(rng, frames=20)
    pixels += rng.normal(0, 2, pixels.shape)
    pixels[0, 3, 2] += 150
    made = triangulate(film_set(), pixels)
    assert np.linalg.norm(made.world - world, axis=-1)[3, 2] < 0.03
    # The error is of the size that it is said to be.
    assert np.linalg.norm(made.world - world, axis=-1).mean() < 3 * np.median(made.unsure)


def test_what_one_camera_sees_and_what_no_two_agree_on_is_missing():
    rng = np.random.default_rng(2)
    _, pixels = seen(rng, frames=20)
    pixels += rng.normal(0, 2, pixels.shape)
    pixels[1:, 0, 0] = np.nan
    pixels[:, 1, 1] += rng.uniform(200, 400, (4, 2)) * [[1, 1], [-1, 1], [1, -1], [-1, -1]]
    confidence = np.ones(pixels.shape[:-1])
    confidence[:3, 2, 2] = 0
    made = triangulate(film_set(), pixels, confidence)
    lost = np.isnan(made.world[..., 0])
    assert lost[0, 0] and lost[1, 1] and lost[2, 2] and lost.sum() == 3


def test_a_camera_on_its_side_sees_the_same_points():
    for camera in film_set():
        world = np.random.default_rng(3).uniform([-0.8, -0.8, 0.2], [0.8, 0.8, 1.8], (50, 3))
        upright = quarter_turn(camera)
        np.testing.assert_allclose(
            upright.project(world), turned_pixels(camera, camera.project(world)), atol=1e-9
        )
        assert upright.size == camera.size[::-1]


def test_joints_in_space_by_the_rule_of_the_image():
    x = np.random.default_rng(4).normal(size=(2, len(POINTS), 3))
    at = {name: x[:, k] for k, name in enumerate(POINTS)}
    made = dict(zip(H36M17, h36m(x, skeleton(POINTS)).swapaxes(0, 1), strict=True))
    pelvis = (at["left_hip"] + at["right_hip"]) / 2
    thorax = (at["left_shoulder"] + at["right_shoulder"]) / 2
    for name, expected in {
        "pelvis": pelvis,
        "thorax": thorax,
        "spine": (pelvis + thorax) / 2,
        "neck_base": at["nose"],
        "left_wrist": at["left_wrist"],
        "right_knee": at["right_knee"],
    }.items():
        np.testing.assert_allclose(made[name], expected, atol=1e-6)


@pytest.mark.parametrize(
    "wanted, expected", [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.2, np.nan), (0.5, np.nan)]
)
def test_between_frames_but_not_across_gaps(wanted, expected):
    times, x = np.array([0, 0.1, 0.3, 0.4]), np.array([0, 1, 3, 4.0])[:, None, None]
    found = at_times(x, times, np.array([wanted]), longest=0.15)
    np.testing.assert_allclose(found[0, 0, 0], expected)
