"""A lifting network in an ONNX file, run by ONNX Runtime on a few threads."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose.errors import DataError, FormatError, SteadyposeError
from steadypose.lift._spec import INPUT, METADATA, OUTPUT, LiftSpec

Values = npt.NDArray[np.float32]

DEFAULT_WEIGHTS = "seq2seq"
CHUNK = (
    256  # windows at a time: their activations stay in a core's cache, and memory does not grow with a clip
)
THREADS = 4  # at most: more of them wait for each other longer than they work on matrices of this size


class Network:
    """A lifting network, ready to run; make it once and use it for many recordings.

    Parameters
    ----------
    weights
        The name of a network that comes with steadypose (:func:`shipped`), or the path of an ONNX file that
        ``steadypose train`` or ``steadypose.models.export_onnx`` has written. None: "seq2seq".

    Attributes
    ----------
    name : str
        From its card, else the file's.
    spec : LiftSpec
        What goes in and out.
    card : dict
        What is known about it: configuration, training, licence, scores.

    Raises
    ------
    SteadyposeError
        If no network has that name; the message lists those that come along.
    FormatError
        If the file is not a lifting network.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None) -> None:
        path, content = _content(weights)
        self._session = _session(path, content)
        self.card = _card(self._session, path)
        try:
            self.spec = LiftSpec.from_json(self.card.get("spec"))
        except DataError as e:
            raise FormatError(path, "spec", *_halves(e)) from None
        self.name = str(self.card.get("name") or path.stem)
        _check_shapes(self._session, self.spec, path)

    def __call__(self, windows: Values) -> Values:
        """Joints in millimetres of windows made by ``lift/_inputs.py``.

        Parameters
        ----------
        windows : ndarray of float32, shape (windows, length, joints, channels)

        Returns
        -------
        ndarray of float32, shape (windows, length, outputs, 3)
        """
        found: list[Values] = [
            self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(windows[at : at + CHUNK])})[0]
            for at in range(0, len(windows), CHUNK)
        ]
        if not found:
            return np.empty((0, self.spec.length, len(self.spec.outputs), 3), np.float32)
        return found[0] if len(found) == 1 else np.concatenate(found)


def shipped() -> dict[str, Path]:
    """Networks that come with steadypose: path by name."""
    folder = Path(str(files("steadypose"))) / "weights"
    return {p.stem.removeprefix("lift_"): p for p in sorted(folder.glob("lift_*.onnx"))}


def _content(weights: str | os.PathLike[str] | None) -> tuple[Path, bytes]:
    """The bytes of a file: what an ONNX file might refer to beside itself is never opened."""
    there = shipped()
    given = DEFAULT_WEIGHTS if weights is None else weights
    path = Path(given)
    if isinstance(given, str) and given in there and not path.exists():
        path = there[given]
    elif not path.exists() and path.name == str(given) and not path.suffix:
        if not there:
            raise SteadyposeError("no lifting network comes with steadypose yet: weights takes an ONNX file")
        raise SteadyposeError(
            f"expected a lifting network that comes with steadypose ({', '.join(there)}) or an ONNX file, "
            f"found {str(given)!r}"
        )
    try:
        return path, path.read_bytes()
    except OSError as e:
        raise FormatError(path, "", "a readable ONNX file", e.strerror or str(e)) from None


def _session(path: Path, content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(THREADS, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads sleep
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as e:  # ONNX Runtime's own errors share no base class
        reason = " ".join(str(e).split())
        raise FormatError(path, "", "a network in ONNX", reason[:200] or type(e).__name__) from None


def _card(session: Any, path: Path) -> dict[str, Any]:
    metadata = session.get_modelmeta().custom_metadata_map
    try:
        card = orjson.loads(metadata[METADATA])
    except (KeyError, orjson.JSONDecodeError):
        card = None
    if not isinstance(card, dict):
        found = ", ".join(metadata) or "none"
        raise FormatError(path, "metadata", f"a lifting network's card ({METADATA!r})", found)
    return card


def _check_shapes(session: Any, spec: LiftSpec, path: Path) -> None:
    wanted = {
        INPUT: (spec.length, len(spec.joints), spec.channels),
        OUTPUT: (spec.length, len(spec.outputs), 3),
    }
    there = {v.name: tuple(v.shape) for v in (*session.get_inputs(), *session.get_outputs())}
    for name, shape in wanted.items():
        found = there.get(name, ())
        # A dimension with a name instead of a number is free.
        fits = len(found) == 4 and all(
            isinstance(f, str | None) or f == s for f, s in zip(found[1:], shape, strict=True)
        )
        if not fits or set(there) != set(wanted):
            said = "; ".join(f"{n} {list(s)}" for n, s in there.items())
            raise FormatError(path, "", f"{name!r} of shape (batch, {', '.join(map(str, shape))})", said)


def _halves(error: DataError) -> tuple[str, str]:
    expected, _, found = str(error).removeprefix("expected ").partition(", found ")
    return expected, found
