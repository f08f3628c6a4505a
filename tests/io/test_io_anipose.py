"""Anipose csv: other columns kept, scores as confidence, millimetres unless told."""

import numpy as np
import pytest

from steadypose.errors import FormatError
from steadypose.io import read, write
from steadypose.io._probe import Probe
from steadypose.io.anipose import sniff
from steadypose.sequence import PoseSequence

HEADER = (
    "nose_x,nose_y,nose_z,nose_error,nose_ncams,nose_score,tail_x,tail_y,tail_z,tail_error,tail_ncams,tail_score,"
    "M_00,M_01,center_x,center_y,center_z,center_0,fnum\n"
)
ROWS = (
    "1.25,2.5,-3.125,0.5,3.0,0.9,4.0,5.0,6.0,0.25,2.0,0.8,1.0,0.0,7,8,9,0.5,10\n"
    "1.5,2.75,-3.25,0.5,3.0,0.95,,,,,,,1.0,0.0,7,8,9,0.5,11\n"
    "1.75,3.0,-3.5,0.5,3.0,0.7,4.5,5.5,6.5,0.25,2.0,0.6,1.0,0.0,7,8,9,0.5,13\n"
)


@pytest.fixture
def make(tmp_path):
    def make(rows=ROWS, header=HEADER):
        path = tmp_path / "a.csv"
        path.write_bytes((header + rows).encode())
        return path

    return make


def test_read(make):
    assert sniff(Probe(make()))
    x = read(make(), format="anipose", fps=100)
    assert x.skeleton.keypoints == ("nose", "tail") and x.shape == (3, 1, 2, 3)
    assert (x.unit, x.space) == ("mm", "world") and "mm assumed" in x.history[0]
    np.testing.assert_allclose(x.times, [0, 0.01, 0.03])
    np.testing.assert_allclose(x.confidence[:, 0, 0], [0.9, 0.95, 0.7], rtol=1e-6)
    assert np.isnan(x.confidence[1, 0, 1]) and not x.valid[1, 0, 1]
    assert read(make(), format="anipose", unit="m").unit == "m"


def test_untouched_and_changed(make, tmp_path):
    path = make()
    x = read(path, format="anipose")
    write(x, out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()
    new = x.positions.copy()
    new[1, 0, 1] = [4.25, 5.25, 6.25]
    write(x.with_positions(new, "filled"), out, force=True)
    assert out.read_text() == HEADER + ROWS.replace("0.95,,,,,,", "0.95,4.25,5.25,6.25,,,")


def test_shuffled_rows(make, tmp_path):
    rows = ROWS.splitlines(keepends=True)
    x = read(make(rows[1] + rows[2] + rows[0]), format="anipose")
    np.testing.assert_allclose(x.positions[:, 0, 0, 0], [1.25, 1.5, 1.75])
    write(x.with_positions(x.positions * np.float32(2), "doubled"), out := tmp_path / "o.csv")
    np.testing.assert_allclose(read(out, format="anipose").positions, x.positions * 2)
    assert [line.rsplit(",", 1)[1] for line in out.read_text().splitlines()[1:]] == ["11", "13", "10"]


@pytest.mark.parametrize("confidence", [True, False])
def test_new_file(tmp_path, confidence):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 2, 3)).astype(np.float32)
    a[1, 0] = np.nan
    c = rng.random((4, 2)).astype(np.float32) if confidence else None
    x = PoseSequence.from_array(a, fps=30, skeleton=["a", "b"], unit="mm", space="world", confidence=c)
    write(x, out := tmp_path / "n.csv", format="anipose")
    assert sniff(Probe(out))
    y = read(out, format="anipose")
    np.testing.assert_array_equal(y.positions, x.positions)
    assert (y.confidence is None) == (not confidence)
    if confidence:
        np.testing.assert_array_equal(y.confidence, x.confidence)
    metres = PoseSequence.from_array(a, fps=30, skeleton=["a", "b"], unit="m", space="world")
    write(metres, out, format="anipose", force=True)
    np.testing.assert_allclose(read(out, format="anipose").positions, x.positions * 1000, rtol=1e-6)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (HEADER, "", "line 2.*one frame"),
        ("a,b\n", "1,2\n", "line 1.*nose_x"),
        (HEADER, ROWS.replace("2.75", "x"), "line 3, column 2.*'x'"),
        (HEADER, ROWS.replace(",11\n", "\n"), "line 3.*19 cells.*18"),
        (HEADER, ROWS.replace(",11\n", ",10\n"), "line 3, column 19.*frame 10 twice"),
        (HEADER, ROWS.replace(",11\n", ",\n"), "line 3, column 19.*frame number"),
        (HEADER, ROWS.replace(",11\n", ",inf\n"), "line 3, column 19.*frame number"),
        (HEADER, ROWS.replace("2.75", '"2.75'), "closing quote"),
    ],
)
def test_bad_input(make, header, rows, message):
    with pytest.raises(FormatError, match=message):
        read(make(rows, header), format="anipose")


def test_zero_fps(make):
    with pytest.raises(FormatError, match="above 0"):
        read(make(), format="anipose", fps=0)
