"""SLEAP analysis files: tracks alone change."""

import numpy as np
import pytest

from steadypose.errors import DataError, FormatError, SteadyposeError
from steadypose.io import read, write
from steadypose.io._probe import Probe
from steadypose.io.sleap import sniff
from steadypose.sequence import PoseSequence

h5py = pytest.importorskip("h5py")
T, K, F = 2, 3, 5


def content():
    rng = np.random.default_rng(0)
    tracks = rng.normal(300, 100, size=(T, 2, K, F))
    tracks[1, :, :, 2] = np.nan
    tracks[0, :, 1, 3] = np.nan
    return {
        "tracks": tracks,
        "track_names": np.array([b"female", b"male"]),
        "node_names": np.array([b"nose", b"left_ear", b"tail"]),
        "edge_inds": np.array([[0, 1], [0, 2]]),
        "edge_names": np.array([[b"nose", b"left_ear"], [b"nose", b"tail"]]),
        "point_scores": rng.random((T, K, F)) * 1.2,
        "instance_scores": rng.random((T, F)),
        "tracking_scores": np.zeros((T, F)),
        "track_occupancy": np.ones((F, T), np.uint8),
        "video_path": "a.mp4",
        "provenance": "{}",
    }


@pytest.fixture
def make(tmp_path):
    def make(drop=(), **change):
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as f:
            for name, value in {**content(), **change}.items():
                if name not in drop:
                    big = isinstance(value, np.ndarray) and value.dtype.kind == "f"
                    f.create_dataset(name, data=value, compression="gzip" if big else None)
            f.attrs["kept"] = "too"
        return path

    return make


def contents(path):
    with h5py.File(path) as f:
        return {name: f[name][()] for name in f} | {"attribute": f.attrs["kept"]}


def test_read(make):
    path = make()
    assert sniff(Probe(path))
    m = read(path, format="sleap", fps=50)
    c = content()
    assert m.shape == (F, T, K, 2) and m.persons == ("female", "male")
    assert m.skeleton.keypoints == ("nose", "left_ear", "tail") and m.skeleton.edges == ((0, 1), (0, 2))
    np.testing.assert_allclose(m.positions, c["tracks"].transpose(3, 0, 2, 1), rtol=1e-6)
    np.testing.assert_allclose(m.confidence, c["point_scores"].transpose(2, 0, 1), rtol=1e-6)
    assert (m.unit, m.space) == ("px", "image") and m.fps == pytest.approx(50)
    assert "30 fps assumed" in read(path, format="sleap").history[0]


def test_untouched_is_byte_for_byte(make, tmp_path):
    path = make()
    write(read(path, format="sleap"), out := tmp_path / "o.h5")
    assert out.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_tracks_alone_change(make, tmp_path, kind):
    path = make(tracks=content()["tracks"].astype(kind))
    m = read(path, format="sleap")
    x = m.positions.copy()
    x[3, 0, 1] = [10.5, 20.25]
    x[0, 1, 2] = np.nan
    write(m.with_positions(x, "changed"), out := tmp_path / "o.h5")
    old, new = contents(path), contents(out)
    expected = old.pop("tracks").copy()
    expected[0, :, 1, 3] = [10.5, 20.25]
    expected[1, :, 2, 0] = np.nan
    found = new.pop("tracks")
    np.testing.assert_array_equal(found, expected)  # the other numbers to their last digit
    assert found.dtype == kind
    assert old.keys() == new.keys()
    for name in old:
        np.testing.assert_array_equal(old[name], new[name])


def test_transposed_tracks(make, tmp_path):
    c = content()
    path = make(tracks=c["tracks"].transpose(3, 2, 1, 0), point_scores=c["point_scores"].transpose(2, 1, 0))
    m = read(path, format="sleap")
    np.testing.assert_array_equal(m.positions, read(make(), format="sleap").positions)
    path = make(tracks=c["tracks"].transpose(3, 2, 1, 0), point_scores=c["point_scores"].transpose(2, 1, 0))
    write(read(path, format="sleap").with_positions(m.positions + 1, "moved"), out := tmp_path / "o.h5")
    np.testing.assert_array_equal(read(out, format="sleap").positions, m.positions + 1)


