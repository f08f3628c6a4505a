"""The training of a lifter from its configuration to its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from steadypose.data.mocap import Clip, load_clips
from steadypose.data.noise import DetectorNoise, GaussianNoise
from steadypose.data.pairs import LiftPairs, Noise, Pairs
from steadypose.models.lifter import build
from steadypose.train._cards import describe, new_card
from steadypose.train._running import Say, Trained, begin, epoch_steps, go, nothing
from steadypose.train.config import DataConfig, TrainConfig
from steadypose.train.module import LiftingModule

__all__ = ["Trained", "clips_of", "pairs_of", "train"]

FIXED_SEED = 0  # of validation and test: every training is judged on the same pairs


def train(
    config: TrainConfig,
    output: str | Path,
    *,
    train_set: LiftPairs | Pairs | None = None,
    validation_set: Pairs | None = None,
    resume: bool = False,
    command: str = "",
    say: Say = nothing,
    progress: bool = False,
) -> Trained:
    """Train a network that lifts.

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
    with begin(config, folder, resume, say) as say:
        sets = _Sets(config, train_set, validation_set, say)
        lifter = build(config.network.build(), config.spec)
        lifter.set_statistics(**sets.of(0).statistics)
        module = LiftingModule(lifter, config, epoch_steps(config, sets.of))
        return go(
            module,
            sets,
            folder,
            kind=config.network.kind,
            resume=resume,
            command=command,
            say=say,
            progress=progress,
        )


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
        self.card = new_card()
        self.fresh = config.data.fresh
        self._made: tuple[int, Pairs] | None = None
        if train_set is None:
            say("reading motion capture")
            clips = clips_of(config.data, "train")
            describe(self.card, clips, "train")
            train_set = _made(config, clips, config.seed, training=True)
        if validation is None:
            clips = clips_of(config.data, "validation")
            many = config.data.validation_clips
            if 0 < many < len(clips):
                clips = [clips[k * len(clips) // many] for k in range(many)]
            describe(self.card, clips, "validation")
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


def _sources(data: DataConfig, split: str) -> tuple[str, ...] | None:
    """Sources to train on are a choice; those to be judged on are not."""
    return data.sources if split == "train" else None
