"""OpenPose folders, archives and files: real output, and what can be wrong with it."""

import zipfile
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_helpers import EXTREME, NOT_NUMBERS, dump, filled_in, leaves, moved, parsed, refused

import steadypose as sp
from steadypose.io._openpose_layout import body25_or_body25b

REAL = Path(__file__).parents[1] / "data/openpose/cam01_json.zip"


def contents(path):
    with zipfile.ZipFile(path) as z:
        return {n: orjson.loads(z.read(n)) for n in z.namelist() if n.endswith(".json")}


def unzipped(folder):
    with zipfile.ZipFile(REAL) as z:
        z.extractall(folder)
    return folder / "cam01_json"


def person(keypoints, offset=0.0, **more):
    rng = np.random.default_rng(keypoints)
    xy = rng.uniform(10, 300, (keypoints, 2)) + offset
    flat = np.concatenate([xy, np.full((keypoints, 1), 0.5)], axis=1).ravel().round(3).tolist()
    return {"person_id": [-1], "pose_keypoints_2d": flat, **more}


def folder_of(path, frames, name="video_{:012d}_keypoints.json", **more):
    path.mkdir()
    for f, people in frames.items():
        dump(path / name.format(f), {"version": 1.3, "people": people, **more})
    return path


def test_real_archive():
    assert sp.detect(REAL) == "openpose"
    seq = sp.read(REAL, fps=60)
    assert seq.shape == (20, 3, 25, 2)
    assert seq.skeleton.name == "body25b"
    assert (seq.unit, seq.space) == ("px", "image")
    # Both people throughout, and the half of the first that OpenPose takes for somebody else in frame 37.
    assert seq.valid.any(axis=2).sum(axis=0).tolist() == [20, 20, 1]
    assert np.nanmin(seq.positions) > 0
    assert np.isnan(seq.positions[..., 0][seq.confidence == 0]).all()
    assert seq.times[1] == pytest.approx(1 / 60)
    assert any("linked" in note for note in seq.history)
    assert any("body25b" in note for note in seq.history)


def test_nan_is_missing_and_is_written_as_null(tmp_path):
    case = REAL.parents[1] / "behaviour/f5_nan"
    sequence = sp.read(case)
    assert sequence.shape == (5, 1, 25, 2)
    assert not sequence.valid[2, 0, 7] and sequence.valid[[0, 1, 3, 4], 0, 7].all()
    assert (sp.write(sequence, tmp_path / "same") / "v_000000000002_keypoints.json").read_bytes() == (
        case / "v_000000000002_keypoints.json"
    ).read_bytes()
    x = np.array(sequence.positions)
    x[2, 0, 0] += 1
    out = sp.write(sequence.with_positions(x, "moved"), tmp_path / "out")
    person = orjson.loads((out / "v_000000000002_keypoints.json").read_bytes())["people"][0]
    assert person["pose_keypoints_2d"][21:24] == [None, None, None]
    steady = sp.refine(sequence)
    assert steady.valid[2, 0, 7] and steady.filled[2, 0, 7]


def test_archive_and_folder_are_the_same(tmp_path):
    a, b = sp.read(REAL), sp.read(unzipped(tmp_path))
    assert np.array_equal(a.positions, b.positions, equal_nan=True)


def test_untouched_round_trip_keeps_every_byte(tmp_path):
    seq = sp.read(REAL)
    back = sp.write(seq, tmp_path / "out.zip")
    with zipfile.ZipFile(back) as new, zipfile.ZipFile(REAL) as old:
        assert new.namelist() == old.namelist()
        assert all(new.read(n) == old.read(n) for n in old.namelist())
    folder = unzipped(tmp_path)
    out = sp.write(sp.read(folder), tmp_path / "out")
    for path in folder.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert len(list(out.iterdir())) == len(list(folder.iterdir()))


