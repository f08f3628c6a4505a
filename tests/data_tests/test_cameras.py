from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steadypose.data.cameras import STAGE, Camera, film_set, look_at, place, sample_film_set, sample_phone
from steadypose.errors import DataError
from steadypose.rotations import from_axis_angle

small = st.floats(-1, 1)
UP = np.array([0.0, 0.0, 1.0])


def person(rng: np.random.Generator, frames: int = 20) -> np.ndarray:
    """Points in the shape of an upright person who walks two metres."""
    body = rng.uniform([-0.3, -0.3, 0.0], [0.3, 0.3, 1.75], (17, 3))
    path = np.linspace([-1.0, 0, 0], [1.0, 0.5, 0], frames)
    return path[:, None] + body + rng.normal(0, 0.02, (frames, 17, 3))


@st.composite
def cameras(draw: st.DrawFn) -> Camera:
    k1, k2, k3 = draw(st.floats(-0.35, 0.25)), draw(st.floats(-0.2, 0.3)), draw(st.floats(-0.1, 0.2))
    p1, p2 = draw(st.floats(-0.004, 0.004)), draw(st.floats(-0.004, 0.004))
    return Camera(
        np.array([draw(st.floats(300, 3000)), draw(st.floats(300, 3000))]),
        np.array([draw(st.floats(200, 1500)), draw(st.floats(200, 1500))]),
        np.array([k1, k2, p1, p2, k3]),
        from_axis_angle(draw(arrays(float, 3, elements=st.floats(-3, 3)))),
        draw(arrays(float, 3, elements=st.floats(-10, 10))),
    )


@given(cameras(), arrays(float, (6, 2), elements=st.floats(-0.45, 0.45)), st.floats(0.3, 30))
@settings(max_examples=80, deadline=None)
def test_there_and_back(camera: Camera, flat: np.ndarray, depth: float) -> None:
    """World → camera → pixels → rays → world."""
    points = np.concatenate([flat, np.ones((6, 1))], axis=1) * depth
    world = camera.to_world(points)
    np.testing.assert_allclose(camera.to_camera(world), points, atol=1e-10)
    pixels = camera.project(world)
    assert np.isfinite(pixels).all()
    rays = camera.rays(pixels)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1.0, atol=1e-12)
    distance = np.linalg.norm(points, axis=-1, keepdims=True)
    np.testing.assert_allclose(camera.to_world(rays * distance), world, atol=1e-8 * max(depth, 1))
    np.testing.assert_allclose(camera.from_pixels(pixels, points[:, 2]), points, atol=1e-8 * max(depth, 1))


@given(cameras(), small, small)
@settings(max_examples=60, deadline=None)
def test_rays_are_right_or_nan(camera: Camera, x: float, y: float) -> None:
    """Any pixel, also far outside what the lens shows: the ray leads back to it, or there is none."""
    pixel = camera.centre + 3 * camera.focal * np.array([x, y])
    ray = camera.rays(pixel)
    if np.isfinite(ray).all():
        back = camera.to_pixels(ray)
        assert np.isnan(back).all() or np.abs(back - pixel).max() < 1e-4
    else:
        assert np.isnan(ray).all()


def test_lens_is_opencvs() -> None:
    """Written out point by point from the formula in OpenCV's documentation of camera calibration."""
    k1, k2, p1, p2, k3 = d = [-0.31, 0.12, 0.0021, -0.0013, 0.05]
    camera = Camera(np.array([1100.0, 1050.0]), np.array([640.0, 350.0]), np.array(d))
    for x, y, z in np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 5], (50, 3)):
        a, b = x / z, y / z
        r = (a**2 + b**2) ** 0.5
        factor = 1 + k1 * r**2 + k2 * r**4 + k3 * r**6
        a2 = a * factor + 2 * p1 * a * b + p2 * (r**2 + 2 * a**2)
        b2 = b * factor + p1 * (r**2 + 2 * b**2) + 2 * p2 * a * b
        expected = [1100.0 * a2 + 640.0, 1050.0 * b2 + 350.0]
        np.testing.assert_allclose(camera.to_pixels(np.array([x, y, z])), expected, rtol=1e-12)


def test_behind_and_beyond() -> None:
    plain = Camera(np.array([1000.0, 1000.0]), np.array([500.0, 500.0]))
    assert np.isnan(plain.to_pixels(np.array([[0, 0, -1.0], [1, 1, 0.0], [np.nan, 0, 1]]))).all()
    # A strong barrel folds back: what is far aside must not come out in the middle of the image.
    barrel = Camera(np.array([1000.0, 1000.0]), np.array([500.0, 500.0]), np.array([-0.4, 0, 0, 0, 0]))
    fold = (1 / 1.2) ** 0.5  # where the derivative of r − 0.4 r³ is 0
    seen = barrel.to_pixels(np.array([[0.98 * fold, 0, 1.0], [1.02 * fold, 0, 1.0], [1.58, 0, 1.0]]))
    assert np.isfinite(seen[0]).all() and np.isnan(seen[1:]).all()
    far = 500 + 1000 * (fold - 0.4 * fold**3) + 5  # no point comes out there
    assert np.isnan(barrel.rays(np.array([far, 500.0]))).all()


