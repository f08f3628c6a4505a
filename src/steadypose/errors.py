"""Every error a user can meet: one line that says where, what was expected and what was found."""

from __future__ import annotations

from pathlib import Path

_LONGEST = 2000  # letters of a message


class SteadyposeError(Exception):
    """Anything steadypose refuses to do; its message is one line a user can act on."""

    def __init__(self, message: str = "") -> None:
        line = " ".join(str(message).split())  # it may quote what was given, which may be anything
        super().__init__(line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …")


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
        where = f"{path}: {place}" if place else str(path)
        super().__init__(f"{where}: expected {expected}, found {found}")


class ForeignError(FormatError):
    """A file or folder that is intact, as far as can be seen, but of something else."""


class MissingExtraError(SteadyposeError, ImportError):
    """A format or plot that needs an optional dependency which is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an optional package: pip install "steadypose[{extra}]"')
