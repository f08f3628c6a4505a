"""The doors of reading and writing: whatever goes wrong behind them is said in one line, of one file.

Readers and writers say themselves what they expected and found. What none of them foresaw (a number of 400
digits, 300 nested levels, a name that no encoding has) ends here, and never as a bare exception. The cause
stays attached to the error for who wants to see it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from steadypose._timed import check_motion
from steadypose.errors import DataError, FormatError, SteadyposeError
from steadypose.io._bounded import Broken
from steadypose.sequence import BodyMotion, Motion, PoseSequence

_MOST = 200  # letters of a message that is not ours


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever goes wrong with a file is a FormatError about it.

    Arithmetic on numbers that no recording has is not reported: what comes of it is infinite or not a number,
    and that is missing.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except DataError as e:  # what it says cannot be a sequence (0 fps, repeated times …)
        expected, _, found = str(e).removeprefix("expected ").partition(", found ")
        raise FormatError(str(path), "", expected if found else "a valid sequence", found or str(e)) from None
    except SteadyposeError:
        raise
    except Broken as e:
        raise e.error(str(path), "") from None
    except OSError as e:
        raise FormatError(str(path), "", "a readable file", e.strerror or str(e)) from None
    except Exception as e:
        raise FormatError(str(path), "", "a file of reasonable content", brief(e)) from e


@contextmanager
def filling(target: Path, format: str) -> Iterator[None]:
    """Whatever a writer stumbles over is a SteadyposeError about the file; the disk's own errors pass.

    Arithmetic on numbers that no recording has is not reported, as in :func:`reading`.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except (SteadyposeError, OSError):
        raise
    except Exception as e:
        raise SteadyposeError(f"{target}: expected data that {format} can hold, found {brief(e)}") from e


def streams_of(data: Any) -> dict[str, Motion]:
    """What is to be written, by name of stream.

    Raises
    ------
    DataError
        If there is nothing, or anything but sequences.
    """
    if isinstance(data, PoseSequence | BodyMotion):
        return {data.source.stream if data.source is not None else "main": data}
    if not isinstance(data, Mapping):
        check_motion(data)
    if not data:
        raise DataError("expected at least one sequence to write, found none")
    for name, motion in data.items():
        check_motion(motion)
        if not isinstance(name, str):
            raise DataError(f"expected names of streams, found {type(name).__name__}")
    return dict(data)


def brief(e: Exception) -> str:
    """An exception in a few words."""
    text = " ".join(str(e).split())
    return f"{type(e).__name__}: {text[:_MOST]}" if text else type(e).__name__
