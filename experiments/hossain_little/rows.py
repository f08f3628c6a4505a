"""Which rows there are, and what each is configured to be."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steadypose.errors import SteadyposeError
from steadypose.train.config import TrainConfig, _change, from_mapping

HERE = Path(__file__).parent
ROWS = HERE / "rows"
# In the order of the tables; the filtered ones come from fcn's own prediction.
ORDER = (
    "fcn", "fcn_median", "fcn_mean", "seq2seq",
    "no_weighted_joints", "no_temporal", "no_recurrent_dropout", "no_layer_norm", "no_layer_norm_no_dropout",
    "no_residual",
    "length_2", "length_3", "length_4", "length_6", "length_7", "length_8", "length_9", "length_10",
    "fcn_clean", "fcn_clean_median", "fcn_clean_mean", "seq2seq_clean",
)  # fmt: skip
TRAINED = tuple(r for r in ORDER if not r.endswith(("_median", "_mean")))
FILTERS = ("median", "mean")  # of five frames, on a per-frame network's output


def configuration(row: str, seed: int, changes: Sequence[str] = ()) -> TrainConfig:
    """What a row is trained with.

    Raises
    ------
    SteadyposeError
        If there is no such row, or its configuration does not fit.
    """
    path = ROWS / f"{row}.toml"
    if row not in TRAINED:
        raise SteadyposeError(f"expected rows among {', '.join(TRAINED)}, found {row!r}")
    whole = {"name": row, **toml(path), "seed": seed}
    for change in changes:
        _change(whole, change)
    return from_mapping(whole, str(path))


def toml(path: Path) -> dict[str, Any]:
    """A configuration file laid over the one that its ``extends`` names (relative to it).

    Raises
    ------
    SteadyposeError
        If a file cannot be read.
    """
    try:
        own = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise SteadyposeError(f"{path}: expected a TOML file: {e}") from None
    base = own.pop("extends", None)
    return own if base is None else merged(toml(path.parent / base), own)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``, table by table."""
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        out[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return out
