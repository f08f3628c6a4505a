"""Arguments as they were given, checked: of a wrong one is said what was expected and what was found."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.errors import DataError


def is_finite(value: Any) -> bool:
    """Whether it is a number, and one that a float can hold."""
    try:
        return isinstance(value, int | float | np.number) and bool(np.isfinite(float(value)))
    except (TypeError, OverflowError):  # complex numbers, integers of 400 digits
        return False


def path_of(value: Any) -> Path:
    """A path; raises DataError for anything else."""
    try:
        path = Path(value)
        os.fsencode(path)
    except TypeError:
        raise DataError(f"expected a path, found {type(value).__name__}") from None
    except UnicodeEncodeError as e:
        raise DataError(f"expected a path, found a name that no file can have: {e}") from None
    if "\0" in str(path):
        raise DataError("expected a path, found one with a zero byte in it")
    return path


def name_of(value: Any, what: str) -> str:
    """A name; raises DataError for anything else."""
    if not isinstance(value, str):
        raise DataError(f"expected the name of {what}, found {type(value).__name__}")
    return value


def names_of(value: Any, what: str) -> tuple[str, ...]:
    """Names, one after the other; raises DataError for anything else."""
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise DataError(f"expected the names of {what}, found {type(value).__name__}")
    return tuple(name_of(one, what) for one in value)
