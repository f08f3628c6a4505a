"""Numbers of several seeds, tables in Markdown, files that are whole or not there."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from steadypose._writing import made_folders, write_text


def spread(values: Sequence[float], digits: int = 1) -> str:
    """``43.1 ± 0.4``: mean and standard deviation over seeds (n - 1); without the latter for one seed."""
    numbers = [v for v in values if math.isfinite(v)]
    if not numbers:
        return "–"
    text = f"{statistics.fmean(numbers):.{digits}f}"
    return text if len(numbers) == 1 else f"{text} ± {statistics.stdev(numbers):.{digits}f}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table: the first columns are words, to the left; numbers are to the right."""
    lines = ["| " + " | ".join(header) + " |", "|---" * words + "|--:" * (len(header) - words) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def save_text(path: Path, text: str) -> None:
    """Write a file as a whole: whoever interrupts this leaves the old one."""
    with made_folders(path.parent):
        write_text(path, text, force=True)


def save_json(path: Path, data: Any) -> None:
    """Write JSON as a whole; NaN is null."""
    save_text(path, json.dumps(_plain(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(k): _plain(v) for k, v in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(v) for v in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
