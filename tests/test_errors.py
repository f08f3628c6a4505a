"""A refusal is one line that can be printed anywhere, whatever the file holds that it speaks of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.errors import LONGEST, DataError, FormatError, MissingExtraError, SteadyposeError

ANYTHING = st.text(st.characters(), max_size=50)  # halves of characters too


@given(path=ANYTHING, place=ANYTHING, expected=ANYTHING, found=ANYTHING)
def test_any_text_becomes_one_printable_line(path: str, place: str, expected: str, found: str) -> None:
    said = str(FormatError(path, place, expected, found))
    assert said.isprintable()
    said.encode()


@pytest.mark.parametrize("kind", [SteadyposeError, DataError])
def test_every_kind_of_error_is_one_printable_line(kind: type[SteadyposeError]) -> None:
    error = kind("expected a name, found 'a\nb\x1b[2J\ud800'\n")
    assert str(error) == "expected a name, found 'a b\\x1b[2J\\ud800'"


def test_what_a_file_says_is_cut_and_its_path_is_not() -> None:
    path = "/long" * 200
    said = str(FormatError(path, "key " + "x" * 10**6, "y" * 10**6, "z" * 10**6))
    assert said.startswith(f"{path}: key xxx")
    assert len(said) < len(path) + 6 * LONGEST
    assert said.endswith("z…")
    assert len(str(DataError("expected a name, found " + "x" * 10**6))) < 10 * LONGEST


def test_errors_without_a_text_and_of_extras_stay_what_they_were() -> None:
    assert str(SteadyposeError()) == ""
    assert str(MissingExtraError("a C3D file", "formats")).endswith('pip install "steadypose[formats]"')
