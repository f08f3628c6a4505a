"""Keraal's JSON: real output of three estimators, and what can be wrong with such files."""

import json
from pathlib import Path

import numpy as np
import pytest
from json_helpers import EXTREME, NOT_NUMBERS, dump, filled_in, leaves, moved, parsed, refused

import steadypose as sp
from steadypose._layouts import layouts

DATA = Path(__file__).parents[1] / "data/keraal-json"
REAL = {"OP-RTK": ("coco18", 2), "AP-CTK": ("coco17", 2), "BP-CTK": ("mediapipe33", 3)}


@pytest.mark.parametrize("name", REAL)
def test_real_files(name):
    path = DATA / f"{name}.json"
    assert sp.detect(path) == "keraal-json"
    seq = sp.read(path, fps=30)
    layout, dims = REAL[name]
    assert seq.shape == (30, 1, len(layouts()[layout]), dims)
    assert (seq.skeleton.name, seq.unit, seq.space) == (layout, "normalized", "image")
    assert seq.confidence is None
    document = parsed(path)["positions"]
    for f, points in enumerate(document.values()):
        assert seq.valid[f, 0].sum() == len(points)
    assert np.nanmin(seq.positions[..., :2]) > 0
    assert np.nanmax(seq.positions[..., :2]) < 1


def test_openpose_by_name():
    seq = sp.read(DATA / "OP-RTK.json")
    document = parsed(DATA / "OP-RTK.json")["positions"]
    points = document["109.0"]
    for ours, theirs in (("neck", "Neck"), ("right_elbow", "rElbow"), ("left_ankle", "lAnkle")):
        expected = points.get(theirs, [np.nan, np.nan])
        assert np.allclose(seq.positions[0, 0, seq.skeleton.index(ours)], expected, equal_nan=True)
    assert np.isnan(seq.positions[-1]).all()  # the empty frame
    # Frames 124 to 180 are not there: a gap in time.
    assert np.allclose(np.diff(seq.times)[[0, 14, 15]] * 30, [1, 58, 1])


def test_frames_that_are_skipped_are_a_gap():
    times = sp.read(DATA / "AP-CTK.json", fps=1).times
    assert times.tolist() == [n for n in range(31) if n != 12]


@pytest.mark.parametrize("name", REAL)
def test_round_trips(tmp_path, name):
    path = DATA / f"{name}.json"
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    out = sp.write(moved(seq, 0.01), tmp_path / "moved.json")
    old, new = leaves(parsed(path)), leaves(parsed(out))
    assert list(old) == list(new)
    assert all(new[key] == pytest.approx(value + 0.01, abs=1e-6) for key, value in old.items())
    assert np.array_equal(sp.read(out).positions, moved(seq, 0.01).positions, equal_nan=True)


def test_missing_is_left_out_and_filled_is_put_in_its_place(tmp_path):
    path = DATA / "OP-RTK.json"
    seq = sp.read(path)
    out = sp.write(filled_in(seq, 0.5), tmp_path / "filled.json")
    assert np.array_equal(sp.read(out).positions, filled_in(seq, 0.5).positions)
    frames = parsed(out)["positions"]
    assert list(frames) == list(parsed(path)["positions"])
    assert frames["195.0"]["lShoulder"] == [0.5, 0.5]
    assert list(frames["195.0"])[:5] == ["Nose", "Neck", "rShoulder", "rElbow", "rWrist"]
    gone = seq.positions.copy()
    gone[2, 0, 3] = np.nan
    out = sp.write(seq.with_positions(gone, "gone"), tmp_path / "gone.json")
    assert np.array_equal(sp.read(out).positions, gone, equal_nan=True)
    assert "rElbow" not in parsed(out)["positions"]["111.0"]


def test_names_as_the_readme_has_them_and_shuffled_frames(tmp_path):
    points = {"mShoulder": [0.5, 0.5], "rElbow": [0.4, 0.5], "lHip": [0.5, 0.6]}
    document = {"positions": {"2": points, "0": points, "1.0": {"rElbow": [0.1, 0.2]}}, "camera": 3}
    path = dump(tmp_path / "k.json", document)
    seq = sp.read(path, fps=1)
    assert (seq.skeleton.name, seq.times.tolist()) == ("coco18", [0, 1, 2])
    assert seq.positions[1, 0, seq.skeleton.index("right_elbow")].tolist() == pytest.approx([0.1, 0.2])
    new = parsed(sp.write(filled_in(seq), tmp_path / "out.json"))
    assert list(new["positions"]) == ["2", "0", "1.0"]
    assert new["camera"] == 3
    assert "mShoulder" in new["positions"]["1.0"]


