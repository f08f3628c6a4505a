"""The command line as a user meets it: a process with exit code, stdout, stderr, signals and pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent / "data"
POSES = DATA / "keraal-json" / "AP-CTK.json"
COMMANDS = ("demo", "info", "refine", "evaluate", "convert", "report")


def run(
    *argv: str | Path, stdin: bytes | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "steadypose", *map(str, argv)]
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return subprocess.run(command, capture_output=True, cwd=cwd, check=False, **given)  # type: ignore[call-overload]


def test_refine_says_one_line_and_leaves_the_input_alone(tmp_path: Path) -> None:
    source = tmp_path / "poses.json"
    source.write_bytes(POSES.read_bytes())
    done = run("refine", source)
    assert (done.returncode, done.stdout) == (0, b"")
    line = done.stderr.decode()
    assert line.count("\n") == 1 and "30 frames" in line and "1 person" in line and "accel" in line
    assert sorted(p.name for p in tmp_path.iterdir()) == ["poses.json", "poses.steady.json"]
    assert source.read_bytes() == POSES.read_bytes()
    assert "\x1b" not in line  # no progress bar, no colour in a pipe


def test_stdin_to_stdout_is_the_same_as_file_to_file(tmp_path: Path) -> None:
    piped = run("refine", "-", stdin=POSES.read_bytes())
    assert piped.returncode == 0, piped.stderr
    assert run("refine", POSES, "-o", tmp_path / "out.json", "--quiet").stderr == b""
    assert piped.stdout == (tmp_path / "out.json").read_bytes()


def test_wrong_data_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    source = tmp_path / "poses.json"
    source.write_bytes(POSES.read_bytes()[:2000])
    done = run("refine", source, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == b""
    assert (
        done.stderr.count(b"\n") == 1
        and done.stderr.startswith(b"steadypose: ")
        and b"poses.json" in done.stderr
    )
    assert [p.name for p in tmp_path.iterdir()] == ["poses.json"]


def test_wrong_data_on_stdin_is_called_stdin() -> None:
    done = run("info", "-", stdin=b"this is no pose file")
    assert done.returncode == 1 and done.stderr.startswith(b"steadypose: stdin: expected a pose file")


def test_wrong_command_line_is_exit_code_2() -> None:
    done = run("refine", POSES, "--method", "gausian")
    assert done.returncode == 2 and done.stdout == b""
    assert b"Did you mean gaussian?" in done.stderr and done.stderr.count(b"\n") == 1


def test_help_loads_neither_numpy_nor_the_commands() -> None:
    code = (
        "import sys; from steadypose.cli import main; assert main(['--help']) == 0;"
        "heavy = ('numpy', 'scipy', 'orjson', 'steadypose.cli.refine', 'rich.markdown');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert all(f"{c} " in done.stdout for c in COMMANDS)


def test_version() -> None:
    assert run("--version").stdout.startswith(b"steadypose 0.")


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupted_while_writing_leaves_nothing(tmp_path: Path, name: str, code: int) -> None:
    source = tmp_path / "poses.json"
    source.write_bytes(POSES.read_bytes())
    slow = f"""
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without it
from steadypose.cli import main
import steadypose.io.keraal_json as format
def write(streams, document, target):
    target.write_text("half a fi")
    print("writing", flush=True)
    time.sleep(60)
format.write = write
sys.exit(main(["refine", {str(source)!r}]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(getattr(signal, name))
        error = process.stderr.read()
    assert process.returncode == code
    assert b"Traceback" not in error
    assert [p.name for p in tmp_path.iterdir()] == ["poses.json"]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_reader_that_leaves_early_is_no_error_message() -> None:
    command = f'"{sys.executable}" -m steadypose info "{POSES}" --json | true'
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.stderr == b""


def test_demo(tmp_path: Path) -> None:
    done = run("demo", "-o", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == [
        "balancing_openpose.steady.zip",
        "report.html",
    ]
    text = done.stdout.decode()
    assert "Acceleration" in text and str(tmp_path / "demo" / "report.html") in text
    info = json.loads(run("info", tmp_path / "demo" / "balancing_openpose.steady.zip", "--json").stdout)
    assert info["format"] == "openpose" and info["streams"][0]["frames"] == 100
    again = run("demo", "-o", tmp_path / "demo")
    assert again.returncode == 1 and b"--force" in again.stderr
