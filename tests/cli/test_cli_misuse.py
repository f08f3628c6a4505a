"""The command line's door: closed streams, names that are no text, hostile arguments, our own mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from steadypose.cli import main

DATA = Path(__file__).parent.parent / "data"
POSES = DATA / "keraal-json" / "AP-CTK.json"
COMMAND = f'"{sys.executable}" -m steadypose'
LOST = ("Bad file descriptor", "No space left on device")
posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def shell(line: str, folder: Path) -> tuple[int, str]:
    """Exit code and stderr of a line, in a folder with a pose file."""
    (folder / "p.json").write_bytes(POSES.read_bytes())
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=folder, capture_output=True, check=False, timeout=120
    )
    words = done.stderr.decode(errors="replace")
    assert "Traceback" not in words
    assert "Exception ignored" not in words
    return done.returncode, words


@posix
@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("info p.json >&-", 1, LOST[0]),
        ("info p.json --json > /dev/full", 1, LOST[1]),
        ("refine p.json -o - > /dev/full", 1, LOST[1]),
        ("info p.json >&- 2>&-", 1, ""),
        ("info none.json 2>&-", 1, ""),
        ("info none.json 2> /dev/full", 1, ""),
        ("refine p.json -q <&- >&- 2>&-", 0, ""),
        ("refine p.json 2> /dev/full", 0, ""),
        ("refine p.json 2>&1 | head -0", 0, ""),
        ("--help | head -0", 1, ""),
        ("info - <&-", 2, "stdin"),
        ("info $'\\xff.json'", 1, "nothing there"),
    ],
)
def test_closed_and_full_streams(line: str, code: int, words: str, tmp_path: Path) -> None:
    found = shell(f"{COMMAND} {line}", tmp_path)
    assert found[0] == code
    assert words in found[1]
    if line.startswith("refine p.json") and code == 0:  # nothing meant for a stream went into the file
        assert json.loads((tmp_path / "p.steady.json").read_text())["positions"]


@posix
def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.json")
    (tmp_path / name).write_bytes(POSES.read_bytes())
    line = f"{COMMAND} info $'\\xff\\xfe.json' --json && {COMMAND} refine $'\\xff\\xfe.json' -o out.json"
    assert shell(f"{line} && {COMMAND} refine $'\\xff\\xfe.json' --dry-run", tmp_path)[0] == 0
    assert (tmp_path / "out.json").exists()


def test_damaged_files_in_a_folder_are_errors_and_the_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.json").write_bytes(POSES.read_bytes())
    (tmp_path / "cut.json").write_bytes(POSES.read_bytes()[:3000])
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and so on")
    (tmp_path / "notes.txt").write_text("buy milk")
    assert main(["refine", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    words = capsys.readouterr().err
    for line in ("cut.json: line", "cut.npz: expected an intact npz file", "2 of 3 inputs failed"):
        assert line in words
    assert "1 other entries passed over, such as" in words
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.json"]


def one_line(capsys: pytest.CaptureFixture[str], *argv: str) -> int:
    """The exit code of a command that is refused in one line."""
    code = main(argv)
    words = capsys.readouterr().err
    assert code in (1, 2), words
    assert words.startswith("steadypose: ")
    assert words.count("\n") == 1
    return code


STRANGE = [
    "nan",
    "inf",
    "1e400",
    "9" * 400,
    "-1",
    "1e-320",
    "1e308",
    "",
    "x",
    "\udcff",
    "[1]",
    "²",
    "a" * 5000,
]
OPTIONS = {
    "--fps": ["info"],
    "--skeleton": ["info"],
    "--unit": ["info"],
    "--format": ["info"],
    "--stream": ["info", "convert -o b.csv"],
    "--columns": ["info --format long-csv"],
    "--max-gap": ["refine -o b.json", "lift --size 960x544 -o b.npz"],
    "--sigma": ["refine -o b.json -m gaussian"],
    "--window": ["refine -o b.json -m savgol"],
    "--order": ["refine -o b.json -m savgol"],
    "--cutoff": ["refine -o b.json -m butterworth"],
    "--weights": ["refine -o b.json", "lift -o b.npz"],
    "--tune": ["refine -o b.json"],
    "--camera": ["lift --size 960x544 -o b.npz"],
    "--stature": ["lift --size 960x544 -o b.npz"],
    "--size": ["lift -o b.npz"],
    "--reference": ["evaluate"],
    "--protocol": ["evaluate"],
    "--remap": ["convert -o b.csv"],
    "--person": ["convert -o b.csv"],
}


@pytest.mark.parametrize("option", OPTIONS)
def test_strange_values_of_options(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.json").write_bytes(POSES.read_bytes())
    fine = {"--max-gap": ("1e308", "1e-320")}  # as long as you like, or none
    for line in OPTIONS[option]:
        command, *rest = line.split()
        for value in STRANGE:
            if value not in fine.get(option, ()):
                one_line(capsys, command, "p.json", *rest, option, value)
                assert [p.name for p in tmp_path.iterdir()] == ["p.json"]


TOML = {
    "cut": b"a = [",
    "not text": b"\xff\xfe",
    "400 levels": b"a = " + b"[" * 400 + b"]" * 400,
    "integer of 400 digits": b"[cam]\nmatrix = [[" + b"9" * 400 + b"]]",
    "integer of 5000 digits": b"a = " + b"9" * 5000,
    "half a character": b'a = "\\ud800"',
    "a date": b"cam = 1979-05-27\nframe = 1979-05-27",
    "infinite": b"[cam]\nmatrix = [[inf, 0, 1], [0, inf, 1], [0, 0, 1]]",
    "far away": b"[cam]\nmatrix = [[1e308, 0, 1], [0, 1e308, 1], [0, 0, 1]]",
    "tiny": b"[cam]\nmatrix = [[1e-320, 0, 1], [0, 1e-320, 1], [0, 0, 1]]",
    "a distortion": b"[cam]\nmatrix = [[1, 0, 1], [0, 1, 1], [0, 0, 1]]\ndistortions = [1e308, 0, 0, 0]",
    "empty": b"",
}


@pytest.mark.parametrize("content", TOML)
def test_strange_calibrations_columns_and_settings(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(TOML[content])
    target = tmp_path / "b.npz"
    one_line(capsys, "lift", str(POSES), "-o", str(target), "--size", "960x544", "--camera", str(path))
    one_line(capsys, "info", str(POSES), "--format", "long-csv", "--columns", str(path))
    if content != "empty":
        one_line(capsys, "train", str(path), "-o", str(tmp_path / "run"))
    assert list(tmp_path.iterdir()) == [path]


SETTINGS = [
    "optimiser.rate=nan", "optimiser.rate=inf", "trainer.epochs=" + "9" * 400, "trainer.epochs=[[[]]]",
    "network.width=" + "9" * 30, "network=1", "trainer.epochs.x=1", "=", "x", "a" * 5000 + "=1",
    "trainer.epochs=" + "[" * 400, "trainer.epochs=" + "9" * 5000, "optimiser.rate=" + "9" * 400,
    'trainer.epochs="\\ud800"', "trainer.epochs=1\nb=2", "trainer.epochs=-1", "data.sources=1", "\udcff=1",
]  # fmt: skip


@pytest.mark.parametrize("change", SETTINGS)
def test_strange_settings(change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "a.toml"
    path.write_text('[network]\nkind = "fcn"\n')
    one_line(
        capsys, "train", str(path), "-o", str(tmp_path / "run"), "--data", str(tmp_path), "--set", change
    )
    assert list(tmp_path.iterdir()) == [path]


def test_our_own_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import steadypose.metrics

    def broken(*_: object, **__: object) -> None:
        raise IndexError("list index\nout of range")

    monkeypatch.setattr(steadypose.metrics, "evaluate", broken)
    monkeypatch.delenv("STEADYPOSE_TRACEBACK", raising=False)
    assert main(["evaluate", str(POSES)]) == 70
    words = capsys.readouterr().err
    assert words.count("\n") == 1
    assert "internal error" in words and "IndexError: list index out of range" in words and "report" in words
    monkeypatch.setenv("STEADYPOSE_TRACEBACK", "1")
    assert main(["evaluate", str(POSES)]) == 70
    assert "in broken" in capsys.readouterr().err


def test_no_memory_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import steadypose.metrics

    def too_large(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(steadypose.metrics, "evaluate", too_large)
    assert one_line(capsys, "evaluate", str(POSES)) == 1
