"""BVH: any order of channels, the hierarchy's text kept, angles continuous with the file's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.errors import DataError, FormatError
from steadypose.io import read, write
from steadypose.io._probe import Probe
from steadypose.io.bvh import nearest_euler, sniff
from steadypose.rotations import forward_kinematics, from_axis_angle, from_euler, geodesic
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton

REAL = Path(__file__).parents[1] / "data" / "bvh" / "02_03.bvh"
SMALL = """HIERARCHY
ROOT Hips
{
\tOFFSET 1.0 2.0 3.0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT Left Knee
\t{
\t\tOFFSET 0 -40 0
\t\tCHANNELS 1 Xrotation
\t\tJOINT Foot
\t\t{
\t\t\tOFFSET 0 -40 5
\t\t\tCHANNELS 3 Yrotation Zrotation Xrotation
\t\t\tEnd Site
\t\t\t{
\t\t\t\tOFFSET 0 0 10
\t\t\t}
\t\t}
\t}
\tJOINT Stump
\t{
\t\tOFFSET 5 0 0
\t}
}
MOTION
Frames: 3
Frame Time: 0.04
0.00 90.00 0.00 10.000 20.000 30.000 45.000 1.000 2.000 3.000
0.50 91.00 0.25 11.000 21.000 31.000 46.000 1.500 2.500 3.500
1.00 92.00 0.50 12.000 22.000 32.000 47.000 2.000 3.000 4.000
"""
# A root that stands still, and six channels for every joint (as in Bandai Namco's data set).
CARRIED = """HIERARCHY
ROOT Ground
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Hips
  {
    OFFSET 9 9 9
    CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
    JOINT Spine
    {
      OFFSET 15.7 0 0
      CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
      End Site
      {
        OFFSET 0 0 0
      }
    }
  }
}
MOTION
Frames:\t3
Frame Time:\t0.0333333
0 0 0 0 -90 0 1 90 2 10 0 0 16 0 1e-06 5 0 0
0 0 0 0 -90 0 2 91 3 11 0 0 16 0 2e-06 6 0 0
0 0 0 0 -90 0 3 92 4 12 0 0 16.5 0 3e-06 7 0 0
"""


@pytest.fixture
def make(tmp_path):
    def make(text):
        path = tmp_path / "a.bvh"
        path.write_bytes(text.encode())
        return path

    return make


def numbers(path):
    return np.array(path.read_text().split("Frame Time:")[1].split()[1:], dtype=float)


def test_real_file(tmp_path):
    assert sniff(Probe(REAL))
    m = read(REAL, format="bvh")
    assert m.shape == (30, 1, 31) and m.skeleton.root == ("Hips",)
    assert (m.unit, m.representation, m.relative_to) == ("cm", "euler ZYX", "parent")
    assert m.fps == pytest.approx(120, rel=1e-4)
    write(m, out := tmp_path / "o.bvh")
    assert out.read_bytes() == REAL.read_bytes()
    x = forward_kinematics(m)
    head, foot = (x.positions[1, 0, m.skeleton.keypoints.index(n)] for n in ("Head", "LeftFoot"))
    assert 20 < head[1] - foot[1] < 30  # upright, in the file's units of 5.6 cm


def test_channels_in_any_order(make):
    m = read(make(SMALL), format="bvh", unit="m")
    assert m.skeleton.keypoints == ("Hips", "Left Knee", "Foot", "Stump")
    assert m.skeleton.parents == (-1, 0, 1, 0) and m.unit == "m" and m.history == ()
    np.testing.assert_allclose(m.times, [0, 0.04, 0.08])
    np.testing.assert_allclose(m.rotations[0, 0, 0], from_euler([10, 20, 30], "ZXY"))
    np.testing.assert_allclose(m.rotations[2, 0, 1], from_axis_angle([np.radians(47), 0, 0]))
    np.testing.assert_allclose(m.rotations[1, 0, 2], from_euler([1.5, 2.5, 3.5], "YZX"))
    np.testing.assert_array_equal(m.rotations[:, 0, 3], np.tile(np.eye(3), (3, 1, 1)))
    np.testing.assert_allclose(m.translation[:, 0], [[0, 90, 0], [0.5, 91, 0.25], [1, 92, 0.5]])
    np.testing.assert_allclose(m.offsets, [[0, 0, 0], [0, -40, 0], [0, -40, 5], [5, 0, 0]])


@pytest.mark.parametrize(
    "change",
    [
        str,
        lambda s: s.replace("\n", "\r\n"),
        lambda s: s.replace("31.000 46", "31.000\n46"),  # a wrapped row
        lambda s: s.replace("\n{", " {").replace("End Site", "End Site toe"),
        lambda s: "\ufeff" + s + "\n\n",
    ],
)
def test_untouched_is_byte_for_byte(make, tmp_path, change):
    path = make(change(SMALL))
    m = read(path, format="bvh")
    assert m.shape == (3, 1, 4)
    write(m, out := tmp_path / "o.bvh")
    assert out.read_bytes() == path.read_bytes()


def test_one_rotation_changes_its_own_cells_alone(make, tmp_path):
    m = read(make(SMALL), format="bvh")
    r = m.rotations.copy()
    r[1, 0, 2] = from_euler([1.75, 2.5, 3.5], "YZX")
    write(m.with_rotations(r, "turned"), out := tmp_path / "o.bvh")
    assert out.read_text() == SMALL.replace("46.000 1.500", "46.000 1.750")
    t = m.translation.copy()
    t[2, 0, 1] = 92.125
    write(m.with_rotations(m.rotations, "moved", translation=t), out, force=True)
    np.testing.assert_allclose(numbers(out)[21], 92.125)
    assert out.read_text().split("\n")[:-2] == SMALL.split("\n")[:-2]


def test_all_rotations(tmp_path):
    m = read(REAL, format="bvh")
    turn = from_axis_angle(np.random.default_rng(0).normal(scale=0.01, size=(*m.shape, 3)))
    new = m.with_rotations(turn @ m.rotations, "turned", translation=m.translation + 0.5)
    write(new, out := tmp_path / "o.bvh")
    again = read(out, format="bvh")
    assert np.degrees(geodesic(again.rotations, new.rotations)).max() < 2e-4
    np.testing.assert_allclose(again.translation, new.translation, atol=1e-4)
    assert np.abs(numbers(out) - numbers(REAL)).max() < 60  # no angle jumped by a half or full turn


def test_a_child_carries_the_body(make, tmp_path):
    path = make(CARRIED)
    m = read(path, format="bvh")
    # The ground is turned by -90° about x: its (1, 90, 2) is (1, 2, -90) in the world.
    np.testing.assert_allclose(m.translation[:, 0], [[1, 2, -90], [2, 3, -91], [3, 4, -92]], atol=1e-9)
    np.testing.assert_allclose(m.offsets, [[0, 0, 0], [0, 0, 0], [16, 0, 2e-6]])
    hips = forward_kinematics(m).positions[:, 0, 1]
    np.testing.assert_allclose(hips, m.translation[:, 0], atol=1e-5)
    write(m, out := tmp_path / "o.bvh")
    assert out.read_bytes() == path.read_bytes()
    t = m.translation.copy()
    t[1, 0] = [2, 3, -91.5]
    write(m.with_rotations(m.rotations, "moved", translation=t), out, force=True)
    expected = numbers(path).reshape(3, 18)
    expected[1, 7] = 91.5
    np.testing.assert_allclose(numbers(out).reshape(3, 18), expected, atol=1e-6)
    np.testing.assert_allclose(read(out, format="bvh").translation, t, atol=1e-5)


angle = st.floats(-400, 400)
ORDERS = ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"]


@settings(deadline=None)
@given(st.tuples(angle, angle, angle), st.sampled_from(ORDERS))
def test_nearest_angles_are_the_file_s_own(angles, order):
    a = np.array([angles])
    lock = abs(abs(((angles[1] + 180) % 360) - 180) - 90)
    found = nearest_euler(from_euler(a, order), a, order)
    np.testing.assert_allclose(found, a, atol=1e-5 / max(np.radians(lock), 1e-3))


@settings(deadline=None)
@given(st.tuples(angle, angle, angle), st.tuples(angle, angle, angle), st.sampled_from(ORDERS))
def test_nearest_angles_are_the_same_rotation(angles, near, order):
    r = from_euler(np.array([angles]), order)
    found = nearest_euler(r, np.array([near]), order)
    np.testing.assert_allclose(from_euler(found, order), r, atol=1e-4)
    assert np.abs(found - near).max() <= 360


@pytest.mark.parametrize("middle", [90.0, -90.0])
def test_angles_stay_in_gimbal_lock(middle):
    near = np.array([[100.0, middle, 20.0]])
    r = from_euler([[110.0, middle, 20.0]], "ZYX")
    found = nearest_euler(r, near, "ZYX")
    np.testing.assert_allclose(from_euler(found, "ZYX"), r, atol=1e-9)
    assert np.abs(found - near).max() < 10.1


def test_missing_cells(make, tmp_path):
    path = make(SMALL.replace("46.000", "nan"))
    m = read(path, format="bvh")
    assert not m.valid[1, 0, 1] and m.valid[:, :, [0, 2, 3]].all()
    write(m, out := tmp_path / "o.bvh")
    assert out.read_bytes() == path.read_bytes()
    r = m.rotations.copy()
    r[1, 0, 1] = from_axis_angle([0.5, 0, 0])
    write(m.with_rotations(r, "filled"), out, force=True)
    np.testing.assert_allclose(numbers(out)[16], np.degrees(0.5), atol=1e-3)


def test_new_file(tmp_path):
    rng = np.random.default_rng(1)
    layout = Skeleton("s", ("b", "hips", "c d"), (1, -1, 0), ("hips",))
    m = BodyMotion(
        from_axis_angle(rng.normal(size=(6, 1, 3, 3))),
        np.arange(6) / 50,
        layout,
        rng.normal(size=(6, 1, 3)),
        offsets=rng.normal(size=(3, 3)),
        unit="m",
    )
    write(m, out := tmp_path / "n.bvh", format="bvh")
    again = read(out, format="bvh")
    assert again.skeleton.keypoints == ("hips", "b", "c_d") and again.fps == pytest.approx(50)
    assert np.degrees(geodesic(again.rotations, m.rotations[:, :, [1, 0, 2]])).max() < 1e-4
    want, got = forward_kinematics(m).positions[:, :, [1, 0, 2]], forward_kinematics(again).positions
    np.testing.assert_allclose(got, want * 100, atol=1e-3)
    one = replace(m, rotations=m.rotations[:1], times=m.times[:1], translation=None)
    write(one, single := tmp_path / "one.bvh", format="bvh")
    assert read(single, format="bvh").shape == (1, 1, 3)


def test_new_file_from_global_rotations(tmp_path):
    m = replace(read(REAL, format="bvh"), source=None)
    from steadypose.rotations import to_global

    world = replace(m, rotations=to_global(m.rotations, m.skeleton.parents), relative_to="world")
    write(world, out := tmp_path / "n.bvh", format="bvh")
    assert np.degrees(geodesic(read(out, format="bvh").rotations, m.rotations)).max() < 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offsets": None}, "rest offsets"),
        ({"times": np.array([0, 0.1, 0.3])}, "evenly spaced"),
        ({"rotations": np.full((3, 1, 4, 3, 3), np.nan)}, "missing at frame 0"),
    ],
)
def test_what_a_new_file_cannot_hold(make, tmp_path, change, message):
    m = replace(read(make(SMALL), format="bvh"), source=None, **change)
    with pytest.raises(DataError, match=message):
        write(m, tmp_path / "n.bvh", format="bvh")


def test_fps_overrides(make):
    np.testing.assert_allclose(read(make(SMALL), format="bvh", fps=10).times, [0, 0.1, 0.2])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MOTION", "MOTIONS", "MOTION"),
        ("HIERARCHY\n", "", "line 1.*HIERARCHY"),
        ("ROOT", "BRANCH", "line 2.*ROOT.*BRANCH"),
        ("OFFSET 5 0 0", "OFFSET 5 0", "line 2.*an offset"),
        ("Xposition", "Wposition", "line 5.*Wposition"),
        ("Yposition", "Xposition", "line 5.*each once"),
        ("CHANNELS 6", "CHANNELS 7", "line 5.*0 to 6"),
        ("CHANNELS 6", "CHANNELS six", "line 5.*number of channels"),
        ("CHANNELS 1", "CHANNELS 2", "line 9|line 10"),
        ("\tJOINT Stump", "}\n}\nROOT Stump", "one root"),
        ("}\nMOTION", "MOTION", "the end of the hierarchy"),
        ("Frame Time: 0.04", "Frame Time: 0", "above 0 s"),
        ("Frame Time: 0.04", "Frame Time: nan", "above 0 s"),
        ("Frame Time: 0.04", "Frame Time: fast", "Frames: and Frame Time:"),
        ("Frames: 3", "Frames: 4", "4 frames of 10 channels.*30"),
        ("Frames: 3", "Frames: 0", "at least one frame"),
        (" 4.000\n", "\n", "line 28.*3 frames of 10 channels.*29"),
        ("46.000", "left", "line 29, column 7.*'left'"),
        ("JOINT Foot", "JOINT Hips", "unique keypoint names"),
    ],
)
def test_bad_input(make, old, new, message):
    assert old in SMALL
    with pytest.raises(FormatError, match=message):
        read(make(SMALL.replace(old, new, 1)), format="bvh")
