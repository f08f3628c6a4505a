"""What a motion's history says: what had to be assumed in reading, and what refinement counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steadypose.sequence import Motion

_COUNT = re.compile(r"(\d+) (\D[^:]*)")


def rate_assumed(motion: Motion) -> bool:
    """Whether the file does not say how many frames a second it has."""
    return any("fps" in note and "assumed" in note for note in motion.history)


def unit_origin(motion: Motion) -> str:
    """How the unit is known where the file does not say it: "inferred" or "assumed"; else empty."""
    for note in motion.history:
        if note.startswith("unit inferred"):
            return "inferred"
        if note.endswith(f"{motion.unit} assumed"):
            return "assumed"
    return ""


def counts(note: str) -> dict[str, int]:
    """What a note of refinement counts, such as "3 outliers removed", by name and in its order."""
    found = (_COUNT.fullmatch(part) for part in note.split("; ")[1:])
    return {m[2]: int(m[1]) for m in found if m is not None}


def remarks(note: str) -> list[str]:
    """What a note of refinement says besides its method and what it counts."""
    parts = [part for part in note.split("; ")[1:] if _COUNT.fullmatch(part) is None]
    return [part for part in parts if not part.startswith("max_gap=")]
