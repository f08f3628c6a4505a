"""results_real.json: scores by method and stream, in lists so that the file stays small."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from real_score import Scores

WHOLE = ("mpjpe", "offset_free", "accel", "change", "shake", "lag", "peak_speed", "coverage")
SHORT = WHOLE[:4]  # of settings that only draw a line


@dataclass
class Results:
    """``rows``: scores by label of a method, then by stream; ``knees``: by label, then by walk."""

    rows: dict[str, dict[str, Scores]] = field(default_factory=dict)
    knees: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Results:
        """What is there; nothing if there is no file."""
        if not path.exists():
            return cls()
        record = json.loads(path.read_text())
        names, columns = record["streams"], record["columns"]
        rows = {
            label: {n: dict(zip(columns, line, strict=False)) for n, line in zip(names, lines, strict=True)}
            for label, lines in record["rows"].items()
        }
        return cls(rows, record["knees"])

    def write(self, path: Path) -> None:
        """Five digits of everything, a line a method."""
        names = list(next(iter(self.rows.values())))
        lines = {
            label: [[float(f"{row[m]:.5g}") for m in WHOLE if m in row] for row in (of[n] for n in names)]
            for label, of in self.rows.items()
        }
        parts = [f'"streams": {json.dumps(names)}', f'"columns": {json.dumps(WHOLE)}']
        for name, part in (("rows", lines), ("knees", self.knees)):
            text = ",\n".join(
                f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in part.items()
            )
            parts.append(f'"{name}": {{\n{text}\n}}')
        path.write_text("{" + ",\n".join(parts) + "}\n")
