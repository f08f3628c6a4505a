"""What a lifting network expects and puts out: one object shared by training, checkpoints and use."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from steadypose._layouts import layouts
from steadypose._onnx import METADATA
from steadypose.errors import DataError

__all__ = ["H36M17", "INPUT", "INPUTS16", "METADATA", "OUTPUT", "LiftSpec", "Normalisation"]

Normalisation = Literal["pixels", "person"]

H36M17 = layouts()["h36m17"].keypoints
# Without the point between head and thorax, as in Martinez et al.: 2D detectors of their time had none.
INPUTS16 = tuple(name for name in H36M17 if name != "neck_base")

# Names inside an ONNX file: its input and its output. The spec is in its card, as "spec".
INPUT, OUTPUT = "keypoints", "positions"


@dataclass(frozen=True)
class LiftSpec:
    """Interface of a lifting network.

    The network maps float32 ``(batch, length, joints, channels)`` to ``(batch, length, outputs, 3)`` in
    millimetres, relative to the pelvis, in camera axes (x right, y down, z away). Channels are x, y and, if
    ``confidence``, a third in 0..1 that is 0 where a joint is missing; x and y are 0 there. z-scoring is the
    network's own first and last step, not the caller's.

    Parameters
    ----------
    joints
        Names of the input keypoints, of Human3.6M's 17 (``steadypose._layouts``, ``"h36m17"``), in order.
    outputs
        Names of the output joints, likewise; the first is the pelvis.
    length
        Frames in a window; 1 for a network that sees one frame.
    normalisation
        ``"pixels"``: x and y as they are (one set of cameras, as in the papers). ``"person"``: per window,
        minus the mean over its visible joints, divided by their root mean square distance to it.
    confidence
        Whether there is the third channel. Without it missing joints are filled before they enter.
    rates
        Lowest and highest frame rate the network was trained on, in hertz.
    derived
        Whether the joints along the spine and on the head are derived from hips, shoulders and face even
        where a tool has such points of its own (``lift/_skeleton.py``); as it was in training.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    joints: tuple[str, ...] = INPUTS16
    outputs: tuple[str, ...] = H36M17
    length: int = 5
    normalisation: Normalisation = "person"
    confidence: bool = True
    rates: tuple[float, float] = (25.0, 50.0)
    derived: bool = True

    def __post_init__(self) -> None:
        for name in ("joints", "outputs"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list):
                raise DataError(f"expected {name} of a lifting network as names, found {value!r}")
            names = tuple(value)
            unknown = [n for n in names if n not in H36M17]
            if not names or unknown or len(set(names)) != len(names):
                found = repr(unknown[0]) if unknown else f"{len(names)} names, {len(set(names))} different"
                raise DataError(f"expected {name} as different names of h36m17, found {found}")
            object.__setattr__(self, name, names)
        if self.outputs[0] != "pelvis":
            raise DataError(f"expected outputs that begin with 'pelvis', found {self.outputs[0]!r}")
        if not isinstance(self.length, int) or isinstance(self.length, bool) or self.length < 1:
            raise DataError(f"expected length as a number of frames from 1 up, found {self.length!r}")
        if self.normalisation not in get_args(Normalisation):
            raise DataError(f"expected normalisation 'pixels' or 'person', found {self.normalisation!r}")
        for name in ("confidence", "derived"):
            if not isinstance(getattr(self, name), bool):
                raise DataError(f"expected {name} as true or false, found {getattr(self, name)!r}")
        try:
            low, high = (float(r) for r in self.rates)
        except (TypeError, ValueError):
            low = high = math.nan
        if not 0 < low <= high < math.inf:
            raise DataError(f"expected rates as the lowest and highest frame rate, found {self.rates!r}")
        object.__setattr__(self, "rates", (low, high))

    @property
    def channels(self) -> int:
        """Input channels a joint: 2, or 3 with confidence."""
        return 3 if self.confidence else 2

    def to_json(self) -> dict[str, Any]:
        """The spec as what JSON can hold, for a card; :meth:`from_json` gives it back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Any) -> LiftSpec:
        """A spec from :meth:`to_json`'s mapping; every field must be there.

        Raises
        ------
        DataError
            If a field is missing, unknown or does not fit.
        """
        names = [f.name for f in fields(cls)]
        if not isinstance(data, dict) or set(data) != set(names):
            found = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
            raise DataError(f"expected a lifting network's spec with {', '.join(names)}, found {found}")
        return cls(**data)
