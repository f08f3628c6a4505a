"""A lifting network small enough to say by hand what it must put out, and people to lift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import steadypose as sp
from steadypose._layouts import layouts
from steadypose.lift._spec import INPUT, METADATA, OUTPUT, LiftSpec

Array = np.ndarray[Any, Any]
SCALE = 400.0


def weights(spec: LiftSpec, seed: int = 0) -> tuple[Array, Array]:
    """Of :func:`network`: x and y of the same joint in mm, depth a mixture of all the window's inputs."""
    rng = np.random.default_rng(seed)
    inputs, outputs = spec.length * len(spec.joints) * spec.channels, spec.length * len(spec.outputs) * 3
    w, b = np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32)
    w_ = w.reshape(spec.length, len(spec.joints), spec.channels, spec.length, len(spec.outputs), 3)
    w_[..., 2] = rng.normal(0, 20, w_[..., 2].shape)
    b.reshape(-1, 3)[:, 2] = rng.normal(0, 100, spec.length * len(spec.outputs))
    for k, name in enumerate(spec.outputs):
        own = name if name in spec.joints else "head"
        for frame in range(spec.length):
            for d in range(2):
                w_[frame, spec.joints.index(own), d, frame, k, d] = SCALE
    return w, b


def write_network(
    path: Path,
    spec: LiftSpec,
    *,
    card: dict[str, Any] | None = None,
    metadata: bool = True,
    seed: int = 0,
    names: tuple[str, str] = (INPUT, OUTPUT),
) -> Path:
    """One affine map of a whole window, as ONNX."""
    w, b = weights(spec, seed)
    shape_in = ("batch", spec.length, len(spec.joints), spec.channels)
    shape_out = ("batch", spec.length, len(spec.outputs), 3)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", [names[0]], ["flat"], axis=1),
            helper.make_node("Gemm", ["flat", "w", "b"], ["out"]),
            helper.make_node("Reshape", ["out", "shape"], [names[1]]),
        ],
        "tiny",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, shape_in)],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, shape_out)],
        [
            numpy_helper.from_array(w, "w"),
            numpy_helper.from_array(b, "b"),
            numpy_helper.from_array(np.array([-1, *shape_out[1:]], np.int64), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata:
        said = {"name": "tiny", "spec": spec.to_json()} if card is None else card
        helper.set_model_props(model, {METADATA: json.dumps(said)})
    onnx.save(model, str(path))
    return path


def walker(
    frames: int = 40, persons: int = 1, skeleton: str = "coco17", fps: float = 50.0, seed: int = 3
) -> sp.PoseSequence:
    """People who move smoothly, in pixels, with confidences."""
    rng = np.random.default_rng(seed)
    keypoints = len(layouts()[skeleton])
    t = np.arange(frames)[:, None, None, None] / fps
    phase = rng.uniform(0, 6, (1, persons, keypoints, 2))
    x = 500 + rng.normal(0, 120, phase.shape) + 30 * np.sin(3 * t + phase) + [90, 5] * t
    c = rng.uniform(0.4, 1, x.shape[:3])
    return sp.PoseSequence.from_array(x, fps=fps, skeleton=skeleton, confidence=c)