def test_changed_coordinates_change_nothing_else(tmp_path):
    seq = sp.read(REAL)
    out = sp.write(moved(seq), tmp_path / "out.zip")
    old, new = leaves(contents(REAL)), leaves(contents(out))
    assert old.keys() == new.keys()
    for key, value in old.items():
        if "pose_keypoints_2d" in key and key[-1] % 3 < 2 and value != 0:
            assert new[key] == pytest.approx(value + 0.25, abs=1e-3)
        else:
            assert new[key] == value
    again = sp.read(out)
    assert np.array_equal(again.positions, moved(seq).positions, equal_nan=True)
    assert np.array_equal(again.confidence, seq.confidence, equal_nan=True)


def test_one_changed_coordinate_changes_one_number(tmp_path):
    seq = sp.read(REAL)
    x = seq.positions.copy()
    x[3, 0, 2, 1] = 1.5
    out = sp.write(seq.with_positions(x, "one"), tmp_path / "out.zip")
    old, new = leaves(contents(REAL)), leaves(contents(out))
    assert [new[k] for k in old if new[k] != old[k]] == [1.5]


def test_removed_points_become_zeros_and_keep_their_confidence(tmp_path):
    seq = sp.read(REAL)
    x = seq.positions.copy()
    x[5, 0, 4] = np.nan
    out = sp.read(sp.write(seq.with_positions(x, "removed"), tmp_path / "out.zip"))
    assert np.array_equal(out.positions, x, equal_nan=True)
    assert np.array_equal(out.confidence, seq.confidence, equal_nan=True)


def test_filled_points_and_persons(tmp_path):
    near = person(25, face_keypoints_2d=[], score=0.7)
    frames = {0: [near], 1: [], 2: [near]}
    folder = folder_of(tmp_path / "in", frames, part_candidates=[{"0": [1, 2]}])
    seq = sp.read(folder, skeleton="body25")
    assert seq.valid.any(axis=(1, 2)).tolist() == [True, False, True]
    out = sp.write(filled_in(seq, 77.5), tmp_path / "out")
    new = parsed(out / "video_000000000001_keypoints.json")
    assert new["part_candidates"] == [{"0": [1, 2]}]
    assert new["people"] == [
        {
            "person_id": [-1],
            "pose_keypoints_2d": [77.5, 77.5, 0.0] * 25,
            "face_keypoints_2d": [],
            "score": 0,
        }
    ]
    name = "video_000000000000_keypoints.json"
    assert parsed(out / name) == parsed(folder / name)


def test_strays_ride_along(tmp_path):
    folder = unzipped(tmp_path)
    (folder / "notes.txt").write_text("hello")
    (folder / "calib_3.json").write_text('{"camera": 1}')
    (folder / "old").mkdir()
    (folder / "old" / "cam01.0020.json.old").write_text("x")
    seq = sp.read(folder)
    assert seq.shape[0] == 20
    out = sp.write(moved(seq), tmp_path / "out")
    assert (out / "notes.txt").read_text() == "hello"
    assert (out / "calib_3.json").read_text() == '{"camera": 1}'
    assert (out / "old" / "cam01.0020.json.old").read_text() == "x"
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as z:
        for p in folder.rglob("*"):
            z.write(p, Path("deep/er") / p.relative_to(folder))
    back = sp.write(moved(sp.read(archive)), tmp_path / "out.zip")
    with zipfile.ZipFile(back) as z, zipfile.ZipFile(archive) as old:
        assert z.namelist() == old.namelist()
        assert z.read("deep/er/notes.txt") == b"hello"


def test_the_targets_suffix_decides_between_folder_and_zip(tmp_path):
    seq = sp.read(REAL)
    out = sp.write(seq, tmp_path / "out")
    assert sorted(p.name for p in out.iterdir())[0] == "cam01.0020.json"
    back = sp.write(sp.read(out), tmp_path / "back.zip")
    assert np.array_equal(sp.read(back).positions, seq.positions, equal_nan=True)
    with pytest.raises(sp.SteadyposeError, match=r"folder or \.zip"):
        sp.write(seq, tmp_path / "out.json", format="openpose")


def test_names_in_an_archive_cannot_lead_out_of_the_target(tmp_path):
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("../../evil_1.json", orjson.dumps({"people": [person(25)]}))
    (tmp_path / "a" / "b").mkdir(parents=True)
    out = sp.write(sp.read(archive), tmp_path / "a" / "b" / "out")
    assert list(tmp_path.rglob("evil*")) == [out / "evil_1.json"]


