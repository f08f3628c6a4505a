"""Networks in ONNX files: found by name or path, opened by ONNX Runtime, checked before they are used.

What lifting and refining networks have in common; each room says what it expects.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from steadypose._writing import will_read
from steadypose.errors import DataError, FormatError, SteadyposeError

METADATA = "steadypose"  # key of an ONNX file's metadata that holds the card, as JSON

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


def content(path: Path) -> bytes:
    """The bytes of a file: what an ONNX file might refer to beside itself is never opened.

    Raises
    ------
    FormatError
        If it cannot be read or is a checkpoint of training.
    """
    will_read(path)
    try:
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


def session(path: Path, data: bytes, threads: int) -> Any:
    """An ONNX Runtime session on the CPU.

    Raises
    ------
    FormatError
        If the data are no network.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads sleep
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as e:  # ONNX Runtime's own errors share no base class
        reason = " ".join(str(e).split())
        raise FormatError(path, "", "a network in ONNX", reason[:200] or type(e).__name__) from None


def card(session: Any, path: Path, kind: Kind) -> dict[str, Any]:
    """What is known about a network, from its metadata.

    Raises
    ------
    FormatError
        If there is no card.
    """
    metadata = session.get_modelmeta().custom_metadata_map
    try:
        found = orjson.loads(metadata[METADATA])
    except (KeyError, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, dict):
        raise FormatError(
            path, "metadata", f"a {kind.name}'s card ({METADATA!r})", ", ".join(metadata) or "none"
        )
    return found


def check_shapes(session: Any, path: Path, wanted: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse a network whose inputs and outputs are not these: name and shape after the batch.

    None stands for a size that is free.

    Raises
    ------
    FormatError
        If one is missing, surplus or has another shape.
    """
    values = (*session.get_inputs(), *session.get_outputs())
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
