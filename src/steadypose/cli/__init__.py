"""The command line: one thin module a command, imported when that command is run.

Data goes to stdout, words go to stderr. Exit codes: 0 done, 1 something is wrong with the data, 2 something
is wrong with the command line, 70 steadypose made a mistake, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from cyclopts import App

from steadypose._version import __version__
from steadypose._writing import one_call
from steadypose.cli._door import explain, open_streams
from steadypose.cli._words import STDIO

_COMMANDS = {
    "demo": "Refine a bundled real recording and write the result, a report and a table.",
    "info": "Say what is in a pose file.",
    "refine": "Make pose files steady: the same files out, only coordinates changed.",
    "lift": "2D keypoints in, 3D joints out: Human3.6M's 17, in millimetres from the pelvis.",
    "train": "Train a network for lift, on motion capture seen by made-up cameras and detectors.",
    "export": "Write a trained network as ONNX, for refine --weights or lift --weights.",
    "evaluate": "Measure a pose file, against the truth where there is one.",
    "convert": "Write a pose file in another format or skeleton.",
    "report": "Compare two pose files on one HTML page.",
    "bench": "Make a table of a paper again, or measure a network on its authors' data.",
}

_EXAMPLES = """\
Examples:
  steadypose demo                            see it work, on real data
  steadypose refine poses.json               writes poses.steady.json
  steadypose refine recordings/ -o steady/   a whole folder
  steadypose lift poses.json                 3D from 2D: writes poses.lifted.npz
  steadypose info poses.json                 what is in there?
  steadypose COMMAND --help                  all about one command
"""

app = App(
    name="steadypose",
    help="Human motion from video, made steady and accurate: any pose file in, the same file out,\n"
    "without jitter and without lag.",
    help_epilogue=_EXAMPLES,
    help_format="plaintext",  # rich's Markdown costs more time than all the rest of --help
    version=f"steadypose {__version__}",
    version_flags=["--version", "-V"],
)
for _order, (_name, _help) in enumerate(_COMMANDS.items()):
    app.command(f"steadypose.cli.{_name}:app", name=_name, help=_help, sort_key=_order)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (``sys.argv`` by default) and return the exit code."""
    open_streams()
    signal.signal(signal.SIGTERM, _terminate)  # so that what is half written is cleaned up
    tokens = [STDIO if token == "-" else token for token in (sys.argv[1:] if argv is None else argv)]
    try:
        with one_call():
            status = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as e:
        return explain(e)
    return status if isinstance(status, int) else 0


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
