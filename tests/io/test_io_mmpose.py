"""mmpose's inferencer and demo files."""

import numpy as np
import orjson
import pytest
from json_helpers import EXTREME, NOT_NUMBERS, dump, filled_in, leaves, moved, parsed, refused

import steadypose as sp
from steadypose._layouts import layouts

RNG = np.random.default_rng(0)
BODY = {(k, d): RNG.uniform(0.1, 0.9, (k, d)) for k in (17, 26, 33, 133) for d in (2, 3)}


def instance(f, offset=0.0, count=17, dims=2):
    scale = 500 if dims == 2 else 1.8
    x = BODY[count, dims] * scale + offset
    x[:, 0] += 0.004 * scale * f
    return {
        "keypoints": x.tolist(),
        "keypoint_scores": (0.5 + 0.01 * np.arange(count)).tolist(),
        "bbox": [[1.0, 2.0, 3.0, 4.0]],
        "bbox_score": 0.9,
    }


def frames(count=17, dims=2, people=2):
    far = 900 if dims == 2 else 5
    return [
        {"frame_id": f, "instances": [instance(f, far * p, count, dims) for p in range(people)]}
        for f in range(6)
    ]


def wrapped():
    names = [f"kpt_{k}" for k in range(17)]
    meta = {"dataset_name": "mine", "keypoint_id2name": {str(k): n for k, n in enumerate(names)}}
    return {"meta_info": {**meta, "sigmas": [0.1] * 17}, "instance_info": frames()}


@pytest.mark.parametrize(
    "count, dims, name", [(17, 2, "coco17"), (26, 2, "halpe26"), (133, 2, "wholebody133"), (17, 3, "h36m17")]
)
def test_frames(tmp_path, count, dims, name):
    path = dump(tmp_path / "p.json", frames(count, dims))
    assert sp.detect(path) == "mmpose"
    streams = sp.read_streams(path, fps=50)
    assert list(streams) == [f"{dims}d"]
    seq = streams[f"{dims}d"]
    assert seq.shape == (6, 2, count, dims)
    assert seq.skeleton.name == name
    assert (seq.unit, seq.space) == (("px", "image") if dims == 2 else ("m", "root-relative"))
    assert seq.confidence[1, 0, 5] == np.float32(0.55)
    assert any("2 persons linked" in note for note in seq.history)
    assert seq.duration == pytest.approx(0.1)


def test_wrapped_files_name_their_keypoints(tmp_path):
    path = dump(tmp_path / "p.json", wrapped())
    assert sp.detect(path) == "mmpose"
    assert sp.read(path).skeleton.keypoints[4] == "kpt_4"
    document = wrapped()
    document["meta_info"]["keypoint_id2name"] = dict(enumerate(layouts()["coco17"].keypoints))
    assert sp.read(dump(path, document)).skeleton.name == "coco17"
    document["meta_info"] = None
    assert sp.read(dump(path, document)).skeleton.name == "coco17"


def test_a_single_image_is_one_frame(tmp_path):
    path = dump(tmp_path / "p.json", [instance(0), instance(0, 900)])
    assert sp.detect(path) == "mmpose"
    seq = sp.read(path)
    assert seq.shape == (1, 2, 17, 2)
    out = sp.write(moved(seq), tmp_path / "out.json")
    assert np.array_equal(sp.read(out).positions, moved(seq).positions)


@pytest.mark.parametrize("make", [frames, wrapped, lambda: frames(17, 3), lambda: [instance(0)]])
def test_round_trips(tmp_path, make):
    path = dump(tmp_path / "in.json", make())
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    out = sp.write(moved(seq), tmp_path / "moved.json")
    old, new = leaves(parsed(path)), leaves(parsed(out))
    assert old.keys() == new.keys()
    for key, value in old.items():
        assert new[key] == (pytest.approx(value + 0.25, abs=1e-3) if "keypoints" in key else value)
    assert np.array_equal(sp.read(out).positions, moved(seq).positions)


def test_shuffled_frames_empty_frames_and_filled_persons(tmp_path):
    document = frames()
    document[3]["instances"] = []
    del document[1]["instances"][0]
    document = [document[f] for f in (4, 0, 3, 1, 5, 2)]
    path = dump(tmp_path / "p.json", document)
    seq = sp.read(path)
    assert seq.valid.any(axis=2).sum(axis=1).tolist() == [2, 1, 2, 0, 2, 2]
    assert np.allclose(np.diff(seq.positions[[0, 2, 4, 5], :, 0, 0], axis=0).T, [4, 4, 2])
    out = sp.write(filled_in(seq, 6.5), tmp_path / "out.json")
    new = parsed(out)
    assert [fr["frame_id"] for fr in new] == [4, 0, 3, 1, 5, 2]
    assert new[2]["instances"][0] == {"keypoints": [[6.5, 6.5]] * 17, "keypoint_scores": [0.0] * 17}
    gone = seq.positions.copy()
    gone[0, 0, 2] = np.nan
    out = sp.write(seq.with_positions(gone, "gone"), tmp_path / "gone.json")
    assert parsed(out)[1]["instances"][0]["keypoints"][2] in (
        [None, None],
        document[1]["instances"][0]["keypoints"][2],
    )
    assert np.array_equal(sp.read(out).positions, gone, equal_nan=True)