def test_single_animal_without_track_names(make):
    c = content()
    m = read(
        make(
            drop=("point_scores", "edge_inds"), tracks=c["tracks"][:1], track_names=np.array([], dtype="S1")
        ),
        format="sleap",
    )
    assert m.persons == ("0",) and m.confidence is None


@pytest.mark.parametrize("scored", [True, False])
def test_new_file(tmp_path, scored):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 2, 3, 2)).astype(np.float32)
    x[1, 0] = np.nan
    c = rng.random((4, 2, 3)).astype(np.float32) if scored else None
    m = PoseSequence.from_array(x, fps=30, skeleton=["nose", "neck", "b"], persons=["a", "b"], confidence=c)
    write(m, out := tmp_path / "n.h5", format="sleap")
    assert sniff(Probe(out))
    again = read(out, format="sleap")
    np.testing.assert_array_equal(again.positions, m.positions)
    assert again.persons == m.persons and again.skeleton.keypoints == m.skeleton.keypoints
    assert (again.confidence is None) == (not scored)
    with h5py.File(out) as f:
        assert f["tracks"].shape == (2, 2, 3, 4)
        np.testing.assert_array_equal(f["track_occupancy"][()], x[..., 0].any(-1) & ~np.isnan(x[:, :, 0, 0]))
    with pytest.raises(DataError, match="pixels"):
        write(PoseSequence.from_array(x, fps=30, unit="normalized"), tmp_path / "m.h5", format="sleap")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": ("tracks",)}, "tracks: expected a dataset"),
        ({"drop": ("node_names",)}, "node_names"),
        ({"tracks": np.zeros((2, 2, 4, 5))}, "3 nodes"),
        ({"tracks": np.zeros((2, 2, 3))}, "floats of shape"),
        ({"tracks": np.zeros((2, 2, 3, 5), int)}, "floats of shape"),
        ({"tracks": np.zeros((2, 2, 3, 0))}, "at least one frame"),
        ({"point_scores": np.zeros((2, 3, 4))}, "point_scores"),
        ({"node_names": np.array([b"a", b"a", b"b"])}, "unique keypoint names"),
    ],
)
def test_bad_input(make, change, message):
    with pytest.raises(FormatError, match=message):
        read(make(**change), format="sleap")


def test_files_that_reach_out(make, tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as f:
        f["tracks"] = content()["tracks"]
    path = make(drop=("tracks",))
    with h5py.File(path, "r+") as f:
        f["tracks"] = h5py.ExternalLink(str(other), "tracks")
    with pytest.raises(FormatError, match="another file"):
        read(path, format="sleap")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(8 * T * 2 * K * F))
    with h5py.File(path, "r+") as f:
        del f["tracks"]
        f.create_dataset("tracks", (T, 2, K, F), "f8", external=[(str(secret), 0, 8 * T * 2 * K * F)])
    with pytest.raises(FormatError, match="another file"):
        read(path, format="sleap")


def test_absurd_sizes_are_refused(make):
    path = make(drop=("tracks", "point_scores"))
    with h5py.File(path, "r+") as f:
        f.create_dataset("tracks", (T, 2, K, 10**9), "f8", chunks=(T, 2, K, 1000))
    with pytest.raises(FormatError, match="in proportion"):
        read(path, format="sleap")


def test_damaged_files(make, tmp_path):
    raw = make().read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "d.h5"
    path.write_bytes(b"not hdf5")
    assert not sniff(Probe(path))
    with pytest.raises(FormatError, match="an HDF5 file"):
        read(path, format="sleap")
    for cut in rng.integers(8, len(raw), 20):
        path.write_bytes(raw[:cut])
        sniff(Probe(path))
        with pytest.raises(SteadyposeError):
            read(path, format="sleap")
