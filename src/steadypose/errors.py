"""Every error a user can meet: one line that says where, what was expected and what was found."""

from __future__ import annotations

from pathlib import Path

LONGEST = 300  # characters of what a message repeats from a file


class SteadyposeError(Exception):
    """Anything steadypose refuses to do; its message is one line a user can act on."""

    def __init__(self, message: str = "") -> None:
        super().__init__(_line(_short(str(message), 7)))


class DataError(SteadyposeError, ValueError):
    """Arrays or arguments that do not describe a pose sequence, a body motion or a skeleton."""


class FormatError(SteadyposeError, ValueError):
    """A file that is not what it should be.

    Parameters
    ----------
    path
        The file or folder.
    place
        Where in it: a line, a key, a frame ("line 12", "frame 3, people[0]").
    expected, found
        What should have been there, and what was.
    """

    def __init__(self, path: str | Path, place: str, expected: str, found: str) -> None:
        self.path, self.place, self.expected, self.found = str(path), place, expected, found
        where = f"{path}: {_short(place)}" if place else str(path)
        said = f"{where}: expected {_short(expected, 3)}, found {_short(found)}"
        ValueError.__init__(self, _line(said))  # whole, however long the path is


class ForeignError(FormatError):
    """A file or folder that is intact, as far as can be seen, but of something else."""


class MissingExtraError(SteadyposeError, ImportError):
    """A format or plot that needs an optional dependency which is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an optional package: pip install "steadypose[{extra}]"')


def _short(text: str, times: int = 1) -> str:
    """What comes from a file may be megabytes."""
    longest = times * LONGEST
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _line(text: str) -> str:
    """What comes from a file may be line ends, commands to a terminal, or halves of characters."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
