"""MediaPipe's landmarks as JSON: steadypose's layout and raw dumps."""

import numpy as np
import pytest
from json_helpers import EXTREME, NOT_NUMBERS, dump, filled_in, leaves, moved, parsed, refused

import steadypose as sp
from steadypose._layouts import layouts

COUNTS = {"pose": 33, "left_hand": 21, "right_hand": 21, "face": 478}
RNG = np.random.default_rng(0)
IMAGE = {part: RNG.uniform(0.2, 0.6, (n, 3)) for part, n in COUNTS.items()}
WORLD = {part: RNG.uniform(-0.8, 0.8, (n, 3)) for part, n in COUNTS.items()}


def marks(points, f, visibility=True):
    out = []
    for k, (x, y, z) in enumerate(points):
        mark = {"x": x + 0.002 * f, "y": y, "z": z}
        out.append({**mark, "visibility": 0.5 + 0.01 * k, "presence": 0.75} if visibility else mark)
    return out


def pose(f, offset=0.0):
    return {
        "pose_landmarks": marks(IMAGE["pose"] + offset, f),
        "pose_world_landmarks": marks(WORLD["pose"], f),
    }


def holistic(f):
    sets = {f"{part}_landmarks": marks(IMAGE[part], f, False) for part in ("left_hand", "right_hand", "face")}
    sets |= {f"{part}_world_landmarks": marks(WORLD[part], f, False) for part in ("left_hand",)}
    return {**pose(f), **sets}


def document(people=lambda f: [{"id": "a", **pose(f)}], frames=6, **more):
    rows = [{"frame": f, "timestamp_ms": 33 * f + f % 2, "persons": people(f)} for f in range(frames)]
    return {
        "format": "steadypose mediapipe",
        "version": 1,
        "width": 1280,
        "height": 720,
        "frames": rows,
        **more,
    }


def test_image_and_world(tmp_path):
    path = dump(tmp_path / "m.json", document())
    assert sp.detect(path) == "mediapipe-json"
    streams = sp.read_streams(path)
    assert list(streams) == ["image", "world"]
    image, world = streams.values()
    assert image.shape == world.shape == (6, 1, 33, 3)
    assert (image.unit, image.space, world.unit, world.space) == ("normalized", "image", "m", "root-relative")
    assert image.skeleton.name == "mediapipe33"
    assert image.persons == ("a",)
    assert np.allclose(image.times, [0, 0.034, 0.066, 0.1, 0.132, 0.166])
    assert np.allclose(image.confidence[2, 0], 0.5 + 0.01 * np.arange(33))
    assert sp.read(path, fps=10).times[3] == pytest.approx(0.3)


def test_holistic(tmp_path):
    def people(f):
        one = {"id": 1, **holistic(f)}
        if f == 2:
            del one["left_hand_landmarks"]
        if f == 3:
            one["face_landmarks"] = None
        return [] if f == 4 else [one]

    path = dump(tmp_path / "m.json", document(people))
    streams = sp.read_streams(path)
    assert list(streams) == ["image", "world", "left_hand_world"]
    seq = streams["image"]
    assert seq.shape == (6, 1, 33 + 21 + 21 + 478, 3)
    assert "left_hand_thumb_3" in seq.skeleton.keypoints
    assert np.isnan(seq.confidence[0, 0, 40:]).all()
    assert seq.valid[:, 0].sum(axis=1).tolist() == [553, 553, 532, 75, 0, 553]
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    whole = {n: filled_in(moved(m, 0.01), 0.3) for n, m in streams.items()}
    out = sp.read_streams(sp.write(whole, tmp_path / "out.json"))
    for name, motion in whole.items():
        assert np.array_equal(out[name].positions, motion.positions)
    for name in ("image", "world"):
        assert np.array_equal(out[name].confidence[:4], streams[name].confidence[:4], equal_nan=True)
        assert (out[name].confidence[4, :, :33] == 0).all()
    assert out["left_hand_world"].confidence is None
    new = sp.read_streams(sp.write({n: m.select() for n, m in streams.items()}, tmp_path / "new.json"))
    for name, motion in streams.items():
        assert np.array_equal(new[name].positions, motion.positions, equal_nan=True)
        assert new[name].skeleton.keypoints == motion.skeleton.keypoints
        assert np.allclose(new[name].times, motion.times)