@pytest.mark.parametrize("layout, dims", [("coco18", 2), ("coco17", 2), ("mediapipe33", 3), ("kinect25", 2)])
def test_new_files(tmp_path, layout, dims):
    x = np.random.default_rng(0).uniform(0.1, 0.9, (6, 1, len(layouts()[layout]), dims))
    x[2] = np.nan
    x[3, 0, 4] = np.nan
    times = [0, 0.1, 0.2, 0.4, 0.5, 0.6]
    seq = sp.PoseSequence.from_array(x, times=times, skeleton=layout, unit="normalized")
    out = sp.write(seq, tmp_path / "new.json", format="keraal-json")
    assert sp.detect(out) == "keraal-json"
    again = sp.read(out, fps=10)
    mine, theirs = seq.skeleton.common(again.skeleton)
    assert len(mine) == len(seq.skeleton) == len(again.skeleton)
    assert np.array_equal(again.positions[:, :, theirs], seq.positions[:, :, mine], equal_nan=True)
    assert np.allclose(again.times, times)
    spelled = {"coco18": "rShoulder", "coco17": "3", "mediapipe33": "Mouth_left", "kinect25": "left_hand_tip"}
    assert spelled[layout] in parsed(out)["positions"]["0"]


def test_what_the_format_cannot_hold(tmp_path):
    for seq in (
        sp.PoseSequence.from_array(np.ones((2, 17, 2)), fps=30, skeleton="coco17"),
        sp.PoseSequence.from_array(np.ones((2, 2, 17, 2)), fps=30, skeleton="coco17", unit="normalized"),
    ):
        with pytest.raises(sp.SteadyposeError, match="keraal-json holds"):
            sp.write(seq, tmp_path / "x.json", format="keraal-json")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda p: p.update({"-3": {}}), ["frame '-3'", "frame number from 0"]),
        (lambda p: p.update({"last": {}}), ["frame 'last'", "frame number from 0"]),
        (lambda p: p.update({"nan": {}}), ["frame 'nan'"]),
        (lambda p: p.update({"109": {}}), ["frame '109'", "again, after '109.0'"]),
        (lambda p: p.update({"110.0": []}), ["frame '110.0'", "an object of keypoints"]),
        (lambda p: p["110.0"].update(Nose=[0.5]), ["frame '110.0', 'Nose'", "2 numbers", "found 1"]),
        (lambda p: p["110.0"].update(Nose=None), ["frame '110.0', 'Nose'", "a list of numbers"]),
        (lambda p: p["110.0"].update(nose=[0.5, 0.5]), ["each keypoint once"]),
        (lambda p: [p.update({k: {}}) for k in p], ["at least one keypoint", "30 frames"]),
        (lambda p: [p.update({k: {"Nose": [1.0]}}) for k in p], ["2 or 3 numbers"]),
    ],
)
def test_bad_content_names_the_place(tmp_path, change, words):
    bad = parsed(DATA / "OP-RTK.json")
    change(bad["positions"])
    refused(dump(tmp_path / "k.json", bad), *words)


def test_bad_files(tmp_path):
    path = tmp_path / "k.json"
    path.write_bytes((DATA / "OP-RTK.json").read_bytes()[:-100])
    refused(path, "line", "column", "JSON")
    refused(dump(path, {"positions": {}}), "at least one keypoint")
    refused(dump(path, {"other": 1}), '"positions"', format="keraal-json")
    refused(dump(path, {"positions": {"0": {"0": [1, 2], "00": [1, 2]}}}), "each once")
    refused(dump(path, {"positions": {"0": {"1" * 50: [1, 2]}}}), "numbered from 0")
    refused(DATA / "OP-RTK.json", "keypoints of coco17", "'Neck'", skeleton="coco17")


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_refused(tmp_path, value):
    bad = parsed(DATA / "AP-CTK.json")
    bad["positions"]["3"]["7"][1] = value
    refused(dump(tmp_path / "k.json", bad), "frame '3', '7'[1]", "a number")


@pytest.mark.parametrize("value", EXTREME)
def test_extreme_numbers_and_null_survive(tmp_path, value):
    odd = parsed(DATA / "AP-CTK.json")
    odd["positions"]["3"]["7"][1] = value
    path = tmp_path / "k.json"
    path.write_text(json.dumps(odd))
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    again = sp.read(sp.write(filled_in(moved(seq)), tmp_path / "moved.json"))
    assert np.array_equal(again.positions, filled_in(moved(seq)).positions)
