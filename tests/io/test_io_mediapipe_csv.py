"""MediaPipe csv: the long layout and the wide dumps."""

from dataclasses import replace

import numpy as np
import pytest

from steadypose.errors import DataError, FormatError
from steadypose.io import read, read_streams, write
from steadypose.io._probe import Probe
from steadypose.io.mediapipe_csv import COLUMNS, sniff
from steadypose.sequence import PoseSequence
from steadypose.skeleton import skeleton

FORMAT = "mediapipe-csv"
LONG = (
    "frame,timestamp_ms,person,landmark,x,y,z,visibility,presence,world_x,world_y,world_z\n"
    "0,0,0,nose,0.5,0.25,-0.125,0.99,0.9,0.01,-0.5,0.02\n"
    "0,0,0,mouth_left,0.51,0.26,-0.1,0.98,0.8,0.02,-0.51,0.03\n"
    "1,33,0,nose,0.502,0.252,-0.127,0.97,0.95,0.011,-0.502,0.021\n"
    "3,100,0,LEFT_SHOULDER,0.6,0.4,-0.2,0.5,0.4,0.1,-0.4,0.1\n"
)
OFFICIAL = [
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
    "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_pinky",
    "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip",
    "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel",
    "left_foot_index", "right_foot_index",
]  # fmt: skip


@pytest.fixture
def make(tmp_path):
    def make(text=LONG):
        path = tmp_path / "a.csv"
        path.write_bytes(text.encode())
        return path

    return make


