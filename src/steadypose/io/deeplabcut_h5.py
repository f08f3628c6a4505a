"""DeepLabCut's h5: a pandas table. Read without pandas, whose reader runs any pickle that a file brings.

pandas keeps the names of columns as pickles in attributes; these go through the restricted unpickler. Values
are replaced in place, in the type they have. Both of pandas' layouts are read (``table`` and ``fixed``).
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError, MissingExtraError, SteadyposeError
from steadypose.io import _check, _deeplabcut, _h5, _pickle
from steadypose.io._deeplabcut import Layout
from steadypose.io._h5 import Group
from steadypose.io._probe import Probe, ReadOptions, keep_exact, tie, timeline
from steadypose.io._table import Ints
from steadypose.sequence import Motion, PoseSequence

KEY = "df_with_missing"


@dataclass(frozen=True)
class Block:
    """Some of the columns: a dataset, or a field of one, of shape (rows, columns).

    Parameters
    ----------
    columns
        The names of each column at every level.
    """

    dataset: str
    field: str | None
    columns: list[tuple[str, ...]]

    def read(self, file: Any) -> npt.NDArray[Any]:
        """The numbers in an open file, shape (rows, columns)."""
        return self.numbers(file[self.dataset][()])

    def numbers(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The numbers among the dataset's values, shape (rows, columns)."""
        found = np.asarray(values if self.field is None else values[self.field])
        return found.reshape(len(found), math.prod(found.shape[1:]))

    def write(self, file: Any, values: npt.NDArray[Any]) -> None:
        """Replace the numbers, in their type."""
        if self.field is None:
            file[self.dataset][...] = values.reshape(file[self.dataset].shape)
            return
        rows = file[self.dataset][()]
        rows[self.field] = values.reshape(rows[self.field].shape)
        file[self.dataset][...] = rows


@dataclass(frozen=True)
class Document:
    """The file, where its columns are, and the row of every frame."""

    data: bytes
    blocks: list[Block]
    order: Ints
    layouts: dict[str, Layout]


def sniff(probe: Probe) -> bool:
    """Whether the file has a pandas frame at its top."""
    if not probe.head.startswith(_h5.MAGIC):
        return False
    try:
        with _h5.opened(probe) as file:
            return _key(file) is not None
    except SteadyposeError:
        return False


def _key(file: Group) -> str | None:
    """The name of the table."""
    frames = (b"frame_table", b"frame", "frame_table", "frame")
    names = file.names()
    if KEY in names:
        return KEY
    groups = (name for name in names if file.is_group(name))
    return next((name for name in groups if file.group(name).attribute("pandas_type") in frames), None)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One stream a scorer; the index has frame numbers, or names of images that end in one."""
    with _h5.opened(probe) as file:
        key = _key(file)
        if key is None:
            raise probe.error("", f"a pandas table {KEY}", ", ".join(file.names()) or "nothing")
        group = file.group(key)
        blocks, values, index = (_table if "table" in group else _fixed)(probe, group, key)
    columns = [c for b in blocks for c in b.columns]
    width = sum(v.shape[1] for v in values)
    if width != len(columns) or not columns or any(v.dtype.kind not in "fiu" for v in values):
        raise probe.error(
            key, f"{len(columns)} columns of numbers", f"{width}: {[str(v.dtype) for v in values]}"
        )
    if len({len(v) for v in values} | {len(index)}) > 1 or not len(index):
        raise probe.error(key, "at least one frame, and an index for each", f"{len(index)}")
    depth = len(columns[0])
    levels = _deeplabcut.LEVELS if depth == 4 else _deeplabcut.LEVELS[:1] + _deeplabcut.LEVELS[2:]
    if depth not in (3, 4) or any(len(c) != depth for c in columns):
        raise probe.error(
            key, "columns of three or four levels (scorer, individuals, bodyparts, coords)", f"{depth}"
        )
    found = _deeplabcut.layouts(levels, columns, probe.error)
    number, order = _deeplabcut.image_order(index, probe.error)
    times, notes = timeline(number, options)
    all_ = np.concatenate([v.astype(np.float64) for v in values], axis=1)[order]
    streams: dict[str, Motion] = {}
    for scorer, layout in found.items():
        x, likelihood = _take(all_, layout.columns), _take(all_, layout.likelihood)[..., 0]
        streams[scorer] = _deeplabcut.sequence(layout, x, likelihood, times, notes, options)
    return tie(streams, "deeplabcut-h5", probe.path, Document(probe.data, blocks, order, found))


def _take(values: npt.NDArray[np.float64], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """Columns as (frames, *columns.shape); NaN where the number of the column is -1."""
    found = np.full((len(values), *columns.shape), np.nan, np.float32)
    with np.errstate(over="ignore"):
        found[:, columns >= 0] = values[:, columns[columns >= 0]]
    found[np.isinf(found)] = np.nan
    return found


_Parts = tuple[list[Block], list[npt.NDArray[Any]], list[Any]]  # blocks, their numbers, and the index


def _table(probe: Probe, group: Group, key: str) -> _Parts:
    """pandas' ``table`` layout: one row a frame, with the index and blocks of columns as fields."""
    table = group.numbers("table")
    fields = table.dtype.names or ()
    if "index" not in fields:
        raise probe.error(f"{key}/table", "a field index", ", ".join(fields))
    blocks = []
    for field in fields:
        if field.startswith("values_block_"):
            raw = group.attribute(f"{field}_kind", of="table")
            place = f"{key}/table:{field}_kind"
            if not isinstance(raw, bytes):
                raise probe.error(place, "the names of columns", type(raw).__name__)
            names = _pickle.load_stream(probe.path, io.BytesIO(bytes(raw)), len(raw), place=place)
            if not isinstance(names, list) or not all(isinstance(n, tuple) for n in names):
                raise probe.error(
                    place, "a list of the names of columns at every level", type(names).__name__
                )
            blocks.append(Block(f"{key}/table", field, [tuple(str(n) for n in c) for c in names]))
    return blocks, [b.numbers(table) for b in blocks], table["index"].tolist()


