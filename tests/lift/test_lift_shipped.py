"""The networks that come along: whole, trained on nobody they are tested on, and right about real motion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.data.cameras import sample_phone
from steadypose.data.mocap import SPLITS, load_clips
from steadypose.lift import Network, shipped
from steadypose.metrics import pa_mpjpe

DATA = Path(__file__).parents[1] / "data"
NAMES = ("fcn", "seq2seq")


def test_both_come_along() -> None:
    assert tuple(sorted(shipped())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_card(name: str) -> None:
    network = Network(name)
    beside = json.loads(shipped()[name].with_suffix(".json").read_text("utf-8"))
    assert {k: v for k, v in beside.items() if k in network.card} == {
        k: v for k, v in network.card.items() if k in beside
    }
    assert not {"bandai1", "deepmimic/sie"} & set(network.card["trained_on"]["sources"])
    trained = set(network.card["split"]["train"])
    assert not trained & set(network.card["split"]["validation"])
    assert not trained & set(SPLITS)
    assert shipped()[name].stat().st_size < 20e6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("clip", ["cmu/02_03", "deepmimic/walk"])
def test_depth_is_better_than_none(name: str, clip: str) -> None:
    """Against the image itself, depth 0, which a similarity brings as near as it gets."""
    (motion,) = (c for c in load_clips(DATA / "mocap", splits=("train", "test")) if c.name == clip)
    joints = {n: motion.joints(n).positions[:, 0].astype(float) for n in ("coco17", "h36m17")}
    lifted, flat = [], []
    for seed in range(4):
        camera = sample_phone(np.random.default_rng(seed), joints["h36m17"])
        pixels = camera.project(joints["coco17"])
        seq = sp.PoseSequence.from_array(pixels, fps=motion.fps, skeleton="coco17")
        truth = camera.to_camera(joints["h36m17"])
        truth = 1000 * (truth - truth[:, :1])
        found = sp.lift(seq, weights=name, camera=camera)
        lifted.append(pa_mpjpe(found.positions[:, 0], truth))
        depthless = np.pad(camera.project(joints["h36m17"]), ((0, 0), (0, 0), (0, 1)))
        flat.append(pa_mpjpe(depthless, truth))
    assert np.mean(lifted) < 0.7 * np.mean(flat)
    assert np.mean(lifted) < 100
