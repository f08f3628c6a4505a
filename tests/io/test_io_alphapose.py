"""AlphaPose's list of results and its forms by image."""

import numpy as np
import orjson
import pytest
from json_helpers import EXTREME, NOT_NUMBERS, dump, filled_in, leaves, moved, parsed, refused

import steadypose as sp

BODY = np.random.default_rng(0).uniform(100, 500, (136, 2))


def person(f, count=17, offset=0.0):
    """A person drifting to the right, as a flat list of x, y and score."""
    xy = np.round(BODY[:count] + np.array([2 * f + offset, 0]), 3)
    score = np.round(0.5 + 0.1 * np.sin(np.arange(count) + f), 4)
    return np.column_stack([xy, score]).ravel().tolist()


def result(f, idx=None, offset=0.0, **more):
    entry = {"image_id": f"{f}.jpg", "category_id": 1, "keypoints": person(f, offset=offset), "score": 2.9}
    entry["box"] = [1.0, 2.0, 3.0, 4.0]
    return {**entry, **({} if idx is None else {"idx": idx}), **more}


def two_people(idx=lambda p: p + 1):
    return [result(f, idx(p), 900.0 * p) for f in range(6) for p in (0, 1)]


def by_image(form, key):
    """The cmu and open forms: COCO's 18 in an object for each image."""
    images = {f"frame_{f:03d}.jpg": {"version": "AlphaPose v0.3", form: []} for f in range(5)}
    for f in (0, 1, 2, 4):
        images[f"frame_{f:03d}.jpg"][form].append({key: person(f, 18)})
    return images


def test_tracked_results(tmp_path):
    path = dump(tmp_path / "alphapose-results.json", two_people())
    assert sp.detect(path) == "alphapose"
    seq = sp.read(path, fps=25)
    assert seq.shape == (6, 2, 17, 2)
    assert (seq.persons, seq.skeleton.name, seq.unit) == (("1", "2"), "coco17", "px")
    assert np.allclose(seq.positions[3, 1, :, 0] - seq.positions[0, 0, :, 0], 906)
    assert seq.confidence[2, 0, 4] == pytest.approx(person(2)[14])
    assert np.allclose(np.diff(seq.times), 0.04)
    assert not any("linked" in note for note in seq.history)


@pytest.mark.parametrize("idx", [lambda p: None, lambda p: 0.0, lambda p: [0.0]])
def test_without_tracking_people_are_linked(tmp_path, idx):
    entries = two_people(idx)
    entries[4:6] = entries[5:3:-1]  # in another order in one frame
    path = dump(tmp_path / "r.json", entries)
    seq = sp.read(path)
    assert seq.shape == (6, 2, 17, 2)
    assert any("2 persons linked" in note for note in seq.history)
    assert np.allclose(np.diff(seq.positions[:, :, 0, 0], axis=0), 2)


@pytest.mark.parametrize("idx", [[[3.0], [4.0]], [3], 3.0, "3"])
def test_an_identity_may_be_inside_lists(tmp_path, idx):
    assert sp.read(dump(tmp_path / "r.json", [result(f, idx) for f in range(3)])).persons == ("3",)


@pytest.mark.parametrize(
    "count, name", [(17, "coco17"), (26, "halpe26"), (133, "wholebody133"), (136, "halpe136")]
)
def test_layouts_by_number_of_keypoints(tmp_path, count, name):
    entries = [{**result(f, 1), "keypoints": person(f, count)} for f in range(3)]
    seq = sp.read(dump(tmp_path / "r.json", entries))
    assert seq.skeleton.name == name
    assert any(name in note for note in seq.history)
    new = sp.read(sp.write(seq.select(), tmp_path / "n.json", format="alphapose"))
    assert np.array_equal(new.positions, seq.positions)
    assert np.array_equal(new.confidence, seq.confidence)


def test_untouched_and_changed_round_trips(tmp_path):
    path = dump(tmp_path / "r.json", two_people())
    seq = sp.read(path)
    out = sp.write(seq, tmp_path / "same.json")
    assert out.read_bytes() == path.read_bytes()
    out = sp.write(moved(seq), tmp_path / "moved.json")
    old, new = leaves(parsed(path)), leaves(parsed(out))
    assert old.keys() == new.keys()
    for key, value in old.items():
        if "keypoints" in key and key[-1] % 3 < 2:
            assert new[key] == pytest.approx(value + 0.25, abs=1e-3)
        else:
            assert new[key] == value
    assert np.array_equal(sp.read(out).positions, moved(seq).positions)


def test_persons_filled_into_frames_without_them(tmp_path):
    entries = [e for n, e in enumerate(two_people()) if n != 5]
    entries[2]["keypoints"][9:12] = 0, 0, 0
    path = dump(tmp_path / "r.json", entries)
    seq = sp.read(path)
    assert np.isnan(seq.positions[2, 1]).all()
    assert np.isnan(seq.positions[1, 0, 3]).all()
    out = sp.write(filled_in(seq, 7.5), tmp_path / "filled.json")
    new = parsed(out)
    assert [e["image_id"] for e in new] == [f"{f}.jpg" for f in range(6) for _ in range(2)]
    assert new[5]["idx"] == 2
    assert new[5]["keypoints"] == [7.5, 7.5, 0.0] * 17
    assert new[2]["keypoints"][9:12] == [7.5, 7.5, 0]
    again = sp.read(out)
    assert np.array_equal(again.positions, filled_in(seq, 7.5).positions)
    gone = seq.positions.copy()
    gone[0, 0, 2] = np.nan
    again = sp.read(sp.write(seq.with_positions(gone, "gone"), tmp_path / "gone.json"))
    assert np.array_equal(again.positions, gone, equal_nan=True)
    assert np.array_equal(again.confidence, seq.confidence, equal_nan=True)


