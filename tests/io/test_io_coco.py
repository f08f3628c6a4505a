"""COCO results and annotation documents."""

import numpy as np
import orjson
import pytest
from json_helpers import EXTREME, NOT_NUMBERS, dump, filled_in, leaves, moved, parsed, refused

import steadypose as sp
from steadypose._layouts import layouts

BODY = np.random.default_rng(0).uniform(100, 500, (17, 2))
NAMES = list(layouts()["coco17"].keypoints)


def person(f, offset=0.0, v=2):
    xy = np.round(BODY + np.array([2 * f + offset, 0]), 3)
    return np.column_stack([xy, np.full(17, v)]).ravel().tolist()


def results():
    entries = []
    for f in range(5):
        for p in (0, 1):
            keypoints = person(f, 900 * p, 0.8)
            entries.append({"image_id": f + 10, "category_id": 1, "keypoints": keypoints, "score": 0.9})
    return entries


def annotations(track=False):
    """Images in no order of their ids, one of them empty; a box among the keypoints."""
    images = [
        {"id": 100 - f, "file_name": f"video/{f:06d}.jpg", "width": 1920, "height": 1080} for f in range(5)
    ]
    entries = [{"id": 1, "image_id": 98, "category_id": 9, "bbox": [1, 2, 3, 4]}]
    for f in (4, 0, 1, 2):
        for p in (0, 1):
            entry = {"id": len(entries) + 1, "image_id": 100 - f, "category_id": 1, "iscrowd": 0}
            entry |= {"keypoints": person(f, 900 * p), "bbox": [0, 0, 5, 5], "num_keypoints": 17}
            entries.append({**entry, **({"track_id": 5 + p} if track else {})})
    entries[1]["keypoints"][:3] = 0, 0, 0
    categories = [
        {"id": 1, "name": "person", "keypoints": NAMES, "skeleton": [[1, 2]]},
        {"id": 9, "name": "ball"},
    ]
    return {"info": {"year": 2024}, "images": images, "annotations": entries, "categories": categories}


def test_results(tmp_path):
    path = dump(tmp_path / "results.json", results())
    assert sp.detect(path) == "coco"
    seq = sp.read(path, fps=10)
    assert seq.shape == (5, 2, 17, 2)
    assert (seq.skeleton.name, seq.unit) == ("coco17", "px")
    assert np.allclose(seq.times, [0, 0.1, 0.2, 0.3, 0.4])
    assert np.allclose(seq.confidence, 0.8)
    assert any("linked" in note for note in seq.history)


def test_annotations(tmp_path):
    path = dump(tmp_path / "person_keypoints.json", annotations(track=True))
    assert sp.detect(path) == "coco"
    seq = sp.read(path)
    assert seq.shape == (5, 2, 17, 2)
    assert seq.persons == ("5", "6")
    assert seq.skeleton.name == "coco17"
    # Frames go by the numbers in the images' names; nobody is in 3, and one keypoint is unlabelled in 4.
    assert np.allclose(seq.positions[[0, 1, 2], 0, 1, 0], BODY[1, 0] + [0, 2, 4], atol=1e-3)
    assert np.isnan(seq.positions[3]).all()
    assert np.isnan(seq.positions[4, 0, 0]).all()
    assert seq.confidence[4, 0, 0] == 0
    assert any("linked" in note for note in sp.read(dump(tmp_path / "b.json", annotations())).history)


def test_the_category_names_the_keypoints(tmp_path):
    document = annotations()
    document["categories"][0]["keypoints"] = [f"part {k}" for k in range(17)]
    seq = sp.read(dump(tmp_path / "a.json", document))
    assert seq.skeleton.keypoints[3] == "part 3"
    assert sp.read(tmp_path / "a.json", skeleton="coco17").skeleton.name == "coco17"


def test_images_whose_names_do_not_tell_are_ordered_by_id(tmp_path):
    document = annotations()
    for image in document["images"]:
        image["file_name"] = "frame.jpg"
    seq = sp.read(dump(tmp_path / "a.json", document))
    assert np.isnan(seq.positions[1]).all()


@pytest.mark.parametrize("make", [results, annotations, lambda: annotations(track=True)])
def test_round_trips(tmp_path, make):
    path = dump(tmp_path / "in.json", make())
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    out = sp.write(moved(seq), tmp_path / "moved.json")
    old, new = leaves(parsed(path)), leaves(parsed(out))
    assert old.keys() == new.keys()
    for key, value in old.items():
        if "keypoints" in key and "categories" not in key and key[-1] % 3 < 2 and value != 0:
            assert new[key] == pytest.approx(value + 0.25, abs=1e-3)
        else:
            assert new[key] == value
    again = sp.read(out)
    assert np.array_equal(again.positions, moved(seq).positions, equal_nan=True)


