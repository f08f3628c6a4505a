"""Pictures: what a camera saw, and the lifted body from the camera, from the side and from above."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from recordings import View

import steadypose as sp
from steadypose.lift import Network, to_inputs
from steadypose.skeleton import skeleton

LEFT, RIGHT, MIDDLE, TRUE = "#c2410c", "#1d4ed8", "#333333", "#9ca3af"
SIDES = (("from the camera", 0, 1), ("from its right", 2, 1), ("from above", 0, 2))
REACH = 1000


def draw(views: list[View], networks: dict[str, Network], path: Path, frames: tuple[int, ...]) -> None:
    """Every camera at one frame each in turn, a row each; left orange, right blue, the truth grey."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    network = networks["seq2seq"]
    rows = [(view, frame) for view in views for frame in frames]
    figure, axes = plt.subplots(len(rows), 4, figsize=(8, 2.1 * len(rows)), layout="constrained")
    for line, (view, frame) in zip(axes, rows, strict=True):
        inputs = to_inputs(view.keypoints, network.spec)
        joints = sp.lift(view.keypoints, weights=network, camera=view.camera, size=view.size)
        image = line[0]
        _body(image, inputs.positions[frame, 0], inputs.skeleton.canonical)
        image.set_title(f"{view.name}, frame {frame}", fontsize=8)
        image.invert_yaxis()
        x, y = joints.positions[frame, 0].astype(float), view.truth
        for ax, (title, across, down) in zip(line[1:], SIDES, strict=True):
            if y is not None:
                _body(ax, y[frame][:, [across, down]], joints.skeleton.canonical, TRUE)
            _body(ax, x[:, [across, down]], joints.skeleton.canonical)
            ax.set_title(title, fontsize=8)
            ax.set_xlim(-REACH, REACH)
            ax.set_ylim((REACH, -REACH) if down == 1 else (-REACH, REACH))
        for ax in line:
            ax.set_aspect("equal")
            ax.set_xticks([])
            ax.set_yticks([])
    figure.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(figure)


def _body(ax: object, points: np.ndarray, names: tuple[str, ...], colour: str | None = None) -> None:
    body = skeleton("h36m17")
    at = {name: points[k] for k, name in enumerate(names)}
    if "neck_base" not in at:
        at["neck_base"] = at["head"]
    for a, b in body.bones:
        one, other = body.canonical[a], body.canonical[b]
        side = LEFT if "left" in one + other else RIGHT if "right" in one + other else MIDDLE
        ends = np.stack([at[one], at[other]])
        ax.plot(*ends.T, color=colour or side, lw=1.0 if colour else 1.6, ls="--" if colour else "-")
