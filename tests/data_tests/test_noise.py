from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.data._occlusion import capsules, occlusion, torso_length
from steadypose.data._processes import correlated, runs
from steadypose.data.cameras import Camera, look_at
from steadypose.data.noise import DetectorNoise, GaussianNoise
from steadypose.errors import DataError
from steadypose.skeleton import skeleton

FPS = 30.0
BODY = skeleton("h36m17")
SIZE = (1000, 1000)
# A figure that stands, arms out to the sides; metres, z up, its left at +x, facing −y.
STANDING = {
    "pelvis": (0, 0, 0.95), "spine": (0, 0, 1.2), "thorax": (0, 0, 1.45), "neck_base": (0, -0.05, 1.55),
    "head": (0, 0, 1.75), "hip": (0.11, 0, 0.95), "knee": (0.12, 0, 0.5), "ankle": (0.13, 0, 0.08),
    "shoulder": (0.18, 0, 1.43), "elbow": (0.42, 0, 1.2), "wrist": (0.62, 0, 1.05),
}  # fmt: skip
QUIET = DetectorNoise(
    lost_rate=0, absent_rate=0, outlier_rate=0, swap_rate=0, crop_rate=0, detector_spread=0, joint_spread=0
)


def figure(frames: int, swing: float = 0.0) -> np.ndarray:
    """The figure for some frames; with swing, the left arm goes up and down that far."""
    rest = np.empty((17, 3))
    for k, name in enumerate(BODY.canonical):
        side, _, part = name.partition("_")
        paired = side in ("left", "right")
        rest[k] = STANDING[part if paired else name]
        rest[k, 0] *= -1 if side == "right" else 1
    x = np.repeat(rest[None], frames, axis=0)
    lift = swing * np.sin(2 * np.pi * 1.5 * np.arange(frames) / FPS)
    for name, share in (("left_elbow", 0.5), ("left_wrist", 1.0)):
        x[:, BODY.index(name), 2] += share * lift
    return x