def test_persons_filled_into_frames_without_them(tmp_path):
    path = dump(tmp_path / "a.json", annotations(track=True))
    seq = sp.read(path)
    out = sp.write(filled_in(seq, 4.5), tmp_path / "filled.json")
    new = parsed(out)
    added = new["annotations"][9:]
    assert [(e["id"], e["image_id"], e["category_id"], e["track_id"]) for e in added] == [
        (10, 97, 1, 5),
        (11, 97, 1, 6),
    ]
    assert added[0]["keypoints"] == [4.5, 4.5, 0] * 17
    assert np.array_equal(sp.read(out).positions, filled_in(seq, 4.5).positions)
    listed = results()
    del listed[3]
    seq = sp.read(dump(tmp_path / "r.json", listed))
    new = parsed(sp.write(filled_in(seq, 4.5), tmp_path / "r2.json"))
    assert [e["image_id"] for e in new] == [10, 10, 11, 11, 12, 12, 13, 13, 14, 14]
    assert new[3]["score"] == 0


@pytest.mark.parametrize("layout", ["coco17", "kinect25", "mediapipe33"])
def test_new_files_name_their_keypoints(tmp_path, layout):
    count = len(layouts()[layout])
    x = np.random.default_rng(2).uniform(0, 500, (6, 2, count, 2))
    x[3] = np.nan
    x[1, 1, 4] = np.nan
    confidence = np.random.default_rng(3).uniform(0, 1, x.shape[:3])
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton=layout, confidence=confidence, persons=["3", "anna"])
    out = sp.write(seq, tmp_path / "new.json", format="coco")
    assert sp.detect(out) == "coco"
    again = sp.read(out)
    assert (again.persons, again.skeleton.keypoints) == (seq.persons, seq.skeleton.keypoints)
    assert np.array_equal(again.positions, seq.positions, equal_nan=True)
    kept = seq.valid.any(axis=2)
    assert np.array_equal(again.confidence[kept], seq.confidence[kept])
    with pytest.raises(sp.SteadyposeError, match="2D"):
        sp.write(
            sp.PoseSequence.from_array(np.ones((2, 3, 3)), fps=30, unit="m", space="world"),
            tmp_path / "x.json",
            format="coco",
        )


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d["annotations"][2].update(keypoints=[1.0] * 50), ["annotations[2].keypoints", "50"]),
        (lambda d: d["annotations"][2].pop("image_id"), ["annotations[2]", '"image_id"']),
        (lambda d: d["annotations"][2].update(image_id=7), ["annotations[2].image_id", "7"]),
        (lambda d: d["annotations"][2].update(image_id=[]), ["annotations[2].image_id", "a list"]),
        (lambda d: d["annotations"][2].update(track_id=5.5), ["annotations[2].track_id", "5.5"]),
        (lambda d: d["annotations"][2].update(track_id=5), ["annotations[2]", "person 5 again", "frame 4"]),
        (lambda d: d["annotations"][2].update(category_id={}), ["annotations[2].category_id"]),
        (lambda d: d["images"][2].pop("id"), ["images[2]", '"id"']),
        (lambda d: d["images"][2].update(id=-1), ["images[2].id", "frame number from 0"]),
        (lambda d: d["images"][2].update(id=100), ["images[2].id", "100 twice"]),
        (lambda d: d["categories"][0].update(keypoints=NAMES[:5]), ["5 keypoints", "17"]),
        (lambda d: d["categories"][0].update(keypoints=["a"] * 17), ["categories[0].keypoints", "'a'"]),
        (
            lambda d: d["categories"][0].update(keypoints=[1] * 17),
            ["categories[0].keypoints", "list of names"],
        ),
        (lambda d: d.update(images=5), ["images", "a list"]),
        (lambda d: d.update(annotations=[]), ["annotations", "at least one detection"]),
    ],
)
def test_bad_content_names_the_place(tmp_path, change, words):
    bad = annotations(track=True)
    change(bad)
    refused(dump(tmp_path / "a.json", bad), *words)


def test_bad_results(tmp_path):
    path = tmp_path / "r.json"
    for change, words in (
        ({"keypoints": [1.0] * 50}, ["[2].keypoints", "51 numbers"]),
        ({"image_id": -3}, ["[2].image_id", "-3"]),
        ({"image_id": None}, ["[2].image_id", "null"]),
        ({"image_id": 1e300}, ["[2].image_id", "1e+300"]),
        ({"image_id": 1.5}, ["[2].image_id", "1.5"]),
    ):
        bad = results()
        bad[2].update(change)
        refused(dump(path, bad), *words)
    path.write_bytes(orjson.dumps(results())[:-9])
    refused(path, "line 1 column", "JSON")


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_refused(tmp_path, value):
    bad = results()
    bad[2]["keypoints"][7] = value
    refused(dump(tmp_path / "r.json", bad), "[2].keypoints[7]", "a number")


@pytest.mark.parametrize("value", EXTREME)
def test_extreme_numbers_and_null_survive(tmp_path, value):
    odd = results()
    odd[2]["keypoints"][6] = value
    path = dump(tmp_path / "r.json", odd)
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    sp.write(filled_in(moved(seq)), tmp_path / "moved.json")
