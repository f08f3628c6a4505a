"""Tables that the configurations of all trainings have, and what is the same in all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from steadypose.errors import SteadyposeError

__all__ = ["OptimiserConfig", "Settings", "TrainerConfig", "as_json", "check"]

# Fields that came later. Left out of JSON where they are off, as they usually are: what was written before
# them stays the same.
_LATER = {"optimiser": ("amsgrad", "average"), "trainer": ("epoch_steps",)}


@dataclass(frozen=True)
class OptimiserConfig:
    """Adam and its rate over time.

    Parameters
    ----------
    rate
        Learning rate: at the start, or at its height.
    schedule
        ``"decay"``: continuous exponential decay, as Hossain & Little; ``"epoch"``: a step down after every
        epoch, as SmoothNet; ``"constant"``; ``"cosine"``: down to zero at the end; ``"one-cycle"``: up from a
        25th, then down to zero.
    decay, decay_steps
        For ``"decay"``: the factor on the rate every so many steps. For ``"epoch"``: the factor every epoch.
    warmup
        For ``"cosine"`` and ``"one-cycle"``: share of the training in which the rate rises.
    weight_decay
        Decoupled weight decay (AdamW); 0: Adam.
    clip
        Largest norm of the gradient; 0: any.
    amsgrad
        Adam's variant whose steps never grow again (SmoothNet's released code).
    average
        Share of the old in a running average of the weights, such as 0.999; the averaged network is then the
        one that is validated and kept. 0: no average.
    """

    rate: float = 1e-5
    schedule: Literal["decay", "epoch", "constant", "cosine", "one-cycle"] = "decay"
    decay: float = 0.96
    decay_steps: int = 100_000
    warmup: float = 0.1
    weight_decay: float = 0.0
    clip: float = 0.0
    amsgrad: bool = False
    average: float = 0.0


@dataclass(frozen=True)
class TrainerConfig:
    """How long, and on which machines.

    Parameters
    ----------
    batch
        Windows in a batch, on each device. Where a network sees one channel at a time: of one channel.
    epochs, max_steps, max_minutes
        When to stop: whichever comes first; 0: no limit of that kind.
    validate_every
        Epochs from one validation to the next.
    log_every
        Steps from one line of the TensorBoard log to the next.
    onnx
        Whether to export the best checkpoint as ONNX too.
    threads
        Threads of a CPU training; 0: what PyTorch takes.
    accelerator, devices, nodes, strategy, precision
        Lightning's, for instance ``"gpu"``, 4, 2, ``"ddp"``, ``"bf16-mixed"``.
    epoch_steps
        Batches that make an epoch, where all windows are too many for one; 0: all windows.
    """

    batch: int = 32
    epochs: int = 100
    max_steps: int = 0
    max_minutes: float = 0.0
    validate_every: int = 1
    log_every: int = 100
    onnx: bool = False
    threads: int = 0
    accelerator: str = "auto"
    devices: int | str = 1
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    epoch_steps: int = 0


class Settings(Protocol):
    """What every training's configuration has."""

    @property
    def name(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def optimiser(self) -> OptimiserConfig: ...
    @property
    def trainer(self) -> TrainerConfig: ...
    def to_json(self) -> dict[str, Any]: ...


def check(config: Settings, own: Mapping[str, tuple[bool, str]]) -> None:
    """Refuse values that do not fit.

    Parameters
    ----------
    config
        The configuration.
    own
        What is to be checked in the tables that only this one has: whether it fits, and what is expected.
    """
    o, t = config.optimiser, config.trainer
    checks = {
        "seed": (config.seed >= 0, "a number from 0 up"),
        "optimiser.rate": (0 < o.rate < float("inf"), "a learning rate above 0"),
        "optimiser.decay": (0 < o.decay <= 1, "a factor above 0 and up to 1"),
        "optimiser.decay_steps": (o.decay_steps >= 1, "a number of steps from 1 up"),
        "optimiser.warmup": (0 <= o.warmup < 1, "a share from 0 to below 1"),
        "optimiser.weight_decay": (o.weight_decay >= 0, "a factor from 0 up"),
        "optimiser.clip": (o.clip >= 0, "a norm from 0 up"),
        "optimiser.average": (0 <= o.average < 1, "a share from 0 to below 1"),
        "trainer.batch": (t.batch >= 1, "a number of windows from 1 up"),
        "trainer.epochs": (t.epochs >= 0, "a number of epochs from 0 up"),
        "trainer.max_steps": (t.max_steps >= 0, "a number of steps from 0 up"),
        "trainer.max_minutes": (0 <= t.max_minutes < float("inf"), "minutes from 0 up"),
        "trainer.validate_every": (t.validate_every >= 1, "a number of epochs from 1 up"),
        "trainer.log_every": (t.log_every >= 1, "a number of steps from 1 up"),
        "trainer.threads": (t.threads >= 0, "a number of threads from 0 up"),
        "trainer.nodes": (t.nodes >= 1, "a number of machines from 1 up"),
        "trainer.epoch_steps": (t.epoch_steps >= 0, "a number of steps from 0 up"),
        **own,  # last: what is stricter for one task counts
    }
    for name, (fits, expected) in checks.items():
        if not fits:
            value: Any = config
            for part in name.split("."):
                value = getattr(value, part)
            raise SteadyposeError(f"{name}: expected {expected}, found {value!r}")
    if not (t.epochs or t.max_steps or t.max_minutes):
        raise SteadyposeError("trainer: expected epochs, max_steps or max_minutes above 0, found none")


def as_json(config: Any) -> dict[str, Any]:
    """A configuration as what JSON can hold, without what is not set."""
    whole: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    for table, names in _LATER.items():
        usual = config.__dataclass_fields__[table].default_factory()
        for name in names:
            if not (whole[table][name] or getattr(usual, name)):
                del whole[table][name]
    return {k: _without_none(v) for k, v in whole.items()}


def _without_none(value: Any) -> Any:
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
