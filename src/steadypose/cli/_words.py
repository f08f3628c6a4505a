"""What is said to people: on stderr, and a progress bar only where somebody watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Timer
from typing import Any, TextIO, TypeVar

T = TypeVar("T")
STDIO = "\N{MINUS SIGN}"  # stands for "-" while the command line is parsed, where that looks like an option


class UsageError(Exception):
    """Arguments that contradict each other; exit code 2."""


def file_label(name: str) -> str:
    """What to call an input."""
    return "stdin" if name == STDIO else name


def complain(text: str) -> None:
    """One line about what went wrong."""
    say(f"steadypose: {' '.join(text.split())}")


def say(text: str, *, quiet: bool = False) -> None:
    """One line for people; nobody may be there to read it, which is no reason to stop."""
    if not quiet:
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            abandon(sys.stderr)


def abandon(stream: TextIO) -> None:
    """Send a stream nowhere: what it still holds could not be written, and would be tried again later."""
    with suppress(OSError, ValueError):  # tests have streams that are no files
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def print_json(data: Any) -> None:
    """Data as indented JSON on stdout; NaN becomes null."""
    import orjson

    options = (
        orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    )
    try:
        text = orjson.dumps(data, option=options)
    except orjson.JSONEncodeError:  # a file's name that is no text
        text = orjson.dumps(_writable(data), option=options)
    sys.stdout.flush()
    sys.stdout.buffer.write(text)


def _writable(data: Any) -> Any:
    """The data with letters that no encoding has (parts of a file's name) spelled out."""
    if isinstance(data, str):
        return data.encode(errors="backslashreplace").decode()
    if isinstance(data, Mapping):
        return {_writable(key): _writable(value) for key, value in data.items()}
    return [_writable(value) for value in data] if isinstance(data, list | tuple) else data


def print_table(table: Any) -> None:
    """A ``rich.table.Table`` on stdout; without colour and box in a pipe."""
    from rich import box
    from rich.console import Console

    watched = sys.stdout.isatty()
    table.box = box.SIMPLE_HEAD if watched else None
    Console(file=sys.stdout, width=None if watched else 200, soft_wrap=False).print(table)


def progress(items: Sequence[T], names: Sequence[str], *, quiet: bool = False) -> Iterator[T]:
    """The items; after a second with a progress bar that names them, if stderr is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=len(items))
    timer = Timer(1.0, bar.start)
    timer.daemon = True
    timer.start()
    try:
        for item, name in zip(items, names, strict=True):
            bar.update(task, description=name)
            yield item
            bar.advance(task)
    finally:
        timer.cancel()
        bar.stop()
