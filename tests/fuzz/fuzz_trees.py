"""Changes inside nested containers: what JSON, pickles and archives are made of once they are parsed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    tree: Any = []
    for _ in range(levels):
        tree = [tree]
    return tree


NUMBERS: list[Any] = [
    0, -1, 3, 1.5, -0.0, 1e-300, 1e30, 1e38, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, -(2**63), 10**30,
    10**400,    float("nan"), float("inf"), float("-inf"), True, 0.1 + 0.2, 1e-45,
]  # fmt: skip
TEXTS: list[Any] = [
    "", "x", "7", "nan", "1e999", "é" * 40, "\ud800", "\0", "a\nb", "\x1b[2J", "../../x", "/tmp/x",
    "\\\\x\\y",
    "=1+1", "@x", "x" * 5000, "0" * 400, "\u202e", "person", "None", "__class__",
]  # fmt: skip
CONTAINERS: list[Any] = [
    [], [[]], [1, 2, 3], [None] * 3, {}, {"a": 1}, {"": None}, [[[0.5] * 3] * 3], nested(60), nested(300),
    [[1], [1, 2]], [1, "a", None], list(range(200)), {str(k): k for k in range(100)},
]  # fmt: skip
STRANGE: list[Any] = [None, *NUMBERS, *TEXTS, *CONTAINERS]

RECORD = np.zeros(3, [("x", "f4"), ("y", "i2")])
ARRAYS: list[Any] = [
    np.float64(3), np.zeros(0), np.zeros((0, 3)), np.zeros((2, 2)), np.full((4, 3), np.nan), np.array(7),
    np.array(["a", "b"]), np.arange(5), np.full((6, 72), np.inf), np.ones((3, 24, 3)), np.array([1 + 2j]),
    np.array([True]), np.full((6, 17, 3), 1e300), np.zeros((6, 1, 17, 2), "f2"), RECORD,
    np.array([b"a", b"bc"]), np.array([1, 2], "M8[s]"), np.array([1, 2], "m8"), np.array([3], "M8[ns]"),
    np.zeros((1,) * 32), np.array([2**63], "u8"), np.array([1.5], ">f4"), np.zeros((3, 0, 17, 2), "f4"),
    np.full(3, 1e-300), np.array([1e308, -1e308]), np.arange(6)[::-1], np.array([5, 5, 5]),
    np.array([0, 2**40]), np.array([np.nan, 0, 1]),
]  # fmt: skip


def changed(tree: Any, rng: Random, strange: Sequence[Any] = STRANGE) -> Any:
    """A copy with one place changed: replaced, taken away, said twice, shortened, exchanged, renamed."""
    value = rng.choice(strange)
    how = rng.choice(("replace", "replace", "replace", "remove", "twice", "shorten", "exchange", "rename"))
    if how == "exchange":
        other = _somewhere(tree, rng)
        return _at(tree, rng, lambda _: other)
    changes: dict[str, Callable[[Any], Any]] = {
        "replace": lambda _: value,
        "remove": lambda _: ...,
        "twice": lambda v: [*v, *v[:1]] if isinstance(v, list) else [v, v],
        "shorten": lambda v: v[:-1] if isinstance(v, list | str | tuple) else v,
        "rename": lambda v: _renamed(v, rng, value),
    }
    return _at(tree, rng, changes[how])


def _renamed(value: Any, rng: Random, name: Any) -> Any:
    if not (isinstance(value, dict) and value):
        return value
    old = rng.choice(list(value))
    new = name if isinstance(name, str | int) else str(name)[:50]
    return {new if k is old else k: v for k, v in value.items()}


def _down(tree: Any, rng: Random) -> Any:
    """The key of a child to go on to; None to stay. A walk finds shallow places as often as deep ones."""
    if isinstance(tree, dict) and tree and rng.random() < 0.8:
        return rng.choice(list(tree))
    if isinstance(tree, list | tuple) and tree and rng.random() < 0.8:
        return rng.randrange(len(tree))
    return None


def _somewhere(tree: Any, rng: Random) -> Any:
    key = _down(tree, rng)
    return tree if key is None else _somewhere(tree[key], rng)


def _at(tree: Any, rng: Random, change: Callable[[Any], Any], top: bool = True) -> Any:
    """A copy with one place changed; ``change`` returns ``...`` to take it away."""
    key = _down(tree, rng)
    if key is None:
        new = change(tree)
        return tree if new is ... and top else new
    out = list(tree) if isinstance(tree, tuple) else copy.copy(tree)
    new = _at(out[key], rng, change, top=False)
    if new is ...:
        del out[key]
    else:
        out[key] = new
    return tuple(out) if isinstance(tree, tuple) else out