def test_a_single_file_is_one_frame(tmp_path):
    path = dump(tmp_path / "image_keypoints.json", {"people": [person(18)]})
    seq = sp.read(path)
    assert seq.shape == (1, 1, 18, 2)
    assert seq.skeleton.name == "coco18"
    out = sp.write(moved(seq), tmp_path / "out.json")
    assert np.array_equal(sp.read(out).positions, moved(seq).positions)


def test_frames_go_by_number_not_by_name(tmp_path):
    frames = {f: [person(25, offset=f)] for f in (9, 10, 100, 7)}
    seq = sp.read(folder_of(tmp_path / "in", frames, name="v_{}_keypoints.json"), fps=10, skeleton="body25")
    assert np.allclose(np.diff(seq.positions[:, 0, 0, 0]), [2, 1, 90])
    assert np.allclose(seq.times, [0, 0.2, 0.3, 9.3])


@pytest.mark.parametrize("dims", [2, 3])
def test_body_hands_and_face(tmp_path, dims):
    rng = np.random.default_rng(0)
    counts = {"pose": 25, "hand_left": 21, "hand_right": 21, "face": 70}

    def entry(f):
        keys = {f"{part}_keypoints_{dims}d": n for part, n in counts.items()}
        return {k: (rng.uniform(200, 900, n * (dims + 1)) + f).tolist() for k, n in keys.items()}

    people = {f: [entry(f)] for f in range(4)}
    people[2][0][f"face_keypoints_{dims}d"] = []
    folder = folder_of(tmp_path / "in", people)
    seq = sp.read(folder, skeleton="body25")
    assert seq.skeleton.name == "body25+openpose_hand_left21+openpose_hand_right21+openpose_face70"
    assert seq.shape == (4, 1, 137, dims)
    assert np.isnan(seq.positions[2, 0, 67:]).all()
    assert not np.isnan(seq.positions[2, 0, :67]).any()
    again = sp.read(sp.write(filled_in(moved(seq)), tmp_path / "out"), skeleton="body25")
    assert np.array_equal(again.positions, filled_in(moved(seq)).positions)
    assert (again.confidence[2, 0, 67:] == 0).all()
    new = sp.read(sp.write(seq.select(), tmp_path / "new", format="openpose"), skeleton="body25")
    assert np.array_equal(new.positions, seq.positions, equal_nan=True)
    assert np.array_equal(new.confidence, np.nan_to_num(seq.confidence))


def test_image_and_space_are_two_streams(tmp_path):
    xyz = np.random.default_rng(1).uniform(0, 1.7, (25, 4)).ravel().tolist()
    folder = folder_of(tmp_path / "in", {f: [person(25, pose_keypoints_3d=xyz)] for f in range(3)})
    streams = sp.read_streams(folder)
    assert list(streams) == ["2d", "3d"]
    assert (streams["3d"].unit, streams["3d"].space) == ("m", "world")
    assert streams["3d"].persons == streams["2d"].persons
    out = sp.read_streams(sp.write({"3d": moved(streams["3d"])}, tmp_path / "out"))
    assert np.array_equal(out["3d"].positions, moved(streams["3d"]).positions)
    assert np.array_equal(out["2d"].positions, streams["2d"].positions)
    both = {n: m.select() for n, m in streams.items()}
    new = sp.read_streams(sp.write(both, tmp_path / "new.zip", format="openpose"))
    assert all(np.array_equal(new[n].positions, streams[n].positions) for n in streams)


def test_tracked_ids_are_kept(tmp_path):
    frames = {f: [person(25, offset=900 * f, person_id=[4]), person(25, person_id=[2])] for f in range(5)}
    folder = folder_of(tmp_path / "in", frames)
    seq = sp.read(folder)
    assert seq.persons == ("4", "2")
    assert not any("linked" in note for note in seq.history)
    frames[3][1]["person_id"] = [4]
    refused(folder_of(tmp_path / "twice", frames), "frame 3", "person 4 again", "people[1]")


