"""What is read off a history."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steadypose as sp
from steadypose.cli._history import counts, rate_assumed, unit_origin


def with_history(*notes: str, unit: Any = "px") -> Any:
    seq = sp.PoseSequence.from_array(np.zeros((3, 2, 2)), fps=30, unit=unit)
    for note in notes:
        seq = seq.with_positions(seq.positions, note)
    return seq


@pytest.mark.parametrize(
    ("note", "unit", "rate", "origin"),
    [
        ("no frame rate in the file: 30 fps assumed", "px", True, ""),
        ("no unit in the file: cm assumed", "cm", False, "assumed"),
        ("coordinates beyond the image's fractions: px assumed", "px", False, "assumed"),
        ("unit inferred: m, for bodies are about 1.7 across", "m", False, "inferred"),
        ("skeleton inferred: coco17, from 17 keypoints", "px", False, ""),
    ],
)
def test_what_the_file_did_not_say(note: str, unit: str, rate: bool, origin: str) -> None:
    motion = with_history("remap: a to b by name", note, unit=unit)
    assert rate_assumed(motion) == rate and unit_origin(motion) == origin


def test_counts_of_a_refinement() -> None:
    note = "refine: network(default: SteadyNet (steadypose), strength=1), max_gap=0.25; 3 outliers removed; "
    assert counts(note + "12 frames with left and right swapped back; 40 keypoints filled") == {
        "outliers removed": 3,
        "frames with left and right swapped back": 12,
        "keypoints filled": 40,
    }
    assert counts("refine: gaussian(sigma=0.05), max_gap=0.25") == {}
    assert counts("refine: gaussian(sigma=0.05); no person") == {}
