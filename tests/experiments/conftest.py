"""Experiments are folders of scripts, not packages: their modules may have the same names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_modules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a test runs, imports find the modules of its own experiment (``HERE`` of the test's file)."""
    here: Path = request.module.HERE
    monkeypatch.syspath_prepend(here)
    for script in here.glob("*.py"):
        module = sys.modules.get(script.stem)
        if module is not None and Path(module.__file__ or "").parent != here:
            monkeypatch.delitem(sys.modules, script.stem)
