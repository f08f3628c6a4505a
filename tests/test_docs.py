"""The documentation does what it says: every code block runs, every generated table is up to date.

Blocks of one page run in order and share their Python names; each starts in a new folder with the same files.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import steadypose as sp
from steadypose.refine.windows import WindowSpec

sys.path.append(str(Path(__file__).parent / "refine"))
from refine_samples import smoother, write_network

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages speak of: real recordings, and a network made here."""
    folder = tmp_path_factory.mktemp("recordings")
    with zipfile.ZipFile(str(files("steadypose.demo") / "balancing_openpose.zip")) as z:
        for name in z.namelist()[:40]:
            target = folder / "openpose_output" / Path(name).name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(z.read(name))
    shutil.copy(DATA / "keraal-json" / "AP-CTK.json", folder / "poses.json")
    (folder / "notes.txt").write_text("nothing to do with poses\n")
    (folder / "takes").mkdir()
    for source in ("caliscope/xy_HOLISTIC.csv", "keraal-json/OP-RTK.json"):
        shutil.copy(DATA / source, folder / "takes")
    shutil.copytree(DATA / "mocap", folder / "motion" / "mocap")
    spec = WindowSpec(32, 8)
    card = {"name": "net", "spec": spec.to_json(), "network": {"kind": "smoothnet"}}
    write_network(folder / "net.onnx", spec, smoother(32), card=card)
    raw = sp.read(DATA / "keraal" / "G3-Kinect-CTK-P1T1-Unknown-C-0.txt")
    assert isinstance(raw, sp.PoseSequence)
    truth = sp.refine(raw, method="gaussian", sigma=0.1)
    for name, motion in {
        "raw": raw,
        "truth": truth,
        "steady": sp.refine(raw),
        "tuned": sp.refine(raw, method="gaussian"),
    }.items():
        sp.write(motion, folder / f"{name}.npz", format="plain")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_code_blocks(page: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"__name__": page.stem}
    text = page.read_text("utf-8")
    for number, block in enumerate(BLOCK.finditer(text)):
        language, code = block.groups()
        line = text[: block.start()].count("\n") + 2
        place = tmp_path / str(number)
        shutil.copytree(recordings, place)
        monkeypatch.chdir(place)
        if language == "python":
            # Line numbers of the page, in its name: a failure points at the line to mend.
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)
        elif all(row.startswith(("steadypose ", "#")) for row in code.splitlines()):
            done = _shell(code)
            assert done.returncode == 0, f"{page.name}, line {line}:\n{code}\n{done.stderr}"


def _shell(code: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": path},
        check=False,
    )


def _make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "_make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_tables_are_up_to_date() -> None:
    make = _make()
    for page in make.PAGES:
        text = page.read_text("utf-8")
        assert "<!-- table:" in text, page
        assert make.with_tables(text) == text, f"{page.name}: run python docs/_make.py"


def test_every_format_and_method_is_described() -> None:
    described = (ROOT / "docs" / "formats.md").read_text("utf-8")
    missing = [name for name in sp.formats() if f"\n### {name}\n" not in described]
    assert not missing
    from steadypose.refine import METHODS

    headings = " ".join(re.findall(r"^## (.*)$", (ROOT / "docs" / "methods.md").read_text("utf-8"), re.M))
    assert not [name for name in METHODS if name not in headings]


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_ci_runs_the_command_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    command = re.search(r"<!-- tests -->\n```sh\n(.*?)\n```", text, re.DOTALL)
    assert command is not None and "-m pytest" in command[1]
    assert "<!-- tests -->" in (ROOT / ".ci" / "run").read_text("utf-8")
