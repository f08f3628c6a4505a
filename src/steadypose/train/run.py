"""A training from its configuration to its checkpoint."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning
import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from steadypose._version import __version__
from steadypose.data.mocap import Clip, load_clips
from steadypose.data.noise import DetectorNoise, GaussianNoise
from steadypose.data.pairs import LiftPairs, Noise, Pairs
from steadypose.errors import SteadyposeError
from steadypose.models import checkpoints
from steadypose.models.lifter import build
from steadypose.train._watch import Watch, quiet
from steadypose.train.config import DataConfig, TrainConfig
from steadypose.train.module import Batches, LiftingData, LiftingModule
from steadypose.train.score import predictor, score

__all__ = ["Trained", "clips_of", "pairs_of", "train"]

BEST, LAST = "best", "last"  # names of checkpoints in a training's folder
FIXED_SEED = 0  # of validation and test: every training is judged on the same pairs
Say = Callable[[str], None]
_SAID = {"MPJPE (mm)": "mpjpe", "PA-MPJPE (mm)": "pa_mpjpe", "Accel (mm/frame²)": "accel"}


def _nothing(text: str) -> None:
    pass


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Parameters
    ----------
    path
        The best network by validation MPJPE: safetensors, its card beside it.
    last
        The network after the last step, likewise (the papers test this one).
    card
        The best one's.
    finished
        Whether the training came to its end; else ``resume`` goes on.
    """

    path: Path
    last: Path
    card: dict[str, Any]
    finished: bool


