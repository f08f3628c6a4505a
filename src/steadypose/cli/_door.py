"""The command line's door: nothing leaves it but data, words and an exit code.

The standard streams may be closed, full, or in an encoding that lacks a letter of a file's name; an exception
may be our own mistake. Whatever it is, it is one line on stderr. Its traceback is shown only where the
environment variable STEADYPOSE_TRACEBACK is set.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import TextIO

from cyclopts import CycloptsError

from steadypose.cli._words import UsageError, abandon, complain
from steadypose.errors import SteadyposeError

WRONG_DATA, WRONG_USE, OUR_MISTAKE, INTERRUPTED = 1, 2, 70, 130
TRACEBACK = "STEADYPOSE_TRACEBACK"


def open_streams() -> None:
    """Give closed standard streams a place: or the next file that is opened would get what is meant for them.

    Words to a closed stderr are dropped; data to a closed stdout is an error when it is written.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = _writer(os.open(os.devnull, os.O_RDONLY))
    if sys.stderr is None:
        sys.stderr = _writer(os.open(os.devnull, os.O_WRONLY))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _writer(number: int) -> TextIO:
    return open(number, "w", encoding="utf-8")


def explain(e: BaseException) -> int:
    """Say in one line what went wrong; returns the exit code that it means."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(e)
    match e:
        case CycloptsError() | UsageError():
            complain(f"{e} (--help explains)")
            return WRONG_USE
        case KeyboardInterrupt():
            complain("interrupted")
            return INTERRUPTED
        case BrokenPipeError():  # the reader of a pipe left: nobody is there to be told
            abandon(sys.stdout)
            return WRONG_DATA
        case SteadyposeError():
            complain(str(e))
            return WRONG_DATA
        case OSError():
            abandon(sys.stdout)  # or what it still holds would be an error again at the end
            complain(f"{e.filename or 'output'}: {e.strerror or e}")
            return WRONG_DATA
        case MemoryError():
            complain(f"expected data that fits into memory, found more ({e or 'out of memory'})")
            return WRONG_DATA
    complain(
        f"internal error, not a mistake of yours: {type(e).__name__}: {str(e)[:300]} "
        f"(please report it, with what {TRACEBACK}=1 shows)"
    )
    return OUR_MISTAKE
