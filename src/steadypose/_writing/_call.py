"""What one call reads and writes: nothing that is read is written to, and nothing is written twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from steadypose.errors import SteadyposeError


@dataclass(frozen=True)
class Where:
    """A path by where it lies and what is there, whatever it is called.

    Parameters
    ----------
    place
        Without links.
    id
        Device and number of what is there; None if nothing is.
    """

    place: Path
    id: tuple[int, int] | None

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Where:
        """Of what cannot be looked at (a loop of links, a name too long) the path as it is."""
        place, id = Path(path), None
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            place = place.resolve()
            status = place.stat()
            id = status.st_dev, status.st_ino
        return cls(place, id)


class Paths:
    """Files and folders."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]] = ()) -> None:
        self._ids: set[tuple[int, int] | None] = set()
        self._places: set[Path] = set()
        self._above: set[Path] = set()
        for path in paths:
            self.add(Where.of(path))

    def add(self, where: Where) -> None:
        """One more."""
        self._places.add(where.place)
        self._above.update(where.place.parents)
        if where.id is not None:
            self._ids.add(where.id)

    def same(self, where: Where) -> bool:
        """Whether a path is one of them."""
        return where.place in self._places or where.id in self._ids

    def touched_by(self, target: Where) -> str | None:
        """What writing ``target`` would do to one of them; None if nothing."""
        if self.same(target):
            return "is the file that was read"
        if target.place in self._above and target.id is not None:
            return "holds the file that was read"
        if any(p in self._places and p.is_dir() for p in target.place.parents):
            return "lies in the folder that was read"
        return None


class _Call:
    def __init__(self) -> None:
        self.reads, self.planned, self.written = Paths(), Paths(), Paths()


_current: ContextVar[_Call | None] = ContextVar("call", default=None)


@contextlib.contextmanager
def one_call() -> Iterator[None]:
    """All that is read and written until the end belongs together, as in one run of the command line."""
    token = _current.set(_Call())
    try:
        yield
    finally:
        _current.reset(token)


def will_read(*paths: str | os.PathLike[str]) -> None:
    """Nothing in this call is written to these files and folders any more."""
    call = _current.get()
    if call is not None:
        for path in paths:
            call.reads.add(Where.of(path))


def will_write(*paths: Path) -> None:
    """Refuse outputs that touch what the call reads, or each other, before any work is done.

    Raises
    ------
    SteadyposeError
        Naming the output.
    """
    call = _current.get() or _Call()
    for path in paths:
        where = check_untouched(path)
        if call.planned.same(where):
            raise _twice(path)
        call.planned.add(where)


def check_untouched(target: Path, reads: Iterable[str | os.PathLike[str]] = ()) -> Where:
    """Refuse a target that touches ``reads``, or what this call reads, or has written already.

    Raises
    ------
    SteadyposeError
        Saying what writing there would do.
    """
    call = _current.get() or _Call()
    where = Where.of(target)
    touched = Paths(reads).touched_by(where) or call.reads.touched_by(where)
    if touched is not None:
        raise SteadyposeError(f"{target}: {touched}; steadypose never touches its input")
    if call.written.same(where):
        raise _twice(target)
    return where


def has_written(target: Path) -> None:
    """Nothing else in this call is written there."""
    call = _current.get()
    if call is not None:
        call.written.add(Where.of(target))


def _twice(path: Path) -> SteadyposeError:
    return SteadyposeError(f"{path}: expected a name of its own for every output, found it given twice")
