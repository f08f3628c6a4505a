"""What a harness found, as JSON and Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from steadypose._writing import made_folders, write_text


def contents(path: Path) -> dict[str, bytes]:
    """Every file at or below a path by its name; nothing if nothing is there."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(files)}


def report(name: str, about: str, found: Mapping[str, Counter[str]], output: Path | None) -> bool:
    """Print the counts, write them into a folder, and say whether nothing was found that may not be.

    Counts whose names begin with "wrong: " are those that may not be.
    """
    columns = list(dict.fromkeys(key for counts in found.values() for key in counts))
    lines = ["| case | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    for case, counts in found.items():
        lines.append(f"| {case} | " + " | ".join(f"{counts[c]:,}" for c in columns) + " |")
    total: Counter[str] = sum(found.values(), Counter(dict.fromkeys(columns, 0)))
    lines.append("| all | " + " | ".join(f"{total[c]:,}" for c in columns) + " |")
    page = f"{about}\n\n" + "\n".join(lines) + "\n"
    print(page, end="")
    if output is not None:
        data = {case: {c: counts[c] for c in columns} for case, counts in found.items()}
        with made_folders(output):
            write_text(output / f"{name}.json", json.dumps(data, indent=1) + "\n", force=True)
            write_text(output / f"{name}.md", page, force=True)
    return not any(n for key, n in total.items() if key.startswith("wrong: "))