@pytest.mark.parametrize("form, key", [("people", "pose_keypoints_2d"), ("bodies", "joints")])
def test_forms_by_image(tmp_path, form, key):
    path = dump(tmp_path / "r.json", by_image(form, key))
    assert sp.detect(path) == "alphapose"
    seq = sp.read(path)
    assert seq.shape == (5, 1, 18, 2)
    assert seq.skeleton.name == "coco18"
    assert np.isnan(seq.positions[3]).all()
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    out = sp.write(filled_in(seq, 3.0), tmp_path / "filled.json")
    assert parsed(out)["frame_003.jpg"] == {"version": "AlphaPose v0.3", form: [{key: [3.0, 3.0, 0.0] * 18}]}


def test_joints_in_space_are_a_stream_of_their_own(tmp_path):
    xyz = np.random.default_rng(1).uniform(-0.9, 0.9, (6, 24, 3))
    entries = [result(f, 1, pred_xyz_jts=xyz[f].tolist()) for f in range(6)]
    entries[3]["pred_xyz_jts"] = None
    path = dump(tmp_path / "r.json", entries)
    streams = sp.read_streams(path)
    assert list(streams) == ["2d", "3d"]
    joints = streams["3d"]
    assert (joints.skeleton.name, joints.unit, joints.space) == ("smpl24", "m", "root-relative")
    assert np.allclose(joints.positions[4, 0], xyz[4])
    assert np.isnan(joints.positions[3]).all()
    out = sp.write({"3d": filled_in(moved(joints))}, tmp_path / "out.json")
    assert np.array_equal(sp.read(out, stream="3d").positions, filled_in(moved(joints)).positions)
    assert [e["keypoints"] for e in parsed(out)] == [e["keypoints"] for e in entries]
    new = sp.read_streams(
        sp.write({n: m.select() for n, m in streams.items()}, tmp_path / "n.json", format="alphapose")
    )
    for name in streams:
        assert np.array_equal(new[name].positions, streams[name].positions, equal_nan=True)
    with pytest.raises(sp.SteadyposeError, match="3D alone"):
        sp.write(joints.select(), tmp_path / "x.json", format="alphapose")


def test_new_files_keep_frames_and_persons(tmp_path):
    x = np.random.default_rng(2).uniform(0, 500, (7, 2, 17, 2))
    x[3] = np.nan
    x[5, 0] = np.nan
    x[1, 1, 4] = np.nan
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton="coco17", persons=["8", "anna"])
    again = sp.read(sp.write(seq, tmp_path / "new.json", format="alphapose"))
    assert again.persons == seq.persons
    assert np.array_equal(again.positions, seq.positions, equal_nan=True)
    with pytest.raises(sp.SteadyposeError, match="remap"):
        sp.write(seq.remap("kinect25"), tmp_path / "k.json", format="alphapose")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d[3].update(keypoints=[1.0] * 50), ["[3].keypoints", "51 numbers", "50"]),
        (lambda d: [e.update(keypoints=[1.0] * 50) for e in d], ["[0].keypoints", "multiple of 3"]),
        (lambda d: [e.update(keypoints=[]) for e in d], ["[0].keypoints", "multiple of 3"]),
        (lambda d: d[3].pop("keypoints"), ["[3]", '"keypoints"']),
        (lambda d: d[3].pop("image_id"), ["[3]", '"image_id"']),
        (lambda d: d[3].update(image_id=-4), ["[3].image_id", "frame number from 0", "-4"]),
        (lambda d: d[3].update(image_id="-4"), ["[3].image_id", "frame number from 0"]),
        (lambda d: d[3].update(image_id="x.jpg"), ["[3].image_id", "'x.jpg'"]),
        (lambda d: d[3].update(image_id=True), ["[3].image_id", "true"]),
        (lambda d: d[3].update(idx=1), ["[3]", "person 1 again", "[2]", "frame 1"]),
        (lambda d: d[3].update(idx={}), ["[3].idx", "an object"]),
        (lambda d: d.__setitem__(3, 5), ["[3]", "an object", "5"]),
        (lambda d: d[3].update(pred_xyz_jts=[[1, 2]]), ["[3].pred_xyz_jts[0]", "x, y and z"]),
        (lambda d: d[3].update(pred_xyz_jts=[[1, 2, "3"]]), ["[3].pred_xyz_jts[0][2]", "a number"]),
    ],
)
def test_bad_content_names_the_place(tmp_path, change, words):
    bad = two_people()
    change(bad)
    refused(dump(tmp_path / "r.json", bad), *words)


def test_bad_files(tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(orjson.dumps(two_people())[:-30])
    refused(path, "line 1 column", "JSON")
    refused(dump(path, [{**e, "keypoints": [0] * 51} for e in two_people()]), "at least one person")
    images = by_image("people", "pose_keypoints_2d")
    images["frame_009.jpg"] = 5
    refused(dump(path, images), "frame_009.jpg", "people")
    refused(dump(path, []), "at least one detection", format="alphapose")


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_refused(tmp_path, value):
    bad = two_people()
    bad[2]["keypoints"][7] = value
    refused(dump(tmp_path / "r.json", bad), "[2].keypoints[7]", "a number")


@pytest.mark.parametrize("value", EXTREME)
def test_extreme_numbers_and_null_survive(tmp_path, value):
    odd = two_people()
    odd[2]["keypoints"][6] = value
    path = dump(tmp_path / "r.json", odd)
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    out = parsed(sp.write(filled_in(moved(seq)), tmp_path / "moved.json"))
    assert out[2]["keypoints"][5] == odd[2]["keypoints"][5]
