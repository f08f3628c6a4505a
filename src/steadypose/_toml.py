"""TOML from strangers: settings, calibrations, columns. Whatever is wrong with it is one line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from steadypose.errors import DataError, FormatError

_LARGEST = 1 << 24  # bytes


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The content of a file; ``what`` says of what kind it should have been.

    Raises
    ------
    FormatError
        If it cannot be read, is larger than any settings are, or is no TOML.
    """
    try:
        if path.exists() and not path.is_file():
            raise FormatError(path, "", what, "no file")
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise FormatError(path, "", what, f"more than {_LARGEST} bytes")
        return parse_toml(raw.decode())
    except OSError as e:
        raise FormatError(path, "", "a readable file", e.strerror or str(e)) from None
    except UnicodeDecodeError as e:
        raise FormatError(path, f"byte {e.start}", what, "bytes that are not UTF-8") from None
    except DataError as e:
        raise FormatError(path, "", what, str(e)) from None


def parse_toml(text: str) -> dict[str, Any]:
    """The content of a text; raises DataError if it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as e:  # numbers of 5000 digits, 300 nested levels
        raise DataError(
            str(e).replace("; use sys.set_int_max_str_digits() to increase the limit", "")
        ) from None
