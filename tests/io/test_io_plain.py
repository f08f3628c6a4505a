from dataclasses import fields, replace
from pathlib import Path

import body_samples as samples
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steadypose import io
from steadypose._layouts import layouts
from steadypose.errors import FormatError, SteadyposeError
from steadypose.rotations import from_axis_angle
from steadypose.sequence import BodyMotion, PoseSequence
from steadypose.skeleton import Skeleton

DATA = Path(__file__).parents[1] / "data"
CUSTOM = Skeleton("mine", ("a", "b", "c"), (-1, 0, 0), ("a",), ((0, 1), (1, 2)))


def equal(a, b):
    """Every field but the source."""
    for f in fields(a):
        x, y = getattr(a, f.name), getattr(b, f.name)
        if f.name == "source":
            continue
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y, err_msg=f.name)
            assert x.dtype == y.dtype, f.name
        else:
            assert x == y, f.name


values = st.floats(-1e3, 1e3, width=32) | st.just(np.nan)
sequences = st.builds(
    lambda x, c, marks, unit, space, history, persons: PoseSequence(
        x, [0, 0.1, 0.35, 2], CUSTOM, c, persons, unit, space, tuple(history), marks
    ),
    st.integers(2, 3).flatmap(lambda d: arrays(np.float32, (4, 2, 3, d), elements=values)),
    st.none() | arrays(np.float32, (4, 2, 3), elements=values),
    st.none() | arrays(np.bool_, (4, 2, 3)),
    st.sampled_from(["px", "normalized", "m", "cm", "mm"]),
    st.sampled_from(["image", "camera", "world", "root-relative"]),
    st.lists(st.text(max_size=9).filter(lambda t: "\0" not in t), max_size=3),
    st.sampled_from([("0", "1"), ("Zoë", "x y")]),
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=sequences)
def test_every_field_of_a_sequence_survives(tmp_path, sequence):
    path = io.write(sequence, tmp_path / "x.npz", format="plain", force=True)
    equal(io.read(path, format="plain"), sequence)


def body(**more):
    rng = np.random.default_rng(0)
    return BodyMotion(
        from_axis_angle(rng.normal(size=(4, 2, 3, 3))), [0, 0.1, 0.35, 2], CUSTOM, persons=("x", "y"), **more
    )


@pytest.mark.parametrize(
    "motion",
    [
        body(),
        body(
            translation=np.arange(24.0).reshape(4, 2, 3),
            body_shape=np.ones((4, 2, 10)),
            offsets=np.ones((2, 3, 3)),
            relative_to="world",
            unit="cm",
            space="camera",
            representation="euler ZYX",
            history=("one", "two"),
            filled=np.eye(4, 6, dtype=bool).reshape(4, 2, 3),
        ),
    ],
    ids=["bare", "full"],
)
def test_every_field_of_a_body_survives(tmp_path, motion):
    equal(io.read(io.write(motion, tmp_path / "x.npz", format="plain"), format="plain"), motion)


def test_several_sequences_in_one_file(tmp_path):
    streams = {
        "image": PoseSequence(samples.walk(1, 5, 1, 3, 2), np.arange(5), CUSTOM),
        "S1/Walking": PoseSequence(
            samples.walk(2, 3, 2, 3, 3), np.arange(3), CUSTOM, unit="m", space="world"
        ),
        "body": body(),
    }
    path = io.write(streams, tmp_path / "x.npz", format="plain")
    again = io.read_streams(path, format="plain")
    assert list(again) == list(streams)
    for name, motion in streams.items():
        equal(again[name], motion)
    out = io.write(again, tmp_path / "y.npz")
    assert samples.same(samples.load(out), samples.load(path))


