"""What the tests of the JSON formats share."""

import json

import numpy as np
import orjson
import pytest

from steadypose.errors import FormatError
from steadypose.io import read_streams


def parsed(path):
    return orjson.loads(path.read_bytes())


def dump(path, document):
    path.write_text(json.dumps(document))  # orjson writes no integers beyond 64 bits
    return path


def moved(seq, by=0.25):
    """The sequence with every position moved."""
    return seq.with_positions(seq.positions + np.float32(by), "moved")


def filled_in(seq, value=0.5):
    """The sequence with every missing position filled in, persons in frames without them included."""
    x = seq.positions.copy()
    missing = np.isnan(x)
    x[missing] = value
    return seq.with_positions(x, "filled", missing.any(axis=-1))


def leaves(document, path=()):
    """Every value of a document that is no list or object, by the way to it."""
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        return {k: v for key, value in items for k, v in leaves(value, (*path, key)).items()}
    return {path: document}


def refused(path, *words, **options):
    """Reading raises a FormatError of one line that names the file and has all these words in it."""
    with pytest.raises(FormatError) as e:
        read_streams(path, **options)
    message = str(e.value)
    assert str(path) in message
    assert "\n" not in message
    for word in words:
        assert word in message, f"{word!r} in {message!r}"


NOT_NUMBERS = [True, "5", "x", [1.0], [[1.0]], {"x": 1}]
EXTREME = [None, 10**30, -(10**18), 1e308, -1e-320, 0]
