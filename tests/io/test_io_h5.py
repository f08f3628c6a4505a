"""HDF5 files that lie: about sizes, about where their content is, about what packs it."""

from __future__ import annotations

import resource
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steadypose as sp

h5py = pytest.importorskip("h5py")


def new(path: Path, fill: Callable[[Any], None]) -> Path:
    with h5py.File(path, "w", libver="latest") as file:
        fill(file)
    return path


def sleap(file: Any, **other: Any) -> None:
    """A file as SLEAP writes it, but for some of its parts."""
    parts = {"tracks": np.ones((1, 2, 1, 3)), "node_names": np.array([b"nose"]), **other}
    for name, value in parts.items():
        if callable(value):
            value(file, name)
        else:
            file[name] = value


def huge(dtype: Any, shape: tuple[int, ...], chunk: int = 1 << 16, **how: Any) -> Callable[[Any, str], None]:
    """A dataset that is stated, and never filled."""
    return lambda file, name: file.create_dataset(
        name, shape, dtype, chunks=(chunk, *shape[1:]), compression="gzip", **how
    )


def unfolding(file: Any, name: str) -> None:
    """One chunk of eight numbers that unfolds to 400 MB."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    data = file.create_dataset(name, (1, 2, 1, 4), "f8", chunks=(1, 2, 1, 4), compression="gzip")
    data.id.write_direct_chunk((0, 0, 0, 0), packed)


def one_long_text(file: Any, name: str) -> None:
    file.create_dataset(name, (100_000,), h5py.string_dtype(), chunks=(1000,), fillvalue="x" * 60_000)


def twice_packed(file: Any, name: str) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((1, 2, 1, 3))
    for _ in range(2):
        plan.set_deflate(9)
    space = h5py.h5s.create_simple((1, 2, 1, 3))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, space, plan)


LIES: dict[str, dict[str, Any]] = {
    "numbers": {"tracks": huge("f8", (10**12, 2, 1, 3))},
    "numbers that become wider": {"tracks": huge("f2", (1 << 22, 2, 1, 3))},
    "texts": {"node_names": huge("S1", (60_000_000,))},
    "texts of any length": {"node_names": huge(h5py.string_dtype(), (60_000_000,))},
    "one long text many times": {"node_names": one_long_text},
    "lists": {"tracks": huge(h5py.vlen_dtype("f8"), (3,), 3)},
    "references": {"tracks": huge(h5py.ref_dtype, (3,), 3)},
    "a chunk": {"tracks": huge("f8", (1, 2, 1, 3), 1 << 28, maxshape=(None, 2, 1, 3))},
    "a chunk that unfolds": {"tracks": unfolding},
    "packed twice": {"tracks": twice_packed},
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_size_are_refused_before_memory_is_allocated(lie: str, tmp_path: Path) -> None:
    path = new(tmp_path / "a.h5", lambda file: sleap(file, **LIES[lie]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if lie == "a chunk":  # stated, not there: nothing is allocated for it
        assert np.isfinite(sp.read(path).positions).all()  # type: ignore[union-attr]
    else:
        with pytest.raises(sp.FormatError, match=str(path)):
            sp.read(path, format="sleap")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def test_a_block_of_a_driver_that_states_two_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:
        sleap(file)
    data = bytearray(path.read_bytes())
    assert data[8] == 0 and data[48:56] == b"\xff" * 8
    data[48:56] = len(data).to_bytes(8, "little")
    path.write_bytes(data + bytes(4) + (0x7FF80000).to_bytes(4, "little") + b"NCSAmult" + bytes(64))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(sp.FormatError, match="superblock: expected an HDF5 file of one piece"):
        sp.read(path, format="sleap")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


@pytest.mark.parametrize("key", ["df_with_missing", "other"])
def test_a_data_set_in_place_of_a_group_ends(key: str, tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        huge("f8", (10**12,))(file, key)
        file[key].attrs["pandas_type"] = "frame_table"

    with pytest.raises(sp.FormatError):
        sp.read(new(tmp_path / "a.h5", fill))
    with pytest.raises(sp.FormatError, match=r"a group|a pandas table"):
        sp.read(tmp_path / "a.h5", format="deeplabcut-h5")


@pytest.mark.parametrize("format", ["sleap", "deeplabcut-h5"])
def test_nothing_outside_the_file_is_opened(format: str, tmp_path: Path) -> None:
    secret = new(tmp_path / "secret.h5", lambda file: sleap(file))
    raw = tmp_path / "raw"
    raw.write_bytes(np.ones(6).tobytes())
    ways: dict[str, Callable[[Any, str], Any]] = {
        "external": lambda file, name: file.__setitem__(name, h5py.ExternalLink(str(secret), "tracks")),
        "soft": lambda file, name: file.__setitem__(name, h5py.SoftLink("/elsewhere")),
        "storage": lambda file, name: file.create_dataset(
            name, (1, 2, 1, 3), "f8", external=[(str(raw), 0, 48)]
        ),
        "virtual": lambda file, name: file.create_virtual_dataset(name, virtual(secret)),
    }
    for how, put in ways.items():
        name = "tracks" if format == "sleap" else "df_with_missing"
        other = {"node_names": np.array([b"nose"])} if format == "sleap" else {}

        def fill(file: Any, put: Any = put, name: str = name, other: Any = other) -> None:
            put(file, name)
            for key, value in other.items():
                file[key] = value

        path = new(tmp_path / f"{how}.h5", fill)
        secret_time, raw_time = secret.stat().st_atime_ns, raw.stat().st_atime_ns
        with pytest.raises(sp.FormatError, match=r"another file|expected a group"):
            sp.read(path, format=format)
        assert (secret.stat().st_atime_ns, raw.stat().st_atime_ns) == (secret_time, raw_time)


def virtual(secret: Path) -> Any:
    layout = h5py.VirtualLayout((1, 2, 1, 3), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "tracks", (1, 2, 1, 3))
    return layout


def test_groups_that_hold_themselves(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.create_group("df_with_missing")
        file["df_with_missing/table"] = file["df_with_missing"]
        file["df_with_missing/axis1"] = file["/"]

    with pytest.raises(sp.FormatError, match="expected a dataset, found something else"):
        sp.read(new(tmp_path / "a.h5", fill))


@pytest.mark.parametrize("value", ["x" * 9, 7, np.zeros(9), b"abc"])
def test_names_of_columns_that_are_none(value: Any, tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        rows = np.zeros(3, [("index", "i8"), ("values_block_0", "f8", 2)])
        file["df_with_missing/table"] = rows
        file["df_with_missing/table"].attrs["values_block_0_kind"] = value

    with pytest.raises(sp.FormatError, match="df_with_missing/table"):
        sp.read(new(tmp_path / "a.h5", fill))
