"""A trained network into the package, with what was found about it on its card.

    python experiments/refine_weights/ship.py runs/default-0/best.safetensors default

Scores beside those of training are those of `experiments/no_harm` (results.json), under the name of the
checkpoint's folder, if they are there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import steadypose
from steadypose._writing import write_text
from steadypose.errors import SteadyposeError
from steadypose.models import checkpoints
from steadypose.models.export import export_onnx

NO_HARM = Path(__file__).parents[1] / "no_harm" / "results.json"


def main(checkpoint: Path, name: str) -> None:
    """Export one checkpoint as ``weights/refine_NAME.onnx`` and its card."""
    model, card = checkpoints.load(checkpoint)
    run = checkpoint.parent.name
    card["name"] = name
    card["scores"] = {**card["scores"], **_no_harm(run)}
    card["command"] = (
        f"steadypose train experiments/refine_weights/{name}.toml -o runs/{run} --set seed={card['seed']} && "
        f"python experiments/refine_weights/ship.py runs/{run}/best.safetensors {name}"
    )
    weights = Path(steadypose.__file__).parent / "weights"
    exported = export_onnx(model, weights / f"refine_{name}.onnx", card)
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    write_text(weights / f"refine_{name}.json", text, force=True)
    print(f"{exported.path.name}: {exported.size:,} bytes, at most {exported.difference:.2g} from torch")


def _no_harm(run: str) -> dict[str, Any]:
    """The targets of the grid of motion, noise and frame rate, by split."""
    results = json.loads(NO_HARM.read_text("utf-8"))
    found = {split: table["labels"].get(run) for split, table in results.items()}
    return {"no harm": {split: one["short"] for split, one in found.items() if one}}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except SteadyposeError as e:
        sys.exit(f"error: {e}")
