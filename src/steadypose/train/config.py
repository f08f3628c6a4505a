"""The configuration of a training: dataclasses, from TOML, with anything changed from the command line.

Tables of the file are fields of :class:`TrainConfig`, for lifting, or of
:class:`~steadypose.train.refine_config.RefineConfig`. What a field means is said in its class;
docs/training.md lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from steadypose.errors import SteadyposeError
from steadypose.lift._spec import H36M17, INPUTS16, LiftSpec, Normalisation
from steadypose.models.fcn import FCNConfig
from steadypose.models.seq2seq import Seq2SeqConfig
from steadypose.train._settings import OptimiserConfig, TrainerConfig, as_json, check
from steadypose.train._tables import changed, make, read
from steadypose.train.gate_config import GateConfig
from steadypose.train.refine_config import RefineConfig

__all__ = [
    "DataConfig", "GateConfig", "LossConfig", "NetworkConfig", "OptimiserConfig", "RefineConfig",
    "TrainConfig", "TrainerConfig", "from_mapping", "load",
]  # fmt: skip


@dataclass(frozen=True)
class DataConfig:
    """What the network is shown: motion, cameras, and how a detector errs.

    Parameters
    ----------
    root
        The folder that contains ``mocap/``. Default: the environment variable STEADYPOSE_DATA.
    sources
        Names of motion sources (``cmu``, ``deepmimic`` …). Default: all that the licence allows.
    licence
        ``"permissive"``: only motion that may be used commercially; ``"any"``.
    fps
        Frames a second, or lowest and highest: every clip then gets a rate of its own between them.
    joints
        Input joints: 16 (Human3.6M's without ``neck_base``, as in the papers) or 17.
    normalisation
        ``"pixels"``: as they are (one set of cameras). ``"person"``: each window relative to its person.
    confidence
        Whether the network is told how far to believe each keypoint, and which are missing.
    cameras
        ``"film_set"``: four fixed ones, as in Human3.6M. ``"film"``: others like them, ``"phone"``: in a
        hand, ``"mixed"``: half and half; drawn anew for every clip.
    views
        Cameras a clip is seen by; the film set always has four.
    layout
        What the simulated detector finds: ``"h36m17"``, the network's own joints; ``"coco17"``, of which the
        network's joints are derived as ``steadypose lift`` does; ``"mixed"``: one or the other for each view.
    noise
        ``"none"``, ``"gaussian"``, or ``"detector"``: errors as real detectors make them.
    sigma, probability
        Gaussian noise: standard deviation in pixels, and the share of keypoints that have it.
    strength
        Detector noise: factor on the amount of errors; 1 is that of real detectors.
    missing
        Share of a view's frames in which a joint, a limb or the lower body is hidden, beyond the detector's.
    camera_known
        For ``"person"``: share of views whose camera is known to the network's user, so that the keypoints
        come as a camera that looks straight at the person sees them.
    augment
        Mirror bodies left to right at random, and vary their stature and proportions.
    fresh
        Make cameras, noise and bodies anew after every so many epochs; 0: always the same.
    validation_clips
        At most so many clips to validate on, evenly chosen; 0: all.
    """

    root: str | None = None
    sources: tuple[str, ...] | None = None
    licence: Literal["permissive", "any"] = "permissive"
    fps: float | tuple[float, float] = 50.0
    joints: Literal[16, 17] = 16
    normalisation: Normalisation = "pixels"
    confidence: bool = False
    cameras: Literal["film_set", "film", "phone", "mixed"] = "film_set"
    views: int = 4
    layout: Literal["h36m17", "coco17", "mixed"] = "h36m17"
    noise: Literal["none", "gaussian", "detector"] = "none"
    sigma: float = 5.0
    probability: float = 1.0
    strength: float = 1.0
    missing: float = 0.0
    camera_known: float = 0.5
    augment: bool = False
    fresh: int = 0
    validation_clips: int = 0

    @property
    def rates(self) -> tuple[float, float]:
        """Lowest and highest frame rate."""
        return self.fps if isinstance(self.fps, tuple) else (self.fps, self.fps)


@dataclass(frozen=True)
class NetworkConfig:
    """Which network, and its switches; those of the other network are refused.

    Parameters
    ----------
    kind
        ``"fcn"`` (Martinez et al.) or ``"seq2seq"`` (Hossain & Little).
    width
        Units of every hidden layer.
    length
        seq2seq: frames in a window.
    layer_norm
        seq2seq: layer normalisation in the LSTM cells.
    recurrent_keep, input_keep, output_keep
        seq2seq: probability of keeping a value in the dropout of the candidate, the cell's input, its output.
    residual
        seq2seq: whether the decoder adds its own input to its output. fcn: the shortcuts around the blocks.
    reverse
        seq2seq: whether the encoder reads the window backwards.
    forget_bias
        seq2seq: what is added to the forget gate.
    cell
        seq2seq: the implementation of the cell, ``"fused"`` or ``"plain"``.
    blocks
        fcn: residual blocks.
    dropout
        fcn: probability of dropping a value.
    batch_norm
        fcn: batch normalisation.
    """

    kind: Literal["fcn", "seq2seq"] = "seq2seq"
    width: int = 1024
    length: int | None = None
    layer_norm: bool | None = None
    recurrent_keep: float | None = None
    input_keep: float | None = None
    output_keep: float | None = None
    residual: bool | None = None
    reverse: bool | None = None
    forget_bias: float | None = None
    cell: Literal["fused", "plain"] | None = None
    blocks: int | None = None
    dropout: float | None = None
    batch_norm: bool | None = None

    def build(self) -> FCNConfig | Seq2SeqConfig:
        """The network's own configuration; what was not said keeps the paper's value.

        Raises
        ------
        SteadyposeError
            If a switch of the other network was given.
        """
        made = FCNConfig if self.kind == "fcn" else Seq2SeqConfig
        given = {k: v for k, v in asdict(self).items() if k != "kind" and v is not None}
        for name in given:
            if name not in made.__dataclass_fields__:
                raise SteadyposeError(f"network.{name}: expected a switch of {self.kind}, found another's")
        return made(**given)


@dataclass(frozen=True)
class LossConfig:
    """The loss, in millimetres (Hossain & Little, equations 1 to 3).

    Parameters
    ----------
    mse
        Factor α on the mean squared error.
    temporal
        Factor β on the mean squared first difference over a window; 0 leaves it out.
    weights
        Weights of joints in the temporal term. ``"paper"``: knees and elbows 2.5, wrists and ankles 4, the
        rest 1. ``"released"``, as the authors' code has it: knees and ankles 2.5, elbows and wrists 4.
        ``"none"``: all 1.
    """

    mse: float = 1.0
    temporal: float = 5.0
    weights: Literal["paper", "released", "none"] = "paper"


@dataclass(frozen=True)
class TrainConfig:
    """Everything the training of a lifter is determined by.

    Parameters
    ----------
    task
        ``"lift"``; ``"refine"`` makes it a refining network's (RefineConfig).
    name
        What the network will be called. Default: the name of the configuration file.
    seed
        Of everything random.
    data, network, loss, optimiser, trainer
        The tables.
    """

    task: Literal["lift"] = "lift"
    name: str = "lifter"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)

    def __post_init__(self) -> None:
        self.network.build()
        d = self.data
        low, high = d.rates
        checks = {
            "data.fps": (0 < low <= high < float("inf"), "a frame rate, or the lowest and the highest"),
            "data.views": (d.views >= 1, "a number of cameras from 1 up"),
            "data.sigma": (d.sigma >= 0, "pixels from 0 up"),
            "data.probability": (0 <= d.probability <= 1, "a share from 0 to 1"),
            "data.strength": (d.strength >= 0, "a factor from 0 up"),
            "data.missing": (0 <= d.missing < 1, "a share from 0 to below 1"),
            "data.camera_known": (0 <= d.camera_known <= 1, "a share from 0 to 1"),
            "data.fresh": (d.fresh >= 0, "a number of epochs from 0 up"),
            "data.validation_clips": (d.validation_clips >= 0, "a number of clips from 0 up"),
            "network.width": (self.network.width >= 1, "a number of units from 1 up"),
            "network.length": (self.network.length in (None, *range(1, 1001)), "1 to 1000 frames"),
            "loss.mse": (self.loss.mse >= 0, "a factor from 0 up"),
            "loss.temporal": (self.loss.temporal >= 0, "a factor from 0 up"),
        }
        check(self, checks)

    @property
    def spec(self) -> LiftSpec:
        """The interface of the network to be trained."""
        network = self.network.build()
        return LiftSpec(
            joints=INPUTS16 if self.data.joints == 16 else H36M17,
            length=network.length if isinstance(network, Seq2SeqConfig) else 1,
            normalisation=self.data.normalisation,
            confidence=self.data.confidence,
            rates=self.data.rates,
            derived=self.data.layout != "h36m17",
        )

    def to_json(self) -> dict[str, Any]:
        """The configuration as what JSON can hold; :func:`from_mapping` gives it back."""
        whole = as_json(self)
        del whole["task"]  # lifting goes without saying
        return whole


_TASKS: dict[Any, Any] = {"lift": TrainConfig, "refine": RefineConfig, "gates": GateConfig}


def load(path: str | Path, changes: Iterable[str] = ()) -> TrainConfig | RefineConfig | GateConfig:
    """Read a configuration file.

    Parameters
    ----------
    path
        TOML. A top-level ``extends = "base.toml"`` (relative to the file) lays it over another one.
        ``task = "refine"`` makes it a refining network's, ``task = "gates"`` a bank's with learnt gates.
    changes
        What to change in it: ``"optimiser.rate=1e-3"``. Values are TOML; a word need not be quoted.

    Raises
    ------
    SteadyposeError
        If the file cannot be read, or a key or a value does not fit; the message names file and key.
    """
    table = read(Path(path))
    for change in changes:
        changed(table, change)
    return from_mapping({"name": Path(path).stem, **table}, str(path))


def from_mapping(
    table: Mapping[str, Any], origin: str = "configuration"
) -> TrainConfig | RefineConfig | GateConfig:
    """A configuration from nested mappings, as TOML and JSON give them.

    Raises
    ------
    SteadyposeError
        If a key is unknown or a value does not fit; the message begins with ``origin``.
    """
    try:
        task = table.get("task", "lift")
        if not isinstance(task, str) or task not in _TASKS:
            raise SteadyposeError(f"task: expected {' or '.join(map(repr, _TASKS))}, found {task!r}")
        made: TrainConfig | RefineConfig | GateConfig = make(_TASKS[task], table)
        return made
    except SteadyposeError as e:
        raise SteadyposeError(f"{origin}: {e}") from None