def train(
    config: TrainConfig,
    output: str | Path,
    *,
    train_set: LiftPairs | Pairs | None = None,
    validation_set: Pairs | None = None,
    resume: bool = False,
    command: str = "",
    say: Say = _nothing,
    progress: bool = False,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    config
        Everything that determines it.
    output
        A folder: checkpoints ``best`` and ``last`` (Lightning's ``.ckpt`` to go on from, ``.safetensors`` and
        card to use), ``config.json``, logs for TensorBoard.
    train_set, validation_set
        Pairs to use in place of motion capture.
    resume
        Go on from ``last.ckpt`` if it is there; the result is that of a training without interruption.
        Lengths (epochs, steps, minutes) may have changed, what is trained may not.
    command
        For the card: how this was started.
    say
        Is told what goes on, a line at a time.
    progress
        Show Lightning's progress bar.

    Raises
    ------
    SteadyposeError
        If the folder holds a training and ``resume`` is false, or another training; if there are no data.
    """
    folder = Path(output)
    if getattr(rank_zero_only, "rank", 0) == 0:
        _claim(folder, config, resume)
    else:
        say = _nothing
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    torch.manual_seed(config.seed)
    sets = _Sets(config, train_set, validation_set, say)
    first = sets.of(0)
    lifter = build(config.network.build(), config.spec)
    lifter.set_statistics(**first.statistics)
    t = config.trainer
    an_epoch = len(Batches(sets.of, t.batch, config.seed, 0, t.nodes * _devices(t.devices)))
    module = LiftingModule(
        lifter, config, min((n for n in (t.epochs * an_epoch, t.max_steps) if n), default=0)
    )
    keep = ModelCheckpoint(folder, BEST, monitor="validation/mpjpe", enable_version_counter=False)
    watch = Watch(folder / f"{LAST}.ckpt", an_epoch, say)
    parameters = sum(p.numel() for p in lifter.parameters())
    say(f"{config.network.kind}: {parameters:,} parameters; {_length(config, an_epoch)}")
    with quiet():
        trainer = pl.Trainer(
            default_root_dir=folder,
            accelerator=t.accelerator,
            devices=t.devices,
            num_nodes=t.nodes,
            strategy=t.strategy,
            precision=t.precision,  # type: ignore[arg-type]
            max_epochs=t.epochs or -1,
            check_val_every_n_epoch=t.validate_every,
            gradient_clip_val=config.optimiser.clip or None,
            logger=TensorBoardLogger(folder, name=None, version=""),
            callbacks=[watch, keep],
            log_every_n_steps=t.log_every,
            num_sanity_val_steps=0,
            enable_progress_bar=progress,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        last = folder / f"{LAST}.ckpt"
        going_on = resume and last.exists()
        with watch.listening():
            trainer.fit(
                module,
                datamodule=LiftingData(sets.of, sets.validation, config),
                ckpt_path=str(last) if going_on else None,
                weights_only=True if going_on else None,
            )
        if trainer.is_global_zero:
            return _leave(folder, module, sets, keep, watch, command, say)
        return _left(folder)


def pairs_of(config: TrainConfig, split: str) -> Pairs:
    """The pairs of a split by a configuration's data: of ``"train"`` those of its first epoch.

    Those of the other splits (``"validation"``, ``"test"`` …) are the same for every seed. Other conditions
    are other configurations: ``replace(config, data=replace(config.data, noise="none"))``.
    """
    training = split == "train"
    seed = config.seed if training else FIXED_SEED
    return _made(config, clips_of(config.data, split), seed, training=training).epoch(0)


def clips_of(data: DataConfig, split: str) -> list[Clip]:
    """The motion capture of a split."""
    return load_clips(data.root, splits=(split,), sources=_sources(data, split), licence=data.licence)


def _made(config: TrainConfig, clips: Sequence[Clip], seed: int, *, training: bool = False) -> LiftPairs:
    d = config.data
    noises: dict[str, Noise | None] = {
        "none": None,
        "gaussian": GaussianNoise(d.probability, d.sigma),
        "detector": DetectorNoise(strength=d.strength),
    }
    return LiftPairs(
        clips,
        config.spec,
        cameras=d.cameras,
        views=d.views,
        noise=noises[d.noise],
        fps=d.fps,
        layout=d.layout,
        missing=d.missing,
        camera_known=d.camera_known,
        augment=d.augment and training,
        seed=seed,
    )


class _Sets:
    """What a training learns from and is judged on, and what its card says of both."""

    def __init__(
        self, config: TrainConfig, train_set: LiftPairs | Pairs | None, validation: Pairs | None, say: Say
    ) -> None:
        self.card: dict[str, Any] = {"trained_on": {}, "split": {}, "licence": "not stated"}
        self.fresh = config.data.fresh
        self._made: tuple[int, Pairs] | None = None
        if train_set is None:
            say("reading motion capture")
            clips = clips_of(config.data, "train")
            self._describe(clips, "train")
            train_set = _made(config, clips, config.seed, training=True)
        if validation is None:
            clips = clips_of(config.data, "validation")
            many = config.data.validation_clips
            if 0 < many < len(clips):
                clips = [clips[k * len(clips) // many] for k in range(many)]
            self._describe(clips, "validation")
            validation = _made(config, clips, FIXED_SEED).epoch(0)
        self.source, self.validation = train_set, validation
        first = self.of(0)
        self.card["trained_on"] |= {
            "tracks": len(first.tracks), "frames": len(first.truth), "windows": len(first)
        }  # fmt: skip
        for name, pairs in (("training", first), ("validation", validation)):
            say(f"{name}: {len(pairs.tracks)} tracks, {len(pairs.truth):,} frames, {len(pairs):,} windows")

    def of(self, epoch: int) -> Pairs:
        """The pairs of an epoch; only the last ones made are kept."""
        if isinstance(self.source, Pairs):
            return self.source
        number = epoch // self.fresh if self.fresh else 0
        if self._made is None or self._made[0] != number:
            self._made = None  # its memory is wanted for the next
            self._made = number, self.source.epoch(number)
        return self._made[1]

    def _describe(self, clips: Sequence[Clip], split: str) -> None:
        self.card["split"][split] = sorted({c.subject for c in clips})
        if split == "train":
            self.card["trained_on"] = {
                "clips": len(clips),
                "seconds": round(sum(len(c.motion.times) / c.fps for c in clips)),
                "sources": sorted({c.source for c in clips}),
                "names": [c.name for c in clips],
            }
            self.card["licence"] = "; ".join(sorted({c.licence for c in clips}))


def _sources(data: DataConfig, split: str) -> tuple[str, ...] | None:
    """Sources to train on are a choice; those to be judged on are not."""
    return data.sources if split == "train" else None


def _claim(folder: Path, config: TrainConfig, resume: bool) -> None:
    """Make the folder this training's, or refuse it."""
    told = folder / "config.json"
    if (folder / f"{LAST}.ckpt").exists():
        if not resume:
            raise SteadyposeError(
                f"{folder}: expected a new folder, found a training (--resume goes on with it)"
            )
        before, now = json.loads(told.read_text("utf-8")), config.to_json()
        for part in (before, now):
            part["data"].pop("root", None)
            part["batch"] = part["trainer"]["batch"]
        for key in ("seed", "data", "network", "loss", "optimiser", "batch"):
            if before[key] != now[key]:
                raise SteadyposeError(f"{folder}: expected the {key} it was begun with, found another")
    folder.mkdir(parents=True, exist_ok=True)
    told.write_text(json.dumps(config.to_json(), indent=1) + "\n", encoding="utf-8")


def _leave(
    folder: Path,
    module: LiftingModule,
    sets: _Sets,
    keep: ModelCheckpoint,
    watch: Watch,
    command: str,
    say: Say,
) -> Trained:
    """Score the best and the last network and write them with their cards."""
    config = module.config
    about = {
        "name": config.name,
        **sets.card,
        "seed": config.seed,
        "epochs": round(module.global_step / max(watch.epoch_steps, 1), 3),
        "steps": module.global_step,
        "minutes": round(module.minutes, 2),
        "command": command,
        "config": replace(config, data=replace(config.data, root=None)).to_json(),
        "versions": _versions(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    lifter = module.lifter.cpu()
    card: dict[str, Any] = {}
    for name in (LAST, BEST):
        step = module.global_step
        if name == BEST and keep.best_model_path:
            state = torch.load(keep.best_model_path, map_location="cpu", weights_only=True)
            step = state["global_step"]
            lifter.load_state_dict(
                {
                    k.removeprefix("lifter."): v
                    for k, v in state["state_dict"].items()
                    if k.startswith("lifter.")
                }
            )
        found = score(predictor(lifter), sets.validation)
        card = _finite({**about, "at_step": step, "scores": {"validation": found}})
        checkpoints.save(folder / f"{name}.safetensors", lifter, card)
    if config.trainer.onnx:
        from steadypose.models.export import export_onnx

        export_onnx(lifter, folder / f"{BEST}.onnx", card)
    s = card["scores"]["validation"]
    words = ", ".join(f"{label} {s[key]:.2f}" for label, key in _SAID.items() if s[key] is not None)
    say(f"validation of the best, mean over actions: {words}")
    return _left(folder, finished=not watch.interrupted, card=card)


def _left(folder: Path, *, finished: bool = True, card: dict[str, Any] | None = None) -> Trained:
    best, last = (folder / f"{name}.safetensors" for name in (BEST, LAST))
    return Trained(best, last, card or {}, finished)


def _length(config: TrainConfig, steps_an_epoch: int) -> str:
    t = config.trainer
    limits = {
        f"{t.epochs} epochs of {steps_an_epoch:,} steps": t.epochs,
        f"{t.max_steps:,} steps": t.max_steps,
        f"{t.max_minutes:g} minutes": t.max_minutes,
    }
    return f"at most {' or '.join(words for words, limit in limits.items() if limit)}"


def _devices(devices: int | str) -> int:
    """How many, as far as the number says it."""
    return max(int(devices), 1) if str(devices).lstrip("-").isdigit() else 1


def _versions() -> dict[str, str]:
    import numpy

    return {
        "steadypose": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "numpy": numpy.__version__,
    }


def _finite(value: Any) -> Any:
    """What JSON can hold: NaN is null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
