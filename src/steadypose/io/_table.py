"""Text tables cut into cells without being changed, so that a few cells can be replaced and the rest kept.

Cells are pairs of byte offsets into the file. Whatever is not replaced (other columns, quotes, line ends,
digits) is written back byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from steadypose._timed import within_reach
from steadypose.errors import FormatError
from steadypose.io._bounded import allowed
from steadypose.io._probe import Probe

_AT_A_TIME = 1 << 16
_CELL = 64  # bytes that a cell becomes: two offsets, and a short text
Ints = npt.NDArray[np.int64]
MISSING = frozenset((b"", b"na", b"n/a", b"null", b"none", b"nan"))
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'


# Bytes from start to end of the file become a text; an insertion where the two are equal.
Edit = tuple[int, int, bytes]


@dataclass(frozen=True)
class Table:
    """A rectangle of cells in a file.

    Parameters
    ----------
    path, data
        The file and its content.
    start, end : ndarray of int64, shape (rows, columns)
        Byte offsets of every cell, quotes included.
    untouched
        The file as it was, where cells missing at the ends of rows were added to ``data``.
    """

    path: Path
    data: bytes
    start: Ints
    end: Ints
    untouched: bytes | None = None

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.start.shape
        return rows, columns

    def rows(self, first: int, last: int | None = None) -> Table:
        """Some of the rows."""
        return replace(self, start=self.start[first:last], end=self.end[first:last])

    def pick(self, rows: Ints) -> Table:
        """The rows of these numbers."""
        return replace(self, start=self.start[rows], end=self.end[rows])

    def place(self, row: int, column: int) -> str:
        """Where a cell is, for messages."""
        line = self.data.count(b"\n", 0, int(self.start[row, column])) + 1
        return f"line {line}, column {column + 1}"

    def error(self, row: int, column: int, expected: str, found: str | None = None) -> FormatError:
        """A FormatError about a cell."""
        what = repr(self.cells([column], row)[0].decode(errors="replace")) if found is None else found
        return FormatError(self.path, self.place(row, column), expected, what)

    def cells(self, columns: Sequence[int] | npt.NDArray[np.integer], row: int | None = None) -> list[bytes]:
        """Content of cells, row by row, without blanks around it, quotes, and apostrophes before formulas."""
        which = slice(None) if row is None else slice(row, row + 1)
        starts, ends = (a[which][:, columns].ravel() for a in (self.start, self.end))
        found = _gather(self.data, starts, ends)
        if b" " in self.data or b"\t" in self.data:
            found = [c.strip() for c in found]
        if b'"' in self.data:
            found = [c[1:-1].replace(b'""', b'"') if c[:1] == b'"' else c for c in found]
        if b"'" in self.data:
            found = [c[1:] if c[:1] == b"'" and _runs(c.decode(errors="replace")) else c for c in found]
        return found

    def texts(self, column: int) -> list[str]:
        """Content of a column as text."""
        return [c.decode(errors="replace") for c in self.cells([column])]

    def floats(self, columns: Sequence[int] | npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Numbers of some columns, shape (rows, len(columns)); NaN where a cell is empty.

        Raises
        ------
        FormatError
            Naming the line and column of the first cell that is not a number.
        """
        cells = self.cells(columns)
        try:
            if b"_" in b"".join(cells):  # Python would read 1_0 as 10
                raise ValueError
            values = [float(c) if c else np.nan for c in cells]
        except ValueError:
            values = [self._number(c, i, columns) for i, c in enumerate(cells)]
        return np.array(values, dtype=np.float64).reshape(self.shape[0], len(columns))

    def _number(self, cell: bytes, i: int, columns: Sequence[int] | npt.NDArray[np.integer]) -> float:
        if cell.lower() in MISSING:
            return float("nan")
        try:
            if b"_" in cell:
                raise ValueError
            return float(cell)
        except ValueError:
            row, at = divmod(i, len(columns))
            raise self.error(row, int(columns[at]), "a number") from None

    def edits(
        self,
        columns: Sequence[int] | npt.NDArray[np.integer],
        values: npt.ArrayLike,
        missing: bytes = b"",
        decimals: int | None = None,
    ) -> list[Edit]:
        """What to replace so that some columns hold new numbers; cells that already do are left alone.

        Parameters
        ----------
        values : array_like, shape (rows, len(columns))
            NaN is written as ``missing``.
        decimals
            For columns whose cells have no common number of decimals; None: as many as single precision has.
        """
        old = self.floats(columns)
        new = np.asarray(values, dtype=np.float64).reshape(old.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            # Positions travel as float32: what it cannot tell apart has not changed. (What is infinite, or
            # too far away for anything, is missing.)
            same = old.astype(np.float32) == new.astype(np.float32)
            same |= np.isnan(within_reach(old)) & ~np.isfinite(new)
        row, at = np.nonzero(~same)
        if not len(row):
            return []
        column = np.asarray(columns)[at]
        texts = numbers(new[row, at], self.decimals(columns, decimals), missing)
        starts, ends = self.start[row, column].tolist(), self.end[row, column].tolist()
        if b'"' in self.data:
            quoted = [self.data[s : s + 1] == b'"' for s in starts]
            texts = [b'"%s"' % t if q else t for q, t in zip(quoted, texts, strict=True)]
        return list(zip(starts, ends, texts, strict=True))

    def decimals(
        self, columns: Sequence[int] | npt.NDArray[np.integer], fallback: int | None = None
    ) -> int | None:
        """The number of decimals that all cells of some columns have, if it is three or more.

        Whole numbers (rounded pixels) get four, any others the fallback: one or two decimals are too coarse
        for a refined position, and may be no more than what happened to be in these cells.
        """
        seen = set()
        for c in self.rows(0, 500).cells(columns):
            if c.lower() in MISSING:
                continue
            if b"e" in c.lower():
                return fallback
            seen.add(len(c.partition(b".")[2]))
        if len(seen) != 1:
            return fallback
        d = seen.pop()
        return 4 if d == 0 else d if d >= 3 else fallback

    def apply(self, edits: Sequence[Edit]) -> bytes:
        """The file's content with the edits made."""
        if not edits and self.untouched is not None:
            return self.untouched
        parts: list[bytes] = []
        at = 0
        order = np.argsort([start for start, _, _ in edits], kind="stable")  # a cell before a row below it
        for start, end, text in (edits[i] for i in order.tolist()):
            parts += (self.data[at:start], text)
            at = end
        parts.append(self.data[at:])
        return b"".join(parts)


def _gather(data: bytes, starts: Ints, ends: Ints) -> list[bytes]:
    """Pieces of the data; many at a time, for a file may have millions."""
    width = int((ends - starts).max(initial=0))
    if not 0 < width <= 64:
        return [data[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    raw = np.frombuffer(data, np.uint8)
    found: list[bytes] = []
    for i in range(0, len(starts), _AT_A_TIME):
        at = starts[i : i + _AT_A_TIME, None] + np.arange(width)
        inside = at < ends[i : i + _AT_A_TIME, None]
        letters = np.where(inside, raw[np.minimum(at, len(raw) - 1)], 0).astype(np.uint8)
        found += letters.view(f"S{width}")[:, 0].tolist()
    return found


def numbers(values: npt.ArrayLike, decimals: int | None, missing: bytes = b"") -> list[bytes]:
    """Numbers as text: with fixed decimals, or in the shortest form that single precision reads back."""
    x = np.asarray(values)
    if decimals is None:
        texts = [t.encode() for t in x.astype(np.float32).astype("U32").ravel().tolist()]
    else:
        style = b"%%.%df" % decimals
        texts = [style % v for v in x.ravel().tolist()]
    gone = np.flatnonzero(~np.isfinite(x.ravel()))
    for i in gone.tolist():
        texts[i] = missing
    return texts


def delimited(probe: Probe, delimiter: str | None = None, start: int = 0, width: int | None = None) -> Table:
    """The table of a comma-, semicolon- or tab-separated file (quotes as in RFC 4180), less blank lines.

    Parameters
    ----------
    delimiter
        None: the one of ``,``, ``;`` and tab that the first line has most of.
    start
        Byte offset of the first row.
    width
        Columns: rows may miss cells at their end (they are added, empty) or have empty ones too many.
        None: as many as the first row has, and every row alike.

    Raises
    ------
    FormatError
        If the file is not UTF-8, has no rows, or a row has another number of cells.
    """
    data = _text(probe)
    start = max(start, 3 if data.startswith(b"\xef\xbb\xbf") else 0)
    by = (delimiter or sniff_delimiter(data[start : start + 65536])).encode()
    begin, end, first, last = _cut(probe, data, start, by)
    counts = last - first + 1
    columns = int(counts[0]) if width is None else width
    if len(counts) * columns * _CELL > allowed(len(data)):
        raise probe.error("", f"rows of {columns} cells", f"{len(counts)} rows, nearly all of them shorter")
    if width is not None and (counts < width).any():
        ends = end[last].tolist()
        missing = np.maximum(width - counts, 0).tolist()
        parts = [data[: ends[0]]]
        for at, until, n in zip(ends, [*ends[1:], len(data)], missing, strict=True):
            parts += (by * n, data[at:until])
        data = b"".join(parts)
        begin, end, first, last = _cut(probe, data, start, by)
        counts = last - first + 1
    for row in np.flatnonzero(counts != columns).tolist():
        surplus = slice(first[row] + columns, last[row] + 1)
        if width is None or (end[surplus] > begin[surplus]).any():
            line = data.count(b"\n", 0, int(begin[first[row]])) + 1
            raise probe.error(f"line {line}", f"{columns} cells", f"{counts[row]}")
    grid = first[:, None] + np.arange(columns)
    return Table(probe.path, data, begin[grid], end[grid], probe.data if data is not probe.data else None)


def _text(probe: Probe) -> bytes:
    """The file's bytes, which are UTF-8 and hold no zero byte."""
    probe.need_text()
    at = probe.data.find(b"\0")
    if at >= 0:
        raise probe.error(f"byte {at}", "text", "a zero byte")
    return probe.data


def _cut(probe: Probe, data: bytes, start: int, by: bytes) -> tuple[Ints, Ints, Ints, Ints]:
    """Start and end of every cell; the first and the last cell of every row that is not blank."""
    raw = np.frombuffer(data, np.uint8, offset=start)
    at = (raw == by[0]) | (raw == _NEWLINE)
    quotes = raw == _QUOTE
    if quotes.any():
        inside = np.cumsum(quotes) & 1
        if inside[-1]:
            line = data.count(b"\n", 0, start + int(np.flatnonzero(quotes)[-1])) + 1
            raise probe.error(f"line {line}", "a closing quote", "none")
        at &= ~inside.astype(bool)
    end = np.flatnonzero(at).astype(np.int64)
    ends_row = raw[end] == _NEWLINE
    if len(raw) and raw[-1] != _NEWLINE:
        end, ends_row = np.append(end, len(raw)), np.append(ends_row, True)
    begin = np.concatenate(([0], end + 1))[:-1]
    last = np.flatnonzero(ends_row)
    first = np.concatenate(([0], last + 1))[:-1]
    returns = last[(end[last] > begin[last]) & (raw[end[last] - 1] == _RETURN)]
    end[returns] -= 1
    filled = (last > first) | (end[last] > begin[first])
    first, last = first[filled], last[filled]
    if not len(first):
        raise probe.error("", "a table", "no rows")
    return begin + start, end + start, first, last


def whitespace(probe: Probe, start: int = 0) -> tuple[Ints, Ints, Ints]:
    """Tokens separated by blanks or line ends: their start and end offsets, and the line each is on (from 0).

    Raises
    ------
    FormatError
        If the file is not UTF-8.
    """
    _text(probe)
    start = max(start, 3 if probe.data.startswith(b"\xef\xbb\xbf") else 0)
    raw = np.frombuffer(probe.data, np.uint8, offset=start)
    solid = np.concatenate(([False], raw > 32, [False]))
    step = np.flatnonzero(solid[1:] != solid[:-1]).astype(np.int64)
    begin, end = step[::2], step[1::2]
    line = np.searchsorted(np.flatnonzero(raw == _NEWLINE), begin)
    return begin + start, end + start, line.astype(np.int64)


def sniff_delimiter(head: bytes) -> str:
    """The separator of a table, from its first line that is not blank."""
    line = next((x for x in head.splitlines() if x.strip()), b"")
    return max(",;\t", key=lambda d: line.count(d.encode()))


def codes(labels: Sequence[str]) -> tuple[list[str], Ints]:
    """The different labels in order of appearance, and which of them each is."""
    order = {c: i for i, c in enumerate(dict.fromkeys(labels))}
    return list(order), np.fromiter((order[c] for c in labels), np.int64, len(labels))


def _runs(text: str) -> bool:
    """Whether a spreadsheet would run a cell of text, apostrophes before it aside."""
    inner = text.lstrip("'")
    if not inner.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(inner)
    except ValueError:
        return True
    return False


def quote(text: str, delimiter: str = ",") -> str:
    """A cell of text as it stands in a file; an apostrophe keeps a spreadsheet from running it as a formula.

    What reads cells takes it away again (:meth:`Table.cells`). Numbers stay numbers, also -1.5 and +1.5.
    """
    text = f"'{text}" if _runs(text) else text
    special = any(c in text for c in (delimiter, '"', "\n", "\r"))
    return '"' + text.replace('"', '""') + '"' if special else text
