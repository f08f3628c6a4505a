"""The filters on a real recording with truth: Keraal's Kinect against its Vicon.

    STEADYPOSE_DATA=… python experiments/classical_default/real.py       (the folder that holds real/)

The truth is fitted once for every take, to the raw input (`metrics.align`), and judges every method alike.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import steadypose as sp
from steadypose.metrics import align

HERE = Path(__file__).parent
SHOWN = ("mpjpe", "pa_mpjpe", "mpjve", "accel", "peak_speed_ratio", "lag")
METHODS = {
    "the default pipeline": {},
    "adaptive": {"method": "adaptive"},
    "kalman": {"method": "kalman"},
    "gaussian": {"method": "gaussian"},
    "gaussian, sigma=0.1": {"method": "gaussian", "sigma": 0.1},
    "savgol": {"method": "savgol"},
    "butterworth": {"method": "butterworth"},
    "butterworth, cutoff=3": {"method": "butterworth", "cutoff": 3.0},
    "moving_average": {"method": "moving_average"},
    "median": {"method": "median"},
    "one_euro": {"method": "one_euro"},
}


def main() -> None:
    """Score every method on every take; writes real.json and real.md."""
    folder = Path(os.environ["STEADYPOSE_DATA"]) / "real" / "keraal"
    lines = [
        "# The filters on Kinect, judged by Vicon",
        "",
        "`python experiments/classical_default/real.py`",
        "",
    ]
    lines += [(HERE / "about_real.md").read_text().strip(), ""]
    record = {}
    for take in ("CTK", "ELK", "RTK"):
        raw = sp.read(folder / f"G3-Kinect-{take}-P1T1-Unknown-C-0.txt")
        truth = align(raw, sp.read_streams(folder / f"G3-Vicon-{take}-P1T1-Unknown-C-0.txt")).truth
        rows = {"raw": sp.evaluate(raw, truth)}
        rows |= {name: sp.evaluate(sp.refine(raw, **p), truth) for name, p in METHODS.items()}
        record[take] = {name: {m: scores[m] for m in SHOWN} for name, scores in rows.items()}
        lines += [f"## {take}", "", "| method | MPJPE | PA-MPJPE | MPJVE | Accel | peak speed | lag |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for name, scores in record[take].items():
            lines.append(f"| {name} | " + " | ".join(f"{scores[m]:.2f}" for m in SHOWN) + " |")
        lines.append("")
    (HERE / "real.json").write_text(json.dumps(record, indent=1) + "\n")
    (HERE / "real.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
