"""Which way pixels look, turning to look at a person, and calibration files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steadypose as sp
from steadypose.data.cameras import Camera
from steadypose.lift import Intrinsics, read_camera
from steadypose.lift._camera import facing, turned

POSE2SIM = """
[cam_01]
name = "left"
size = [1088.0, 1920.0]
matrix = [[1681.2, 0.0, 532.9], [0.0, 1681.0, 948.1], [0.0, 0.0, 1.0]]
distortions = [-0.0007, 0.0021, 9.5e-06, 1.0e-05]
fisheye = false

[cam_02]
size = [1088.0, 1920.0]
matrix = [[1673.7, 0.0, 534.4], [0.0, 1673.7, 963.2], [0.0, 0.0, 1.0]]
fisheye = true

[metadata]
adjusted = false
"""


@settings(max_examples=20)
@given(
    st.lists(st.floats(-0.3, 0.3), min_size=2, max_size=2),
    st.lists(st.floats(-0.01, 0.01), min_size=2, max_size=2),
    st.integers(0, 1000),
)
def test_rays_are_those_of_the_cameras_that_training_sees_through(radial, tangential, seed) -> None:
    camera = Camera(
        focal=(900, 910), centre=(640, 350), distortion=(*radial, *tangential, 0.02),
        rotation=np.eye(3), position=(0, 0, 0), size=(1280, 720), name="a",
    )  # fmt: skip
    pixels = np.random.default_rng(seed).uniform((300, 150), (980, 550), (50, 2))
    ours, theirs = Intrinsics.of(camera).rays(pixels), camera.rays(pixels)
    both = np.isfinite(ours).all(axis=1) & np.isfinite(theirs).all(axis=1)
    assert both.all()
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    np.testing.assert_allclose(camera.to_pixels(3 * ours), pixels, atol=1e-6)


def test_rays_without_distortion_and_of_nothing() -> None:
    lens = Intrinsics((1000, 1000), (500, 400))
    np.testing.assert_allclose(lens.rays(np.array([500.0, 400.0])), [0, 0, 1])
    rays = lens.rays(np.array([[1500.0, 400.0], [np.nan, 3.0]]))
    np.testing.assert_allclose(rays[0], [np.sqrt(0.5), 0, np.sqrt(0.5)])
    assert np.isnan(rays[1]).any()
    folded = Intrinsics((1000, 1000), (500, 400), (-0.5, 0, 0, 0)).rays(np.array([[5000.0, 400.0]]))
    assert np.isnan(folded).any()  # no ray comes out there


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"focal": (1, 2)}, "expected a camera with focal, centre, distortion and size, found focal"),
        ({"focal": (1, 2), "centre": (1, 2), "k": 3}, "found focal, centre, k"),
        (7, "expected a camera .*, found int"),
        ({"focal": 1000, "centre": (1, 2)}, "focal of a camera as 2 numbers, found 1000"),
        ({"focal": (0, 2), "centre": (1, 2)}, "focal of a camera above 0"),
        ({"focal": (1, 2), "centre": (1, np.nan)}, "centre of a camera as 2 numbers"),
        (
            {"focal": (1, 2), "centre": (1, 2), "distortion": (1, 2, 3)},
            "distortion of a camera as 0 or 4 or 5",
        ),
        ({"focal": (1, 2), "centre": (1, 2), "size": (0, 5)}, "size of a camera above 0"),
        ({"focal": ("a", 2), "centre": (1, 2)}, "focal of a camera as 2 numbers"),
        ({"focal": (10**400, 2), "centre": (1, 2)}, "focal of a camera as 2 numbers"),
    ],
)
def test_what_is_no_camera_is_refused(given_, said: str) -> None:
    with pytest.raises(sp.DataError, match=said):
        Intrinsics.of(given_)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_turned_camera_looks_at_the_middle_by_the_shortest_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    middle = np.array([rng.normal(), rng.normal(), 2])
    rays = rng.normal(0, 0.4, (6, 5, 16, 3)) + middle
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    known = rng.random((6, 5, 16)) < 0.7
    turn = facing(np.where(known[..., None], rays, np.nan), known)
    np.testing.assert_allclose(turn @ turn.swapaxes(1, 2), np.broadcast_to(np.eye(3), (6, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1)
    mean = np.where(known[..., None], rays, 0).sum(axis=(1, 2))
    mean /= np.linalg.norm(mean, axis=-1, keepdims=True)
    np.testing.assert_allclose(np.einsum("bij,bj->bi", turn, mean), np.tile([0, 0, 1.0], (6, 1)), atol=1e-12)
    # The shortest way: no further than the angle between the two directions.
    angle = np.arccos(np.clip((np.trace(turn, axis1=1, axis2=2) - 1) / 2, -1, 1))
    np.testing.assert_allclose(angle, np.arccos(mean[:, 2]), atol=1e-6)
    plane = turned(rays, turn)
    straight = np.einsum("bij,btkj->btki", turn, rays)
    ahead = straight[..., 2] > 1e-6
    np.testing.assert_allclose(plane[ahead], straight[ahead][:, :2] / straight[ahead][:, 2:])
    assert np.isnan(plane[~ahead]).all()


def test_nothing_seen_is_not_turned() -> None:
    turn = facing(np.full((1, 5, 16, 3), np.nan), np.zeros((1, 5, 16), bool))
    np.testing.assert_array_equal(turn, np.eye(3)[None])


def test_a_calibration_file(tmp_path: Path) -> None:
    path = tmp_path / "Calib.toml"
    path.write_text(POSE2SIM)
    camera = read_camera(path, "cam_01")
    assert camera == Intrinsics(
        (1681.2, 1681.0), (532.9, 948.1), (-0.0007, 0.0021, 9.5e-06, 1.0e-05), (1088, 1920)
    )
    assert read_camera(path, "left") == camera


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (POSE2SIM, None, "expected the name of one of its cameras, found several: cam_01, cam_02"),
        (POSE2SIM, "cam_9", "expected a camera among cam_01, cam_02, found 'cam_9'"),
        (POSE2SIM, "cam_02", "cam_02: expected a pinhole camera, found fisheye"),
        ("[a]\nmatrix = [[1, 0], [0, 1]]", None, r"a.matrix: expected 3 rows of 3 numbers, found \[\[1, 0"),
        (f"[a]\nmatrix = [[1{'0' * 400}, 0, 0], [0, 1, 0], [0, 0, 1]]", None, "a.matrix: expected 3 rows"),
        ("[a]\nmatrix = 'x'", None, "a.matrix: expected 3 rows of 3 numbers"),
        ("[a]\nmatrix = [[0, 0, 1], [0, 0, 1], [0, 0, 1]]", None, "a: expected focal of a camera above 0"),
        ("b = 1", None, "expected a table with a matrix for every camera, found b"),
        ("b = ", None, "expected a calibration in TOML"),
        ("", None, "expected a table with a matrix for every camera, found nothing"),
    ],
)
def test_bad_calibrations_are_refused_in_one_line(
    tmp_path: Path, text: str, name: str | None, said: str
) -> None:
    path = tmp_path / "Calib.toml"
    path.write_text(text)
    with pytest.raises(sp.FormatError, match=said) as e:
        read_camera(path, name)
    assert "\n" not in str(e.value) and str(path) in str(e.value)


def test_a_calibration_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(sp.FormatError, match="a readable file"):
        read_camera(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(sp.FormatError, match="a calibration in TOML"):
        read_camera(tmp_path / "a.toml")