def test_changed_coordinates_change_nothing_else(tmp_path):
    path = dump(tmp_path / "m.json", document(fps=30, note={"by": "me"}))
    streams = sp.read_streams(path)
    out = sp.write({n: moved(m, 0.01) for n, m in streams.items()}, tmp_path / "out.json")
    old, new = leaves(parsed(path)), leaves(parsed(out))
    assert old.keys() == new.keys()
    for key, value in old.items():
        assert new[key] == (pytest.approx(value + 0.01, abs=1e-6) if key[-1] in ("x", "y", "z") else value)


def test_several_people(tmp_path):
    def people(f):
        both = [{"id": 4, **pose(f)}, {"id": 2, **pose(f, 0.4)}]
        return both[::-1] if f % 2 else both

    path = dump(tmp_path / "m.json", document(people))
    seq = sp.read(path)
    assert seq.persons == ("4", "2")
    unnamed = document(lambda f: [{k: v for k, v in one.items() if k != "id"} for one in people(f)])
    linked = sp.read(dump(tmp_path / "u.json", unnamed))
    assert any("2 persons linked" in note for note in linked.history)
    assert np.allclose(np.diff(linked.positions[:, :, 0, 0], axis=0), 0.002, atol=1e-6)
    twice = document(lambda f: [{"id": 4, **pose(f)}, {"id": 4, **pose(f)}])
    refused(dump(path, twice), "person 4 again", "frames[0].persons[1]")


@pytest.mark.parametrize(
    "raw",
    [
        lambda f: marks(IMAGE["pose"], f),
        lambda f: [marks(IMAGE["pose"], f)],
        lambda f: {"pose_landmarks": marks(IMAGE["pose"], f)},
    ],
)
def test_raw_dumps(tmp_path, raw):
    empty = {} if isinstance(raw(0), dict) else []
    path = dump(tmp_path / "m.json", [empty if f == 2 else raw(f) for f in range(5)])
    assert sp.detect(path) == "mediapipe-json"
    seq = sp.read(path)
    assert seq.shape == (5, 1, 33, 3)
    assert seq.valid.all(axis=(1, 2)).tolist() == [True, True, False, True, True]
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    x = moved(seq, 0.01).positions.copy()
    x[2] = (x[1] + x[3]) / 2
    out = sp.write(seq.with_positions(x, "filled"), tmp_path / "out.json")
    again = sp.read(out)
    assert np.array_equal(again.positions, x)
    assert (again.confidence[2] == 0).all()
    assert type(parsed(out)[2]) is type(parsed(path)[1])


def test_flat_landmarks(tmp_path):
    flat = [[{"x": m["x"], "y": m["y"]} for m in marks(IMAGE["pose"], f)] for f in range(4)]
    seq = sp.read(dump(tmp_path / "m.json", flat))
    assert seq.shape == (4, 1, 33, 2)
    assert seq.confidence is None
    out = sp.write(moved(seq), tmp_path / "out.json")
    assert parsed(out)[0][0].keys() == {"x", "y"}


def test_points_that_go_and_come(tmp_path):
    rows = document()
    rows["frames"][1]["persons"][0]["pose_landmarks"][5] = None
    seq = sp.read(dump(tmp_path / "m.json", rows))
    assert np.isnan(seq.positions[1, 0, 5]).all()
    x = seq.positions.copy()
    x[1, 0, 5] = 0.5
    x[2, 0, 6] = np.nan
    out = sp.write(seq.with_positions(x, "both"), tmp_path / "out.json")
    new = parsed(out)["frames"]
    assert new[1]["persons"][0]["pose_landmarks"][5] == {
        "x": 0.5,
        "y": 0.5,
        "z": 0.5,
        "visibility": 0,
        "presence": 0,
    }
    assert new[2]["persons"][0]["pose_landmarks"][6]["visibility"] == pytest.approx(0.56)
    assert np.array_equal(sp.read(out).positions, x, equal_nan=True)


