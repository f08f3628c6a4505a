"""C3D: read as ezc3d reads it, and nothing but coordinates changed in the bytes."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.errors import DataError, FormatError, SteadyposeError
from steadypose.io import _c3d_parameters, read, write
from steadypose.io._c3d_parameters import float_bytes, floats
from steadypose.io._probe import Probe
from steadypose.io.c3d import sniff
from steadypose.sequence import PoseSequence

ezc3d = pytest.importorskip("ezc3d")
FRAMES = 6


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Markers, an unlabelled one, a joint angle, force channels and events, written by ezc3d."""
    rng = np.random.default_rng(0)
    c = ezc3d.c3d()
    point = c["parameters"]["POINT"]
    point["RATE"]["value"], point["UNITS"]["value"] = [120.0], ["mm"]
    point["LABELS"]["value"] = ["LASI", "RASI", "*2", "LHipAngles"]
    c.add_parameter("POINT", "ANGLES", ["LHipAngles"])
    x = np.ones((4, 4, FRAMES))
    x[:3] = rng.normal(scale=500, size=(3, 4, FRAMES))
    x[:3, 1, 2] = np.nan
    residuals = np.full((1, 4, FRAMES), 0.5)
    residuals[0, 1, 2] = -1
    c["data"]["points"] = x
    c["data"]["meta_points"] = {"residuals": residuals, "camera_masks": np.zeros((7, 4, FRAMES), dtype=bool)}
    c["parameters"]["ANALOG"]["RATE"]["value"] = [1200.0]
    c["parameters"]["ANALOG"]["LABELS"]["value"] = ["Fx", "Fy"]
    c["data"]["analogs"] = rng.normal(size=(1, 2, FRAMES * 10))
    c.add_parameter("EVENT", "LABELS", ["Foot Strike"])
    c.add_parameter("EVENT", "TIMES", np.array([[0.0], [0.03]]))
    path = tmp_path_factory.mktemp("c3d") / "a.c3d"
    c.write(str(path))
    return path


def test_reads_what_ezc3d_reads(recording):
    assert sniff(Probe(recording))
    m = read(recording, format="c3d")
    theirs = ezc3d.c3d(str(recording))["data"]["points"][:3, :3]
    np.testing.assert_allclose(m.positions[:, 0], np.moveaxis(theirs, -1, 0).swapaxes(1, 2), rtol=1e-6)
    assert m.skeleton.keypoints == ("LASI", "RASI", "*2")  # the angle is no position
    assert (m.unit, m.space) == ("mm", "world") and m.fps == pytest.approx(120)
    assert not m.valid[2, 0, 1] and m.valid.sum() == 3 * FRAMES - 1
    assert read(recording, format="c3d", fps=60).fps == pytest.approx(60)


def test_untouched_is_byte_for_byte(recording, tmp_path):
    write(read(recording, format="c3d"), out := tmp_path / "o.c3d")
    assert out.read_bytes() == recording.read_bytes()


def test_a_point_with_one_coordinate_that_is_none_is_missing_and_stays_as_it_is(recording, tmp_path):
    changed = bytearray(recording.read_bytes())
    header = _c3d_parameters.parse(Probe(recording))
    changed[header.start : header.start + 4] = struct.pack("<f", 1e30)
    path = tmp_path / "a.c3d"
    path.write_bytes(changed)
    motion = read(path)
    assert np.isnan(motion.positions[0, 0, 0]).all() and not np.isnan(motion.positions[1, 0, 0]).any()
    assert write(motion, tmp_path / "b.c3d").read_bytes() == changed


def test_coordinates_alone_change(recording, tmp_path):
    m = read(recording, format="c3d")
    x = m.positions.copy()
    x[0, 0, 0], x[2, 0, 1], x[3, 0, 2] = [1, 2, 3], [4, 5, 6], np.nan
    write(m.with_positions(x, "changed"), out := tmp_path / "o.c3d")
    np.testing.assert_array_equal(read(out, format="c3d").positions, x)
    old, new = (np.frombuffer(p.read_bytes(), np.uint8) for p in (recording, out))
    assert len(old) == len(new) and np.count_nonzero(old != new) <= 3 * 16
    a, b = (ezc3d.c3d(str(p)) for p in (recording, out))
    np.testing.assert_array_equal(a["data"]["analogs"], b["data"]["analogs"])
    np.testing.assert_array_equal(a["data"]["points"][:, 3], b["data"]["points"][:, 3])
    np.testing.assert_allclose(b["data"]["points"][:3, 1, 2], [4, 5, 6])  # valid for other programs too
    assert np.isnan(b["data"]["points"][:3, 2, 3]).all()
    assert b["data"]["meta_points"]["residuals"][0, 1, 2] == 0


def whole_number_file(path, processor=84, scale=0.1, points=2, analogs=1, order="<"):
    """A file of 16-bit coordinates and little more, by hand."""

    def parameter(group, name, kind, dims, data):
        body = struct.pack("bB", kind, len(dims)) + bytes(dims) + data + b"\0"
        return struct.pack("bb", len(name), group) + name + struct.pack(order + "H", len(body) + 2) + body

    def real(v):
        return float_bytes(np.array([v], np.float32), {84: "intel", 85: "dec", 86: "mips"}[processor])

    section = bytes([1, 80, 1, processor])
    section += struct.pack("bb", 5, -1) + b"POINT" + struct.pack(order + "H", 3) + b"\0"
    section += parameter(
        1, b"LABELS", -1, [4, points], b"".join(f"P{k}  ".encode()[:4] for k in range(points))
    )
    section += parameter(1, b"UNITS", -1, [2], b"mm")
    section += parameter(1, b"RATE", 4, [], real(50))
    header = bytes([2, 80]) + struct.pack(order + "HHHHH", points, analogs, 1, 3, 10) + real(scale)
    header += struct.pack(order + "HH", 3, analogs) + real(50)
    kind = "f4" if scale < 0 else "i2"
    words = np.arange(3 * (4 * points + analogs), dtype=np.float32).reshape(3, -1)
    words[:, 3 : 4 * points : 4] = 0x0201
    words[1, 3] = -1
    data = float_bytes(words.ravel(), {84: "intel", 85: "dec", 86: "mips"}[processor])
    if scale > 0:
        data = words.astype(order + kind).tobytes()
    path.write_bytes(header.ljust(512, b"\0") + section.ljust(512, b"\0") + data.ljust(512, b"\0"))
    return words


