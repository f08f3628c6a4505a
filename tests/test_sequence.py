"""Sequences check themselves once, at construction; selecting and remapping go by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from steadypose._layouts import layouts
from steadypose.errors import DataError
from steadypose.sequence import BodyMotion, PoseSequence, Source, numbered
from steadypose.skeleton import Skeleton

VALUES = st.floats(-1e3, 1e3, width=32) | st.just(float("nan")) | st.just(float("inf"))


@st.composite
def sequences(draw: st.DrawFn, layout: Skeleton | None = None) -> PoseSequence:
    """Sequences of every size from one frame, one keypoint and no person; uneven times; holes."""
    frames, persons = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    s = layout or numbered(draw(st.integers(1, 4)))
    shape = (frames, persons, len(s))
    steps = draw(hnp.arrays(np.float64, frames, elements=st.floats(1e-3, 10)))
    return PoseSequence(
        positions=draw(hnp.arrays(np.float32, (*shape, draw(st.sampled_from((2, 3)))), elements=VALUES)),
        times=np.cumsum(steps),
        skeleton=s,
        confidence=draw(st.none() | hnp.arrays(np.float32, shape, elements=st.floats(0, 6, width=32))),
        persons=tuple(f"person {k}" for k in range(persons)),
        filled=draw(st.none() | hnp.arrays(np.bool_, shape)),
        source=Source("json", "a.json", "main", {"kept": 1}),
        history=("read",),
    )


@settings(max_examples=40)
@given(sequences())
def test_arrays_cannot_be_written_and_infinity_is_missing(seq: PoseSequence) -> None:
    for a in (seq.positions, seq.times, seq.confidence, seq.filled):
        if a is not None and a.size:
            with pytest.raises(ValueError, match="read-only"):
                a[...] = 0
    assert not np.isinf(seq.positions).any()
    assert seq.positions.dtype == np.float32
    assert seq.valid.shape == seq.shape[:3]
    assert (seq.valid == ~np.isnan(seq.positions).any(axis=-1)).all()


@settings(max_examples=50)
@given(sequences(), st.data())
def test_select_takes_frames_persons_and_keypoints_by_name(seq: PoseSequence, data: st.DataObject) -> None:
    f, p, *_ = seq.shape
    frames = sorted(data.draw(st.sets(st.integers(0, f - 1), min_size=1)))
    persons = data.draw(st.lists(st.sampled_from(seq.persons), unique=True)) if p else []
    keypoints = data.draw(st.lists(st.sampled_from(seq.skeleton.keypoints), unique=True, min_size=1))
    part = seq.select(frames, persons, keypoints)
    assert part.persons == tuple(persons)
    assert part.skeleton.keypoints == tuple(keypoints)
    for i, frame in enumerate(frames):
        assert part.times[i] == seq.times[frame]
        for j, person in enumerate(persons):
            for m, keypoint in enumerate(keypoints):
                at = frame, seq.persons.index(person), seq.skeleton.index(keypoint)
                np.testing.assert_array_equal(part.positions[i, j, m], seq.positions[at])
                if part.confidence is not None and seq.confidence is not None:
                    assert part.confidence[i, j, m] == seq.confidence[at]
                if part.filled is not None and seq.filled is not None:
                    assert part.filled[i, j, m] == seq.filled[at]
    assert part.source is None
    assert part.history == seq.history


@settings(max_examples=40)
@given(sequences())
def test_selecting_everything_changes_nothing(seq: PoseSequence) -> None:
    mask = np.ones(len(seq.times), bool)
    for same in (seq.select(), seq.select(frames=slice(None)), seq.select(frames=mask)):  # type: ignore[arg-type]
        np.testing.assert_array_equal(same.positions, seq.positions)
        assert same.skeleton == seq.skeleton
        assert same.persons == seq.persons


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": [5]}, "expected frames among 3"),
        ({"frames": []}, "expected"),
        ({"frames": slice(None, None, -1)}, "strictly increasing times"),
        ({"frames": [1, 1]}, "strictly increasing times"),
        ({"persons": ["9"]}, "expected persons among 0, 1, found '9'"),
        ({"persons": ["0", "0"]}, "expected 2 unique person names"),
        ({"keypoints": ["elbow"]}, "has no keypoint 'elbow'"),
        ({"keypoints": []}, "at least one keypoint"),
        ({"keypoints": ["nose", "nose"]}, "unique keypoint names"),
    ],
)
def test_select_refuses_what_is_not_there(arguments: dict[str, Any], message: str) -> None:
    seq = PoseSequence.from_array(np.zeros((3, 2, 17, 2)), fps=30, skeleton="coco17")
    with pytest.raises(DataError, match=message):
        seq.select(**arguments)


@settings(max_examples=25)
@given(sequences(layouts()["body25"]))
def test_remap_goes_by_name_there_and_back(seq: PoseSequence) -> None:
    there = seq.remap("coco17")
    for k, name in enumerate(layouts()["coco17"].keypoints):
        np.testing.assert_array_equal(there.positions[:, :, k], seq.positions[:, :, seq.skeleton.index(name)])
    back = there.remap("body25")
    for k, name in enumerate(seq.skeleton.keypoints):
        if name in layouts()["coco17"].keypoints:
            np.testing.assert_array_equal(back.positions[:, :, k], seq.positions[:, :, k])
            for a, b in ((back.confidence, seq.confidence), (back.filled, seq.filled)):
                if a is not None and b is not None:
                    np.testing.assert_array_equal(a[:, :, k], b[:, :, k])
        elif name not in ("neck", "pelvis"):
            assert np.isnan(back.positions[:, :, k]).all()
    assert back.history == ("read", "remap: body25 to coco17 by name", "remap: coco17 to body25 by name")
    assert back.source is None


@settings(max_examples=25)
@given(sequences(layouts()["coco17"]), st.sampled_from(["h36m17", "body25", "mpi17", "halpe26", "kinect25"]))
def test_remap_derives_middles_and_nothing_else(seq: PoseSequence, layout: str) -> None:
    other = seq.remap(layout)
    middles = {"pelvis": "hip", "neck": "shoulder", "thorax": "shoulder"}
    for k, name in enumerate(other.skeleton.keypoints):
        if name in seq.skeleton.keypoints:
            expected = seq.positions[:, :, seq.skeleton.index(name)]
        elif name in middles:
            left, right = (seq.skeleton.index(f"{side}_{middles[name]}") for side in ("left", "right"))
            expected = (seq.positions[:, :, left] + seq.positions[:, :, right]) / 2
            if other.confidence is not None and seq.confidence is not None:
                less = np.minimum(seq.confidence[:, :, left], seq.confidence[:, :, right])
                np.testing.assert_array_equal(other.confidence[:, :, k], less)
        else:
            expected = np.full_like(seq.positions[:, :, 0], np.nan)
            if other.confidence is not None:
                assert (other.confidence[:, :, k] == 0).all()
        np.testing.assert_allclose(other.positions[:, :, k], expected, rtol=1e-6, atol=1e-4)


def test_remap_prefers_a_point_that_is_there_to_its_derivation() -> None:
    x = np.random.default_rng(0).normal(size=(2, 1, 25, 3))
    seq = PoseSequence.from_array(x, fps=30, skeleton="body25", unit="m", space="world")
    h36m = seq.remap("h36m17")
    np.testing.assert_array_equal(h36m.positions[:, 0, 0], seq.positions[:, 0, seq.skeleton.index("pelvis")])
    assert np.isnan(h36m.positions[:, 0, h36m.skeleton.index("neck_base")]).all()
    assert (h36m.unit, h36m.space) == ("m", "world")


def test_remap_to_itself_and_between_spellings_changes_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(2, 1, 17, 2)).astype(np.float32)
    seq = PoseSequence.from_array(x, fps=30, skeleton="coco17")
    spelled = [n.replace("left_", "L").replace("right_", "R") for n in seq.skeleton.keypoints]
    for same in (seq.remap("coco17"), seq.remap(spelled), seq.remap(spelled).remap("coco17")):
        np.testing.assert_array_equal(same.positions, x)


def test_remap_between_skeletons_without_a_common_name_is_all_missing() -> None:
    seq = PoseSequence.from_array(np.ones((2, 3, 2)), fps=30)
    assert np.isnan(seq.remap("coco17").positions).all()


def test_from_array_takes_one_person_or_many() -> None:
    x = np.random.default_rng(0).normal(size=(4, 17, 3))
    one = PoseSequence.from_array(x, fps=50, skeleton="coco17", confidence=np.ones((4, 17)))
    assert one.shape == (4, 1, 17, 3)
    assert one.confidence is not None
    assert one.confidence.shape == (4, 1, 17)
    assert one.fps == pytest.approx(50)
    assert one.duration == pytest.approx(0.06)
    many = PoseSequence.from_array(np.stack([x, x], axis=1), times=[0, 1, 3, 7], persons=["a", "b"])
    assert many.persons == ("a", "b")
    assert many.skeleton.keypoints[:2] == ("0", "1")
    assert many.skeleton.root == ()
    x[:] = 0
    assert one.positions.any(), "the array is copied"


def test_one_frame_one_keypoint_no_person() -> None:
    single = PoseSequence.from_array(np.zeros((1, 1, 2)), fps=30)
    assert np.isnan(single.fps)
    assert single.duration == 0
    nobody = PoseSequence.from_array(np.zeros((4, 0, 17, 2)), fps=30, skeleton="coco17")
    assert nobody.persons == ()
    assert nobody.remap("body25").shape == (4, 0, 25, 2)


def test_infinities_and_numbers_too_large_are_missing_without_a_warning() -> None:
    x = np.zeros((2, 3, 2))
    x[0, 0, 0], x[1, 2, 1], x[0, 1, 1] = np.inf, -np.inf, 1e300
    seq = PoseSequence.from_array(x, fps=30)
    assert np.isnan(seq.positions).sum() == 3
    assert seq.valid.sum() == 3


GOOD: dict[str, Any] = {"positions": np.zeros((3, 2, 17, 2)), "fps": 30, "skeleton": "coco17"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fps": None}, "expected fps or times, found neither"),
        ({"times": [0, 1, 2]}, "expected fps or times, found both"),
        ({"fps": 0}, "expected a frame rate above 0 fps, found 0"),
        ({"fps": -25}, "above 0 fps, found -25"),
        ({"fps": float("nan")}, "above 0 fps, found nan"),
        ({"fps": float("inf")}, "above 0 fps, found inf"),
        ({"fps": "fast"}, "expected fps as an array of numbers, found str"),
        ({"fps": None, "times": [0, 1]}, r"expected 3 times, one a frame, found shape \(2,\)"),
        ({"fps": None, "times": [0, 1, 1]}, "strictly increasing times, found 1 then 1 at frame 2"),
        ({"fps": None, "times": [0, 2, 1]}, "strictly increasing times, found 2 then 1 at frame 2"),
        ({"fps": None, "times": [0, float("nan"), 1]}, "expected finite times, found nan at frame 1"),
        ({"positions": np.zeros((3, 17))}, r"expected \(frames, keypoints, dims\) or .*found \(3, 17\)"),
        ({"positions": np.zeros((3, 2, 17, 4))}, r"2 or 3\), found \(3, 2, 17, 4\)"),
        ({"positions": np.zeros((0, 2, 17, 2))}, "at least one frame, found none"),
        ({"positions": np.zeros((3, 2, 16, 2))}, r"expected 17 keypoints \(skeleton 'coco17'\), found 16"),
        ({"positions": "poses.json"}, "expected positions as an array of numbers, found str"),
        ({"positions": [[[0, 1]], [[0]]]}, "expected positions as an array of numbers, found list"),
        ({"skeleton": "coco99"}, "expected a known skeleton"),
        ({"skeleton": ["a", "b"]}, r"expected 2 keypoints \(skeleton 'custom'\), found 17"),
        ({"unit": "inch"}, "expected unit to be one of px, .*, found 'inch'"),
        ({"space": "room"}, "expected space to be one of image, .*, found 'room'"),
        ({"persons": ["a"]}, "expected 2 unique person names"),
        ({"persons": ["a", "a"]}, "expected 2 unique person names"),
        (
            {"confidence": np.zeros((3, 2, 16))},
            r"expected confidence of shape \(3, 2, 17\), found \(3, 2, 16\)",
        ),
        (
            {"positions": np.zeros((3, 17, 2)), "confidence": np.zeros((17, 3))},
            "expected confidence of shape",
        ),
    ],
)
def test_from_array_says_what_does_not_fit(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as e:
        PoseSequence.from_array(**GOOD | arguments)
    assert "\n" not in str(e.value)


def test_other_positions_of_the_same_shape_keep_the_source_and_mark_what_is_filled() -> None:
    seq = PoseSequence.from_array(np.full((2, 1, 3, 2), np.nan), fps=30)
    first, second = np.zeros((2, 2, 1, 3), bool)
    first[0, 0, 0], second[1, 0, 2] = True, True
    out = seq.with_positions(np.zeros(seq.shape, np.float32), "a", first)
    out = out.with_positions(out.positions, "b").with_positions(out.positions, "c", second)
    assert out.history == ("a", "b", "c")
    assert out.filled is not None
    assert (out.filled == first | second).all()
    with pytest.raises(DataError, match="expected positions of shape"):
        seq.with_positions(np.zeros((1, 1, 3, 2), np.float32), "shorter")


def test_what_is_printed_is_one_line_and_not_the_file() -> None:
    seq = PoseSequence(
        np.zeros((3, 2, 17, 2)), np.arange(3.0), layouts()["coco17"], source=Source("a", "b", "c", "x" * 1000)
    )
    assert repr(seq) == "PoseSequence(3 frames at 1 fps, 2 persons, 17 keypoints (coco17), 2D (px, image))"
    assert "xxx" not in repr(seq.source)
    assert repr(motion(frames=1)) == "BodyMotion(1 frame, 1 person, 24 joints (smpl24), matrix (world))"


def motion(frames: int = 2, **changes: Any) -> BodyMotion:
    rotations = np.broadcast_to(np.eye(3), (frames, 1, 24, 3, 3))
    return BodyMotion(
        **{"rotations": rotations, "times": np.arange(frames) / 30, "skeleton": layouts()["smpl24"]} | changes
    )


def test_a_motion_keeps_missing_rotations_missing() -> None:
    r = np.array(motion().rotations)
    r[0, 0, 3, 1, 2] = np.inf
    r[1, 0, 5] = np.nan
    m = motion(rotations=r, translation=np.array([[[np.inf, 0, 0]], [[1, 2, 3]]]))
    assert np.isnan(m.rotations[0, 0, 3]).all(), "a rotation is there or it is not"
    assert m.valid.sum() == 2 * 24 - 2
    assert m.translation is not None
    assert np.isnan(m.translation[0, 0, 0])
    with pytest.raises(ValueError, match="read-only"):
        m.rotations[:] = 0
    assert m.shape == (2, 1, 24)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rotations": np.zeros((2, 1, 24, 3))}, r"expected rotations of shape .*found \(2, 1, 24, 3\)"),
        ({"rotations": np.zeros((2, 1, 24, 3, 3))}, r"not orthonormal \(frame 0, person 0, joint 'pelvis'\)"),
        ({"rotations": np.full((2, 1, 24, 3, 3), 1e200)}, "not orthonormal"),
        ({"rotations": -np.broadcast_to(np.eye(3), (2, 1, 24, 3, 3))}, "not orthonormal"),
        ({"rotations": np.zeros((0, 1, 24, 3, 3))}, "at least one frame"),
        ({"rotations": np.broadcast_to(np.eye(3), (2, 1, 23, 3, 3))}, "expected 24 joints .*found 23"),
        ({"translation": np.zeros((2, 3))}, r"expected translation of shape \(2, 1, 3\), found \(2, 3\)"),
        ({"translation": "here"}, "expected translation as an array of numbers"),
        ({"body_shape": np.zeros(10)}, "expected body_shape of shape"),
        ({"offsets": np.zeros((2, 3))}, r"expected offsets of shape \(24, 3\), found \(2, 3\)"),
        ({"filled": np.zeros((2, 1), bool)}, r"expected filled of shape \(2, 1, 24\), found \(2, 1\)"),
        ({"times": [1.0, 0.0]}, "strictly increasing"),
        ({"relative_to": "sun"}, "expected relative_to to be one of parent, world, found 'sun'"),
        ({"unit": "ft"}, "expected unit to be one of"),
    ],
)
def test_a_motion_says_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        motion(**changes)


def test_other_rotations_keep_the_translation_unless_it_is_given() -> None:
    m = motion(translation=np.ones((2, 1, 3)))
    out = m.with_rotations(m.rotations, "a")
    assert out.translation is not None
    assert (out.translation == 1).all()
    out = out.with_rotations(m.rotations, "b", np.zeros((2, 1, 3)), np.ones((2, 1, 24), bool))
    assert out.translation is not None
    assert not out.translation.any()
    assert out.history == ("a", "b")
    assert out.filled is not None
    with pytest.raises(DataError, match="expected rotations of shape"):
        m.with_rotations(m.rotations[:1], "shorter")
