"""Keraal's Kinect and Vicon text: only what is changed changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steadypose.errors import DataError, FormatError
from steadypose.io import read, read_streams, write
from steadypose.rotations import from_axis_angle, geodesic
from steadypose.sequence import PoseSequence

DATA = Path(__file__).parents[1] / "data" / "keraal"
KINECT = DATA / "G3-Kinect-CTK-P1T1-Unknown-C-0.txt"
VICON = DATA / "G3-Vicon-CTK-P1T1-Unknown-C-0.txt"
FORMAT = "keraal-text"


@pytest.mark.parametrize("path", [KINECT, VICON])
def test_untouched_is_byte_for_byte(path, tmp_path):
    write(read_streams(path, format=FORMAT), out := tmp_path / "out.txt")
    assert out.read_bytes() == path.read_bytes()


def test_kinect():
    s = read_streams(KINECT, format=FORMAT)
    assert list(s) == ["positions", "rotations"]
    x = s["positions"]
    assert x.shape == (20, 1, 25, 3) and x.skeleton.name == "kinect25"
    assert (x.unit, x.space) == ("m", "camera")
    np.testing.assert_allclose(x.positions[0, 0, 0], [0.314218, -0.552, 3.070075], rtol=1e-7)
    assert x.fps == pytest.approx(30) and "30 fps" in x.history[0]
    r = s["rotations"]
    assert r.relative_to == "world" and r.representation == "quaternion xyzw"
    head = r.skeleton.index("head")
    assert not r.valid[:, 0, head].any() and r.valid[:, 0, 0].all()


def test_vicon():
    x = read(VICON, format=FORMAT)
    assert x.shape == (40, 1, 17, 3) and (x.unit, x.space) == ("mm", "world")
    assert x.fps == pytest.approx(60) and "60 fps" in x.history[0]
    faster = read(VICON, format=FORMAT, fps=100, unit="m")
    assert faster.fps == pytest.approx(100) and faster.unit == "m" and faster.history == ()


def test_positions_alone_change(tmp_path):
    s = read_streams(KINECT, format=FORMAT)
    x = s["positions"].positions.copy()
    x[3, 0, 7] += 0.25
    write(s["positions"].with_positions(x, "moved"), out := tmp_path / "out.txt")
    old, new = (np.loadtxt(p).reshape(20, 25, 7) for p in (KINECT, out))
    expected = old.copy()
    expected[3, 7, :3] += 0.25
    np.testing.assert_allclose(new, expected, atol=1e-6)
    changed = [a != b for a, b in zip(KINECT.read_text().split(" "), out.read_text().split(" "), strict=True)]
    assert sum(changed) == 3


def test_rotations_keep_the_sign_of_the_file(tmp_path):
    s = read_streams(VICON, format=FORMAT)
    turn = from_axis_angle([0.0, 0.0, 0.02])
    turned = s["rotations"].with_rotations(turn @ s["rotations"].rotations, "turned")
    write({**s, "rotations": turned}, out := tmp_path / "out.txt")
    old, new = (np.loadtxt(p).reshape(40, 17, 7)[..., 3:] for p in (VICON, out))
    assert ((old * new).sum(-1) > 0.99).all()
    again = read(out, format=FORMAT, stream="rotations")
    assert np.degrees(geodesic(again.rotations, turned.rotations)).max() < 1e-3


def test_missing_is_zero(tmp_path):
    s = read_streams(KINECT, format=FORMAT)
    x = s["positions"].positions.copy()
    x[2, 0, 4] = np.nan
    write({**s, "positions": s["positions"].with_positions(x, "hidden")}, out := tmp_path / "out.txt")
    assert (np.loadtxt(out).reshape(20, 25, 7)[2, 4, :3] == 0).all()
    np.testing.assert_array_equal(read(out, format=FORMAT).positions, x)


def test_new_file(tmp_path):
    s = read_streams(KINECT, format=FORMAT)
    write({k: replace(m, source=None) for k, m in s.items()}, out := tmp_path / "n.txt", format=FORMAT)
    again = read_streams(out, format=FORMAT)
    np.testing.assert_array_equal(again["positions"].positions, s["positions"].positions)
    np.testing.assert_allclose(again["rotations"].rotations, s["rotations"].rotations, atol=5e-6)
    with pytest.raises(DataError, match="kinect25"):
        write(
            PoseSequence.from_array(np.zeros((2, 3, 3)), fps=1, unit="m"), tmp_path / "x.txt", format=FORMAT
        )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda rows: [rows[0], rows[1][:-2], rows[2]], "line 2"),
        (lambda rows: [rows[0], [*rows[1][:-1], "many"], rows[2]], "line 2, column 175"),
        (lambda rows: [["1", "2"]], "line 1"),
        (lambda rows: [["1_0", *rows[0][1:]]], "line 1, column 1"),
        (lambda rows: [[]], "line 1"),
    ],
)
def test_bad_input(change, where, tmp_path):
    rows = [line.split() for line in KINECT.read_text().splitlines()[:3]]
    path = tmp_path / "bad.txt"
    path.write_text("\n".join(" ".join(r) for r in change(rows)) + "\n")
    with pytest.raises(FormatError, match=where):
        read(path, format=FORMAT)


def test_one_frame_and_infinity(tmp_path):
    cells = KINECT.read_text().splitlines()[0].split()
    cells[0] = "inf"
    path = tmp_path / "one.txt"
    path.write_text(" ".join(cells))
    x = read(path, format=FORMAT)
    assert x.shape[0] == 1 and not x.valid[0, 0, 0]
    write(x, out := tmp_path / "out.txt")
    assert read(out, format=FORMAT).shape[0] == 1
