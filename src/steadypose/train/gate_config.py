"""The configuration of the training of a bank with learnt gates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from steadypose.data.refine_pieces import PieceData
from steadypose.models.gatenet import GateNetConfig
from steadypose.refine.bank import BankSpec
from steadypose.train._settings import OptimiserConfig, TrainerConfig, as_json, check
from steadypose.train.gate_loss import GateLossConfig

__all__ = ["GateConfig"]


@dataclass(frozen=True)
class GateConfig:
    """Everything the training of a :class:`~steadypose.models.gatenet.GateNet` is determined by.

    Parameters
    ----------
    task
        ``"gates"``.
    name
        What the network will be called. Default: the name of the configuration file.
    seed
        Of everything random.
    bank
        The bands whose gates are learnt.
    data
        What pieces to make.
    network
        Its shape.
    loss
        What is lowered.
    optimiser, trainer
        The tables. A block of pieces is a batch, and an epoch has as many as ``data.blocks``.
    """

    task: Literal["gates"] = "gates"
    name: str = "gates"
    seed: int = 0
    bank: BankSpec = field(default_factory=BankSpec)
    data: PieceData = field(default_factory=PieceData)
    network: GateNetConfig = field(default_factory=GateNetConfig)
    loss: GateLossConfig = field(default_factory=GateLossConfig)
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            rate=2e-3, schedule="cosine", warmup=0.02, clip=1.0, average=0.999
        )
    )
    trainer: TrainerConfig = field(default_factory=lambda: TrainerConfig(batch=1, epochs=30, threads=1))

    def __post_init__(self) -> None:
        loss = self.loss
        check(
            self,
            {
                "loss.acceleration": (0 <= loss.acceleration < float("inf"), "a factor from 0 up"),
                "loss.lasting": (0 <= loss.lasting < float("inf"), "a factor from 0 up"),
                "loss.harm": (0 <= loss.harm < float("inf"), "a factor from 0 up"),
                "loss.floor": (0 < loss.floor < 1, "a share of the body's size above 0"),
                "trainer.batch": (self.trainer.batch == 1, "1: a block is a batch"),
            },
        )

    @property
    def spec(self) -> BankSpec:
        """The interface of the network to be trained."""
        return self.bank

    def to_json(self) -> dict[str, Any]:
        """The configuration as what JSON can hold; :func:`~steadypose.train.config.from_mapping` gives it
        back.
        """
        return as_json(self)