def filmed(world: np.ndarray, angle: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and points in the frame of a camera 4 m in front of the figure, or turned around it."""
    position = np.array([4 * np.sin(angle), -4 * np.cos(angle), 1.3])
    camera = Camera(
        np.array([900.0, 900.0]), np.array([500.0, 500.0]),
        rotation=look_at(position, [0, 0, 0.95]), position=position, size=SIZE,
    )  # fmt: skip
    points = camera.to_camera(world)
    return camera.to_pixels(points), points


def errors(noise: DetectorNoise, world: np.ndarray, seed: int = 0, angle: float = 0.0) -> np.ndarray:
    """Of every coordinate, torso lengths."""
    pixels, points = filmed(world, angle)
    noisy, _ = noise(pixels, points, BODY, FPS, np.random.default_rng(seed))
    return (noisy - pixels) / (900 * torso_length(points, BODY) / 4)


def test_gaussian() -> None:
    pixels, _ = filmed(figure(2000))
    noisy, confidence = GaussianNoise(0.5, 5.0)(pixels, np.random.default_rng(0))
    moved = (noisy != pixels).any(axis=-1)
    assert abs(moved.mean() - 0.5) < 0.01
    assert abs((noisy - pixels)[moved].std() - 5.0) < 0.1 and abs((noisy - pixels)[moved].mean()) < 0.1
    assert (confidence == 1).all()


@pytest.mark.parametrize("noise", [GaussianNoise(0.0, 5.0), GaussianNoise(1.0, 0.0)])
def test_gaussian_that_does_nothing(noise: GaussianNoise) -> None:
    pixels, _ = filmed(figure(30))
    pixels[3, 4] = np.nan
    noisy, confidence = noise(pixels, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy, pixels)
    np.testing.assert_array_equal(confidence, np.isfinite(pixels[..., 0]))


@pytest.mark.parametrize("values", [{"probability": 1.5}, {"probability": np.nan}, {"sigma": -1.0}])
def test_gaussian_refuses(values: dict[str, float]) -> None:
    with pytest.raises(DataError, match="expected a probability from 0 to 1 and sigma from 0"):
        GaussianNoise(**values)


def test_no_strength_is_exact() -> None:
    pixels, points = filmed(figure(60, 0.3))
    pixels[7, 2] = np.nan
    noisy, confidence = DetectorNoise(strength=0.0)(pixels, points, BODY, FPS, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy, pixels)
    np.testing.assert_array_equal(confidence, np.isfinite(pixels[..., 0]))
    noisy[:] = 0  # a copy
    assert np.nanmin(pixels) > 0


def test_no_parameters_leave_the_places() -> None:
    pixels, points = filmed(figure(60, 0.3))
    noise = replace(QUIET, fast_scale=0, slow_scale=0, still_scale=0)
    np.testing.assert_array_equal(noise(pixels, points, BODY, FPS, np.random.default_rng(0))[0], pixels)


def test_chance_is_the_generators_and_inputs_stay() -> None:
    pixels, points = filmed(figure(90, 0.3))
    before = pixels.copy(), points.copy()
    a, b, c = (
        DetectorNoise()(pixels, points, BODY, FPS, np.random.default_rng(s), size=SIZE) for s in (1, 1, 2)
    )
    for first, second in zip(a, b, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(a[0], c[0], equal_nan=True)
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(points, before[1])


def test_strength_scales_errors() -> None:
    world = figure(300, 0.2)
    whole, half = errors(QUIET, world), errors(replace(QUIET, strength=0.5), world)
    np.testing.assert_allclose(half, whole / 2, atol=1e-12)


def test_size_follows_the_person_not_the_pixels() -> None:
    """Twice the focal length: the person is twice as large in the image, and so are the errors."""
    pixels, points = filmed(figure(300))
    small = QUIET(pixels, points, BODY, FPS, np.random.default_rng(0))[0] - pixels
    pixels = 2 * pixels
    large = QUIET(pixels, points, BODY, FPS, np.random.default_rng(0))[0] - pixels
    np.testing.assert_allclose(large, 2 * small, rtol=1e-9, atol=1e-9)


def test_memory_in_seconds() -> None:
    """The same correlation at the same time, whatever the frame rate; nearly none much later."""
    for fps, constant in ((30.0, 0.4), (120.0, 0.4)):
        x = correlated((40000, 4), constant * fps, np.random.default_rng(0))
        assert abs(x.std() - 1) < 0.1
        assert abs(x[0].mean()) < 2  # starts like any other frame, not at 0
        for seconds in (0.1, 0.4, 0.8):
            k = round(seconds * fps)
            assert abs((x[k:] * x[:-k]).mean() - np.exp(-seconds / constant)) < 0.08
    white = correlated((20000, 2), 0.0, np.random.default_rng(0))
    assert abs((white[1:] * white[:-1]).mean()) < 0.03
    starts = np.array([correlated((1,), 10.0, np.random.default_rng(s))[0] for s in range(400)])
    assert 0.85 < starts.std() < 1.15


def test_smooth_memory() -> None:
    x = correlated((60000, 6), 6.0, np.random.default_rng(0), smooth=True)
    assert abs(x.std() - 1) < 0.05
    for k in (1, 6, 12):
        assert abs((x[k:] * x[:-k]).mean() - (1 + k / 6) * np.exp(-k / 6)) < 0.05


def test_stretches_in_seconds() -> None:
    """The same share of time and the same length, whatever the frame rate; like a slow simulation."""
    for fps in (30.0, 120.0):
        on = runs((int(3000 * fps), 3), 0.2, 0.5, fps, np.random.default_rng(0))
        begins = (on[1:] & ~on[:-1]).sum() / on[1:].size * fps
        assert abs(on.mean() - (1 - np.exp(-0.2 * 0.5))) < 0.02
        assert abs(on.mean() / begins - 0.5) < 0.06
    assert not runs((500, 3), 0.0, 0.5, 30.0, np.random.default_rng(0)).any()
    first = [runs((1, 1), 1.0, 1.0, 30.0, np.random.default_rng(s))[0, 0] for s in range(600)]
    assert 0.4 < np.mean(first) < 0.6  # also the first frame: half of the time, as any other


def test_wrists_and_ankles_more_than_shoulders() -> None:
    e = np.concatenate([np.abs(errors(replace(QUIET, still_scale=0), figure(400), s)) for s in range(8)])
    size = dict(zip(BODY.canonical, np.median(e, axis=(0, 2)), strict=True))
    for side in ("left", "right"):
        assert size[f"{side}_wrist"] > 1.2 * size[f"{side}_shoulder"]
        assert size[f"{side}_ankle"] > 1.05 * size[f"{side}_shoulder"]


def test_fast_motion_is_worse() -> None:
    moving, still = BODY.index("left_wrist"), BODY.index("right_wrist")
    e = np.concatenate([errors(replace(QUIET, still_scale=0), figure(400, 0.5), s) for s in range(10)])
    assert np.abs(e[:, moving]).mean() > 1.15 * np.abs(e[:, still]).mean()


def test_bursts_have_heavy_tails() -> None:
    e = np.concatenate([errors(replace(QUIET, still_scale=0), figure(600), s) for s in range(10)])
    e = e / e.std(axis=(0, 2), keepdims=True)
    excess = (e**4).mean() / (e**2).mean() ** 2 - 3
    flat = replace(QUIET, still_scale=0, spread=0)
    g = np.concatenate([errors(flat, figure(600), s) for s in range(10)])
    g = g / g.std(axis=(0, 2), keepdims=True)
    assert excess > (g**4).mean() - 3 + 0.15


def test_what_is_hidden() -> None:
    """From the side the far limbs are behind the near ones and the trunk; from the front nothing is."""
    at = {n: k for k, n in enumerate(BODY.canonical)}
    front = occlusion(filmed(figure(1))[1], BODY, 0.48)[0]
    assert all(front[at[f"{s}_{j}"]] == 0 for s in ("left", "right") for j in ("wrist", "ankle", "shoulder"))
    side = occlusion(filmed(figure(1), angle=np.pi / 2)[1], BODY, 0.48)[0]  # from its left
    far = ("right_hip", "right_knee", "right_shoulder")
    assert all(side[at[n]] > 0.5 for n in far)
    assert all(side[at[n]] == 0 for n in ("left_knee", "left_wrist", "left_elbow", "left_ankle"))
    other = occlusion(filmed(figure(1), angle=-np.pi / 2)[1], BODY, 0.48)[0]
    np.testing.assert_allclose(other, side[BODY.mirror], atol=1e-9)


def test_hand_before_and_behind_the_chest() -> None:
    wrist = BODY.index("left_wrist")
    for depth, hidden in ((-0.35, 0.0), (0.35, 1.0)):
        world = figure(1)
        world[:, BODY.index("left_elbow")] = [0.3, depth / 2, 1.2]
        world[:, wrist] = [0.02, depth, 1.2]
        assert occlusion(filmed(world)[1], BODY, 0.48)[0, wrist] == hidden


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_hidden_as_point_by_point(seed: int) -> None:
    """Against every capsule's axis walked in small steps."""
    points = np.random.default_rng(seed).uniform([-0.5, -0.9, 2], [0.5, 0.9, 4], (1, 17, 3))
    expected = np.zeros(17)
    for a, b, radius in capsules(BODY):
        axis = np.linspace(points[0, list(a)].mean(axis=0), points[0, list(b)].mean(axis=0), 4001)
        for k in set(range(17)) - {*a, *b}:
            joint = points[0, k]
            away = np.linalg.norm(axis[:, :2] / axis[:, 2:] - joint[:2] / joint[2], axis=-1)
            nearest = int(np.argmin(away))
            thick, depth = 0.5 * radius, axis[nearest, 2]
            if joint[2] - depth > thick:
                expected[k] = max(expected[k], np.clip(2 * (1 - away[nearest] * depth / thick), 0, 1))
            if abs(joint[2] - depth - thick) < 2e-3:  # on the edge of being behind: either is right
                expected[k] = np.nan
    found = occlusion(points, BODY, 0.5)[0]
    sure = np.isfinite(expected)
    np.testing.assert_allclose(found[sure], expected[sure], atol=0.02)


def test_hidden_is_worse_and_less_sure() -> None:
    """Seen from its left: the right knee against the left one, which is as still and in the open."""
    left, right = BODY.index("left_knee"), BODY.index("right_knee")
    pixels, points = filmed(figure(400), angle=np.pi / 2)
    far, sure = [], []
    for s in range(10):
        noisy, confidence = replace(QUIET, still_scale=0)(pixels, points, BODY, FPS, np.random.default_rng(s))
        far.append(np.abs(noisy - pixels).mean(axis=(0, 2)))
        sure.append(confidence.mean(axis=0))
    assert np.mean(far, axis=0)[right] > 1.2 * np.mean(far, axis=0)[left]
    assert np.mean(sure, axis=0)[right] < np.mean(sure, axis=0)[left] - 0.03


def test_confidence_goes_with_error() -> None:
    low, high = [], []
    for s in range(20):
        pixels, points = filmed(figure(400))
        noisy, c = replace(QUIET, still_scale=0)(pixels, points, BODY, FPS, np.random.default_rng(s))
        d = np.linalg.norm(noisy - pixels, axis=-1)
        assert ((c > 0) & (c <= 1)).all()
        d = d / d.mean(axis=0)
        order = np.argsort(c, axis=0)
        d = np.take_along_axis(d, order, axis=0)
        low.append(d[:40].mean())
        high.append(d[200:].mean())
    assert np.mean(low) > 1.15 * np.mean(high)


def test_missing_points_come_in_runs() -> None:
    noise = replace(QUIET, lost_rate=0.5, lost_time=0.3)
    pixels, points = filmed(figure(6000))
    noisy, confidence = noise(pixels, points, BODY, FPS, np.random.default_rng(0))
    gone = np.isnan(noisy[..., 0])
    assert (confidence[gone] == 0).all() and (confidence[~gone] > 0).all()
    assert 0.05 < gone.mean() < 0.6
    starts = (gone[1:] & ~gone[:-1]).sum()
    assert 0.2 < gone.sum() / starts / FPS < 0.9  # seconds; they may run into one another


def test_person_absent() -> None:
    noise = replace(QUIET, absent_rate=0.5, absent_time=0.2)
    pixels, points = filmed(figure(6000))
    gone = np.isnan(noise(pixels, points, BODY, FPS, np.random.default_rng(0))[0][..., 0])
    assert (gone.all(axis=1) == gone.any(axis=1)).all()
    assert 0.05 < gone.mean() < 0.15


def test_swaps_exchange_limbs_for_a_while() -> None:
    noise = replace(QUIET, fast_scale=0, slow_scale=0, still_scale=0, swap_rate=0.5, swap_time=0.2)
    pixels, points = filmed(figure(6000))
    noisy, _ = noise(pixels, points, BODY, FPS, np.random.default_rng(0))
    moved = (noisy != pixels).any(axis=-1)
    np.testing.assert_array_equal(noisy[moved], pixels[:, BODY.mirror][moved])
    wrist, elbow, ankle = (BODY.index(f"left_{j}") for j in ("wrist", "elbow", "ankle"))
    assert (moved[:, wrist] == moved[:, elbow]).all()  # a limb as a whole
    assert (moved[:, wrist] == moved[:, BODY.mirror[wrist]]).all()
    assert (moved[:, wrist] != moved[:, ankle]).any()
    assert 0.03 < moved[:, wrist].mean() < 0.25
    side_pixels, side_points = filmed(figure(6000), angle=np.pi / 2)
    from_side, _ = noise(side_pixels, side_points, BODY, FPS, np.random.default_rng(0))
    assert (from_side != side_pixels).any(
        axis=-1
    ).mean() > 1.5 * moved.mean()  # hidden limbs are swapped more


def test_outliers_are_rare_far_and_less_sure() -> None:
    noise = replace(QUIET, outlier_rate=0.3)
    pixels, points = filmed(figure(6000))
    clean, sure = QUIET(pixels, points, BODY, FPS, np.random.default_rng(0))
    noisy, confidence = noise(pixels, points, BODY, FPS, np.random.default_rng(0))
    thrown = confidence < 0.97 * sure
    unit = 900 * torso_length(points, BODY) / 4
    far = np.linalg.norm(noisy - pixels, axis=-1)[thrown] / unit
    assert 0.005 < thrown.mean() < 0.06
    assert np.median(far) > 0.3
    there = np.linalg.norm(clean - pixels, axis=-1)[~thrown] / unit
    assert np.median(there) < 0.1


def test_out_of_the_picture() -> None:
    """A picture that ends at the hips: legs are missing, or at its edge and not sure."""
    pixels, points = filmed(figure(600))
    low = float(pixels[0, BODY.index("left_knee"), 1] + pixels[0, BODY.index("left_hip"), 1]) / 2
    size = (1000, int(low))
    noisy, confidence = QUIET(pixels, points, BODY, FPS, np.random.default_rng(0), size=size)
    for name in ("left_knee", "right_ankle"):
        k = BODY.index(name)
        gone = np.isnan(noisy[:, k, 0])
        assert 0.3 < gone.mean() < 0.9
        kept = noisy[~gone, k]
        assert np.abs(kept[:, 1] - low).max() < 60
        assert confidence[~gone, k].mean() < 0.5 * confidence[:, BODY.index("left_shoulder")].mean()
    assert np.isfinite(noisy[:, BODY.index("left_shoulder")]).all()


def test_crops_take_part_of_the_body() -> None:
    noise = replace(QUIET, crop_rate=0.2, crop_time=2.0)
    shares = []
    for s in range(12):
        pixels, points = filmed(figure(600))
        noisy, _ = noise(pixels, points, BODY, FPS, np.random.default_rng(s))
        gone = np.isnan(noisy[..., 0])
        assert not gone.all(axis=1).any()
        shares.append(gone.any(axis=1).mean())
    assert 0.1 < np.mean(shares) < 0.6


def test_points_that_are_not_there() -> None:
    """Behind the camera in some frames, always, or everything: missing, without a warning."""
    pixels, points = filmed(figure(50))
    pixels[5], pixels[:, 3] = np.nan, np.nan
    noisy, confidence = QUIET(pixels, points, BODY, FPS, np.random.default_rng(0))
    gone = np.isnan(pixels[..., 0])
    np.testing.assert_array_equal(np.isnan(noisy[..., 0]), gone)
    assert (confidence[gone] == 0).all()
    for x in (np.full_like(pixels, np.nan), pixels[5:6]):
        noisy, confidence = DetectorNoise()(x, points[: len(x)], BODY, FPS, np.random.default_rng(0), SIZE)
        assert np.isnan(noisy).all() and (confidence == 0).all()
    blank = np.full_like(points, np.nan)
    assert np.isnan(DetectorNoise()(pixels, blank, BODY, FPS, np.random.default_rng(0))[0]).all()


@given(st.integers(1, 40), st.sampled_from(["h36m17", "coco17", "body25", "smpl24"]), st.integers(0, 999))
@settings(max_examples=25, deadline=None)
def test_any_length_and_skeleton(frames: int, layout: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    body = skeleton(layout)
    points = rng.uniform([-1, -1, 3], [1, 1, 5], (frames, len(body), 3))
    pixels = 900 * points[..., :2] / points[..., 2:] + 500
    noisy, confidence = DetectorNoise()(pixels, points, body, FPS, rng, SIZE)
    assert noisy.shape == pixels.shape and confidence.shape == pixels.shape[:2]
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert (np.isnan(noisy).any(axis=-1) == (confidence == 0)).all()


def test_refuses() -> None:
    pixels, points = filmed(figure(5))
    rng = np.random.default_rng(0)
    noise = DetectorNoise()
    with pytest.raises(DataError, match="expected pixels of shape"):
        noise(pixels[..., :1], points, BODY, FPS, rng)
    with pytest.raises(DataError, match="expected pixels and camera of shapes"):
        noise(pixels, points[:3], BODY, FPS, rng)
    with pytest.raises(DataError, match="above 0 fps, found 0"):
        noise(pixels, points, BODY, 0.0, rng)
    with pytest.raises(DataError, match="with shoulders and hips"):
        noise(pixels, points, skeleton([f"point_{k}" for k in range(17)]), FPS, rng)
    for bad in ({"fast_scale": -0.1}, {"spread": np.nan}, {"confidence_slope": (0.2, np.inf)}):
        with pytest.raises(DataError, match=f"expected {next(iter(bad))} to be finite"):
            DetectorNoise(**bad)  # type: ignore[arg-type]
