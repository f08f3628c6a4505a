"""DeepLabCut h5: what pandas wrote is read without pandas, and pandas reads what was written."""

import pickle

import numpy as np
import pytest

from steadypose.errors import FormatError
from steadypose.io import read, read_streams, write
from steadypose.io._probe import Probe
from steadypose.io.deeplabcut_h5 import KEY, sniff
from steadypose.sequence import PoseSequence

h5py, pd = pytest.importorskip("h5py"), pytest.importorskip("pandas")
pytest.importorskip("tables")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def frame(individuals=None, coords=("x", "y", "likelihood"), rows=4, dtype=float):
    parts = [["DLC_r50"], *([individuals] if individuals else []), ["nose", "left_ear"], list(coords)]
    names = ["scorer", *(["individuals"] if individuals else []), "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product(parts, names=names)
    values = np.random.default_rng(0).normal(300, 50, size=(rows, len(columns))).astype(dtype)
    values[1, 0:2] = np.nan
    return pd.DataFrame(values, columns=columns)


@pytest.fixture
def make(tmp_path):
    def make(df=None, layout="table", key=KEY):
        path = tmp_path / "a.h5"
        (frame() if df is None else df).to_hdf(path, key=key, format=layout, mode="w")
        return path

    return make


@pytest.mark.parametrize("layout", ["table", "fixed"])
@pytest.mark.parametrize("individuals", [None, ["ant", "bee"]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_round_trip(make, tmp_path, layout, individuals, dtype):
    df = frame(individuals, dtype=dtype)
    path = make(df, layout)
    assert sniff(Probe(path))
    streams = read_streams(path, format="deeplabcut-h5")
    assert list(streams) == ["DLC_r50"]
    m = streams["DLC_r50"]
    persons = len(individuals or ["0"])
    values = df.to_numpy().reshape(4, persons, 2, 3)
    np.testing.assert_allclose(m.positions, values[..., :2], rtol=1e-6)
    np.testing.assert_allclose(m.confidence, values[..., 2], rtol=1e-6)
    assert m.skeleton.keypoints == ("nose", "left_ear") and m.persons == tuple(individuals or ["0"])
    assert m.unit == "px" and not m.valid[1, 0, 0]
    write(streams, out := tmp_path / "o.h5")
    assert out.read_bytes() == path.read_bytes()
    x = m.positions.copy()
    x[1, 0, 0], x[2, -1, 1] = [1.5, 2.5], np.nan
    write(m.with_positions(x, "changed"), out, force=True)
    expected = df.copy()
    expected.iloc[1, 0:2] = [1.5, 2.5]
    expected.iloc[2, -3:-1] = np.nan
    pd.testing.assert_frame_equal(
        pd.read_hdf(out, KEY), expected
    )  # likelihoods and the rest to the last digit


def test_another_key_and_three_dimensions(make):
    path = make(frame(coords=("x", "y", "z")), key="data")
    m = read(path, format="deeplabcut-h5", unit="cm")
    assert sniff(Probe(path)) and m.shape == (4, 1, 2, 3) and m.unit == "cm" and m.confidence is None


def test_frames_missing_shuffled_or_named(make, tmp_path):
    df = frame()
    df.index = [7, 3, 4, 5]
    path = make(df)
    m = read(path, format="deeplabcut-h5", fps=10)
    np.testing.assert_allclose(m.times, [0, 0.1, 0.2, 0.4])
    np.testing.assert_allclose(m.positions[3, 0, 0], df.to_numpy()[0, :2], rtol=1e-6)
    write(m.with_positions(m.positions + 1, "moved"), out := tmp_path / "o.h5")
    again = pd.read_hdf(out, KEY)
    assert list(again.index) == [7, 3, 4, 5]
    np.testing.assert_allclose(again.to_numpy()[0, :2], df.to_numpy()[0, :2] + 1, rtol=1e-6)
    df.index = [f"labeled-data/video/img{i:03}.png" for i in (2, 0, 1, 9)]
    np.testing.assert_allclose(read(make(df), format="deeplabcut-h5", fps=10).times, [0, 0.1, 0.2, 0.9])
    df.index = ["a", "b", "c", "d"]
    with pytest.raises(FormatError, match="row 1: expected a frame number"):
        read(make(df), format="deeplabcut-h5")
    df.index = [0, 1, 1, 2]
    with pytest.raises(FormatError, match="row 3: expected every frame once"):
        read(make(df), format="deeplabcut-h5")


@pytest.mark.parametrize("persons", [["0"], ["a", "b"]])
def test_new_file(tmp_path, persons):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, len(persons), 2, 2)).astype(np.float32)
    x[1, 0, 1] = np.nan
    c = rng.random(x.shape[:3]).astype(np.float32)
    m = PoseSequence.from_array(x, fps=30, skeleton=["nose", "b"], persons=persons, confidence=c)
    write(m, out := tmp_path / "n.h5", format="deeplabcut-h5")
    again = read(out, format="deeplabcut-h5")
    np.testing.assert_array_equal(again.positions, x)
    np.testing.assert_array_equal(again.confidence, c)
    assert again.persons == tuple(persons) and pd.read_hdf(out).columns.names[0] == "scorer"


def test_a_pickle_that_would_run_is_refused(make, tmp_path):
    class Bad:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = make()
    with h5py.File(path, "r+") as f:
        f[f"{KEY}/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(Bad(), 0))
    sniff(Probe(path))
    with pytest.raises(FormatError, match="values_block_0_kind"):
        read(path, format="deeplabcut-h5")
    assert not (tmp_path / "ran").exists()


def test_bad_input(make, tmp_path):
    two = frame()
    two.columns = two.columns.droplevel("scorer")
    with pytest.raises(FormatError, match="three or four levels"):
        read(make(two), format="deeplabcut-h5")
    odd = frame(coords=("x", "y", "w"))
    with pytest.raises(FormatError, match="coords of x, y"):
        read(make(odd), format="deeplabcut-h5")
    path = make()
    with h5py.File(path, "r+") as f:
        f[f"{KEY}/table"].resize((0,))
    with pytest.raises(FormatError, match="at least one frame"):
        read(path, format="deeplabcut-h5")
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as f:
        f["a"] = 1
    assert not sniff(Probe(path))
    with pytest.raises(FormatError, match="pandas table"):
        read(path, format="deeplabcut-h5")
    raw = make().read_bytes()
    for cut in np.random.default_rng(0).integers(8, len(raw), 20):
        path.write_bytes(raw[:cut])
        sniff(Probe(path))
        with pytest.raises(FormatError):
            read(path, format="deeplabcut-h5")