@pytest.mark.parametrize("scale, absent", [(lambda x: x / 1000, 0.0), (lambda x: x / 500 - 1, -1.0)])
def test_fractions_of_the_image(tmp_path, scale, absent):
    rng = np.random.default_rng(0)
    x = scale(rng.uniform(100, 900, (25, 2)) + rng.normal(0, 3, (5, 25, 2)))
    flat = np.concatenate([x, np.full((5, 25, 1), 0.5)], axis=2)
    flat[2, 3] = absent, absent, 0.0
    people = {f: [{"pose_keypoints_2d": flat[f].ravel().tolist()}] for f in range(5)}
    folder = folder_of(tmp_path / "in", people)
    seq = sp.read(folder)
    assert seq.unit == "normalized"
    assert np.isnan(seq.positions[2, 0, 3]).all()
    assert np.isnan(seq.positions).sum() == 2
    assert sp.read(folder, unit="px").unit == "px"
    gone = seq.positions.copy()
    gone[1, 0, 5] = np.nan
    out = sp.read(sp.write(seq.with_positions(gone, "gone"), tmp_path / "out"))
    assert np.array_equal(out.positions, gone, equal_nan=True)


def test_body25_and_body25b_are_told_apart_by_where_they_are():
    b = sp.read(REAL)
    assert b.skeleton.name == "body25b"
    x = b.positions.reshape(-1, 25, 2)
    as_25 = b.remap("body25").positions.reshape(-1, 25, 2)
    for some in (slice(None), slice(0, 1), slice(1, 2)):
        assert body25_or_body25b(x[some])[0] == "body25b"
        assert body25_or_body25b(as_25[some])[0] == "body25"
    assert body25_or_body25b(np.full((3, 25, 2), np.nan))[0] == "body25"
    assert body25_or_body25b(np.ones((3, 25, 2)))[0] == "body25"
    assert sp.read(REAL, skeleton="body25").skeleton.name == "body25"


def test_other_numbers_of_keypoints(tmp_path):
    for count, name in ((17, "coco17"), (26, "halpe26"), (133, "wholebody133"), (15, "numbered15")):
        folder = folder_of(tmp_path / str(count), {0: [person(count)]})
        seq = sp.read(folder)
        assert seq.skeleton.name == name
        new = sp.read(sp.write(seq.select(), tmp_path / f"{count}n", format="openpose"))
        assert np.array_equal(new.positions, seq.positions)
    refused(tmp_path / "17", "25 keypoints", "found 17", skeleton="body25")


def test_new_files(tmp_path):
    x = np.random.default_rng(3).uniform(0, 500, (6, 2, 18, 2))
    x[2, 1] = np.nan
    x[4, 0, 3] = np.nan
    times = [0.0, 0.1, 0.2, 0.5, 0.6, 0.7]
    seq = sp.PoseSequence.from_array(x, times=times, skeleton="coco18", persons=["7", "9"])
    out = sp.write(seq, tmp_path / "new", format="openpose")
    names = sorted(p.name for p in out.iterdir())
    assert names[3] == "000000000005_keypoints.json"
    again = sp.read(out, fps=10)
    assert again.persons == ("7", "9")
    assert np.array_equal(again.positions, seq.positions, equal_nan=True)
    assert np.allclose(again.times, times)
    assert (again.confidence[0] == 1).all()
    assert again.confidence[4, 0, 3] == 0
    with pytest.raises(sp.SteadyposeError, match="remap"):
        sp.write(seq.remap("kinect25"), tmp_path / "k", format="openpose")


GOOD = {"version": 1.3, "people": [person(25), person(25, offset=600)]}


