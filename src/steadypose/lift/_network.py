"""A lifting network in an ONNX file, run by ONNX Runtime on a few threads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from steadypose import _onnx
from steadypose.errors import DataError, FormatError
from steadypose.lift._spec import INPUT, OUTPUT, LiftSpec

Values = npt.NDArray[np.float32]

KIND = _onnx.Kind("lifting network", "lift_", "seq2seq")
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
        path = KIND.find(weights)
        self._session = _onnx.Session(path, min(THREADS, os.cpu_count() or 1))
        self.card = _onnx.card(self._session, path, KIND)
        try:
            spec = self.spec = LiftSpec.from_json(self.card.get("spec"))
        except DataError as e:
            raise FormatError(path, "spec", *_onnx.halves(e)) from None
        self.name = str(self.card.get("name") or path.stem)
        joints = {
            INPUT: (spec.length, len(spec.joints), spec.channels),
            OUTPUT: (spec.length, len(spec.outputs), 3),
        }
        _onnx.check_shapes(self._session, path, joints)

    def __call__(self, windows: Values) -> Values:
        """Joints in millimetres of windows made by ``lift/_inputs.py``.

        Parameters
        ----------
        windows : ndarray of float32, shape (windows, length, joints, channels)

        Returns
        -------
        ndarray of float32, shape (windows, length, outputs, 3)
        """
        joints = (self.spec.length, len(self.spec.outputs), 3)
        found: list[Values] = []
        for at in range(0, len(windows), CHUNK):
            some = np.ascontiguousarray(windows[at : at + CHUNK])
            found.append(self._session.run(OUTPUT, {INPUT: some}, (len(some), *joints)))
        if not found:
            return np.empty((0, *joints), np.float32)
        return found[0] if len(found) == 1 else np.concatenate(found)


def shipped() -> dict[str, Path]:
    """Networks that come with steadypose: path by name."""
    return KIND.shipped()
