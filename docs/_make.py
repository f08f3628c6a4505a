"""Makes what the pages hold that is not written by hand: python docs/_make.py

The tables of formats and methods (in README.md and docs/, between their markers) and the README's picture.
tests/test_docs.py checks that the tables are up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

from steadypose.io import formats, read
from steadypose.refine import METHODS, refine
from steadypose.refine.filters import default_text

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "formats.md", ROOT / "docs" / "methods.md")


def format_table() -> str:
    """One row a format."""
    rows = ["| `--format` | what it is | suffix | holds | needs |", "|---|---|---|---|---|"]
    for f in formats().values():
        needs = f"`[{f.extra}]`" if f.extra else ""
        rows.append(f"| `{f.name}` | {f.title} | {f.suffix or 'folder'} | {', '.join(f.holds)} | {needs} |")
    return "\n".join(rows)


def method_table() -> str:
    """One row a method, with its parameters and their defaults."""
    rows = ["| `--method` | what it does | parameters (default) |", "|---|---|---|"]
    for name, method in METHODS.items():
        parameters = [
            f"`{f.name}` ({default_text(f)}{' ' * bool(f.metadata['unit'])}{f.metadata['unit']})"
            for f in fields(method)
        ]
        first = " ".join((method.__doc__ or "").split("\n\n")[0].split())
        rows.append(f"| `{name}` | {first} | {', '.join(parameters)} |")
    return "\n".join(rows)


TABLES: dict[str, Callable[[], str]] = {"formats": format_table, "methods": method_table}


def with_tables(text: str) -> str:
    """A page with its tables made anew."""

    def table(found: re.Match[str]) -> str:
        return f"<!-- table: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)


def picture(path: Path) -> None:
    """A wrist of the demo's recording, before and after."""
    from steadypose.report import plots

    before = read(str(files("steadypose.demo") / "balancing_openpose.zip"), fps=60, skeleton="body25b")
    figure = plots.curves(before, refine(before), ["left_wrist"])
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_tables(page.read_text("utf-8")), "utf-8")
    picture(ROOT / "docs" / "demo.png")
