"""Which rows there are, and what each is configured to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from steadypose.errors import SteadyposeError
from steadypose.train.config import TrainConfig, load

HERE = Path(__file__).parent
ROWS = HERE / "rows"
# In the order of the tables; the filtered ones come from the per-frame network's own predictions.
ORDER = (
    "fcn", "fcn_median", "fcn_mean", "fcn_wide", "fcn_wide_median", "fcn_wide_mean", "seq2seq",
    "no_weighted_joints", "no_temporal", "no_recurrent_dropout", "no_layer_norm", "no_layer_norm_no_dropout",
    "no_residual",
    "length_2", "length_3", "length_4", "length_6", "length_7", "length_8", "length_9", "length_10",
    "fcn_clean", "fcn_clean_median", "fcn_clean_mean", "seq2seq_clean",
)  # fmt: skip
TRAINED = tuple(r for r in ORDER if not r.endswith(("_median", "_mean")))
FILTERS = ("median", "mean")  # of five frames


def configuration(row: str, seed: int, changes: Sequence[str] = ()) -> TrainConfig:
    """What a row is trained with.

    Raises
    ------
    SteadyposeError
        If there is no such row, or its configuration does not fit.
    """
    if row not in TRAINED:
        raise SteadyposeError(f"expected rows among {', '.join(TRAINED)}, found {row!r}")
    return load(ROWS / f"{row}.toml", (f"seed={seed}", *changes))
