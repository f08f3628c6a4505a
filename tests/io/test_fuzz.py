"""Whatever is in a file, reading it gives sequences or one line that says what is wrong; never anything else.

Every format's sample is cut, flipped, and changed inside its own structure (JSON values, table cells, arrays
of an archive, objects and opcodes of a pickle).
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import pickle
import pickletools
import re
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_samples import content, sample, suffix

import steadypose as sp
from steadypose.io._probe import Probe
from steadypose.sequence import BodyMotion, Motion, PoseSequence

FORMATS = sorted(sp.formats())
JSON = [n for n in FORMATS if sp.formats()[n].suffix == ".json"]
TEXT = [n for n in FORMATS if sp.formats()[n].suffix in (".csv", ".trc", ".bvh", ".txt")]
PICKLES = [n for n in FORMATS if sp.formats()[n].suffix == ".pkl"]
NPZ = [n for n in FORMATS if sp.formats()[n].suffix == ".npz"]
HDF5 = [n for n in FORMATS if sp.formats()[n].suffix == ".h5"]
SECONDS = 5.0  # of processor time: a hang

# Each test tries a little on every run; STEADYPOSE_FUZZ=100 tries a hundred times as much.
EFFORT = int(os.environ.get("STEADYPOSE_FUZZ", "1"))
quiet = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
blind = settings(quiet, max_examples=8 * EFFORT)  # mostly refused at once
knowing = settings(quiet, max_examples=20 * EFFORT)


def read(path: Path, format: str | None) -> dict[str, Motion] | None:
    """The sequences of a file; None if it was refused properly."""
    start = time.process_time()
    try:
        streams = sp.read_streams(path, format=format)
    except sp.SteadyposeError as e:
        assert "\n" not in str(e)
        assert path.name in str(e)
        return None
    finally:
        assert time.process_time() - start < SECONDS
    assert streams
    for motion in streams.values():
        assert isinstance(motion, PoseSequence | BodyMotion)
    return streams


def survive(data: bytes, format: str, folder: Path) -> None:
    """Reading, detecting and writing back are proper, and a failed write leaves nothing."""
    place = folder / uuid4().hex
    place.mkdir()
    path = place / f"a{suffix(format)}"
    path.write_bytes(data)
    with contextlib.suppress(sp.FormatError):
        sp.detect(path)
    streams = read(path, format)
    if streams is None:
        return
    target = place / f"b{suffix(format)}"
    try:
        sp.write(streams, target)
    except sp.SteadyposeError as e:
        assert "\n" not in str(e)
        assert [p.name for p in place.iterdir()] == [path.name], "a failed write leaves nothing"
        return
    assert sorted(p.name for p in place.iterdir()) == [path.name, target.name]
    again = read(target, format)
    assert again is not None, "what was written can be read"
    assert list(again) == list(streams)
    for name, motion in streams.items():
        a, b = values(motion), values(again[name])
        np.testing.assert_array_equal(a, b, "writing an unchanged sequence changes nothing")


def values(motion: Motion) -> Any:
    return motion.positions if isinstance(motion, PoseSequence) else motion.rotations


@pytest.mark.parametrize("format", FORMATS)
def test_the_content_says_the_format_whatever_the_suffix(format: str, tmp_path: Path) -> None:
    path = sample(format, tmp_path)
    assert sp.detect(path) == format
    for other in (".json", ".csv", ".npz", ".pkl", ".txt", ".mp4", ""):
        if path.is_file():
            lie = tmp_path / f"lie{other}"
            lie.write_bytes(path.read_bytes())
            assert sp.detect(lie) == format, other
            assert read(lie, None) is not None


@pytest.mark.parametrize("format", FORMATS)
def test_a_sample_comes_back_unchanged(format: str, tmp_path: Path) -> None:
    survive(content(format), format, tmp_path)


@pytest.mark.parametrize("format", FORMATS)
def test_sniffers_never_raise_and_only_one_says_yes(format: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = content(format)
    for piece in (data, data[: len(data) // 2], data[:100], data[:3], data[len(data) // 3 :]):
        path.write_bytes(piece)
        probe = Probe(path)
        said = {name: f.module.sniff(probe) for name, f in sp.formats().items()}
        assert {type(answer) for answer in said.values()} == {bool}
        if piece is data:
            assert next(name for name, answer in said.items() if answer) == format


@pytest.mark.parametrize("format", FORMATS)
@blind
@given(data=st.data())
def test_random_bytes(format: str, tmp_path: Path, data: st.DataObject) -> None:
    starts = (
        b"",
        b"{",
        b"[",
        b"PK\x03\x04",
        b"\x80\x04",
        b"\x89HDF\r\n\x1a\n",
        b"scorer,",
        b"HIERARCHY\n",
        b"\x02P",
    )
    start = data.draw(st.sampled_from((*starts, content(format)[:16])))
    survive(start + data.draw(st.binary(max_size=200)), format, tmp_path)


@pytest.mark.parametrize("format", FORMATS)
@blind
@given(data=st.data())
def test_cut_anywhere(format: str, tmp_path: Path, data: st.DataObject) -> None:
    whole = content(format)
    survive(whole[: data.draw(st.integers(1, len(whole) - 1))], format, tmp_path)


@pytest.mark.parametrize("format", FORMATS)
@blind
@given(data=st.data())
def test_bytes_changed_anywhere(format: str, tmp_path: Path, data: st.DataObject) -> None:
    changed = bytearray(content(format))
    # Half of the changes go where the structure is: the start.
    place = st.integers(0, len(changed) - 1) | st.integers(0, min(400, len(changed) - 1))
    for at, value in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=4)):
        changed[at] = value
    survive(bytes(changed), format, tmp_path)


STRANGE: list[Any] = [
    None, True, 0, -1, 3, 1.5, -0.0, 1e308, 10**30, 10**400, float("nan"), float("inf"), "", "x", "7", "nan",
    [], [[]], [1, 2, 3], {}, {"a": 1}, "é" * 40,
]  # fmt: skip
ARRAYS: list[Any] = [
    np.float64(3), np.zeros(0), np.zeros((0, 3)), np.zeros((2, 2)), np.full((4, 3), np.nan), np.array(7),
    np.array(["a", "b"]), np.arange(5), np.full((6, 72), np.inf), np.ones((3, 24, 3)), np.array([1 + 2j]),
    np.array([True]), np.full((6, 17, 3), 1e300), np.zeros((6, 1, 17, 2), "f2"),
]  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested containers."""
    yield path
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from places(value, (*path, key))
    elif isinstance(tree, list | tuple):
        for k, value in enumerate(tree):
            yield from places(value, (*path, k))