def test_long(make, tmp_path):
    path = make()
    assert sniff(Probe(path))
    s = read_streams(path, format=FORMAT)
    assert list(s) == ["image", "world"]
    image, world = s["image"], s["world"]
    assert (image.unit, image.space, image.shape) == ("normalized", "image", (3, 1, 33, 3))
    assert (world.unit, world.space, world.skeleton.name) == ("m", "root-relative", "mediapipe33")
    np.testing.assert_allclose(image.times, [0, 0.033, 0.1])
    np.testing.assert_allclose(image.positions[0, 0, 9], [0.51, 0.26, -0.1], rtol=1e-6)
    np.testing.assert_allclose(world.positions[2, 0, 11], [0.1, -0.4, 0.1], rtol=1e-6)
    np.testing.assert_allclose(world.confidence[:2, 0, 0], [0.99, 0.97])
    assert not image.valid[1, 0, 9]
    write(s, out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()


def test_long_changed(make, tmp_path):
    s = read_streams(make(), format=FORMAT)
    x = s["world"].positions.copy()
    x[0, 0, 0] = [0.0125, -0.5, 0.02]
    x[1, 0, 9] = [0.03, -0.52, 0.04]
    write({**s, "world": s["world"].with_positions(x, "filled")}, out := tmp_path / "o.csv")
    assert out.read_text() == LONG.replace("0.9,0.01,", "0.9,0.0125,").replace(
        "-0.502,0.021\n", "-0.502,0.021\n1,33,0,mouth_left,,,,,,0.03,-0.52,0.04\n"
    )
    again = read_streams(out, format=FORMAT)
    np.testing.assert_array_equal(again["world"].positions, x)
    np.testing.assert_array_equal(again["image"].positions, s["image"].positions)


def test_optional_columns(make):
    m = read_streams(make("frame,landmark,x,y\n0,0,0.5,0.5\n0,32,0.6,0.9\n"), format=FORMAT)
    assert list(m) == ["image"] and m["image"].shape == (1, 1, 33, 2) and m["image"].confidence is None
    assert m["image"].valid[0, 0, [0, 32]].all()


@pytest.mark.parametrize("style", ["{n}_{a}", "{k}_{a}", "{a}{k}", "{a}_{k}", "{a}{k1}", "landmark_{k}_{a}"])
@pytest.mark.parametrize("visibility", ["v", "visibility"])
def test_wide(make, tmp_path, style, visibility):
    x = np.random.default_rng(0).random((3, 33, 4)).round(6)
    header = [
        style.format(n=n, k=k, k1=k + 1, a=a)
        for k, n in enumerate(OFFICIAL)
        for a in ("x", "y", "z", visibility)
    ]
    lines = [",".join(["frame", "timestamp", *header, "label"])]
    lines += [
        ",".join([str(2 * f), str(f / 10), *(f"{v:.6f}" for v in row), "up"])
        for f, row in enumerate(x.reshape(3, -1))
    ]
    path = make("\n".join(lines) + "\n")
    assert sniff(Probe(path))
    m = read(path, format=FORMAT)
    assert m.shape == (3, 1, 33, 3) and m.unit == "normalized"
    np.testing.assert_allclose(m.positions[:, 0], x[..., :3], rtol=1e-6)
    np.testing.assert_allclose(m.confidence[:, 0], x[..., 3], rtol=1e-6)
    np.testing.assert_allclose(m.times, [0, 0.1, 0.2])
    np.testing.assert_allclose(read(path, format=FORMAT, fps=10).times, [0, 0.2, 0.4])
    write(m, out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()
    write(m.with_positions(m.positions + np.float32(0.125), "moved"), out, force=True)
    assert out.read_text() != path.read_text() and out.read_text().count("up") == 3
    np.testing.assert_allclose(read(out, format=FORMAT).positions[:, 0], x[..., :3] + 0.125, atol=1e-6)


def test_wide_pixels_and_millimetres(make):
    header = ",".join(f"{n}_{a}" for n in OFFICIAL for a in "xy")
    m = read(make(header + "\n" + ",".join(["300.5"] * 66) + "\n"), format=FORMAT)
    assert m.unit == "px" and "px assumed" in m.history[-1]
    assert read(make(header + "\n" + ",".join(["300.5"] * 66) + "\n"), format=FORMAT, unit="mm").unit == "mm"


def test_not_mediapipe(make):
    assert not sniff(Probe(make("frame,joint,x,y\n0,a,1,2\n")))
    assert not sniff(Probe(make("nose_x,nose_y,tail_x,tail_y\n1,2,3,4\n")))
    with pytest.raises(FormatError, match="line 1"):
        read(make("a,b\n1,2\n"), format=FORMAT)


@pytest.mark.parametrize("world", [True, False])
def test_new_file(tmp_path, world):
    rng = np.random.default_rng(0)
    x = rng.random((4, 2, 33, 3)).astype(np.float32)
    x[1, 0, 5] = x[2, 1] = np.nan
    c = rng.random((4, 2, 33)).astype(np.float32)
    times = [0.0, 0.04, 0.1, 0.12]
    image = PoseSequence.from_array(
        x, times=times, skeleton="mediapipe33", unit="normalized", confidence=c, persons=["a", "b"]
    )
    streams = {"image": image}
    if world:
        streams["w"] = replace(image, positions=x * 1000, unit="mm", space="root-relative", source=None)
    write(streams, out := tmp_path / "n.csv", format=FORMAT)
    assert out.read_text().splitlines()[0] == ",".join(COLUMNS) and sniff(Probe(out))
    again = read_streams(out, format=FORMAT)
    assert list(again) == ["image", "world"][: 1 + world]
    for name, m in again.items():
        np.testing.assert_allclose(m.positions, x, rtol=1e-6 if name == "world" else 0)
        np.testing.assert_array_equal(m.confidence, c)
        np.testing.assert_allclose(m.times, times)
        assert m.persons == ("a", "b")


def test_what_a_new_file_cannot_hold(tmp_path):
    px = PoseSequence.from_array(np.zeros((2, 33, 2)), fps=30, skeleton="mediapipe33", unit="px")
    with pytest.raises(DataError, match="found px"):
        write(px, tmp_path / "n.csv", format=FORMAT)
    coco = PoseSequence.from_array(np.zeros((2, 17, 2)), fps=30, skeleton="coco17", unit="normalized")
    with pytest.raises(DataError, match="mediapipe33"):
        write(coco, tmp_path / "n.csv", format=FORMAT)
    image = replace(px, unit="normalized")
    with pytest.raises(DataError, match="same frames"):
        write(
            {"a": image, "b": replace(image, unit="m", times=image.times * 2)},
            tmp_path / "n.csv",
            format=FORMAT,
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LONG.splitlines()[0] + "\n", "line 2.*at least one landmark"),
        (LONG.replace("mouth_left", "antenna"), "33 landmarks.*antenna"),
        (LONG.replace("mouth_left", "33"), "33 landmarks.*33"),
        (LONG.replace("mouth_left", "nose"), "line 3, column 4.*nose of frame 0 twice"),
        (LONG.replace("mouth_left", "0"), "nose of frame 0 twice"),
        (LONG.replace("0.252", "x"), "line 4, column 6.*'x'"),
        (LONG.replace("1,33", "0,33"), "line 4, column 2.*time of frame 0"),
        (LONG.replace("1,33", "1,0"), "strictly increasing"),
        (LONG.replace("0.97,", ""), "line 4.*12 cells.*11"),
        ("frame,landmark,x,y\n0,nose,,\n", "at least one landmark"),
    ],
)
def test_bad_input(make, text, message):
    with pytest.raises(FormatError, match=message):
        read(make(text), format=FORMAT)


def test_official_names_are_the_layout_s():
    layout = skeleton("mediapipe33")
    assert [layout.index(n) for n in OFFICIAL] == list(range(33))
