"""The trained networks into the package, with their scores on people that nothing was trained on.

export STEADYPOSE_DATA=…                                   (the folder that holds mocap/)
steadypose train experiments/lift_weights/lift_fcn.toml -o runs/lift_fcn
steadypose train experiments/lift_weights/lift_seq2seq.toml -o runs/lift_seq2seq
python experiments/lift_weights/ship.py                    writes weights/, results.json and results.md
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import steadypose
from steadypose._writing import write_text
from steadypose.errors import SteadyposeError
from steadypose.models import checkpoints
from steadypose.models.export import export_onnx
from steadypose.train import pairs_of
from steadypose.train.config import TrainConfig, load
from steadypose.train.score import predictor, score

HERE = Path(__file__).parent
NETWORKS = ("lift_fcn", "lift_seq2seq")
# Split, and what may be read for it: the non-commercial sets are only ever tested on.
SPLITS = {"validation": "permissive", "test": "permissive", "noncommercial": "any"}
FIGURES = ("mpjpe", "pa_mpjpe", "accel")


def main(runs: Path) -> None:
    """Export, score and write what was found."""
    weights = Path(steadypose.__file__).parent / "weights"
    weights.mkdir(exist_ok=True)
    found: dict[str, Any] = {}
    for name in NETWORKS:
        lifter, card = checkpoints.load(runs / name / "best.safetensors")
        config = load(HERE / f"{name}.toml", ())
        predict = predictor(lifter)
        print(name, flush=True)
        card["scores"] = {
            split: {noise: _figures(predict, config, split, licence, noise) for noise in ("detector", "none")}
            for split, licence in SPLITS.items()
        }
        card["command"] = (
            f"steadypose train experiments/lift_weights/{name}.toml -o runs/{name} && "
            "python experiments/lift_weights/ship.py"
        )
        pairs = pairs_of(config, "validation")
        windows = pairs.batch(np.linspace(0, len(pairs) - 1, 512).astype(np.intp))[0]
        exported = export_onnx(lifter, weights / f"{name}.onnx", card, inputs=windows)
        text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        write_text(weights / f"{name}.json", text, force=True)
        found[name] = {
            "scores": card["scores"],
            "parameters": sum(p.numel() for p in lifter.parameters()),
            "minutes": card.get("minutes"),
            "bytes": exported.size,
            "difference_mm": exported.difference,
        }
    write_text(HERE / "results.json", json.dumps(found, indent=2) + "\n", force=True)
    write_text(HERE / "results.md", _table(found), force=True)


def _figures(predict: Any, config: TrainConfig, split: str, licence: str, noise: str) -> dict[str, float]:
    data = replace(config.data, licence=licence, noise=noise)  # type: ignore[arg-type]
    if noise == "none":
        data = replace(data, missing=0.0)
    scores = score(predict, pairs_of(replace(config, data=data), split))
    return {name: round(scores[name], 2) for name in FIGURES}


def _table(found: dict[str, Any]) -> str:
    lines = [(HERE / "about.md").read_text("utf-8")]
    lines += [
        "| network | split | 2D | MPJPE, mm | PA-MPJPE, mm | Accel, mm/frame² |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        for split, by_noise in one["scores"].items():
            for noise, figures in by_noise.items():
                seen = {"detector": "detector noise", "none": "exact"}[noise]
                cells = " | ".join(f"{figures[f]:.1f}" for f in FIGURES)
                lines.append(f"| {name} | {split} | {seen} | {cells} |")
    lines += [
        "",
        "| network | parameters | file, MB | ONNX Runtime from torch, at most, mm |",
        "|---|---|---|---|",
    ]
    for name, one in found.items():
        lines.append(
            f"| {name} | {one['parameters']:,} | {one['bytes'] / 1e6:.1f} | {one['difference_mm']:.1g} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs"))
    except SteadyposeError as e:
        sys.exit(f"error: {e}")
