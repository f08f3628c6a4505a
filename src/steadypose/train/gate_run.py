"""The training of a bank with learnt gates from its configuration to its checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from steadypose.data.refine_pieces import Pieces, pieces_of
from steadypose.errors import DataError
from steadypose.models.gatenet import GatedBank, GateNet
from steadypose.train._cards import describe, new_card
from steadypose.train._running import Say, Trained, begin, epoch_steps, go, nothing
from steadypose.train.gate_config import GateConfig
from steadypose.train.gate_module import GateModule, Judged

__all__ = ["train_gates"]

FIXED_SEED = 0  # of validation: every training is judged on the same pieces
JUDGED = 150  # blocks of validation


def train_gates(
    config: GateConfig,
    output: str | Path,
    *,
    train_set: Pieces | None = None,
    validation_set: Pieces | None = None,
    resume: bool = False,
    command: str = "",
    say: Say = nothing,
    progress: bool = False,
) -> Trained:
    """Train a network that opens and closes the gates of a bank.

    Parameters
    ----------
    config
        Everything that determines it.
    output
        A folder: checkpoints ``best`` and ``last`` (Lightning's ``.ckpt`` to go on from, ``.safetensors`` and
        card to use), ``config.json``, logs for TensorBoard.
    train_set, validation_set
        Pieces to use in place of what the configuration's table ``data`` says.
    resume
        Go on from ``last.ckpt`` if it is there; the result is that of a training without interruption.
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
        bank = GatedBank(GateNet(config.network, config.bank))
        sets = _Sets(config, train_set, validation_set, say)
        module = GateModule(bank, config, epoch_steps(config, sets.of))
        return go(
            module,
            sets,
            folder,
            kind="gatenet",
            resume=resume,
            command=command,
            say=say,
            progress=progress,
        )


class _Sets:
    """What a training learns from and is judged on, and what its card says of both."""

    def __init__(
        self, config: GateConfig, train_set: Pieces | None, validation: Pieces | None, say: Say
    ) -> None:
        self.card = new_card()
        if train_set is None:
            say("reading motion capture")
            train_set = pieces_of(config.data, "train", config.bank, config.seed)
            describe(self.card, train_set.clips, "train")
        if validation is None:
            judged = replace(config.data, blocks=JUDGED)
            validation = pieces_of(judged, "validation", config.bank, FIXED_SEED)
            describe(self.card, validation.clips, "validation")
        for pieces in (train_set, validation):
            if pieces.spec != config.bank:
                raise DataError(
                    f"expected pieces of the network's bank {config.bank}, found those of {pieces.spec}"
                )
        self.source, self.validation = train_set, Judged(validation)
        say(f"training: {len(train_set):,} blocks an epoch; validation: {len(validation):,}")

    def of(self, epoch: int) -> Judged:
        """The blocks of an epoch, all of them new."""
        return Judged(self.source, epoch * len(self.source))
