"""Networks in ONNX files: found by name or path, opened by ONNX Runtime, checked before they are used.

What lifting and refining networks have in common; each room says what it expects.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose._onnx_file import Refused, check
from steadypose._writing import will_read
from steadypose.errors import DataError, FormatError, SteadyposeError

METADATA = "steadypose"  # key of an ONNX file's metadata that holds the card, as JSON

# All networks of a process together, and one run of one of them, may take no more.
MEMORY = 2 << 30
SECONDS = 60.0
LEAST_FOLDED = 1 << 20
LARGEST = (2 << 30) - 1  # bytes of a file: protocol buffers hold no more

Values = npt.NDArray[np.float32]

# How the files of torch and safetensors begin, and how they are called.
_CHECKPOINTS = (".pt", ".pth", ".tar", ".ckpt", ".safetensors")
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


@dataclass(frozen=True)
class Kind:
    """A kind of network.

    Parameters
    ----------
    name
        What it is called in messages, such as "lifting network".
    prefix
        How the files of those that come with steadypose begin, such as "lift_".
    default
        Which of them is taken when none is named.
    """

    name: str
    prefix: str
    default: str

    def shipped(self) -> dict[str, Path]:
        """Networks of this kind that come with steadypose: path by name."""
        folder = Path(str(files("steadypose"))) / "weights"
        return {p.stem.removeprefix(self.prefix): p for p in sorted(folder.glob(f"{self.prefix}*.onnx"))}

    def find(self, weights: str | os.PathLike[str] | None) -> Path:
        """The file of a network given by name or path.

        Raises
        ------
        SteadyposeError
            If no network of that name comes with steadypose; the message lists those that do.
        """
        there = self.shipped()
        given = self.default if weights is None else weights
        path = Path(given)
        if isinstance(given, str) and given in there and (weights is None or not path.exists()):
            return there[given]
        if weights is None or (not path.exists() and path.name == str(given) and not path.suffix):
            if not there:
                raise SteadyposeError(f"no {self.name} comes with steadypose yet: weights takes an ONNX file")
            raise SteadyposeError(
                f"expected a {self.name} that comes with steadypose ({', '.join(there)}) or an ONNX file, "
                f"found {str(given)!r}"
            )
        return path


class Session:
    """A network that ONNX Runtime has opened on the CPU, run in bounded memory and time.

    Parameters
    ----------
    path
        The file.
    threads
        Of one run.

    Attributes
    ----------
    values : tuple
        Inputs and outputs, each with ``name``, ``shape`` and ``type``.
    metadata : dict
        Texts by name.

    Raises
    ------
    FormatError
        If the file cannot be read, is a checkpoint of training, no network, or more than a plain network
        (:mod:`steadypose._onnx_file`).
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        data = content(path)
        try:
            check(data)
        except Refused as e:
            raise FormatError(path, e.place, e.expected, e.found) from None
        runtime = load_runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads sleep
        options.add_session_config_entry("session.use_env_allocators", "1")  # those of load_runtime
        # What is computed once, when the file is opened: weights of half precision become twice as large.
        largest = str(max(LEAST_FOLDED, 2 * len(data)))
        options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", largest)
        try:
            self._session = runtime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"], enable_fallback=False
            )
            self.values = (*self._session.get_inputs(), *self._session.get_outputs())
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        except Exception as e:  # ONNX Runtime's own errors share no base class
            raise FormatError(path, "", "a network in ONNX", _reason(e)) from None

    def run(self, output: str, inputs: Mapping[str, Values], shape: tuple[int, ...]) -> Values:
        """One output of the network.

        Parameters
        ----------
        output
            Its name.
        inputs
            By name.
        shape
            The output has.

        Raises
        ------
        FormatError
            If the network fails, takes more than :data:`MEMORY` or longer than :data:`SECONDS`, or gives
            another shape than its file says, or numbers that are not finite.
        """
        options = load_runtime().RunOptions()
        try:
            with _watch(options):
                found: Values = self._session.run([output], dict(inputs), options)[0]
        except Exception as e:
            expected = f"a network that runs in {MEMORY >> 30} GiB and {SECONDS:g} s"
            raise FormatError(self._path, "", expected, _reason(e)) from None
        if found.shape != shape:
            raise FormatError(self._path, "", f"{output!r} of shape {shape}", f"shape {found.shape}")
        if not np.isfinite(found).all():
            raise FormatError(self._path, "", f"finite numbers in {output!r}", "others")
        return found