def _fixed(probe: Probe, group: Group, key: str) -> _Parts:
    """pandas' ``fixed`` layout: blocks as arrays, names of columns as levels and codes."""

    def labels(name: str) -> list[tuple[str, ...]]:
        levels: list[list[str]] = []
        while f"{name}_level{len(levels)}" in group:
            names = group.texts(f"{name}_level{len(levels)}")
            codes = group.numbers(f"{name}_label{len(levels)}").tolist()
            known = range(len(names))
            if not isinstance(codes, list) or not all(isinstance(c, int) and c in known for c in codes):
                raise probe.error(
                    f"{key}/{name}_label{len(levels)}", f"codes below {len(names)}", repr(codes)[:40]
                )
            levels.append([names[c] for c in codes])
        return list(zip(*levels, strict=True))

    blocks: list[Block] = []
    values: list[npt.NDArray[Any]] = []
    while f"block{len(blocks)}_values" in group:
        n = len(blocks)
        blocks.append(Block(f"{key}/block{n}_values", None, labels(f"block{n}_items")))
        values.append(blocks[-1].numbers(group.numbers(f"block{n}_values")))
    if "axis1" in group:
        return blocks, values, group.numbers("axis1").tolist()
    return blocks, values, [row[-1] for row in labels("axis1")]


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Coordinates into a copy of the file; or a new file, whose likelihood is missing where there is none."""
    if document is None:
        _write_new(_check.positions_alone(streams, "deeplabcut-h5"), target)
        return
    doc: Document = document
    with _h5.copied(doc.data, target) as file:
        parts = [b.read(file) for b in doc.blocks]
        starts = np.cumsum([0, *(p.shape[1] for p in parts)])
        old = np.concatenate([p.astype(np.float64) for p in parts], axis=1)
        new = old.copy()
        for name, motion in streams.items():
            if name not in doc.layouts or not isinstance(motion, PoseSequence):
                raise DataError(f"expected streams among {', '.join(doc.layouts)}, found {name!r}")
            columns = doc.layouts[name].columns
            _check.fits(name, motion, (len(doc.order), *columns.shape))
            there = columns >= 0
            cells = np.ix_(doc.order, columns[there])
            new[cells] = keep_exact(old[cells], motion.positions[:, there])
        changed = [
            (b, new[:, a:z].astype(p.dtype))
            for b, p, a, z in zip(doc.blocks, parts, starts, starts[1:], strict=False)
            if not np.array_equal(new[:, a:z], old[:, a:z], equal_nan=True)
        ]
        for block, values in changed:
            block.write(file, values)
    if not changed:
        target.write_bytes(doc.data)  # opening a file for changes touches its bytes


def _write_new(motion: PoseSequence, target: Path) -> None:
    try:
        import pandas as pd
        import tables  # noqa: F401
    except ImportError:
        raise MissingExtraError("writing a new DeepLabCut h5 file", "formats") from None
    levels, columns = _deeplabcut.header(motion)
    names = pd.MultiIndex.from_tuples(columns, names=levels)
    frame = pd.DataFrame(
        _deeplabcut.values(motion).astype(np.float64), index=_check.frame_numbers(motion), columns=names
    )
    frame.to_hdf(target, key=KEY, format="table", mode="w")
