"""Refining networks in ONNX files, as filters: ``network`` runs any of them, ``smoothnet`` the paper's only.

A file's card says of which kind its network is; the kind decides which class runs it (:data:`RUNNERS`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from steadypose import _onnx
from steadypose.errors import DataError
from steadypose.refine.bank_network import BankNetwork
from steadypose.refine.filters import Filter, Floats, Indices, Values, _parameter, _setting
from steadypose.refine.window_network import WindowNetwork

__all__ = ["Network", "OpenNetwork", "Runner", "SmoothNet", "load", "shipped"]

FILES = _onnx.Kind("refining network", "refine_", "default")

# What a card's kind is called, and whose work it is.
TITLES = {
    "gatenet": "GateNet (steadypose)",
    "steadynet": "SteadyNet (steadypose)",
    "smoothnet": "SmoothNet (Zeng et al. 2022)",
    "motion_aware": "motion-aware SmoothNet (Zeng et al. 2022)",
    "tcn": "TCN (after Zeng et al. 2022)",
    "transformer": "Transformer (after Zeng et al. 2022)",
    "spatiotemporal": "spatio-temporal network (steadypose)",
}
OF_THE_PAPER = ("smoothnet", "motion_aware")


class Runner(Protocol):
    """What runs networks of some kinds; made of a session, a card and the file's path."""

    longest_step: int
    """Largest distance from one window to the next, frames; 0 for networks that see no windows."""

    def ahead(self, fps: float, strength: float) -> float:
        """Frames of future that a frame's result may depend on; infinite if all of them."""

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
        *,
        strength: float = 1.0,
        step: int | None = None,
    ) -> Values:
        """As :meth:`Filter.smooth`; ``step`` in frames, None for the network's own."""


# What runs a kind of network; those that are not listed see windows.
RUNNERS: dict[str, Callable[[_onnx.Session, dict[str, Any], Path], Runner]] = {"gatenet": BankNetwork}


@dataclass(frozen=True, eq=False)
class OpenNetwork:
    """A refining network, ready to run.

    Parameters
    ----------
    name
        From its card, else the file's.
    card
        What is known about it: configuration, training, licence, scores.
    runner
        What runs it.
    """

    name: str
    card: dict[str, Any]
    runner: Runner

    @property
    def kind(self) -> str:
        """Of the architecture, such as "steadynet"; empty if the card does not say."""
        return _kind(self.card)

    @property
    def title(self) -> str:
        """Its name, and which network it is, with its source."""
        title = TITLES.get(self.kind, self.kind)
        return f"{self.name}: {title}" if title else self.name


def shipped() -> dict[str, Path]:
    """Refining networks that come with steadypose: path by name."""
    return FILES.shipped()


def load(weights: str | os.PathLike[str] | None = None) -> OpenNetwork:
    """Open a refining network; the last few stay open, so that making a filter anew costs nothing.

    Parameters
    ----------
    weights
        The name of a network that comes with steadypose (:func:`shipped`), or the path of an ONNX file that
        ``steadypose export`` has written. None: "default".

    Raises
    ------
    SteadyposeError
        If no network has that name; the message lists those that come along.
    FormatError
        If the file is not a refining network.
    """
    path = FILES.find(weights)
    try:
        about = path.stat()
    except OSError:
        return _open(path)  # which says what is wrong
    return _reopen(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=4)
def _reopen(path: Path, changed: int, size: int) -> OpenNetwork:
    return _open(path)


def _open(path: Path) -> OpenNetwork:
    # One thread a call and several calls at a time: no thread waits for another at every layer.
    session = _onnx.Session(path, 1)
    card = _onnx.card(session, path, FILES)
    runner = RUNNERS.get(_kind(card), WindowNetwork)(session, card, path)
    return OpenNetwork(str(card.get("name") or path.stem), card, runner)


def _kind(card: dict[str, Any]) -> str:
    about = card.get("network")
    return str(about.get("kind") or "") if isinstance(about, dict) else ""


@dataclass(frozen=True)
class Network(Filter):
    """A network that has learnt from motion capture what is jitter and what is motion.

    One network serves pixels and metres, positions and rotations, any skeleton and frame rate. Which one it
    is, and whose, stands in the history.
    """

    name: ClassVar[str] = "network"
    strength: float = _parameter(1.0, 0.3, 3.0, "", "above 1 smoother, below 1 closer to the input")
    weights: str | Path | None = field(
        default=None,
        metadata=_setting("network: a name that comes with steadypose, or an ONNX file", "the shipped one"),
    )
    step: int = field(
        default=0,
        metadata=_setting("frames from one window to the next; fewer is slower", "the network's own"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.__dataclass_fields__["strength"].metadata["range"]
        if not low <= self.strength <= high:
            raise DataError(
                f"{self.name}: expected strength from {low:g} to {high:g}, found {self.strength!r}"
            )
        if not isinstance(self.weights, str | os.PathLike | None):
            raise DataError(f"{self.name}: expected weights as a name or a path, found {self.weights!r}")
        self._check_network()
        longest = self.network.runner.longest_step
        whole = isinstance(self.step, int | np.integer) and not isinstance(self.step, bool)
        if not (whole and 0 <= self.step <= longest):
            raise DataError(
                f"{self.name}: expected step as a whole number of frames from 1 to the window's {longest}, "
                f"or 0 for the network's own, found {self.step!r}"
                if longest
                else f"{self.name}: expected no step for a network without windows, found {self.step!r}"
            )

    def _check_network(self) -> None:
        """Refuse networks that the method is not for."""

    @property
    def network(self) -> OpenNetwork:
        """The network, opened when first needed."""
        return load(self.weights)

    def describe(self) -> str:
        """See :meth:`Filter.describe`."""
        step = f", step={self.step}" if self.step else ""
        return f"{self.name}({self.network.title}, strength={self.strength:g}{step})"

    def ahead(self, fps: float) -> float:
        """See :meth:`Filter.ahead`."""
        return self.network.runner.ahead(fps, float(self.strength))

    def smooth(
        self,
        values: Values,
        weights: Values | None,
        times: Floats,
        size: Floats,
        person: Indices | None = None,
    ) -> Values:
        """See :meth:`Filter.smooth`."""
        return self.network.runner.smooth(
            values,
            weights,
            times,
            size,
            person,
            strength=float(self.strength),
            step=int(self.step) or None,
        )


@dataclass(frozen=True)
class SmoothNet(Network):
    """SmoothNet, the network of Zeng et al. (2022), with weights of yours; ``network`` has our own.

    It sees a window of one coordinate's curve and gives it back refined; windows overlap, and every frame is
    the weighted mean of those it is in.
    """

    name: ClassVar[str] = "smoothnet"
    weights: str | Path | None = field(
        default=None, metadata=_setting("network: a name that comes with steadypose, or an ONNX file", "none")
    )

    def _check_network(self) -> None:
        found = "none"
        if self.weights is not None:
            if self.network.kind in OF_THE_PAPER:
                return
            found = self.network.title
        raise DataError(
            f"smoothnet: expected weights of a SmoothNet (an ONNX file of steadypose export), found {found}; "
            f"for the default network: --method {Network.name}"
        )
