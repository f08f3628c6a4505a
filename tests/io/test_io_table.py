"""Cells of text tables."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from steadypose.io._probe import Probe
from steadypose.io._table import delimited, quote

TEXTS = st.text(st.sampled_from("=+-@'\"1.5eab,;"), min_size=1, max_size=8).filter(lambda t: t.strip() == t)


@given(texts=st.lists(TEXTS, min_size=1, max_size=5), delimiter=st.sampled_from(",;"))
@example(texts=["=1", "'=1", "''=1", "-1.5", "+1", "'-1.5", "'a", "@"], delimiter=",")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_is_text_for_a_spreadsheet_and_comes_back(
    texts: list[str], delimiter: str, tmp_path: Path
) -> None:
    cells = [quote(t, delimiter) for t in texts]
    for cell in cells:
        if cell.startswith(("=", "+", "-", "@")):
            float(cell)
    path = tmp_path / "a.csv"
    path.write_text(delimiter.join(cells) + "\n")
    table = delimited(Probe(path), delimiter)
    assert [c.decode() for c in table.cells(range(len(texts)))] == texts
