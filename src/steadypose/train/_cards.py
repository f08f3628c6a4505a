"""What a card says of a training besides its configuration and its scores."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from typing import Any

import lightning
import numpy
import torch

from steadypose._version import __version__
from steadypose.data.mocap import Clip

__all__ = ["describe", "finite", "new_card", "versions"]


def new_card() -> dict[str, Any]:
    """A card of a training whose data nobody has described."""
    return {"trained_on": {}, "split": {}, "licence": "not stated"}


def describe(card: dict[str, Any], clips: Sequence[Clip], split: str) -> None:
    """Say on a card whose motion a split is; of what was trained on also which, how much and its licence."""
    card["split"][split] = sorted({c.subject for c in clips})
    if split == "train":
        card["trained_on"] = {
            "clips": len(clips),
            "seconds": round(sum(len(c.motion.times) / c.fps for c in clips)),
            "sources": sorted({c.source for c in clips}),
            "names": [c.name for c in clips],
        }
        card["licence"] = "; ".join(sorted({c.licence for c in clips}))


def versions() -> dict[str, str]:
    """Of what decides the numbers."""
    return {
        "steadypose": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "numpy": numpy.__version__,
    }


def finite(value: Any) -> Any:
    """What JSON can hold: NaN is null."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
