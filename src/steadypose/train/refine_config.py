"""The configuration of the training of a refining network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from steadypose.data.refine_sets import RefineData
from steadypose.errors import SteadyposeError
from steadypose.models.refiner import NETWORKS
from steadypose.models.smoothnet import SmoothNetConfig
from steadypose.refine.windows import WindowSpec
from steadypose.train._settings import OptimiserConfig, TrainerConfig, as_json, check
from steadypose.train._tables import make

__all__ = ["RefineConfig", "RefineLossConfig"]

_OF_THE_WINDOW = ("length", "output", "context")  # the networks' switches that the window's spec decides


@dataclass(frozen=True)
class RefineLossConfig:
    """The loss, in the units of normalised windows (SmoothNet, equations 3 and 4).

    Parameters
    ----------
    position
        Factor on the error of the positions.
    acceleration
        Factor λ on the mean absolute error of second differences over the window. The paper's equations have
        1, its released code 0.1.
    norm
        Of the positions' error: ``"l1"``, absolute, or ``"l2"``, squared.
    ramp
        Share of the training over which λ rises to its value, from a seventh of it. With a large λ a network
        that is not trained yet finds it best to stand still, and stays so.
    relative
        How much more windows of calm curves count: the loss of a window is divided by this power of the
        curve's noise (the first number of its context) relative to the window's scale. 0: all count the same.
    """

    position: float = 1.0
    acceleration: float = 0.1
    norm: Literal["l1", "l2"] = "l1"
    ramp: float = 0.0
    relative: float = 0.0


def _network(table: Any, place: str) -> Any:
    """The configuration of a network from its kind and its switches."""
    if not isinstance(table, Mapping):
        raise SteadyposeError(f"{place}: expected a table, found {table!r}")
    switches = dict(table)
    kind = switches.pop("kind", "smoothnet")
    if not isinstance(kind, str) or kind not in NETWORKS:
        raise SteadyposeError(f"{place}.kind: expected {' or '.join(NETWORKS)}, found {kind!r}")
    for name in _OF_THE_WINDOW:
        if name in switches:
            raise SteadyposeError(f"{place}.{name}: expected it under window, which decides it")
    return make(NETWORKS[kind][0], switches, place)


def _data(table: Any, place: str) -> Any:
    """What pairs to make; an empty table says nothing of it."""
    return make(RefineData, table, place) if table else None


@dataclass(frozen=True)
class RefineConfig:
    """Everything the training of a refining network is determined by.

    Parameters
    ----------
    task
        ``"refine"``.
    name
        What the network will be called. Default: the name of the configuration file.
    seed
        Of everything random.
    window
        What windows the network sees.
    network
        In a file the kind of network and its switches; in Python the configuration of one of
        ``steadypose.models.refiner.NETWORKS``. Its length and context are the window's.
    data
        What pairs to make; None: as the class says, unless pairs are given.
    loss, optimiser, trainer
        The tables.
    """

    task: Literal["refine"] = "refine"
    name: str = "refiner"
    seed: int = 0
    window: WindowSpec = field(default_factory=WindowSpec)
    data: RefineData | None = field(default=None, metadata={"make": _data})
    network: Any = field(default_factory=SmoothNetConfig, metadata={"make": _network})
    loss: RefineLossConfig = field(default_factory=RefineLossConfig)
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(rate=1e-3, schedule="epoch", decay=0.95)
    )
    trainer: TrainerConfig = field(default_factory=lambda: TrainerConfig(batch=1024, epochs=70))

    def __post_init__(self) -> None:
        if not any(isinstance(self.network, config) for config, _ in NETWORKS.values()):
            known = ", ".join(config.__name__ for config, _ in NETWORKS.values())
            raise SteadyposeError(f"network: expected one of {known}, found {type(self.network).__name__}")
        loss = self.loss
        check(
            self,
            {
                "loss.position": (0 <= loss.position < float("inf"), "a factor from 0 up"),
                "loss.ramp": (0 <= loss.ramp <= 1, "a share from 0 to 1"),
                "loss.relative": (
                    0 <= loss.relative <= 2 and (self.window.context > 0 or loss.relative == 0),
                    "a power from 0 to 2, and 0 for windows without context",
                ),
                "loss.acceleration": (0 <= loss.acceleration < float("inf"), "a factor from 0 up"),
            },
        )
        if not (loss.position or (loss.acceleration and self.window.length > 2)):
            raise SteadyposeError("loss: expected position or acceleration above 0, found neither")

    @property
    def spec(self) -> WindowSpec:
        """The interface of the network to be trained."""
        return self.window

    @property
    def kind(self) -> str:
        """The name of the network's kind."""
        return next(kind for kind, (config, _) in NETWORKS.items() if isinstance(self.network, config))

    def to_json(self) -> dict[str, Any]:
        """The configuration as what JSON can hold; :func:`~steadypose.train.config.from_mapping` gives it
        back.
        """
        whole = as_json(self)
        switches = {k: v for k, v in whole["network"].items() if k not in _OF_THE_WINDOW}
        whole["network"] = {"kind": self.kind, **switches}
        whole["data"] = whole["data"] or {}  # as of a training whose pairs were given
        whole["window"] = self.window.to_json()  # its rate may be null
        return whole
