"""Changes to files made of text: JSON by field, tables and TOML by line and cell."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from random import Random
from typing import Any

from fuzz_trees import changed

CELLS = [
    b"", b"x", b"nan", b"inf", b"-inf", b"-1e999", b"1e39", b"1e308", b"1e-300", b'"', b"'", b"0", b"-1",
    b"1.5",
    b"7,7", b"9" * 20, b"9" * 400, b"1_0", b"\xff", b"\x00", b"\xc3\xa9", b"0x10", b"\n", b"\t", b"{",
    b"End Site",
    b"MOTION", b"ROOT", b"JOINT", b"}", b"CHANNELS 6", b"Frames: 999999999", b"=1+1", b"+1", b"@x",
    b"\xed\xa0\x80",
    b"\r", b"\x0c", b"\xe2\x80\xa8", b"true", b"[]", b"[[", b"x" * 3000, b"../x", b"\x1b[2J", b"1979-05-27",
    b"99999999999999999999999", b"-0", b"1e400", b"\xef\xbb\xbf", b'"a""b"', b"1,2,3", b"Frame Time: 0",
]  # fmt: skip
SEPARATORS = re.compile(rb"([,\t ;=:]+)")


@lru_cache(maxsize=64)
def _parsed(data: bytes) -> Any:
    return json.loads(data)


def json_fields(data: bytes, rng: Random) -> bytes:
    """Values and keys of a JSON document."""
    tree = _parsed(data)
    for _ in range(rng.randint(1, 3)):
        tree = changed(tree, rng)
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.8)
    return text.encode("utf-8", "surrogatepass")


def json_text(data: bytes, rng: Random) -> bytes:
    """The text of a JSON document: keys twice, brackets without an end, numbers no parser expects."""
    at = [m.start() for m in re.finditer(rb'[\[\]{}:,"]', data)]
    place = rng.choice(at)
    piece = rng.choice(
        (b"[" * 200, b"[" * 5000, b"{", b"}", b"]", b",", b'"', b"\\", b'"\\ud800"', b"NaN", b"-Infinity",
        b"1e999",
         b"9" * 400, b"9" * 5000, b"-", b"0x1", b"//", b"\0", b'{"a":' * 300, b"tru",
         b'"\xff"', b"\xef\xbb\xbf")
    )  # fmt: skip
    if rng.random() < 0.3:  # a piece of the document itself, elsewhere
        a, b = sorted(rng.sample(at, 2)) if len(at) > 1 else (0, place)
        piece = data[a : min(b, a + 300)]
    return data[:place] + piece + data[place + rng.choice((0, 0, 1)) :]


def lines(data: bytes, rng: Random) -> bytes:
    """Cells and lines of a table or a configuration."""
    rows = data.split(b"\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(rows)) if rng.random() < 0.5 else rng.randrange(min(8, len(rows)))
        how = rng.choice(
            ("cell", "cell", "cell", "cell", "column", "remove", "twice", "swap", "many", "nothing")
        )
        if how == "cell":
            cells = SEPARATORS.split(rows[at])
            cells[rng.randrange(len(cells))] = rng.choice(CELLS)
            rows[at] = b"".join(cells)
        elif how == "column":
            k, new, gone = rng.randrange(20), rng.choice(CELLS), rng.random() < 0.5
            for n, row in enumerate(rows):
                cells = SEPARATORS.split(row)
                if 2 * k < len(cells):
                    cells[2 * k : 2 * k + (2 if gone else 1)] = [] if gone else [new]
                    rows[n] = b"".join(cells)
        elif how == "remove" and len(rows) > 1:
            del rows[at]
        elif how == "twice":
            rows.insert(at, rows[at])
        elif how == "swap" and at:
            rows[at - 1], rows[at] = rows[at], rows[at - 1]
        elif how == "many":
            rows[at:at] = [rows[at]] * rng.choice((2, 10, 100))
        elif how == "nothing":
            rows[at] = b""
    return rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r")).join(rows)
