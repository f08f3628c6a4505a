"""The parameters of all methods as one set of options, read off the methods themselves."""

from __future__ import annotations

from dataclasses import asdict, fields, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from steadypose.cli._words import UsageError
from steadypose.refine import DEFAULT_METHOD, METHODS, method_for
from steadypose.refine.filters import default_text

PARAMETERS = Group(
    "Parameters of the methods", help="In seconds or hertz, whatever the frame rate.", sort_key=2
)
METHODS_HELP = (
    "One of "
    + ", ".join(n if "positions" in m.handles else f"{n} (rotations only)" for n, m in METHODS.items())
    + ". Default: repeated frames and collapsed bodies left out, swaps put back, doubted keypoints and "
    + f"outliers removed, gaps filled, then {DEFAULT_METHOD}."
)


def _options() -> type:
    """A dataclass with one optional field for every parameter that some method has."""
    users: dict[str, list[str]] = {}
    first: dict[str, Any] = {}
    for name, method in METHODS.items():
        for f in fields(method):
            own = f"{default_text(f)} ({name})" if "shown" in f.metadata else f"{name} {default_text(f)}"
            users.setdefault(f.name, []).append(own)
            first.setdefault(f.name, f)
    made: list[tuple[str, Any, Any]] = []
    for name, f in first.items():
        kind, unit = {"int": int, "float": float}.get(f.type, str), f.metadata["unit"]
        what = f.metadata["help"][0].upper() + f.metadata["help"][1:]
        help = f"{what}{', ' * bool(unit)}{unit}. Default: {', '.join(users[name])}."
        made.append((name, Annotated[kind | None, Parameter(help=help)], None))
    cls = make_dataclass("Parameters", made, namespace={"__module__": __name__}, frozen=True)
    return Parameter(name="*", group=PARAMETERS)(cls)


if TYPE_CHECKING:
    Parameters = Any
else:
    Parameters = _options()


def given(parameters: Any, method: str | None) -> dict[str, Any]:
    """The parameters that were given; refuses those that the method does not have."""
    values = {} if parameters is None else {k: v for k, v in asdict(parameters).items() if v is not None}
    chosen = method_for(method, values)
    has = [f.name for f in fields(METHODS[chosen])]
    for name in values:
        if name not in has:
            theirs = ", ".join(_flag(h) for h in has)
            raise UsageError(f"{_flag(name)} is no parameter of {chosen}, which has {theirs}")
    return values


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
