"""A trained network into the package, with what was found about it on its card.

    python experiments/refine_weights/ship.py runs/default-0/best.safetensors default

Scores are those of `results.json` (`run.py judge test`), under the name of the checkpoint's folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from judge import FILTERS, best

import steadypose
from steadypose.data.refine_sets import RefineData, sets_of
from steadypose.errors import SteadyposeError
from steadypose.models import checkpoints
from steadypose.models.export import export_onnx

HERE = Path(__file__).parent
SAMPLE = 512  # windows on which the export is compared with torch


def main(checkpoint: Path, name: str) -> None:
    """Export one checkpoint as ``weights/refine_NAME.onnx`` and its card."""
    model, card = checkpoints.load(checkpoint)
    run = checkpoint.parent.name
    results = json.loads((HERE / "results.json").read_text())
    card["name"] = name
    card["scores"] = {**card["scores"], **_scores(results, run)}
    card["command"] = (
        f"steadypose train experiments/refine_weights/{name}.toml -o runs/{run} --set seed={card['seed']} && "
        f"python experiments/refine_weights/ship.py runs/{run}/best.safetensors {name}"
    )
    pairs = sets_of(RefineData(), "validation", model.spec).epoch()
    x, _, context = pairs.batch(np.linspace(0, len(pairs) - 1, SAMPLE).astype(np.intp))
    weights = Path(steadypose.__file__).parent / "weights"
    exported = export_onnx(model, weights / f"refine_{name}.onnx", card, inputs=x, context=context)
    (weights / f"refine_{name}.json").write_text(
        json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8"
    )
    print(f"{exported.path.name}: {exported.size:,} bytes, at most {exported.difference:.2g} from torch")


def _scores(results: dict[str, Any], run: str) -> dict[str, Any]:
    """By test set and stream: the network beside the input and the best filters chosen in hindsight."""
    found: dict[str, Any] = {}
    for split, conditions in results.items():
        for stream, rows in conditions.items():
            if stream == "clean":
                found.setdefault(split, {})["clean, mm rms"] = {f: r[run]["mean"] for f, r in rows.items()}
                continue
            if run not in rows:
                raise SteadyposeError(
                    f"results.json, {split}, {stream}: expected scores of {run}, found none"
                )
            filters = {n: s for n, s in rows.items() if n.split(" ")[0] in FILTERS}
            beside = {
                "network": rows[run],
                "input": rows["raw"],
                "filter of lowest MPJPE": filters[best(filters, "mpjpe")],
                "filter of lowest Accel": filters[best(filters, "accel")],
            }
            found.setdefault(split, {})[stream] = {
                who: {m: _short(s.get(m)) for m in ("mpjpe", "accel", "lag")} for who, s in beside.items()
            }
    return found


def _short(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.4g}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except SteadyposeError as e:
        sys.exit(f"error: {e}")