def test_shapes_and_empty() -> None:
    camera = film_set()[0]
    assert camera.project(np.zeros((2, 3, 5, 3))).shape == (2, 3, 5, 2)
    assert camera.project(np.zeros((0, 17, 3))).shape == (0, 17, 2)
    assert camera.rays(np.zeros((0, 2))).shape == (0, 3)
    with pytest.raises(DataError, match=r"expected points of shape \(\.\.\., 3\), found \(4, 2\)"):
        camera.project(np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"focal": np.array([1000.0, 0.0])}, "focal lengths and size above 0"),
        ({"focal": np.array([1000.0])}, r"focal of shape \(2,\), found shape \(1,\)"),
        ({"position": np.array([0.0, np.nan, 0.0])}, "found a number that is not finite"),
        ({"rotation": np.diag([1.0, 1.0, -1.0])}, "expected a rotation"),
        ({"rotation": 2 * np.eye(3)}, "expected a rotation"),
        ({"size": (0, 100)}, "size above 0"),
    ],
)
def test_refused(change: dict[str, object], message: str) -> None:
    good = {"focal": np.array([1000.0, 1000.0]), "centre": np.array([500.0, 500.0])}
    with pytest.raises(DataError, match=message):
        Camera(**(good | change))  # type: ignore[arg-type]


def test_look_at() -> None:
    position, target = np.array([3.0, -2.0, 1.5]), np.array([0.2, 0.1, 0.9])
    camera = Camera(
        np.array([1000.0, 1000.0]),
        np.array([500.0, 400.0]),
        rotation=look_at(position, target),
        position=position,
    )
    np.testing.assert_allclose(camera.project(target), [500, 400], atol=1e-9)
    up = camera.project(target + UP / 10) - [500, 400]
    assert abs(up[0]) < 1e-6 and up[1] < 0
    # Turned clockwise by 90°, what was up is to the left.
    turned = Camera(
        np.array([1000.0, 1000.0]),
        np.zeros(2),
        rotation=look_at(position, target, np.pi / 2),
        position=position,
    )
    left = turned.project(target + UP / 10)
    assert left[0] < 0 and abs(left[1]) < 1e-6
    with pytest.raises(DataError, match="straight up or down"):
        look_at(position, position + UP)


def test_film_set_sees_the_stage() -> None:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-0.75, 0.75) for z in (0.0, 1.8)])
    cameras = film_set()
    assert len({c.name for c in cameras}) == 4
    for c in cameras:
        assert c.inside(c.project(corners)).all()
        assert 4 < np.linalg.norm(c.position[:2]) < 6
        assert c.project([0, 0, 1.7])[1] < c.project([0, 0, 0])[1]
    # Four different sides.
    assert len({(c.position[0] > 0, c.position[1] > 0) for c in cameras}) == 4


def test_sampled_film_cameras_see_the_middle() -> None:
    rng = np.random.default_rng(1)
    upright = np.array([[0, 0, 0.05], [0, 0, 1.75]])
    for _ in range(100):
        c = sample_film_set(rng)
        assert c.inside(c.project(upright)).all()


def test_phones() -> None:
    rng = np.random.default_rng(2)
    shares, wide = [], []
    for _ in range(120):
        points = person(rng)
        c = sample_phone(rng, points)
        camera = c.to_camera(points)
        assert camera[..., 2].min() > 0.4
        shares.append(c.inside(c.to_pixels(camera)).mean())
        wide.append(c.size[0] > c.size[1])
        assert 0.69 < c.focal[0] / max(c.size) < 1.31
    assert 0.6 < np.mean(np.array(shares) == 1.0) < 0.95  # mostly in the picture as a whole, not always
    assert min(shares) < 0.97 and min(shares) > 0.45
    assert 0.3 < np.mean(wide) < 0.7


def test_chance_is_the_generators() -> None:
    points = person(np.random.default_rng(0))
    for make in (sample_film_set, lambda r: sample_phone(r, points)):
        a, b, c = (make(np.random.default_rng(s)) for s in (5, 5, 6))
        np.testing.assert_array_equal(a.rotation, b.rotation)
        np.testing.assert_array_equal(a.focal, b.focal)
        assert not np.array_equal(a.rotation, c.rotation)


def test_phone_with_missing_points() -> None:
    points = person(np.random.default_rng(0))
    points[3:5, 2] = np.nan
    sample_phone(np.random.default_rng(0), points)
    with pytest.raises(DataError, match="found none that is finite"):
        sample_phone(np.random.default_rng(0), np.full((2, 3, 3), np.nan))


def test_place() -> None:
    rng = np.random.default_rng(3)
    walk = person(rng)
    lows, turns = [], []
    for _ in range(60):
        moved = place(walk, rng)
        np.testing.assert_array_equal(moved[..., 2], walk[..., 2])  # heights stay
        d0, d1 = (np.linalg.norm(p[:, :, None] - p[:, None], axis=-1) for p in (walk[:2], moved[:2]))
        np.testing.assert_allclose(d0, d1, atol=1e-12)  # rigid
        lows.append(moved[..., :2].reshape(-1, 2).min(axis=0))
        high = moved[..., :2].reshape(-1, 2).max(axis=0)
        assert (lows[-1] >= -np.array(STAGE) / 2 - 1e-9).all() and (high <= np.array(STAGE) / 2 + 1e-9).all()
        step = moved[-1].mean(axis=0) - moved[0].mean(axis=0)
        turns.append(np.arctan2(step[1], step[0]))
    assert np.ptp(lows, axis=0).min() > 0.3 and np.ptp(turns) > 4
    # Longer than the stage: in the middle of it.
    long = place(walk * [10, 10, 1], np.random.default_rng(0))
    low, high = (f(long[..., :2].reshape(-1, 2), axis=0) for f in (np.min, np.max))
    assert (np.abs(low + high)[high - low > STAGE] < 1e-9).all()
    assert np.isnan(place(np.full((2, 3, 3), np.nan), rng)).all()
