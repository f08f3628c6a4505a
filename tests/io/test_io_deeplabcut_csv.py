"""DeepLabCut csv: single and multi animal, 2D and 3D."""

import numpy as np
import pytest

from steadypose.errors import FormatError
from steadypose.io import read, read_streams, write
from steadypose.io._probe import Probe
from steadypose.io.deeplabcut_csv import sniff
from steadypose.sequence import PoseSequence

SINGLE = (
    "scorer,DLC_r50,DLC_r50,DLC_r50,DLC_r50,DLC_r50,DLC_r50\n"
    "bodyparts,nose,nose,nose,tail,tail,tail\n"
    "coords,x,y,likelihood,x,y,likelihood\n"
    "0,10.5,20.25,0.99,30.0,40.0,0.5\n"
    "1,11.5,21.25,0.98,,,\n"
    "2,12.5,22.25,0.97,32.0,42.0,0.25\n"
)
MULTI = (
    "scorer,D,D,D,D,D,D,D,D,D\n"
    "individuals,ant,ant,ant,bee,bee,bee,single,single,single\n"
    "bodyparts,nose,nose,nose,nose,nose,nose,corner,corner,corner\n"
    "coords,x,y,likelihood,x,y,likelihood,x,y,likelihood\n"
    "0,1.0,2.0,0.9,,,,5.0,6.0,1.0\n"
    "1,1.5,2.5,0.8,3.0,4.0,0.7,5.0,6.0,1.0\n"
)


@pytest.fixture
def make(tmp_path):
    def make(text=SINGLE):
        path = tmp_path / "a.csv"
        path.write_bytes(text.encode())
        return path

    return make


def test_single(make, tmp_path):
    path = make()
    assert sniff(Probe(path))
    streams = read_streams(path, format="deeplabcut-csv")
    assert list(streams) == ["DLC_r50"]
    x = streams["DLC_r50"]
    assert x.shape == (3, 1, 2, 2) and (x.unit, x.space) == ("px", "image")
    assert "30 fps assumed" in x.history[0]
    np.testing.assert_allclose(x.positions[:, 0, 0], [[10.5, 20.25], [11.5, 21.25], [12.5, 22.25]])
    assert np.isnan(x.positions[1, 0, 1]).all() and np.isnan(x.confidence[1, 0, 1])
    write(streams, out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()
    new = x.positions.copy()
    new[1, 0, 1] = [31.5, 41.5]
    write(x.with_positions(new, "filled"), out, force=True)
    assert out.read_text() == SINGLE.replace("0.98,,,", "0.98,31.5,41.5,")


def test_multi(make, tmp_path):
    path = make(MULTI)
    x = read(path, format="deeplabcut-csv")
    assert x.persons == ("ant", "bee", "single") and x.skeleton.keypoints == ("nose", "corner")
    np.testing.assert_array_equal(
        x.valid, [[[1, 0], [0, 0], [0, 1]], [[1, 0], [1, 0], [0, 1]]]
    )  # (frames, animals, keypoints)
    write(x, out := tmp_path / "o.csv")
    assert out.read_bytes() == path.read_bytes()
    write(x.with_positions(x.positions + np.float32(1), "moved"), out, force=True)
    np.testing.assert_array_equal(read(out, format="deeplabcut-csv").positions, x.positions + 1)
    assert out.read_text().splitlines()[4] == "0,2.0,3.0,0.9,,,,6.0,7.0,1.0"


def test_three_dimensions(make, tmp_path):
    text = "scorer,D,D,D\nbodyparts,nose,nose,nose\ncoords,x,y,z\n0,1,2,3\n1,,,\n"
    path = make(text)
    x = read(path, format="deeplabcut-csv")
    assert x.shape == (2, 1, 1, 3) and x.confidence is None and (x.unit, x.space) == ("mm", "world")
    write(x, out := tmp_path / "o.csv")
    assert out.read_text() == text


def test_labelled_images(make, tmp_path):
    text = (
        "scorer,,,me,me\nbodyparts,,,nose,nose\ncoords,,,x,y\n"
        "labeled-data,vid,img012.png,1.5,2.5\nlabeled-data,vid,img010.png,3.5,4.5\n"
    )
    path = make(text)
    x = read(path, format="deeplabcut-csv", fps=10)
    np.testing.assert_allclose(x.times, [0, 0.2])
    np.testing.assert_allclose(x.positions[:, 0, 0, 0], [3.5, 1.5])
    write(x, out := tmp_path / "o.csv")
    assert out.read_text() == text


@pytest.mark.parametrize("persons", [1, 3])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("confidence", [True, False])
def test_new_file(tmp_path, persons, dims, confidence):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, persons, 2, dims)).astype(np.float32)
    a[1, 0, 1] = np.nan
    c = rng.random((4, persons, 2)).astype(np.float32) if confidence and dims == 2 else None
    x = PoseSequence.from_array(
        a,
        times=[0, 0.1, 0.2, 0.4],
        skeleton=["nose", 'a "b", c'],
        confidence=c,
        unit="px" if dims == 2 else "mm",
    )
    write(x, out := tmp_path / "n.csv", format="deeplabcut-csv")
    y = read(out, format="deeplabcut-csv", fps=10)
    np.testing.assert_array_equal(y.positions, x.positions)
    np.testing.assert_allclose(y.times, x.times)
    assert y.skeleton.keypoints == x.skeleton.keypoints and y.persons == x.persons
    assert (y.confidence is None) == (x.confidence is None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SINGLE.split("0,10")[0], "line 4.*one frame"),
        (SINGLE.replace("coords,", "coord,"), "header rows"),
        (SINGLE.replace("bodyparts,", "parts,"), "the rows"),
        (SINGLE.replace("21.25", "right"), "line 5, column 3.*right"),
        (SINGLE.replace(",42.0,", ","), "line 6.*7 cells.*6"),
        (SINGLE.replace("\n1,", "\n0,"), "frame 0 twice"),
        (SINGLE.replace("\n1,", "\nx,"), "line 5, column 1.*frame number"),
        (SINGLE.replace("x,y,likelihood,x", "x,x,likelihood,x"), "twice"),
        (SINGLE.replace("x,y,likelihood,x,y,", "x,w,likelihood,x,w,"), "coords of x, y"),
        ("scorer\nbodyparts\ncoords\n0\n", "columns of coordinates"),
    ],
)
def test_bad_input(make, text, message):
    with pytest.raises(FormatError, match=message):
        read(make(text), format="deeplabcut-csv")
