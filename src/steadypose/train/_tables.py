"""TOML files that extend each other, and dataclasses made of them with every key and value checked."""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from steadypose._given import is_finite
from steadypose._toml import parse_toml, read_toml
from steadypose.errors import DataError, SteadyposeError

_MOST_FILES = 20
_LARGEST = 1 << 53  # whole numbers beyond it are no setting of anything


def read(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A file laid over those that it extends."""
    if path.resolve() in above:
        raise SteadyposeError(
            f"{path}: expected files that extend each other in one direction, found a circle"
        )
    if len(above) > _MOST_FILES:
        raise SteadyposeError(
            f"{path}: expected at most {_MOST_FILES} files that extend each other, found more"
        )
    table = read_toml(path, "a TOML file")
    base: Any = table.pop("extends", None)
    if base is None:
        return table
    if not isinstance(base, str):
        raise SteadyposeError(f"{path}: extends: expected a file, found {base!r}")
    return _laid_over(read(path.parent / base, (*above, path.resolve())), table)


def _laid_over(below: dict[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in table.items():
        under: Any = merged.get(key)
        both = isinstance(value, dict) and isinstance(under, dict)
        merged[key] = _laid_over(under, value) if both else value
    return merged


def changed(table: dict[str, Any], change: str) -> None:
    """Set a field of nested tables by a line such as ``optimiser.rate=1e-3``."""
    key, equals, text = change.partition("=")
    *tables, last = (part.strip() for part in key.split("."))
    if not equals or not last:
        raise SteadyposeError(f"expected a change such as optimiser.rate=1e-3, found {change!r}")
    try:
        (value,) = parse_toml(f"value = {text}").values()
    except (DataError, ValueError):
        value = text.strip()
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise SteadyposeError(f"expected a change of a field, found {change!r}: {part} is no table")
    table[last] = value


def make(cls: Any, table: Any, place: str = "", above: Any = None) -> Any:
    """A dataclass from a mapping, nested ones from nested ones; what does not fit is named by its place.

    What is left out is as in ``above``, or else as the class says; of nested ones as their field says. A
    field with a function ``"make"`` in its metadata is made by that, of its value and its place.
    """
    if not isinstance(table, Mapping):
        raise SteadyposeError(f"{place or 'file'}: expected a table, found {table!r}")
    hints, known = get_type_hints(cls), {f.name: f for f in fields(cls)}
    values: dict[str, Any] = {} if above is None else {name: getattr(above, name) for name in known}
    for key, value in table.items():
        where = f"{place}.{key}" if place else key
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"{close[0]!r}" if close else f"one of {', '.join(known)}"
            raise SteadyposeError(f"{where}: expected {hint}, found an unknown key")
        if "make" in known[key].metadata:
            values[key] = known[key].metadata["make"](value, where)
            continue
        if is_dataclass(hints[key]):
            made = known[key].default_factory
            values[key] = make(hints[key], value, where, None if made is MISSING else made())
            continue
        fits, values[key] = _fit(value, hints[key])
        if not fits:
            raise SteadyposeError(f"{where}: expected {_words(hints[key])}, found {value!r}")
    try:
        return cls(**values)
    except DataError as e:  # says which field, not of which table
        raise SteadyposeError(f"{place}: {e}" if place else str(e)) from None


def _fit(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether a value is of a type, and the value as that type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        tried = [_fit(value, a) for a in args]
        return next((t for t in tried if t[0]), (False, value))
    if origin is Literal:
        return value in args and type(value) in {type(a) for a in args}, value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False, value
        kinds = [args[0]] * len(value) if args[-1] is ... else list(args)
        parts = [_fit(v, k) for v, k in zip(value, kinds, strict=False)]
        return len(value) == len(kinds) and all(p[0] for p in parts), tuple(p[1] for p in parts)
    if hint is float:
        number = isinstance(value, float) or (type(value) is int and is_finite(value))
        return number, float(value) if number else value
    if hint is int:
        return type(value) is int and abs(value) <= _LARGEST, value
    return isinstance(value, hint), value


def _words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(a) for a in args if a is not type(None))
    if origin is Literal:
        return " or ".join(repr(a) for a in args)
    if origin is tuple:
        return f"a list of {_words(args[0])}" if args[-1] is ... else f"a list of {len(args)} numbers"
    return {float: "a number", int: "a whole number", bool: "true or false", str: "text"}[hint]