def changed(tree: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A copy of nested containers with one place changed; ``change`` returns ``...`` to take it away."""
    if not path:
        return change(tree)
    out = list(tree) if isinstance(tree, tuple) else copy.copy(tree)
    new = changed(out[path[0]], path[1:], change)
    if new is ...:
        del out[path[0]]
    else:
        out[path[0]] = new
    return tuple(out) if isinstance(tree, tuple) else out


def draw_changed(tree: Any, data: st.DataObject, strange: list[Any]) -> Any:
    """One to three changes: a value replaced, taken away, or said twice."""
    for _ in range(data.draw(st.integers(1, 3))):
        every = list(places(tree))
        # Deep places are many and alike, shallow ones few and telling.
        depth = data.draw(st.integers(0, max(map(len, every))))
        path = data.draw(st.sampled_from([p for p in every if len(p) == depth]))
        value = data.draw(st.sampled_from(strange))
        how = data.draw(st.sampled_from(("replace", "replace", "remove", "twice", "shorten")))
        if how == "remove" and path:
            tree = changed(tree, path, lambda _: ...)
        elif how == "twice":
            tree = changed(tree, path, lambda v: [*v, *v[:1]] if isinstance(v, list) else [v, v])
        elif how == "shorten":
            tree = changed(tree, path, lambda v: v[:-1] if isinstance(v, list | str | tuple) else v)
        else:
            tree = changed(tree, path, lambda _, value=value: value)
    return tree


@pytest.mark.parametrize("format", JSON)
@knowing
@given(data=st.data())
def test_values_of_a_json_changed(format: str, tmp_path: Path, data: st.DataObject) -> None:
    tree = draw_changed(json.loads(content(format)), data, STRANGE)
    survive(json.dumps(tree).encode(), format, tmp_path)


CELLS = [
    b"", b"x", b"nan", b"inf", b"-1e999", b"1e39", b'"', b"'", b"0", b"-1", b"1.5", b"7,7", b"9" * 20, b"1_0",
    b"\xff", b"\x00", b"\xc3\xa9", b"0x10", b"\n", b"\t", b"{", b"End Site", b"MOTION",
]  # fmt: skip


@pytest.mark.parametrize("format", TEXT)
@knowing
@given(data=st.data())
def test_cells_of_a_table_changed(format: str, tmp_path: Path, data: st.DataObject) -> None:
    lines = content(format).split(b"\n")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1) | st.integers(0, min(6, len(lines) - 1)))
        how = data.draw(st.sampled_from(("cell", "cell", "cell", "remove", "twice", "swap")))
        if how == "cell":
            cells = re.split(rb"([,\t ;]+)", lines[at])
            cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(st.sampled_from(CELLS))
            lines[at] = b"".join(cells)
        elif how == "remove" and len(lines) > 1:
            del lines[at]
        elif how == "twice":
            lines.insert(at, lines[at])
        elif at:
            lines[at - 1], lines[at] = lines[at], lines[at - 1]
    survive(b"\n".join(lines), format, tmp_path)


@pytest.mark.parametrize("format", NPZ)
@knowing
@given(data=st.data())
def test_arrays_of_an_archive_changed(format: str, tmp_path: Path, data: st.DataObject) -> None:
    with np.load(io.BytesIO(content(format)), allow_pickle=True) as z:
        tree = {k: z[k].item() if z[k].dtype == object and z[k].ndim == 0 else z[k] for k in z.files}
    new = draw_changed(tree, data, [*STRANGE, *ARRAYS])
    arrays = new if isinstance(new, dict) else {"a": new}
    file = io.BytesIO()
    np.savez(file, **{str(k): as_array(v) for k, v in arrays.items()})  # type: ignore[arg-type]
    survive(file.getvalue(), format, tmp_path)


def as_array(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value
    out = np.empty((), object)
    out[()] = value
    return out


def unfolded(format: str) -> bytes:
    """A pickle without joblib's compression."""
    data = content(format)
    return zlib.decompress(data) if data[:1] == b"x" else data


@pytest.mark.parametrize("format", PICKLES)
@knowing
@given(data=st.data())
def test_objects_of_a_pickle_changed(format: str, tmp_path: Path, data: st.DataObject) -> None:
    tree = draw_changed(pickle.loads(unfolded(format)), data, [*STRANGE, *ARRAYS])  # written by these tests
    survive(pickle.dumps(tree, protocol=data.draw(st.sampled_from((2, 4, 5)))), format, tmp_path)


@pytest.mark.parametrize("format", PICKLES)
@knowing
@given(data=st.data())
def test_opcodes_of_a_pickle_changed(format: str, tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(unfolded(format))
    at = [position for _, _, position in pickletools.genops(bytes(whole)) if position is not None]
    opcodes = [ord(o.code) for o in pickletools.opcodes]
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.sampled_from(at))] = data.draw(st.sampled_from(opcodes))
    survive(bytes(whole), format, tmp_path)


@pytest.mark.parametrize("format", HDF5)
@knowing
@given(data=st.data())
def test_data_sets_of_an_hdf5_file_changed(format: str, tmp_path: Path, data: st.DataObject) -> None:
    import h5py

    path = tmp_path / f"{uuid4().hex}.h5"
    path.write_bytes(content(format))
    with h5py.File(path, "r+") as f:
        names: list[str] = []
        f.visit(names.append)
        name = data.draw(st.sampled_from(sorted(names)))
        del f[name]
        value = data.draw(st.sampled_from([None, *ARRAYS, b"text", 3.5]))
        if value is not None and getattr(value, "dtype", np.dtype(float)).kind != "U":
            f[name] = value
    survive(path.read_bytes(), format, tmp_path)
