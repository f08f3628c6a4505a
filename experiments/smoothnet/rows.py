"""Which networks are trained, on what, and what each is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from steadypose.errors import SteadyposeError
from steadypose.train import RefineConfig, from_mapping

HERE = Path(__file__).parent
RATE = 50.0  # frames a second, Human3.6M's
LENGTH = 32
STEPS, EPOCHS = 1000, 10  # an epoch is a tenth of the steps, for the curves over epochs
BATCH = 1024
SMALL = {"kind": "smoothnet", "hidden": 512, "inner": 16, "blocks": 1, "dropout": 0.0}
LARGE = {"kind": "smoothnet", "hidden": 512, "inner": 128, "blocks": 3, "dropout": 0.0}
KERAAL = ("Kinect", "OpenPose", "AlphaPose", "BlazePose")
# The paper's (p, σ), in the order of its Table 10: millimetres, and pixels as it counts them.
NOISES = ((0.5, 10), (0.5, 50), (0.5, 100), (0.1, 50), (0.9, 50))
LENGTHS = (2, 8, 16, 64, 128, 256)  # of Table 5 without the usual 32
GAUSSIAN = "gaussian3d-0.5-10"
NEVER_SEEN = ("fcn/deepmimic", "fcn/bandai1", "fcn/sie")
STREAMS = tuple(f"keraal/{name}" for name in KERAAL)

Prepared = Literal["as it is", "sequence", "sequence, truth"]


@dataclass(frozen=True)
class Row:
    """A network.

    Parameters
    ----------
    name
        By which results are filed.
    source
        What it is trained on (:func:`sets.recordings`, or a form of rotations).
    tests
        What it is tested on: ``SOURCE``, ``SOURCE/FOLDER`` or ``keraal/ESTIMATOR``, and behind a ``+``
        another way to lay windows over a clip: ``apart`` (side by side) or ``hann`` (a bell in place of equal
        weights).
    folder
        Motion it is trained on: ``"cmu"`` or ``"deepmimic"``.
    network
        Kind and switches.
    length, normalisation
        Of windows.
    prepared
        What is done with whole clips beforehand: nothing; each channel minus its mean, divided by its
        standard deviation; the same for the input, with mean and deviation of the truth for what comes out.
    loss
        Changes in the loss, whose factors are both 1 as in the paper.
    batch
        Windows; of a network that takes all channels together, bodies.
    steps, rate
        Of the training; the height of the learning rate was chosen on the validation clips for the smallest
        network, the deeper ones have a third of it.
    """

    name: str
    source: str = "fcn"
    tests: tuple[str, ...] = ("fcn",)
    folder: str = "cmu"
    network: Mapping[str, Any] = field(default_factory=lambda: SMALL)
    length: int = LENGTH
    normalisation: str = "none"
    prepared: Prepared = "as it is"
    loss: Mapping[str, Any] = field(default_factory=dict)
    batch: int = BATCH
    steps: int = STEPS
    rate: float = 1e-2

    @property
    def joint(self) -> bool:
        """Whether the network takes all channels of a body together."""
        return self.network["kind"] == "spatiotemporal"


DEEPER = 3e-3  # learning rate

BASE = Row(
    "base",
    tests=(
        "fcn", "fcn+apart", "fcn+hann", "seq2seq", "detector", GAUSSIAN, *NEVER_SEEN, *STREAMS,
    ),
)  # fmt: skip
_TCN = {"kind": "tcn", "width": 16}

ROWS = {
    row.name: row
    for row in (
        BASE,
        Row("detector", "detector", ("detector", "fcn", "seq2seq", GAUSSIAN, *STREAMS)),
        Row("seq2seq", "seq2seq", ("seq2seq", "fcn", "detector", GAUSSIAN, *NEVER_SEEN, *STREAMS)),
        Row("deepmimic", folder="deepmimic", tests=("fcn", "fcn/bandai1", "fcn/sie", *STREAMS)),
        *(replace(BASE, name=f"length_{n}", length=n, tests=("fcn",)) for n in LENGTHS),
        *(
            Row(f"gaussian{d}d-{p}-{s}", f"gaussian{d}d-{p}-{s}",
                tests=(f"gaussian{d}d-{p}-{s}",) + (
                    ("fcn", "seq2seq", "detector", *STREAMS) if f"gaussian{d}d-{p}-{s}" == GAUSSIAN else ()
                ))
            for d in (3, 2) for p, s in NOISES
        ),
        replace(BASE, name="only_position", loss={"acceleration": 0.0}, tests=("fcn",)),
        replace(BASE, name="only_acceleration", loss={"position": 0.0}, tests=("fcn",)),
        replace(BASE, name="tenth_acceleration", loss={"acceleration": 0.1}, tests=("fcn",)),
        Row("rotations-6d", "rotations-6d", ("rotations-6d", "rotations-3d")),
        Row("rotations-quaternion", "rotations-quaternion", ("rotations-quaternion",)),
        Row("rotations-axis-angle", "rotations-axis-angle", ("rotations-axis-angle",)),
        Row("rotations-3d", "rotations-3d", ("rotations-3d", "rotations-6d")),
        replace(BASE, name="norm_sequence", prepared="sequence", tests=("fcn", "seq2seq", "detector")),
        replace(BASE, name="norm_truth", prepared="sequence, truth", tests=("fcn", "seq2seq", "detector")),
        replace(BASE, name="norm_window", normalisation="window", tests=("fcn", "seq2seq", "detector")),
        # The slow ones last.
        replace(BASE, name="large", network=LARGE, tests=("fcn",), steps=STEPS // 2, rate=DEEPER),
        replace(BASE, name="motion_aware", network={"kind": "motion_aware", "dropout": 0.0}, tests=("fcn",),
                steps=STEPS // 2, rate=DEEPER),
        *(
            replace(BASE, name=f"tcn_{n}", network={**_TCN, "receptive": n}, length=length,
                    batch=BATCH * LENGTH // length, steps=STEPS // 2, rate=DEEPER,
                    tests=("fcn", "fcn+apart"))
            for n, length in ((27, 32), (81, 81), (243, 243))
        ),
        replace(BASE, name="transformer", tests=("fcn", "fcn+apart"), batch=BATCH // 2, steps=STEPS // 2,
                rate=DEEPER,
                network={"kind": "transformer", "width": 32, "heads": 4, "inner": 64, "blocks": 2}),
        # In metres it does not learn to smooth: jitter is too small for its normalised layers.
        replace(BASE, name="spatiotemporal", tests=("fcn",), batch=48, rate=DEEPER, normalisation="window",
                network={"kind": "spatiotemporal", "channels": 48, "width": 64, "inner": 128, "blocks": 2}),
    )
}  # fmt: skip
TRAINED = tuple(ROWS)


def configuration(row: str, seed: int, changes: Mapping[str, Any] | None = None) -> RefineConfig:
    """What a row is trained with.

    Parameters
    ----------
    row, seed
        Which one.
    changes
        Other fields of the row, for a trial: ``{"steps": 20}``.

    Raises
    ------
    SteadyposeError
        If there is no such row.
    """
    r = changed(row, changes)
    return from_mapping(
        {
            "task": "refine",
            "name": r.name,
            "seed": seed,
            "window": {"length": r.length, "step": 1, "rate": RATE, "normalisation": r.normalisation,
                       "taper": "flat"},
            "network": dict(r.network),
            "loss": {"position": 1.0, "acceleration": 1.0, **r.loss},
            "optimiser": {"rate": r.rate, "schedule": "one-cycle"},
            "trainer": {"batch": r.batch, "epochs": EPOCHS, "epoch_steps": max(r.steps // EPOCHS, 1),
                        "log_every": max(r.steps // 20, 1), "threads": 1, "accelerator": "cpu"},
        },
        f"row {row}",
    )  # fmt: skip


def described(row: str, seed: int) -> dict[str, Any]:
    """What decides a row, as JSON; of what is not trained its name and seed."""
    if row not in ROWS:
        return {"row": row, "seed": seed}
    r = ROWS[row]
    about = {"source": r.source, "folder": r.folder, "prepared": r.prepared, "tests": list(r.tests)}
    return {**configuration(row, seed).to_json(), "row": about}


def changed(row: str, changes: Mapping[str, Any] | None) -> Row:
    """A row with other fields."""
    if row not in ROWS:
        raise SteadyposeError(f"expected rows among {', '.join(ROWS)}, found {row!r}")
    return replace(ROWS[row], **(changes or {}))


def tests_of(rows: Sequence[str]) -> list[str]:
    """All that these rows are tested on, without the ways to lay windows; each once."""
    return list(dict.fromkeys(t.partition("+")[0] for r in rows for t in ROWS[r].tests))