@pytest.mark.parametrize(
    "change, words",
    [
        (
            lambda d: d["people"][1].update(pose_keypoints_2d=[1.0] * 74),
            ["people[1]", "75 numbers", "found 74"],
        ),
        (lambda d: d["people"][0].update(face_keypoints_2d=[1.0] * 74), ["multiple of 3", "74"]),
        (
            lambda d: d["people"][0]["pose_keypoints_2d"].__setitem__(4, "5"),
            ["people[0].pose_keypoints_2d[4]"],
        ),
        (lambda d: d["people"][0].update(pose_keypoints_2d="all"), ["a list of numbers", "'all'"]),
        (lambda d: d["people"].append(3), ["people[2]", "an object", "found 3"]),
        (lambda d: d.update(people={}), ["people", "a list"]),
        (lambda d: d.pop("people"), ["people"]),
        (lambda d: d["people"][0].update(hand_left_keypoints_2d=[1.0] * 60), ["21 keypoints", "found 20"]),
    ],
)
def test_bad_content_names_file_and_place(tmp_path, change, words):
    folder = folder_of(tmp_path / "in", {0: GOOD["people"]})
    bad = orjson.loads(orjson.dumps(GOOD))
    change(bad)
    dump(folder / "video_000000000001_keypoints.json", bad)
    refused(folder, "video_000000000001", *words)


def test_bad_files(tmp_path):
    folder = folder_of(tmp_path / "in", {0: GOOD["people"]})
    path = folder / "video_000000000001_keypoints.json"
    path.write_bytes(orjson.dumps(GOOD)[:-20])
    refused(folder, "video_000000000001", "line 1 column", "JSON")
    refused(path, "line 1 column", "JSON")
    path.write_bytes(b"")
    refused(folder, "video_000000000001", "JSON")
    path.unlink()
    dump(folder / "other_0_keypoints.json", GOOD)
    refused(folder, "frame 0 again", "one file a frame")
    (folder / "other_0_keypoints.json").rename(folder / "nameless.json")
    refused(folder, "nameless.json", "frame number")
    refused(folder_of(tmp_path / "nobody", {0: [], 1: []}), "at least one person", "2 frames")
    zeros = {"pose_keypoints_2d": [0] * 75}
    refused(folder_of(tmp_path / "zeros", {0: [zeros]}), "at least one person with keypoints")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(REAL.read_bytes()[:9000])
    refused(broken, "zip", format="openpose")
    damaged = bytearray(REAL.read_bytes())
    damaged[600:700] = bytes(100)
    broken.write_bytes(damaged)
    refused(broken, "zip")
    refused(REAL, "frame rate above 0", fps=0)


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_refused(tmp_path, value):
    bad = orjson.loads(orjson.dumps(GOOD))
    bad["people"][0]["pose_keypoints_2d"][7] = value
    refused(folder_of(tmp_path / "in", {3: bad["people"]}), "[7]", "a number")


@pytest.mark.parametrize("value", EXTREME)
def test_extreme_numbers_and_null_survive(tmp_path, value):
    odd = orjson.loads(orjson.dumps(GOOD))
    odd["people"][0]["pose_keypoints_2d"][6] = value
    folder = folder_of(tmp_path / "in", {3: odd["people"]})
    seq = sp.read(folder)
    assert np.isfinite(seq.positions[..., 0]).sum() >= 49
    out = sp.write(seq, tmp_path / "out")
    name = "video_000000000003_keypoints.json"
    assert parsed(out / name) == parsed(folder / name)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_positions_come_back(tmp_path_factory, data):
    tmp_path = tmp_path_factory.mktemp("any")
    seq = sp.read(REAL)
    seed = data.draw(st.integers(0, 2**32 - 1))
    x = np.random.default_rng(seed).uniform(-5000, 5000, seq.shape).astype(np.float32)
    x[np.random.default_rng(seed + 1).random(seq.shape[:3]) < 0.2] = np.nan
    x[~seq.valid.any(axis=2)] = np.nan
    out = sp.write(seq.with_positions(x, "any"), tmp_path / "out.zip")
    new, old = contents(out), contents(REAL)
    for name, document in old.items():
        for i, one in enumerate(document["people"]):
            assert one["pose_keypoints_2d"][2::3] == new[name]["people"][i]["pose_keypoints_2d"][2::3]
    xy = [
        np.array(p["pose_keypoints_2d"], np.float32).reshape(25, 3)[:, :2]
        for d in new.values()
        for p in d["people"]
    ]
    flat = np.nan_to_num(x)[seq.valid.any(axis=2)]
    assert sorted(a.tolist() for a in xy) == sorted(a.tolist() for a in flat)
