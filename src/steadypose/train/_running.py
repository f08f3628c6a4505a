"""A training from its module to its checkpoints, whatever the task."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_only

from steadypose._writing import alone, write_text, writing
from steadypose.errors import FormatError, SteadyposeError
from steadypose.models import checkpoints
from steadypose.train._batches import Batches, Data, Windows
from steadypose.train._cards import finite, versions
from steadypose.train._module import TrainingModule
from steadypose.train._settings import Settings
from steadypose.train._watch import Watch, quiet

__all__ = ["Say", "Sets", "Trained", "begin", "claim", "epoch_steps", "go", "nothing"]

BEST, LAST = "best", "last"  # names of checkpoints in a training's folder
_LEAVES = (f"{BEST}.", f"{LAST}.", "events.out.")  # what a training begins to leave when it trains
Say = Callable[[str], None]
# What a training that is gone on with must have been begun with.
_SAME = ("seed", "window", "bank", "data", "network", "loss", "optimiser", "batch", "epoch_steps")


def nothing(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Parameters
    ----------
    path
        The best network by validation: safetensors, its card beside it.
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


class Sets(Protocol):
    """What a training learns from and is judged on."""

    @property
    def card(self) -> dict[str, Any]:
        """What its card says of both: ``trained_on``, ``split`` and ``licence``."""

    @property
    def validation(self) -> Windows: ...
    def of(self, epoch: int) -> Windows:
        """What it learns from in an epoch."""


@contextmanager
def begin(config: Settings, folder: Path, resume: bool, say: Say) -> Iterator[Say]:
    """Take the folder, set threads and chance; how to say something, which only the first process does."""
    first = getattr(rank_zero_only, "rank", 0) == 0
    with alone(folder) if first else nullcontext():
        if first:
            claim(folder, config, resume)
        if config.trainer.threads:
            torch.set_num_threads(config.trainer.threads)
        torch.manual_seed(config.seed)
        yield say if first else nothing


def epoch_steps(config: Settings, of: Callable[[int], Windows]) -> int:
    """Steps in an epoch."""
    t = config.trainer
    return len(Batches(of, t.batch, config.seed, 0, t.nodes * _devices(t.devices), t.epoch_steps))


def go(
    module: TrainingModule,
    sets: Sets,
    folder: Path,
    *,
    kind: str,
    resume: bool,
    command: str,
    say: Say,
    progress: bool,
) -> Trained:
    """Train until the end or an interruption, and write what came of it."""
    config = module.config
    t = config.trainer
    keep = ModelCheckpoint(folder, BEST, monitor=module.monitor, enable_version_counter=False)
    watch = Watch(folder / f"{LAST}.ckpt", say)
    parameters = sum(p.numel() for p in module.network.parameters())
    say(f"{kind}: {parameters:,} parameters; {_length(config, module.epoch_steps)}")
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
            plugins=[_WholeFiles()],
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
                datamodule=Data(sets.of, sets.validation, config),
                ckpt_path=str(last) if going_on else None,
                weights_only=True if going_on else None,
            )
        if trainer.is_global_zero:
            return _leave(folder, module, sets, keep, watch, command, say)
        return _left(folder)


def claim(folder: Path, config: Settings, resume: bool) -> None:
    """Make the folder this training's, or refuse it."""
    told = folder / "config.json"
    if folder.exists() and any(p.name.startswith(_LEAVES) for p in folder.iterdir()):
        if not resume:
            raise SteadyposeError(
                f"{folder}: expected a new folder, found a training (--resume goes on with it)"
            )
        before, now = _begun_with(told), config.to_json()
        for part in (before, now):
            part["data"].pop("root", None)
            part |= {name: part["trainer"].get(name) for name in ("batch", "epoch_steps")}
        for key in _SAME:
            if before.get(key) != now.get(key):
                raise SteadyposeError(f"{folder}: expected the {key} it was begun with, found another")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(told, json.dumps(config.to_json(), indent=1) + "\n", force=True)


def _begun_with(told: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(told.read_text("utf-8")))
    except OSError as e:
        raise FormatError(told, "", "the configuration it was begun with", e.strerror or str(e)) from None
    except (ValueError, TypeError, RecursionError) as e:
        raise FormatError(told, "", "the configuration it was begun with", str(e)) from None


class _WholeFiles(TorchCheckpointIO):
    """Lightning's checkpoints, through the one door: a kill leaves the last one or the new one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with writing(path, force=True, renew=True) as made:
            super().save_checkpoint(checkpoint, made, storage_options)


def _leave(
    folder: Path,
    module: TrainingModule,
    sets: Sets,
    keep: ModelCheckpoint,
    watch: Watch,
    command: str,
    say: Say,
) -> Trained:
    """Score the best and the last network and write them with their cards."""
    config = module.config
    told = config.to_json()
    told["data"].pop("root", None)
    about = {
        "name": config.name,
        **sets.card,
        "seed": config.seed,
        "epochs": round(module.global_step / max(module.epoch_steps, 1), 3),
        "steps": module.global_step,
        "minutes": round(module.minutes, 2),
        "command": command,
        "config": told,
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    network: Any = module.kept.cpu()
    prefix = "network." if module.averaged is None else "averaged."
    card: dict[str, Any] = {}
    for name in (LAST, BEST):
        step = module.global_step
        if name == BEST and keep.best_model_path:
            state = torch.load(keep.best_model_path, map_location="cpu", weights_only=True)
            step = state["global_step"]
            weights = {k: v for k, v in state["state_dict"].items() if k.startswith(prefix)}
            network.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items()})
        found = module.scores(network, sets.validation)
        card = finite({**about, "at_step": step, "scores": {"validation": found}})
        checkpoints.save(folder / f"{name}.safetensors", network, card)
    if config.trainer.onnx:
        from steadypose.models.export import export_onnx

        export_onnx(network, folder / f"{BEST}.onnx", card)
    say(module.summary(card["scores"]["validation"]))
    return _left(folder, finished=not watch.interrupted, card=card)


def _left(folder: Path, *, finished: bool = True, card: dict[str, Any] | None = None) -> Trained:
    best, last = (folder / f"{name}.safetensors" for name in (BEST, LAST))
    return Trained(best, last, card or {}, finished)


def _length(config: Settings, steps_an_epoch: int) -> str:
    t = config.trainer
    limits = {
        f"{t.epochs} epochs of {steps_an_epoch:,} steps": t.epochs,
        f"{t.max_steps:,} steps": t.max_steps,
        f"{t.max_minutes:g} minutes": t.max_minutes,
    }
    return f"at most {' or '.join(words for words, limit in limits.items() if limit)}"


def _devices(devices: int | str) -> int:
    """How many, as far as the number says it."""
    return max(int(devices), 1) if str(devices).lstrip("-").isdecimal() else 1
