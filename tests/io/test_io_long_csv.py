"""Long-form csv: Caliscope's layout, other people's columns, and everything that is not a coordinate kept."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.errors import FormatError
from steadypose.io import read, read_streams, write
from steadypose.io._probe import Probe
from steadypose.io.long_csv import sniff
from steadypose.sequence import PoseSequence

DATA = Path(__file__).parents[1] / "data" / "caliscope"
XY, XYZ = DATA / "xy_HOLISTIC.csv", DATA / "xyz_HOLISTIC.csv"
FORMAT = "long-csv"
SMALL = (
    "frame,track,joint,x,y,score,note\n"
    '10,a,nose,1.5,2.5,0.9,"it\'s, fine"\n'
    "10,a,left_hip,3.5,4.5,0.8,n1\n"
    "10,b,nose,11.5,12.5,0.7,n2\n"
    "11,a,nose,1.75,2.75,0.6,n3\n"
    "13,a,nose,2.0,3.0,0.5,n4\n"
    "13,b,nose,,,0.1,n5\n"
)


@pytest.fixture
def make(tmp_path):
    def make(text=SMALL, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return make


def rows(path):
    return list(csv.reader(io.StringIO(path.read_text())))


@pytest.mark.parametrize("path", [XY, XYZ])
def test_caliscope_untouched_is_byte_for_byte(path, tmp_path):
    assert sniff(Probe(path))
    write(read_streams(path, format=FORMAT), out := tmp_path / "out.csv")
    assert out.read_bytes() == path.read_bytes()


def test_caliscope_images():
    s = read_streams(XY, format=FORMAT)
    assert list(s) == ["port 0", "port 1", "port 2", "port 3"]
    assert [m.shape[0] for m in s.values()] == [6, 5, 6, 5]  # ports 1 and 3 lost a frame
    for m in s.values():
        assert (m.unit, m.space, m.persons) == ("px", "image", ("0",))
        assert m.skeleton.keypoints[:2] == ("nose", "left_eye_inner") and m.skeleton.root == (
            "left_hip",
            "right_hip",
        )
        step = np.diff(m.times)
        assert (step > 0.02).all() and (step < 0.08).all() and len(set(step)) > 2  # uneven, as recorded
    assert min(m.times[0] for m in s.values()) == 0
    assert 0 < max(m.times[0] for m in s.values()) < 0.05  # one clock for all cameras
    names = s["port 0"].skeleton.keypoints
    table = {(r[1], r[2], r[4]): r for r in rows(XY)[1:]}
    for point, name in (
        ("0", "nose"),
        ("31", "left_foot_index"),
        ("108", "right_hand_index_4"),
        ("504", "face_mesh_4"),
    ):
        row = table.get(("0", "50", point))
        x = s["port 0"].positions[0, 0, names.index(name)]
        np.testing.assert_array_equal(x, [float(row[5]), float(row[6])] if row else [np.nan, np.nan])


def test_caliscope_hands_are_on_their_side():
    m = read(XYZ, format=FORMAT)
    x = {n: m.positions[:, 0, m.skeleton.index(n)] for n in m.skeleton.keypoints}
    for side, other in (("left", "right"), ("right", "left")):
        near = np.linalg.norm(x[f"{side}_hand_wrist"] - x[f"{side}_wrist"], axis=-1)
        far = np.linalg.norm(x[f"{side}_hand_wrist"] - x[f"{other}_wrist"], axis=-1)
        if np.isfinite(near).any():
            assert np.nanmedian(near) < np.nanmedian(far)
    assert (m.unit, m.space) == ("m", "world") and "30 fps assumed" in m.history[0]


@pytest.mark.parametrize("path", [XY, XYZ])
def test_caliscope_changed(path, tmp_path):
    s = read_streams(path, format=FORMAT)
    moved = {k: m.with_positions(m.positions + np.float32(0.375), "moved") for k, m in s.items()}
    write(moved, out := tmp_path / "out.csv")
    again = read_streams(out, format=FORMAT)
    for k in s:
        np.testing.assert_allclose(again[k].positions, moved[k].positions, rtol=1e-6)
    header = rows(path)[0]
    coordinates = [i for i, h in enumerate(header) if h.startswith("img_loc") or h.endswith("_coord")]
    for a, b in zip(rows(path)[1:], rows(out)[1:], strict=True):
        assert [c for i, c in enumerate(a) if i not in coordinates] == [
            c for i, c in enumerate(b) if i not in coordinates
        ]
        assert all(b[i] != a[i] for i in coordinates)


def test_one_stream_alone_changes_its_rows_alone(tmp_path):
    m = read(XY, format=FORMAT, stream="port 2")
    write(m.with_positions(m.positions + np.float32(1), "moved"), out := tmp_path / "out.csv")
    for a, b in zip(rows(XY)[1:], rows(out)[1:], strict=True):
        assert (a != b) == (a[1] == "2")


def test_filled_points_get_rows_below_their_frame(tmp_path):
    s = read_streams(XY, format=FORMAT)
    filled = {}
    for k, m in s.items():
        x = m.positions.copy()
        x[:, :, :33] = np.where(np.isnan(x[:, :, :33]), np.float32(7.5), x[:, :, :33])
        filled[k] = m.with_positions(x, "filled")
    write(filled, out := tmp_path / "out.csv")
    again = read_streams(out, format=FORMAT)
    for k in s:
        np.testing.assert_array_equal(again[k].positions, filled[k].positions)
        np.testing.assert_array_equal(again[k].times, s[k].times)
    old, new = rows(XY)[1:], rows(out)[1:]
    added = [r for r in new if r[5] == "7.5000"]
    assert len(added) == len(new) - len(old) > 0 and [r for r in new if r not in added] == old
    place = {}
    for i, r in enumerate(new):
        place.setdefault(tuple(r[:4]), []).append(i)
    assert all(at == list(range(at[0], at[0] + len(at))) for at in place.values())


def test_row_numbers_go_on(tmp_path):
    m = read(XYZ, format=FORMAT)
    x = m.positions.copy()
    x[0, 0, m.skeleton.index("right_foot_index")] = [1, 2, 3]
    write(m.with_positions(x, "filled"), out := tmp_path / "out.csv")
    last = rows(XYZ)[-1][0]
    added = [r for r in rows(out) if r not in rows(XYZ)]
    assert added == [[str(int(last) + 1), "50", "32", "1.0", "2.0", "3.0"]]


def test_columns_by_name(make, tmp_path):
    path = make()
    assert sniff(Probe(path))
    m = read(path, format=FORMAT, fps=10)
    assert m.persons == ("a", "b") and m.skeleton.keypoints == ("nose", "left_hip")
    np.testing.assert_allclose(m.times, [0, 0.1, 0.3])
    np.testing.assert_array_equal(m.valid, [[[1, 1], [1, 0]], [[1, 0], [0, 0]], [[1, 0], [0, 0]]])
    np.testing.assert_allclose(m.confidence[2, :, 0], [0.5, 0.1])
    assert m.unit == "px" and m.history == ("no unit in the file: px assumed",)
    write(m, out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()
    x = m.positions.copy()
    x[1, 1, 0], x[2, 1, 0] = [11.75, 12.75], [12, 13]
    write(m.with_positions(x, "filled"), out, force=True)
    expected = SMALL.replace("n3\n", "n3\n11,b,nose,11.75,12.75,,\n").replace(
        "b,nose,,,", "b,nose,12.0,13.0,"
    )
    assert out.read_text() == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.replace("\n", "\r\n"),
        lambda s: "\ufeff" + s,
        lambda s: s.removesuffix("\n"),
        lambda s: s + "\n\n",
        lambda s: s.replace("it's, fine", "it's; fine").replace(",", ";"),
        lambda s: s.replace("it's, fine", "fine").replace(",", "\t"),
        lambda s: s.replace("1.5,2.5", ' 1.5,"2.5"'),
        lambda s: s.replace("it's, fine", 'two\nlines ""quoted""'),
        lambda s: s.replace("n1", "ñandú"),
        lambda s: s.replace("b,nose,,,", "b,nose,NA,inf,"),
    ],
)
def test_dialects(make, tmp_path, change):
    path = make(change(SMALL))
    assert sniff(Probe(path))
    m = read(path, format=FORMAT)
    np.testing.assert_array_equal(m.positions, read(make(name="b.csv"), format=FORMAT).positions)
    write(m, out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()
    x = np.nan_to_num(m.positions, nan=5) + np.float32(1)
    write(m.with_positions(x, "moved"), out, force=True)
    np.testing.assert_array_equal(read(out, format=FORMAT).positions, x)


def test_shuffled_rows(make, tmp_path):
    lines = SMALL.splitlines(keepends=True)
    order = np.random.default_rng(3).permutation(np.arange(1, 7))
    path = make(lines[0] + "".join(lines[i] for i in order))
    m = read(path, format=FORMAT).select(persons=["a", "b"], keypoints=["nose", "left_hip"])
    np.testing.assert_array_equal(m.positions, read(make(name="b.csv"), format=FORMAT).positions)
    write(read(path, format=FORMAT), out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()


def test_told_columns(make, tmp_path):
    path = make("n;who;what;u;v;w;p\n0;x;2;1;2;3;1\n0;x;0;4;5;6;1\n2;x;2;7;8;9;1\n")
    told = {
        "frame": "n",
        "person": "who",
        "keypoint": "what",
        "x": "u",
        "y": "v",
        "z": "w",
        "confidence": "p",
    }
    m = read(path, format=FORMAT, columns={**told, "unit": "cm", "fps": 100, "skeleton": ["a", "b", "c"]})
    assert m.skeleton.keypoints == ("a", "b", "c") and m.unit == "cm" and m.history == ()
    np.testing.assert_allclose(m.times, [0, 0.02])
    np.testing.assert_array_equal(m.positions[0, 0, :, 0], [4, np.nan, 1])
    x = m.positions.copy()
    x[1, 0, 1] = 5
    write(m.with_positions(x, "filled"), out := tmp_path / "o.csv")
    assert out.read_text().splitlines()[-1].startswith("2;x;1;5.0000;5.0000;5.0000;")
    with pytest.raises(FormatError, match="a column 'nn'"):
        read(path, format=FORMAT, columns={"frame": "nn"})
    with pytest.raises(FormatError, match="expected keys among"):
        read(path, format=FORMAT, columns={"frames": "n"})
    with pytest.raises(FormatError, match="unit"):
        read(path, format=FORMAT, columns={**told, "unit": "inch"})


def test_keypoints_by_number_or_name(make):
    path = make("frame,id,x,y\n0,2,1,1\n0,10,3,3\n0,0,5,5\n")
    assert read(path, format=FORMAT).skeleton.keypoints == ("0", "2", "10")
    m = read(path, format=FORMAT, skeleton="coco17")
    assert m.shape[2] == 17 and m.valid[0, 0, [0, 2, 10]].all()
    with pytest.raises(FormatError, match="keypoints 0 to 2"):
        read(path, format=FORMAT, skeleton=["a", "b", "c"])
    named = make("frame,name,x,y\n0,LShoulder,1,1\n0,RHip,3,3\n")
    assert read(named, format=FORMAT, skeleton="coco17").valid[0, 0, [5, 12]].all()
    with pytest.raises(FormatError, match="no keypoint"):
        read(make("frame,name,x,y\n0,wing,1,1\n"), format=FORMAT, skeleton="coco17")


def test_times(make):
    text = "timestamp_ms,joint,x,y\n1000,a,1,2\n1040,a,1,2\n1100,a,1,2\n"
    np.testing.assert_allclose(read(make(text), format=FORMAT).times, [0, 0.04, 0.1])
    np.testing.assert_allclose(read(make(text), format=FORMAT, fps=10).times, [0, 0.1, 0.2])


def test_last_cell_of_a_quoted_file(make, tmp_path):
    path = make('frame,joint,x,y\n0,"a",1.5,2.5\n1,"a",,')
    m = read(path, format=FORMAT)
    write(m.with_positions(np.nan_to_num(m.positions, nan=5.5), "filled"), out := tmp_path / "o.csv")
    assert out.read_text() == 'frame,joint,x,y\n0,"a",1.5,2.5\n1,"a",5.5,5.5'


def test_long_cells_and_zero_bytes(make):
    note = "n" * 200
    assert read(make(SMALL.replace("n1", note)), format=FORMAT).shape == (3, 2, 2, 2)
    with pytest.raises(FormatError, match="a zero byte"):
        read(make(SMALL.replace("n1", "\0")), format=FORMAT)


def test_frames_without_points(make, tmp_path):
    path = make("frame,person,joint,x,y\n0,0,a,100,200\n1,,,,\n2,0,a,300,400\n")
    m = read(path, format=FORMAT)
    np.testing.assert_array_equal(m.valid[:, 0, 0], [True, False, True])
    x = m.positions.copy()
    x[1, 0, 0] = [200, 300]
    write(m.with_positions(x, "filled"), out := tmp_path / "o.csv")
    np.testing.assert_array_equal(read(out, format=FORMAT).positions, x)


names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_new_file_reads_back(tmp_path_factory, data):
    dims = data.draw(st.sampled_from([2, 3]))
    shape = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)), dims)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.normal(scale=100, size=shape).astype(np.float32)
    x[rng.random(shape[:3]) < 0.3] = np.nan
    keypoints = data.draw(
        st.lists(names.filter(lambda n: not n.isdigit()), min_size=shape[2], max_size=shape[2], unique=True)
    )
    persons = data.draw(st.lists(names, min_size=shape[1], max_size=shape[1], unique=True))
    m = PoseSequence.from_array(
        x, times=np.cumsum(rng.random(shape[0]) + 0.01) , skeleton=keypoints, persons=persons,
        unit=data.draw(st.sampled_from(["px", "normalized", "m", "mm", "cm"])),
        confidence=rng.random(shape[:3]) if data.draw(st.booleans()) else None,
    )  # fmt: skip
    write(m, out := tmp_path_factory.mktemp("n") / "n.csv", format=FORMAT)
    again = read(out, format=FORMAT)
    np.testing.assert_array_equal(again.positions, m.positions)
    np.testing.assert_allclose(again.times, m.times - m.times[0])
    assert (again.unit, again.persons, again.skeleton.keypoints) == (m.unit, m.persons, m.skeleton.keypoints)
    assert (again.confidence is None) == (m.confidence is None)
    if m.confidence is not None:
        np.testing.assert_array_equal(again.confidence, m.confidence)


def test_new_file_of_several_cameras(tmp_path):
    a = PoseSequence.from_array(np.ones((2, 3, 2)), fps=10, unit="px")
    b = PoseSequence.from_array(np.full((3, 3, 2), 2), fps=20, unit="px")
    write({"left": a, "right": b}, out := tmp_path / "n.csv", format=FORMAT)
    s = read_streams(out, format=FORMAT)
    assert list(s) == ["left", "right"] and s["right"].fps == pytest.approx(20)
    np.testing.assert_array_equal(s["left"].positions, a.positions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL.splitlines()[0] + "\n", "line 2.*at least one point"),
        (SMALL.replace("3.5,4.5", "3.5"), "line 3.*7 cells.*6"),
        (SMALL.replace("4.5", "up"), "line 3, column 5.*a number.*'up'"),
        (SMALL.replace("0.8", "high"), "line 3, column 6.*'high'"),
        (SMALL.replace("11,a", "one,a"), "line 5, column 1.*'one'"),
        (SMALL.replace("11,a", ",a"), "line 5, column 1.*frame number"),
        (SMALL.replace("11,a", "nan,a"), "line 5, column 1.*frame number"),
        (SMALL.replace("left_hip", "nose"), "line 3, column 3.*nose of frame 10 twice"),
        (SMALL.replace("joint", "joint_x_y"), "at least one|every point of a frame once|twice"),
        (SMALL.replace("x,y", "u,v"), "line 1.*a column for x, y"),
        (SMALL.replace("frame", "number"), "line 1.*a column for frame or time"),
        (SMALL.replace('fine"', "fine"), "line 2.*closing quote"),
        ("frame,time,joint,x,y\n0,0.0,a,1,2\n0,0.1,b,1,2\n", "line 3, column 2.*time of frame 0"),
        ("frame,time,joint,x,y\n0,0.2,a,1,2\n1,0.1,a,1,2\n", "strictly increasing"),
        ("frame,time,joint,x,y\n0,0.2,a,1,2\n1,0.2,a,1,2\n", "strictly increasing"),
    ],
)
def test_bad_input(make, text, message):
    with pytest.raises(FormatError, match=message):
        read(make(text), format=FORMAT)


def test_bad_bytes_and_rates(tmp_path, make):
    path = tmp_path / "b.csv"
    path.write_bytes(b"frame,joint,x,y\n0,\xff,1,2\n")
    with pytest.raises(FormatError, match="UTF-8"):
        read(path, format=FORMAT)
    with pytest.raises(FormatError, match="above 0"):
        read(make(), format=FORMAT, fps=0)


def test_persons_that_cannot_be(make):
    text = "frame,person,joint,x,y\n" + "".join(f"{i},{i},{i % 50}a,1,2\n" for i in range(3000))
    with pytest.raises(FormatError, match="3000 frames of 3000 persons"):
        read(make(text), format=FORMAT)


def test_a_hundred_thousand_rows(make):
    text = "frame,joint,x,y,score\n" + "".join(
        f"{f},{j},{f + j},{f - j}.5,0.5\n" for f in range(5000) for j in range(20)
    )
    m = read(make(text), format=FORMAT)
    assert m.shape == (5000, 1, 20, 2)
    assert m.positions[4999, 0, 3].tolist() == [5002.0, 4996.5]
    assert (m.confidence == 0.5).all()