@pytest.mark.parametrize(("processor", "order"), [(84, "<"), (85, "<"), (86, ">")])
@pytest.mark.parametrize("scale", [0.1, -1.0])
def test_every_processor_and_kind_of_number(tmp_path, processor, order, scale):
    path = tmp_path / "w.c3d"
    words = whole_number_file(path, processor, scale, order=order)
    m = read(path, format="c3d")
    expected = words[:, :8].reshape(3, 2, 4)[..., :3] * abs(scale)
    expected[1, 0] = np.nan
    np.testing.assert_allclose(m.positions[:, 0], expected, rtol=1e-6)
    assert m.skeleton.keypoints == ("P0", "P1") and m.fps == pytest.approx(50)
    write(m, out := tmp_path / "o.c3d")
    assert out.read_bytes() == path.read_bytes()
    x = m.positions.copy()
    x[0, 0, 1], x[1, 0, 0] = [10, 20.1, -30.3], [1, 2, 3]
    write(m.with_positions(x, "changed"), out, force=True)
    np.testing.assert_allclose(read(out, format="c3d").positions, x, atol=0.051 if scale > 0 else 1e-6)
    raw = np.frombuffer(out.read_bytes(), np.uint8)[1024:]
    assert np.count_nonzero(raw != np.frombuffer(path.read_bytes(), np.uint8)[1024:]) <= 2 * 4 * (
        4 if scale < 0 else 2
    )


def test_whole_numbers_have_a_range(tmp_path):
    path = tmp_path / "w.c3d"
    whole_number_file(path)
    m = read(path, format="c3d")
    with pytest.raises(DataError, match="range"):
        write(m.with_positions(m.positions + np.float32(1e6), "far"), tmp_path / "o.c3d")


@given(
    st.lists(st.floats(-(2.0**99), 2.0**99, width=32).filter(lambda v: v == 0 or abs(v) > 1e-30), min_size=1)
)
def test_float_bytes_are_floats_the_other_way_round(values):
    x = np.array(values, np.float32)
    for processor in ("intel", "dec", "mips"):
        np.testing.assert_array_equal(floats(float_bytes(x, processor), processor), x)


def test_new_file(tmp_path):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 3, 3)).astype(np.float32)
    a[2, 1] = np.nan
    m = PoseSequence.from_array(a, fps=100, skeleton=["nose", "b", "c"], unit="m", space="world")
    write(m, out := tmp_path / "n.c3d", format="c3d")
    again = read(out, format="c3d")
    np.testing.assert_array_equal(again.positions, m.positions)
    assert (
        again.unit == "m"
        and again.skeleton.keypoints == ("nose", "b", "c")
        and again.fps == pytest.approx(100)
    )
    theirs = ezc3d.c3d(str(out))["data"]["points"][:3]
    np.testing.assert_allclose(np.moveaxis(theirs, -1, 0).swapaxes(1, 2), a, rtol=1e-6)
    write(m.select(frames=[0]), one := tmp_path / "one.c3d", format="c3d")
    assert read(one, format="c3d").shape == (1, 1, 3, 3)
    uneven = PoseSequence.from_array(a, times=[0, 1, 2, 3, 5], skeleton=["a", "b", "c"], unit="m")
    with pytest.raises(DataError, match="evenly spaced"):
        write(uneven, tmp_path / "x.c3d", format="c3d")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:600], "C3D file|parameters"),
        (lambda b: b[:-1024], "6 frames of .* bytes, found room for"),
        (lambda b: b"\x02\x00" + b[2:], "0x50"),
        (lambda b: b"\xff" + b[1:], "block of the parameters"),
        (lambda b: b[:515] + b"\x00" + b[516:], "processor"),
        (lambda b: b[:2] + b"\0\0" + b[4:], "at least one point|frames of"),
        (lambda b: b.replace(b"mm", b"in"), "POINT:UNITS.*'in'"),
        (lambda b: b.replace(struct.pack("<f", 120.0), struct.pack("<f", 0.0)), "rate above 0"),
        (lambda b: b.replace(struct.pack("<f", 120.0), struct.pack("<f", np.nan)), "rate above 0"),
    ],
)
def test_bad_input(recording, tmp_path, change, message):
    path = tmp_path / "bad.c3d"
    path.write_bytes(change(recording.read_bytes()))
    with pytest.raises(FormatError, match=message):
        read(path, format="c3d")


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damaged_files_give_one_line(recording, tmp_path_factory, data):
    raw = bytearray(recording.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, 1500))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    path = tmp_path_factory.mktemp("f") / "f.c3d"
    path.write_bytes(raw[:cut] if data.draw(st.booleans()) else raw)
    sniff(Probe(path))
    try:
        m = read(path, format="c3d")
    except SteadyposeError as e:
        assert "\n" not in str(e)
    else:
        write(m, path.with_name("o.c3d"))