def test_marks_and_history_are_added_to_a_file_read(tmp_path):
    sequence = PoseSequence(samples.walk(1, 5, 1, 3, 2), np.arange(5), CUSTOM)
    np.savez(
        tmp_path / "x.npz", positions=sequence.positions[:, 0].astype("f8"), fps=30, note="mine", unit="px"
    )
    read = io.read(tmp_path / "x.npz", format="plain", skeleton=CUSTOM)
    before = samples.load(tmp_path / "x.npz")
    assert samples.same(samples.load(io.write(read, tmp_path / "same.npz")), before)
    marks = np.zeros((5, 1, 3), dtype=bool)
    marks[2] = True
    changed = read.with_positions(read.positions + 1, "moved", marks)
    after = samples.load(io.write(changed, tmp_path / "y.npz"))
    assert list(after) == [*before, "filled", "history"]
    assert after["positions"].shape == (5, 3, 2) and after["positions"].dtype == np.float64
    assert after["history"].tolist() == ["moved"] and after["note"] == "mine"


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_an_array_alone_keeps_its_shape_dtype_and_name(tmp_path, suffix):
    x = 100 * samples.walk(1, 8, 17, 3, dtype="f8")
    path = tmp_path / f"x{suffix}"
    np.save(path, x) if suffix == ".npy" else np.savez(path, keypoints_3d=x)
    read = io.read(path, format="plain", fps=25, skeleton="coco17", unit="mm")
    assert read.shape == (8, 1, 17, 3) and read.fps == pytest.approx(25) and read.unit == "mm"
    assert samples.same(content(io.write(read, tmp_path / f"same{suffix}")), content(path))
    out = content(io.write(read.with_positions(read.positions * 2, "twice"), tmp_path / f"y{suffix}"))
    y = out if suffix == ".npy" else out["keypoints_3d"]
    assert y.shape == x.shape and y.dtype == x.dtype
    np.testing.assert_allclose(y, 2 * x, rtol=1e-6)
    # The other suffix: what is known is more than one array.
    other = io.write(read, tmp_path / f"other{'.npz' if suffix == '.npy' else '.npy'}", format="plain")
    np.testing.assert_array_equal(io.read(other, format="plain", fps=25).positions, read.positions)


def content(path):
    return np.load(path) if path.suffix == ".npy" else samples.load(path)


def test_what_is_assumed_is_said(tmp_path):
    np.save(tmp_path / "x.npy", samples.walk(1, 8, 5, 2) * 500)
    read = io.read(tmp_path / "x.npy", format="plain")
    assert (
        read.skeleton.keypoints == ("0", "1", "2", "3", "4") and read.unit == "px" and read.space == "image"
    )
    assert any("30 fps assumed" in note for note in read.history)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((10, 51)), np.zeros(10), np.zeros((10, 17, 4)), np.zeros((1, 1, 1, 1, 3)),
        np.zeros((0, 17, 3)), np.zeros((4, 0, 3)), np.array([["a"]]), np.zeros((3, 4, 2), "c8"),
        np.array([[[None, 1.0]]], dtype=object),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)  # fmt: skip
def test_other_arrays_are_refused_with_what_would_do(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(FormatError, match=r"frames, keypoints|numbers of shape"):
        io.read(tmp_path / "x.npy", format="plain")


def test_three_numbers_a_joint_are_positions_never_rotations(tmp_path):
    np.save(tmp_path / "x.npy", samples.pose(1).reshape(-1, 24, 3))
    assert isinstance(io.read(tmp_path / "x.npy", format="plain", skeleton="smpl24"), PoseSequence)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("times", np.zeros(5)), ("times", np.arange(4)), ("unit", "parsec"), ("space", "outer"), ("fps", 0),
        ("keypoints", ["a", "b"]), ("keypoints", ["a", "a", "b"]), ("persons", ["x", "y"]),
        ("confidence", np.ones(3)),
        ("parents", [1, 0, 0]), ("skeleton", "nobody's"), ("filled", np.ones((2, 2), bool)),
        ("parents", ["a", "b", "c"]),
        ("persons", np.array(["x", "y"])), ("edges", np.ones(4)),
    ],
)  # fmt: skip
def test_bad_companions_are_refused(tmp_path, key, value):
    content = {"positions": samples.walk(1, 5, 1, 3, 2), key: value}
    if key != "skeleton":
        content = {"keypoints": ["a", "b", "c"], "parents": [-1, 0, 0]} | content
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(FormatError) as e:
        io.read(tmp_path / "x.npz", format="plain")
    assert "\n" not in str(e.value)


