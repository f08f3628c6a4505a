"""The training of a refining network from its configuration to its checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from steadypose.data.refine_sets import RefineData, RefineSets, sets_of
from steadypose.data.trajectories import TrajectoryPairs
from steadypose.errors import DataError
from steadypose.models.refiner import RefinerNet, build_refiner
from steadypose.train._cards import describe, new_card
from steadypose.train._running import Say, Trained, begin, epoch_steps, go, nothing
from steadypose.train.refine_config import RefineConfig
from steadypose.train.refine_module import RefiningModule
from steadypose.train.refine_score import Labelled

__all__ = ["Source", "refine_pairs_of", "train_refiner"]

FIXED_SEED = 0  # of validation and test: every training is judged on the same pairs


class Source(Protocol):
    """Makes pairs anew for every epoch; the same number gives the same pairs."""

    def epoch(self, number: int) -> TrajectoryPairs:
        """The pairs of an epoch."""


def train_refiner(
    config: RefineConfig,
    output: str | Path,
    *,
    train_set: TrajectoryPairs | Source | None = None,
    validation_set: TrajectoryPairs | None = None,
    resume: bool = False,
    command: str = "",
    say: Say = nothing,
    progress: bool = False,
) -> Trained:
    """Train a network that refines.

    Parameters
    ----------
    config
        Everything that determines it.
    output
        A folder: checkpoints ``best`` and ``last`` (Lightning's ``.ckpt`` to go on from, ``.safetensors`` and
        card to use), ``config.json``, logs for TensorBoard.
    train_set, validation_set
        Pairs to use in place of what the configuration's table ``data`` says. A source is asked for the pairs
        of every epoch, by its number.
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
        If the folder holds a training and ``resume`` is false, or another training; if there are no data, or
        they are cut into other windows than the network takes.
    """
    folder = Path(output)
    if train_set is None or validation_set is None:
        config = _with_data(config)
    with begin(config, folder, resume, say) as say:
        refiner = build_refiner(config.network, config.spec)
        sets = _Sets(config, refiner, train_set, validation_set, say)
        module = RefiningModule(refiner, config, epoch_steps(config, sets.of), sets.validation.labels)
        return go(
            module,
            sets,
            folder,
            kind=config.kind,
            resume=resume,
            command=command,
            say=say,
            progress=progress,
        )


def refine_pairs_of(config: RefineConfig, split: str, *, joint: bool = False) -> TrajectoryPairs:
    """The pairs of a split by a configuration's data: of ``"train"`` those of its first epoch.

    Those of the other splits are the same for every seed.
    """
    return _source(_with_data(config), split, joint).epoch(0)


def _with_data(config: RefineConfig) -> RefineConfig:
    """The configuration with all of its table ``data`` said."""
    return replace(config, data=RefineData()) if config.data is None else config


def _source(config: RefineConfig, split: str, joint: bool) -> RefineSets:
    assert config.data is not None
    seed = config.seed if split == "train" else FIXED_SEED
    return sets_of(config.data, split, config.spec, seed, joint=joint)


class _Sets:
    """What a training learns from and is judged on, and what its card says of both."""

    def __init__(
        self,
        config: RefineConfig,
        refiner: RefinerNet,
        train_set: TrajectoryPairs | Source | None,
        validation: TrajectoryPairs | None,
        say: Say,
    ) -> None:
        self.card = new_card()
        self._refiner = refiner
        self._last = 1  # epochs that the pairs of a source last; 0: all
        self._made: tuple[int, TrajectoryPairs] | None = None
        joint = refiner.channels is not None
        if train_set is None:
            say("reading motion capture")
            train_set = _source(config, "train", joint)
            describe(self.card, train_set.clips, "train")
            self._last = train_set.data.fresh
        if validation is None:
            judged = _source(config, "validation", joint)
            describe(self.card, judged.clips, "validation")
            validation = judged.epoch(0)
        self.source = train_set
        first = self.of(0)
        _check(validation, refiner)
        self.validation = Labelled(validation)
        self.card["trained_on"] |= {**_counts(first), "labels": Labelled(first).labels}
        for name, pairs in (("training", first), ("validation", validation)):
            say(f"{name}: {', '.join(f'{number:,} {what}' for what, number in _counts(pairs).items())}")

    def of(self, epoch: int) -> TrajectoryPairs:
        """The pairs of an epoch; only the last ones made are kept."""
        source = self.source
        number = 0 if isinstance(source, TrajectoryPairs) else epoch // self._last if self._last else 0
        if self._made is None or self._made[0] != number:
            self._made = None  # its memory is wanted for the next
            made = source if isinstance(source, TrajectoryPairs) else source.epoch(epoch)
            _check(made, self._refiner)
            self._made = number, made
        return self._made[1]


def _check(pairs: TrajectoryPairs, refiner: RefinerNet) -> None:
    if pairs.spec != refiner.spec:
        raise DataError(f"expected pairs of the network's windows, {refiner.spec}, found {pairs.spec}")
    channels = refiner.channels
    if channels is None:
        return
    if not pairs.joint:
        raise DataError(f"expected pairs of all {channels} channels together (joint=True), found single ones")
    found = pairs.trajectories[0].noisy.shape[1]
    if found != channels:
        raise DataError(f"expected trajectories of the network's {channels} channels, found {found}")


def _counts(pairs: TrajectoryPairs) -> dict[str, int]:
    return {
        "trajectories": len(pairs.trajectories),
        "frames": int(np.sum([len(t.noisy) for t in pairs.trajectories])),
        "windows": len(pairs),
    }