def content(path: Path) -> bytes:
    """The bytes of a file: what an ONNX file might refer to beside itself is never opened.

    Raises
    ------
    FormatError
        If it cannot be read or is a checkpoint of training.
    """
    will_read(path)
    try:
        if path.exists() and not path.is_file():
            raise FormatError(path, "", "a readable ONNX file", "a folder, a pipe or a device")
        if path.stat().st_size > LARGEST:
            raise FormatError(path, "", "an ONNX file below 2 GiB", "a larger one")
        data = path.read_bytes()
    except OSError as e:
        raise FormatError(path, "", "a readable ONNX file", e.strerror or str(e)) from None
    if path.suffix in _CHECKPOINTS or data.startswith((_ZIP, _PICKLE)):
        raise FormatError(
            path,
            "",
            "a network in ONNX",
            f"a checkpoint: export it first (steadypose export {path.name} -o {path.stem}.onnx)",
        )
    return data


@cache
def load_runtime() -> Any:
    """ONNX Runtime, kept to its task: it sends nothing, and all networks share :data:`MEMORY`.

    Its releases since 1.29 keep a store in the user's home and send usage data to Microsoft, unless told not
    to before they are imported. Whoever sets ORT_DISABLE_TELEMETRY=0 has them do so.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as runtime

    where = runtime.OrtMemoryInfo(
        "Cpu", runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, runtime.OrtMemType.DEFAULT
    )
    with contextlib.suppress(RuntimeError):  # somebody in this process has set a bound already
        runtime.create_and_register_allocator(where, runtime.OrtArenaCfg(MEMORY, -1, -1, -1))
    return runtime


_running: dict[int, tuple[float, Any]] = {}  # until when a run may take, and its options
_watcher: threading.Thread | None = None


@contextlib.contextmanager
def _watch(options: Any) -> Iterator[None]:
    """End what takes longer than :data:`SECONDS`, after the node that it is at.

    One thread watches all runs: starting one for each would take longer than most runs do.
    """
    global _watcher
    if _watcher is None or not _watcher.is_alive():  # nor is it in a process that was forked
        _watcher = threading.Thread(target=_end_late_runs, name="steadypose networks", daemon=True)
        _watcher.start()
    _running[id(options)] = (time.monotonic() + SECONDS, options)
    try:
        yield
    finally:
        del _running[id(options)]


def _end_late_runs() -> None:
    while True:
        time.sleep(SECONDS / 4)
        for until, options in list(_running.values()):
            if time.monotonic() > until:
                options.terminate = True


def _reason(error: Exception) -> str:
    """The first words of one of ONNX Runtime's errors, without what they say of its own source."""
    words = " ".join(re.sub(r"/\S+\.(cc|h):\d+", "", str(error)).split())
    return words[:200] or type(error).__name__


def card(session: Session, path: Path, kind: Kind) -> dict[str, Any]:
    """What is known about a network, from its metadata.

    Raises
    ------
    FormatError
        If there is no card.
    """
    metadata = session.metadata
    try:
        found = orjson.loads(metadata[METADATA])
    except (KeyError, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, dict):
        raise FormatError(
            path, "metadata", f"a {kind.name}'s card ({METADATA!r})", ", ".join(metadata) or "none"
        )
    return found


def check_shapes(session: Session, path: Path, wanted: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse a network whose inputs and outputs are not these: name and shape after the batch.

    None stands for a size that is free.

    Raises
    ------
    FormatError
        If one is missing, surplus or has another shape.
    """
    values = session.values
    there = {v.name: tuple(v.shape) for v in values}
    said = "; ".join(f"{n} {list(s)}" for n, s in there.items())
    for name, shape in wanted.items():
        found = there.get(name, ())
        # A dimension with a name instead of a number is free, and the first must be.
        fits = len(found) == len(shape) + 1 and all(
            isinstance(f, str | None) or f == s for f, s in zip(found, (None, *shape), strict=True)
        )
        if not fits:
            raise FormatError(path, "", f"{name!r} of shape (batch, {', '.join(map(str, shape))})", said)
    if set(there) != set(wanted):
        raise FormatError(path, "", f"no inputs and outputs but {', '.join(wanted)}", said)
    other = [f"{v.name} {v.type}" for v in values if v.type != "tensor(float)"]
    if other:
        raise FormatError(path, "", "single precision", ", ".join(other))


def halves(error: DataError) -> tuple[str, str]:
    """What was expected and what was found, of a message that says so."""
    expected, _, found = str(error).removeprefix("expected ").partition(", found ")
    return expected, found