def test_npz_without_positions_says_what_is_wanted(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros((3, 4, 2)), b=np.zeros(3))
    with pytest.raises(FormatError, match="'positions', or one array alone, found a, b"):
        io.read(tmp_path / "x.npz", format="plain")


def test_npy_holds_one_sequence(tmp_path):
    with pytest.raises(SteadyposeError, match="npz"):
        io.write(body(), tmp_path / "x.npy", format="plain")
    sequence = PoseSequence(samples.walk(1, 5, 1, 17, 2), np.arange(5), layouts()["coco17"])
    with pytest.raises(SteadyposeError, match="npz"):
        io.write({"a": sequence, "b": replace(sequence, unit="px")}, tmp_path / "x.npy", format="plain")


@pytest.mark.parametrize("form", ["npy", "npz", "named"])
def test_x_y_and_confidence_in_one_array(tmp_path, form):
    array = np.load(DATA / "behaviour/f4_xyc.npy")
    given_path = tmp_path / f"x.{form[:3] if form != 'named' else 'npz'}"
    if form == "npy":
        np.save(given_path, array)
    else:
        np.savez(given_path, **{"positions" if form == "named" else "keypoints": array})
    sequence = io.read(given_path, format="plain")
    assert sequence.shape == (90, 1, 17, 2) and (sequence.unit, sequence.space) == ("px", "image")
    np.testing.assert_array_equal(sequence.confidence[:, 0], array[..., 2])
    assert any("x, y and confidence" in note for note in sequence.history)
    same = io.write(sequence, tmp_path / f"same{given_path.suffix}")
    load = np.load if form == "npy" else samples.load
    assert samples.same(load(same), load(given_path))
    moved = io.write(
        sequence.with_positions(sequence.positions + 1, "moved"), tmp_path / f"m{given_path.suffix}"
    )
    written = np.load(moved) if form == "npy" else next(iter(samples.load(moved).values()))
    np.testing.assert_array_equal(written[..., 2], array[..., 2])
    np.testing.assert_array_equal(written[..., :2], array[..., :2] + np.float32(1))


def test_four_numbers_are_x_y_z_and_confidence(tmp_path):
    rng = np.random.default_rng(0)
    array = np.concatenate([rng.normal(size=(9, 33, 3)), rng.uniform(size=(9, 33, 1))], axis=2)
    np.save(tmp_path / "x.npy", array)
    sequence = io.read(tmp_path / "x.npy")
    assert sequence.shape == (9, 1, 33, 3) and sequence.confidence is not None
    np.testing.assert_array_equal(np.load(io.write(sequence, tmp_path / "y.npy")), array)
    np.save(tmp_path / "z.npy", 3 * array)
    with pytest.raises(FormatError, match="confidence"):
        io.read(tmp_path / "z.npy")


@pytest.mark.parametrize(
    ("scale", "third", "unit"),
    [
        (1.0, 0.5, None),  # a room in metres
        (300.0, 0.0, None),  # flat
        (300.0, 300.0, None),  # millimetres
        (300.0, 0.5, "mm"),
    ],
)
def test_positions_in_space_are_no_confidence(tmp_path, scale, third, unit):
    rng = np.random.default_rng(0)
    array = rng.uniform(0, 1, (9, 17, 3)) * [3 * scale, 3 * scale, third]
    np.save(tmp_path / "x.npy", array)
    assert io.read(tmp_path / "x.npy", unit=unit).shape == (9, 1, 17, 3)