def test_new_files_of_other_skeletons(tmp_path):
    x = np.random.default_rng(2).uniform(-0.9, 0.9, (6, 2, 17, 3))
    x[3, 1] = np.nan
    seq = sp.PoseSequence.from_array(
        x * 1000, fps=25, skeleton="coco17", unit="mm", space="world", persons=["b", "3"]
    )
    out = sp.write(seq, tmp_path / "new.json")
    again = sp.read(out)
    mine, theirs = seq.skeleton.common(again.skeleton)
    assert len(mine) == 17
    assert again.source.stream == "world"
    assert again.persons == ("b", "3")
    assert np.allclose(again.positions[:, :, theirs], x[:, :, mine], equal_nan=True, atol=1e-6)
    assert np.allclose(again.times, seq.times)
    for layout, unit, match in (("kinect25", "m", "remap"), ("coco17", "px", "in m")):
        many = np.ones((2, len(layouts()[layout]), 3))
        other = sp.PoseSequence.from_array(many, fps=30, skeleton=layout, unit=unit, space="world")
        with pytest.raises(sp.SteadyposeError, match=match):
            sp.write(other, tmp_path / "x.json", format="mediapipe-json")


def change_mark(**new):
    return lambda d: d["frames"][2]["persons"][0]["pose_landmarks"][4].update(new)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d["frames"][2]["persons"][0]["pose_landmarks"].pop(), ["pose_landmarks", "33", "32"]),
        (lambda d: d["frames"][2]["persons"][0]["pose_landmarks"][4].pop("y"), ["[4]", '"y"']),
        (lambda d: d["frames"][2]["persons"][0].update(pose_landmarks="x"), ["pose_landmarks", "a list"]),
        (lambda d: d["frames"][2]["persons"].append(4), ["frames[2].persons[1]", "an object"]),
        (lambda d: d["frames"][2].update(persons=4), ["frames[2].persons", "a list"]),
        (lambda d: d["frames"][2].update(frame=1), ["frames[2]", "frame 1 again"]),
        (lambda d: d["frames"][2].update(frame=-1), ["frames[2].frame", "-1"]),
        (lambda d: d["frames"][2].update(timestamp_ms=0), ["increasing"]),
        (lambda d: d["frames"][2].update(timestamp_ms="1"), ["timestamp_ms", "a number"]),
        (lambda d: d["frames"][2]["persons"][0].update(id=[1]), ["frames[2].persons[0].id"]),
        (lambda d: [fr["persons"][0]["pose_landmarks"].pop() for fr in d["frames"]], ["33 landmarks", "32"]),
        (lambda d: [fr.update(persons=[]) for fr in d["frames"]], ["at least one person", "6 frames"]),
        (lambda d: d["frames"].__setitem__(2, 7), ["frames[2]", "a list of landmarks"]),
        (lambda d: d.update(frames=5), ["frames", "a list"]),
        (change_mark(visibility="high"), ["pose_landmarks[4][3]", "a number"]),
    ],
)
def test_bad_content_names_the_place(tmp_path, change, words):
    bad = document()
    change(bad)
    refused(dump(tmp_path / "m.json", bad), *words, format="mediapipe-json")


def test_bad_files(tmp_path):
    path = tmp_path / "m.json"
    path.write_bytes(dump(path, document()).read_bytes()[:-30])
    refused(path, "line 1 column", "JSON")
    rows = document(fps=0)
    for frame in rows["frames"]:
        del frame["timestamp_ms"]
    refused(dump(path, rows), "above 0")
    refused(dump(path, {**rows, "fps": "fast"}), "fps", "a number")


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_refused(tmp_path, value):
    bad = document()
    change_mark(y=value)(bad)
    refused(dump(tmp_path / "m.json", bad), "frames[2].persons[0].pose_landmarks[4][1]", "a number")


@pytest.mark.parametrize("value", EXTREME)
def test_extreme_numbers_and_null_survive(tmp_path, value):
    odd = document()
    change_mark(x=value)(odd)
    path = dump(tmp_path / "m.json", odd)
    seq = sp.read(path)
    assert sp.write(seq, tmp_path / "same.json").read_bytes() == path.read_bytes()
    sp.write(filled_in(moved(seq)), tmp_path / "moved.json")