def test_track_ids_that_others_added_are_identities(tmp_path):
    document = frames()
    for f, frame in enumerate(document):
        frame["instances"][0]["track_id"], frame["instances"][1]["track_id"] = (7, 3) if f % 2 else (3, 7)
    seq = sp.read(dump(tmp_path / "p.json", document))
    assert seq.persons == ("3", "7")
    assert seq.positions[1, 0, 0, 0] - seq.positions[0, 0, 0, 0] > 800


@pytest.mark.parametrize("layout, dims", [("coco17", 2), ("kinect25", 3), ("mpi17", 3), ("body25", 2)])
def test_new_files_name_keypoints_and_persons(tmp_path, layout, dims):
    x = np.random.default_rng(2).uniform(-0.9, 0.9, (6, 2, len(layouts()[layout]), dims)) + (dims == 2) * 300
    x[3] = np.nan
    x[1, 1, 4] = np.nan
    unit, space = ("px", "image") if dims == 2 else ("m", "world")
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton=layout, persons=["4", "b"], unit=unit, space=space)
    again = sp.read(sp.write(seq, tmp_path / "new.json", format="mmpose"))
    assert (again.persons, again.skeleton.keypoints) == (seq.persons, seq.skeleton.keypoints)
    assert np.array_equal(again.positions, seq.positions, equal_nan=True)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d[2].pop("frame_id"), ["[2]", '"frame_id"']),
        (lambda d: d[2].pop("instances"), ["[2]", '"instances"']),
        (lambda d: d[2].update(instances={}), ["[2].instances", "a list"]),
        (lambda d: d[2].update(frame_id=1), ["[2].", "frame 1 again", "[1]"]),
        (lambda d: d[2].update(frame_id=-1), ["[2].", "frame number from 0", "-1"]),
        (lambda d: d[2]["instances"][1].pop("keypoints"), ["[2].instances[1]", '"keypoints"']),
        (lambda d: d[2]["instances"][1]["keypoints"].pop(), ["instances[1].keypoints", "17 keypoints", "16"]),
        (lambda d: d[2]["instances"][1]["keypoints"][3].pop(), ["instances[1].keypoints[3]", "2 numbers"]),
        (lambda d: d[2]["instances"][1]["keypoint_scores"].pop(), ["keypoint_scores", "17 numbers", "16"]),
        (lambda d: d[2]["instances"].append(4), ["[2].instances[2]", "an object"]),
        (lambda d: d[2]["instances"][1].update(track_id=[1]), ["instances[1].track_id"]),
        (lambda d: [fr.update(instances=[]) for fr in d], ["at least one instance"]),
    ],
)
def test_bad_content_names_the_place(tmp_path, change, words):
    bad = frames()
    change(bad)
    refused(dump(tmp_path / "p.json", bad), *words)


def test_bad_files(tmp_path):
    path = tmp_path / "p.json"
    path.write_bytes(orjson.dumps(frames())[:-30])
    refused(path, "line 1 column", "JSON")
    bad = wrapped()
    bad["meta_info"]["keypoint_id2name"]["3"] = None
    refused(dump(path, bad), "meta_info.keypoint_id2name", "a name for each")
    refused(dump(path, {"instance_info": []}), "instance_info", "at least one frame")
    four = frames()
    for frame in four:
        for one in frame["instances"]:
            one["keypoints"] = [[1, 2, 3, 4]] * 17
    refused(dump(path, four), "2 or 3 numbers", "4")


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_refused(tmp_path, value):
    bad = frames()
    bad[2]["instances"][0]["keypoints"][7][1] = value
    refused(dump(tmp_path / "p.json", bad), "[2].instances[0].keypoints[7][1]", "a number")


@pytest.mark.parametrize("value", EXTREME)
def test_extreme_numbers_and_null_survive(tmp_path, value):
    odd = frames()
    odd[2]["instances"][0]["keypoints"][7][1] = value
    path = dump(tmp_path / "p.json", odd)
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    sp.write(filled_in(moved(seq)), tmp_path / "moved.json")
