"""TRC: header kept, numbers in the file's own digits, empty cells missing."""

from pathlib import Path

import numpy as np
import pytest

from steadypose.errors import DataError, FormatError
from steadypose.io import read, write
from steadypose.sequence import PoseSequence

REAL = Path(__file__).parents[1] / "data" / "pose2sim_trc" / "S00_P01_T01_0-3.trc"
HEADER = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "100.00\t100.00\t3\t2\tmm\t100.00\t1\t3\n"
    "Frame#\tTime\tLASI\t\t\tRASI\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
)
ROWS = (
    "1\t0.000\t1.50000\t2.00000\t3.25000\t4.00000\t5.00000\t6.00000\n"
    "2\t0.010\t1.60000\t2.10000\t3.35000\t\t\t\n"
    "3\t0.020\t1.70000\t2.20000\t3.45000\t4.20000\t5.20000\t6.20000\n"
)


@pytest.fixture
def make(tmp_path):
    def make(rows=ROWS, header=HEADER, name="a.trc"):
        path = tmp_path / name
        path.write_bytes((header + rows).encode())
        return path

    return make


def test_real_file(tmp_path):
    x = read(REAL, format="trc")
    assert x.shape == (3, 1, 4, 3) and (x.unit, x.space) == ("m", "world")
    assert x.skeleton.keypoints == ("RHip", "RKnee", "RAnkle", "RBigToe")
    assert x.fps == pytest.approx(60)
    np.testing.assert_allclose(x.positions[0, 0, 0], [-0.0595374, 0.6479118, 0.0398055], atol=1e-6)
    write(x, out := tmp_path / "o.trc")
    assert out.read_bytes() == REAL.read_bytes()


@pytest.mark.parametrize(
    "change", [str, lambda s: s.replace("\n", "\r\n"), lambda s: s.replace("\n", "\t\n")]
)
@pytest.mark.parametrize("gap", ["", "\n", "\t\t\t\t\t\t\t\n"])
def test_untouched_is_byte_for_byte(make, tmp_path, change, gap):
    path = make(change(gap + ROWS), change(HEADER))
    x = read(path, format="trc")
    assert x.shape == (3, 1, 2, 3)
    np.testing.assert_array_equal(x.valid[:, 0, 1], [True, False, True])
    write(x, out := tmp_path / "o.trc")
    assert out.read_bytes() == path.read_bytes()


def test_changed_cells_keep_the_decimals(make, tmp_path):
    x = read(make(), format="trc")
    new = x.positions.copy()
    new[1, 0, 1] = [4.1, 5.1, 1 / 3]
    write(x.with_positions(new, "filled"), out := tmp_path / "o.trc")
    assert out.read_text() == HEADER + ROWS.replace("3.35000\t\t\t", "3.35000\t4.10000\t5.10000\t0.33333")
    new[0, 0, 0] = np.nan
    write(x.with_positions(new, "hidden"), out, force=True)
    assert "1\t0.000\t\t\t\t4.0" in out.read_text()


def test_rows_that_end_early_are_missing_points(make, tmp_path):
    x = read(make(ROWS.replace("3.35000\t\t\t", "3.35000")), format="trc")
    assert not x.valid[1, 0, 1]
    write(x, out := tmp_path / "same.trc")
    assert out.read_bytes() == (tmp_path / "a.trc").read_bytes()
    new = x.positions.copy()
    new[1, 0, 1] = 7
    write(x.with_positions(new, "filled"), out := tmp_path / "o.trc")
    np.testing.assert_array_equal(read(out, format="trc").positions, new)


def test_shuffled_frames_go_back_in_the_file_s_order(make, tmp_path):
    rows = ROWS.splitlines(keepends=True)
    x = read(make(rows[2] + rows[0] + rows[1]), format="trc")
    np.testing.assert_allclose(x.times, [0, 0.01, 0.02])
    write(x.with_positions(x.positions + np.float32(1), "moved"), out := tmp_path / "o.trc")
    assert [line.split("\t")[0] for line in out.read_text().splitlines()[5:]] == ["3", "1", "2"]
    np.testing.assert_allclose(read(out, format="trc").positions, x.positions + 1)


def test_uneven_times_and_fps(make):
    path = make(ROWS.replace("0.020", "0.035"))
    np.testing.assert_allclose(read(path, format="trc").times, [0, 0.01, 0.035])
    np.testing.assert_allclose(read(path, format="trc", fps=50).times, [0, 0.02, 0.04])


def test_times_absent_follow_the_rate(make):
    rows = ROWS.replace("\t0.000", "\t").replace("\t0.010", "\t").replace("\t0.020", "\t")
    np.testing.assert_allclose(read(make(rows), format="trc").times, [0, 0.01, 0.02])


def test_new_file(tmp_path):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 3, 3)).astype(np.float32)
    a[2, 1] = np.nan
    x = PoseSequence.from_array(
        a, times=[0, 0.1, 0.2, 0.4, 0.5], skeleton=["a", "b", "c"], unit="mm", space="world"
    )
    write(x, out := tmp_path / "n.trc", format="trc")
    y = read(out, format="trc")
    np.testing.assert_array_equal(y.positions, x.positions)
    np.testing.assert_array_equal(y.times, x.times)
    assert y.unit == "mm" and y.skeleton.keypoints == ("a", "b", "c")
    write(x.select(frames=[0]), one := tmp_path / "one.trc", format="trc")
    assert read(one, format="trc").shape[0] == 1


def test_new_file_of_two_persons_is_refused(tmp_path):
    x = PoseSequence.from_array(np.zeros((2, 2, 3, 3)), fps=30, unit="m")
    with pytest.raises(DataError, match="one person"):
        write(x, tmp_path / "n.trc", format="trc")


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (HEADER, "", "line 6.*at least one frame"),
        (HEADER[:60], "", "five header lines"),
        (HEADER, ROWS.replace("2.10000", "abc"), "line 7, column 4.*a number.*abc"),
        (HEADER, ROWS.replace("5.00000", "5.00000\t9"), "line 6.*8 cells.*9"),
        (HEADER, ROWS.replace("3\t0.020", "2\t0.020"), "line 8, column 1.*frame 2 twice"),
        (HEADER, ROWS.replace("3\t0.020", "3\t0.010"), "strictly increasing"),
        (HEADER, ROWS.replace("3\t0.020", "\t0.020"), "line 8, column 1.*frame number"),
        (HEADER.replace("mm", "furlong"), ROWS, "line 3.*furlong"),
        (HEADER.replace("Frame#", "Frames"), ROWS, "line 4"),
        (HEADER.replace("LASI\t\t\t", "LASI\t\t"), ROWS, "line 4"),
        (HEADER.replace("RASI", "LASI"), ROWS, "unique keypoint names"),
        (
            HEADER.replace("100.00", "0"),
            ROWS.replace("\t0.0", "\t").replace("\t00", "\t"),
            "line|rate|increasing",
        ),
    ],
)
def test_bad_input(make, header, rows, message):
    with pytest.raises(FormatError, match=message):
        read(make(rows, header), format="trc")


def test_zero_rate_without_times(make):
    rows = ROWS.replace("\t0.000", "\t").replace("\t0.010", "\t").replace("\t0.020", "\t")
    with pytest.raises(FormatError, match="rate above 0"):
        read(make(rows, HEADER.replace("100.00", "0")), format="trc")
