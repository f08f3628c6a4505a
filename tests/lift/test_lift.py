"""lift(): against a slow obvious version, online against offline, and whatever can be wrong with people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lift_samples import walker, write_network

import steadypose as sp
from steadypose._layouts import layouts
from steadypose.data.cameras import Camera
from steadypose.lift import Intrinsics, Lifter, LiftSpec, Network, to_inputs
from steadypose.lift import lift as lift_
from steadypose.lift._inputs import normalise_person, step

LENGTHS = {"window": 5, "frame": 1}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Network]:
    folder = tmp_path_factory.mktemp("networks")
    specs = {
        "window": LiftSpec(),
        "frame": LiftSpec(length=1),
        "blind": LiftSpec(confidence=False),
        "pixels": LiftSpec(normalisation="pixels", confidence=False, derived=False),
    }
    return {name: Network(write_network(folder / f"{name}.onnx", s)) for name, s in specs.items()}


def changed(seq: sp.PoseSequence, where: Any, value: float = np.nan) -> sp.PoseSequence:
    x = seq.positions.copy()
    x[where] = value
    return replace(seq, positions=x)


def slowly(seq: sp.PoseSequence, network: Network) -> np.ndarray:
    """Of one person without gaps: every window by itself, then the mean of what is said of each frame."""
    inputs = to_inputs(seq, network.spec)
    assert inputs.confidence is not None
    x, c, every = inputs.positions[:, 0], inputs.confidence[:, 0], step(seq.fps, network.spec)
    said: dict[int, list[np.ndarray]] = {}
    span = (network.spec.length - 1) * every
    for first in range(len(x) - span):
        frames = list(range(first, first + span + 1, every))
        window = normalise_person(x[frames], c[frames] > 0)
        out = network(np.concatenate([window, c[frames][..., None]], axis=-1)[None])[0]
        for frame, joints in zip(frames, out, strict=True):
            said.setdefault(frame, []).append(joints - joints[:1])
    return np.stack([np.mean(said[f], axis=0) for f in range(len(x))])


@pytest.mark.parametrize("kind", LENGTHS)
@pytest.mark.parametrize("fps", [50.0, 120.0])
def test_offline_is_the_mean_over_all_windows(networks: dict[str, Network], kind: str, fps: float) -> None:
    seq = walker(31, fps=fps)
    got = lift_(seq, weights=networks[kind])
    np.testing.assert_allclose(got.positions[:, 0], slowly(seq, networks[kind]), atol=1e-2)
    assert (got.unit, got.space, got.skeleton) == ("mm", "root-relative", layouts()["h36m17"])
    assert (got.positions[:, :, 0] == 0).all() and got.source is None
    assert ("every 2 frames" in got.history[-1]) == (fps == 120)


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 6, 9, 10, 30])
@pytest.mark.parametrize("fps", [50.0, 100.0])
def test_online_and_offline_agree_where_they_should(
    networks: dict[str, Network], frames: int, fps: float
) -> None:
    seq = walker(frames, 2, fps=fps)
    offline, online = (lift_(seq, weights=networks["window"], online=o) for o in (False, True))
    np.testing.assert_allclose(online.positions[-1], offline.positions[-1], atol=1e-3)
    assert offline.valid.all() and online.valid.all()
    offline, online = (lift_(seq, weights=networks["frame"], online=o) for o in (False, True))
    np.testing.assert_allclose(online.positions, offline.positions, atol=1e-3)


@pytest.mark.parametrize("kind", ["window", "blind", "frame"])
def test_online_knows_nothing_of_the_future(networks: dict[str, Network], kind: str) -> None:
    rng = np.random.default_rng(1)
    seq = changed(walker(40, 2, fps=100), rng.random((40, 2, 17)) < 0.2)
    whole = lift_(seq, weights=networks[kind], online=True, stature=1.8)
    for now in (0, 1, 7, 23):
        other = rng.normal(300, 200, seq.positions[now + 1 :].shape)
        future = changed(seq, np.s_[now + 1 :], 0.0).positions.copy()
        future[now + 1 :] = np.where(rng.random(other.shape[:3])[..., None] < 0.3, np.nan, other)
        got = lift_(replace(seq, positions=future), weights=networks[kind], online=True, stature=1.8)
        np.testing.assert_allclose(got.positions[: now + 1], whole.positions[: now + 1], atol=1e-3)
    offline = lift_(seq, weights=networks["window"]).positions
    assert (
        np.nanmax(
            np.abs(offline - lift_(replace(seq, positions=future), weights=networks["window"]).positions)
        )
        > 1
    )


@pytest.mark.parametrize("skeleton", ["coco17", "body25", "h36m17"])
@pytest.mark.parametrize(
    "lens", [None, {"focal": (900, 900), "centre": (500, 500), "distortion": (0.1, 0, 0, 0)}]
)
def test_pushed_frame_by_frame_it_is_the_same(networks: dict[str, Network], skeleton: str, lens: Any) -> None:
    rng = np.random.default_rng(2)
    seq = changed(walker(60, skeleton=skeleton, fps=100), rng.random((60, 1, len(layouts()[skeleton]))) < 0.2)
    seq = changed(seq, np.s_[20:24])  # held
    seq = changed(seq, np.s_[30:58])  # gone, and back again
    arguments = {"weights": networks["window"], "camera": lens, "stature": 1.7, "max_gap": 0.1}
    wanted = lift_(seq, online=True, **arguments)
    lifter = Lifter(skeleton, fps=100, **arguments)
    assert seq.confidence is not None
    for _ in range(2):
        got = np.stack(
            [lifter.push(x, c) for x, c in zip(seq.positions[:, 0], seq.confidence[:, 0], strict=True)]
        )
        np.testing.assert_allclose(got, wanted.positions[:, 0], atol=1e-2)
        lifter.reset()
    assert 0.3 < np.isfinite(got[:, 1, 0]).mean() < 0.9
    assert lifter.outputs == wanted.skeleton.keypoints


def test_pushed_with_a_clock_that_jumps(networks: dict[str, Network]) -> None:
    seq = walker(20)
    times = np.cumsum(np.where(np.arange(20) == 9, 0.9, 0.02))
    seq = replace(seq, times=times)
    wanted = lift_(seq, weights=networks["window"], online=True)
    lifter = Lifter(fps=50, weights=networks["window"])
    got = np.stack([lifter.push(seq.positions[f, 0], seq.confidence[f, 0], times[f]) for f in range(20)])
    np.testing.assert_allclose(got, wanted.positions[:, 0], atol=1e-3)
    alone = lift_(seq.select(frames=slice(9, None)), weights=networks["window"], online=True)
    np.testing.assert_allclose(got[9:], alone.positions[:, 0], atol=1e-3)  # what was before does not count


def test_what_cannot_be_pushed(networks: dict[str, Network]) -> None:
    lifter = Lifter(fps=50, weights=networks["window"])
    lifter.push(np.ones((17, 2)), time=3.0)
    for points, confidence, time, said in (
        (np.ones((16, 2)), None, None, r"points of shape \(17, 2\), found \(16, 2\)"),
        (np.ones((17, 2)), np.ones(16), 4.0, r"confidence of shape \(17,\)"),
        (np.ones((17, 2)), None, 3.0, "a time after 3 s, found 3"),
        (np.ones((17, 2)), None, np.nan, "a time after 3 s, found nan"),
        ("abc", None, None, "points as an array of numbers"),
    ):
        with pytest.raises(sp.DataError, match=said):
            lifter.push(points, confidence, time)
    with pytest.raises(sp.DataError, match="frame rate above 0"):
        Lifter(fps=0, weights=networks["window"])
    with pytest.raises(sp.DataError, match="6 or more"):
        Lifter("face68", fps=30, weights=networks["window"])


def test_pushed_points_may_be_fractions(networks: dict[str, Network]) -> None:
    seq = walker(8)
    lifters = [Lifter(fps=50, weights=networks["window"], size=s) for s in (None, (1920, 1080))]
    for x in seq.positions[:, 0]:
        np.testing.assert_allclose(lifters[0].push(x), lifters[1].push(x / [1920, 1080]), atol=1e-2)


def test_persons_do_not_see_each_other(networks: dict[str, Network]) -> None:
    seq = changed(walker(30, 3), np.s_[10:20, 1])
    for online in (False, True):
        together = lift_(seq, weights=networks["window"], online=online, stature=1.7)
        for name in seq.persons:
            alone = lift_(seq.select(persons=[name]), weights=networks["window"], online=online, stature=1.7)
            np.testing.assert_allclose(
                alone.positions[:, 0], together.positions[:, together.persons.index(name)], atol=1e-3
            )


def test_people_come_and_go(networks: dict[str, Network]) -> None:
    seq = changed(walker(60), np.s_[20:40])  # 0.4 s at 50 fps: longer than max_gap
    offline = lift_(seq, weights=networks["window"])
    online = lift_(seq, weights=networks["window"], online=True)
    there = np.ones(60, bool)
    there[20:40] = False
    np.testing.assert_array_equal(offline.valid[:, 0].all(axis=1), there)
    there[20:32] = True  # held for 0.25 s
    np.testing.assert_array_equal(online.valid[:, 0].all(axis=1), there)
    assert offline.filled is not None and online.filled is not None
    assert not offline.filled.any() and online.filled[20:32].all() and not online.filled[:20].any()
    assert "20 of 60 bodies not lifted" in offline.history[-1]
    short = lift_(changed(walker(60), np.s_[20:25]), weights=networks["window"])
    assert short.valid.all() and short.filled is not None
    assert short.filled[20:25].all() and short.filled.sum() == 5 * 17


def test_a_frame_with_hardly_anything_of_a_person_is_left_out(networks: dict[str, Network]) -> None:
    seq = walker(9, skeleton="h36m17")
    five, six = (changed(seq, np.s_[:, :, k:]) for k in (5, 6))  # pelvis, right leg, left hip (and knee)
    assert not lift_(five, weights=networks["window"]).valid.any()
    assert lift_(six, weights=networks["window"]).valid.all()
    # Without a channel for confidence a network cannot know what is missing.
    assert not lift_(six, weights=networks["blind"]).valid.any()
    assert lift_(seq, weights=networks["blind"]).valid.all()


def test_one_joint_that_is_missing_all_along_is_guessed_and_said_so(networks: dict[str, Network]) -> None:
    wrist = layouts()["coco17"].index("left_wrist")
    got = lift_(changed(walker(20), np.s_[:, :, wrist]), weights=networks["window"])
    assert got.filled is not None and got.confidence is not None and got.valid.all()
    at = got.skeleton.index("left_wrist")
    assert got.filled[:, :, at].all() and (got.confidence[:, :, at] == 0).all()
    assert got.filled.sum() == 20
    refined = sp.refine(changed(walker(20), np.s_[8:10, :, wrist]), method="gaussian")
    after = lift_(refined, weights=networks["window"])
    assert after.filled is not None
    assert sorted(map(tuple, np.argwhere(after.filled))) == [(8, 0, at), (9, 0, at)]


def test_nobody_at_all(networks: dict[str, Network]) -> None:
    for value in (np.nan, np.inf):
        for online in (False, True):
            got = lift_(
                changed(walker(7), np.s_[:], value), weights=networks["window"], online=online, stature=1.7
            )
            assert not got.valid.any() and got.filled is not None and not got.filled.any()
    empty = lift_(walker(7).select(persons=[]), weights=networks["window"])
    assert empty.shape == (7, 0, 17, 3)


def test_someone_who_is_a_single_point(networks: dict[str, Network]) -> None:
    assert lift_(changed(walker(7), np.s_[:], 400.0), weights=networks["window"]).valid.all()


def test_without_confidence_all_that_is_seen_is_believed(networks: dict[str, Network]) -> None:
    seq = replace(walker(12), confidence=None)
    sure = replace(seq, confidence=np.ones(seq.shape[:3], np.float32))
    without, with_ = (lift_(s, weights=networks["window"]) for s in (seq, sure))
    np.testing.assert_array_equal(without.positions, with_.positions)
    assert without.confidence is None and with_.confidence is not None


def test_a_body_has_the_stature_it_was_given(networks: dict[str, Network]) -> None:
    seq = walker(30, 2)
    plain = lift_(seq, weights=networks["window"]).positions.astype(float)
    tall = lift_(seq, weights=networks["window"], stature=1.9)
    ratio = tall.positions[:, :, 1:] / plain[:, :, 1:]
    for p in range(2):
        np.testing.assert_allclose(ratio[:, p], np.median(ratio[:, p]), rtol=1e-3)
    at = tall.skeleton.index

    def along(*names: str) -> np.ndarray:
        x = tall.positions[:, :, [at(n) for n in names]].astype(float)
        return np.linalg.norm(np.diff(x, axis=2), axis=-1).sum(axis=2)

    legs = sum(along(f"{s}_hip", f"{s}_knee", f"{s}_ankle") for s in ("left", "right")) / 2
    height = (legs + along("pelvis", "spine", "thorax", "head")) / 0.91
    np.testing.assert_allclose(np.median(height, axis=0), 1900, rtol=1e-3)
    assert "stature=1.9" in tall.history[-1]
    for wrong in (0.0, -1.7, 175, np.nan):
        with pytest.raises(sp.DataError, match="stature in metres"):
            lift_(seq, weights=networks["window"], stature=wrong)


def test_with_a_camera_the_turn_is_undone(networks: dict[str, Network]) -> None:
    """The same person, seen by a camera turned about its own centre, has the same joints, turned."""
    rng = np.random.default_rng(5)
    people = rng.normal(0, 0.4, (1, 17, 3)) + 0.1 * np.sin(np.arange(25)[:, None, None] / 5) + [0, 0, 4]
    cameras = []
    for angle in (0.0, 0.35):
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        cameras.append(
            Camera((1100, 1100), (960, 540), (-0.1, 0.02, 1e-3, 0, 0), turn, (0, 0, 0), (1920, 1080), "c")
        )
    joints = []
    for camera in cameras:
        seq = sp.PoseSequence.from_array(camera.project(people), fps=50, skeleton="coco17")
        assert seq.valid.all()
        joints.append(lift_(seq, weights=networks["frame"], camera=camera).positions[:, 0] @ camera.rotation)
    # Turned by the shortest way, the two virtual cameras are not quite the same about the line of sight.
    middle = people.mean(axis=1) / np.linalg.norm(people.mean(axis=1), axis=-1, keepdims=True)
    depth = [np.einsum("fji,fi->fj", j, middle) for j in joints]
    np.testing.assert_allclose(depth[0], depth[1], atol=20)
    np.testing.assert_allclose(*(np.linalg.norm(j, axis=-1) for j in joints), atol=20)
    assert np.abs(joints[0] @ cameras[1].rotation.T - joints[1]).max() > 100  # the turn is no small matter


def test_fractions_need_the_size_of_the_image(networks: dict[str, Network]) -> None:
    seq = walker(12)
    fractions = replace(seq, positions=seq.positions / np.float32([1920, 1080]), unit="normalized")
    with pytest.raises(sp.DataError, match=r"size of the image \(size=\(1920, 1080\)"):
        lift_(fractions, weights=networks["window"])
    wanted = lift_(seq, weights=networks["window"])
    got = lift_(fractions, weights=networks["window"], size=(1920, 1080))
    np.testing.assert_allclose(got.positions, wanted.positions, atol=1e-2)
    assert "pixels of an image of 1920 x 1080" in got.history
    lens = Intrinsics((1000, 1000), (960, 540), size=(1920, 1080))
    by_camera = lift_(fractions, weights=networks["window"], camera=lens)
    np.testing.assert_allclose(
        by_camera.positions, lift_(seq, weights=networks["window"], camera=lens).positions, atol=1e-2
    )
    for wrong in ((0, 5), (-1, 5), (np.nan, 1)):
        with pytest.raises(sp.DataError, match="a width and a height above 0"):
            lift_(fractions, weights=networks["window"], size=wrong)


def test_mediapipe_files_know_the_size_of_their_image(networks: dict[str, Network]) -> None:
    path = Path(__file__).parent.parent / "data" / "mediapipe-npz" / "pose2sim_single_cam01_0-40.npz"
    seq = sp.read(path)
    got = lift_(seq, weights=networks["window"])
    assert got.valid.all() and "pixels of an image of 1080 x 1920" in got.history
    assert lift_(sp.refine(seq), weights=networks["window"]).valid.all()


def test_what_cannot_be_lifted(networks: dict[str, Network]) -> None:
    seq = walker(5)
    window = networks["window"]
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (np.ones((3, 17, 2)), {}, "2D keypoints to lift, found ndarray"),
        (replace(seq, space="world", unit="m"), {}, "in the image to lift"),
        (replace(seq, unit="m"), {}, "in pixels or fractions of the image, found m"),
        (seq, {"max_gap": -1}, "max_gap of 0 seconds or more"),
        (seq, {"max_gap": np.nan}, "max_gap of 0 seconds or more"),
        (seq, {"camera": {"focal": 1}}, "expected a camera with"),
        (
            walker(5, skeleton="h36m17"),
            {"weights": networks["pixels"], "camera": {"focal": (1, 1), "centre": (0, 0)}},
            "expected no camera: the network 'tiny' takes pixels",
        ),
    ]
    for data, arguments, said in cases:
        with pytest.raises(sp.DataError, match=said):
            lift_(data, **{"weights": window, **arguments})


def test_a_network_of_the_papers_kind_takes_pixels_as_they_are(networks: dict[str, Network]) -> None:
    seq = walker(12, skeleton="h36m17")
    got = lift_(seq, weights=networks["pixels"])
    at = [got.skeleton.index(n) for n in ("left_knee", "pelvis")]
    flat = seq.positions[:, :, [layouts()["h36m17"].index(n) for n in ("left_knee", "pelvis")]].astype(float)
    np.testing.assert_allclose(
        np.diff(got.positions[:, :, at, :2], axis=2), 400 * np.diff(flat, axis=2), rtol=1e-3, atol=1
    )


def test_slow_recordings_are_lifted_and_it_is_said(networks: dict[str, Network]) -> None:
    assert (
        "10 fps is below the 25 it was trained on"
        in lift_(walker(9, fps=10), weights=networks["window"]).history[-1]
    )
    assert "trained" not in lift_(walker(9, fps=30), weights=networks["window"]).history[-1]


def test_lifting_is_deterministic_and_leaves_its_input_alone(networks: dict[str, Network]) -> None:
    seq = changed(walker(30), np.s_[3:5, 0, 7])
    before = seq.positions.copy()
    one, two = (lift_(seq, weights=networks["window"]).positions for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(seq.positions, before)


@pytest.mark.parametrize("suffix", ["npz", "json", "csv", "trc"])
def test_what_was_lifted_is_written_and_read_back(
    networks: dict[str, Network], tmp_path: Path, suffix: str
) -> None:
    got = lift_(walker(9), weights=networks["window"])
    back = sp.read(sp.write(got, tmp_path / f"lifted.{suffix}"), fps=50)
    assert isinstance(back, sp.PoseSequence) and back.unit == "mm"
    same = back.remap("h36m17")
    np.testing.assert_allclose(same.positions, got.positions, atol=1e-2)
