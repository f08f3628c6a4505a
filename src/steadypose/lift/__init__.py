"""2D keypoints in, root-relative 3D out, through ONNX Runtime; never imports torch.

The main path is :func:`lift`: keypoints become the network's joints (``_skeleton``), gaps are bridged and
windows made and normalised (``_inputs``), the network runs (``_network``), and what it says of a frame in
several windows is averaged (``_lifting``).
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from steadypose._layouts import layouts
from steadypose._timed import Bools
from steadypose.errors import DataError
from steadypose.io import image_size
from steadypose.lift._camera import Intrinsics, read_camera
from steadypose.lift._inputs import step
from steadypose.lift._lifting import Lifting, Values
from steadypose.lift._live import Lifter
from steadypose.lift._network import Network, shipped
from steadypose.lift._skeleton import to_inputs
from steadypose.lift._spec import LiftSpec
from steadypose.sequence import PoseSequence
from steadypose.skeleton import Skeleton

__all__ = [
    "Intrinsics",
    "LiftSpec",
    "Lifter",
    "Network",
    "PoseSequence",
    "lift",
    "read_camera",
    "shipped",
    "to_inputs",
]


def lift(
    seq: PoseSequence,
    *,
    weights: str | os.PathLike[str] | Network | None = None,
    online: bool = False,
    camera: Any = None,
    stature: float | None = None,
    size: tuple[float, float] | None = None,
    max_gap: float = 0.25,
) -> PoseSequence:
    """3D joints from 2D keypoints.

    Parameters
    ----------
    seq : PoseSequence
        Keypoints in the image, in pixels or fractions of it; any skeleton with shoulders, hips, elbows,
        knees … Any number of persons, who may come and go.
    weights
        ``"seq2seq"`` (the default) or ``"fcn"``, an ONNX file of ``steadypose train``, or a
        :class:`~steadypose.lift.Network` made before.
    online
        Let every frame depend on itself and earlier ones only, as it would live
        (:class:`~steadypose.lift.Lifter`). Otherwise gaps are filled from both sides, and what the windows
        that contain a frame say of it is averaged.
    camera
        Of the image: a mapping or an object with ``focal``, ``centre`` and maybe ``distortion`` (k1, k2, p1,
        p2, k3), in pixels. With it the joints are in its axes; without, in those of a camera that looks at
        the person.
    stature
        The person's height in metres: scales the joints, whose size is otherwise that of a body that the
        network finds likely. From the median height over the recording, online from the mean so far.
    size
        Width and height of the image, for fractions of it where neither the file nor the camera says them.
    max_gap
        Gaps of a joint up to this many seconds are filled (online: held); longer ones are left to the
        network.

    Returns
    -------
    PoseSequence
        The same frames and persons; Human3.6M's 17 joints, mm from the pelvis (x right, y down, z away),
        space ``"root-relative"``. A frame in which fewer than 6 of the network's joints are known is missing;
        a joint whose keypoints were not seen is in ``filled``: its position is a guess. ``confidence`` is
        that of the keypoints that a joint comes from, or None if the input has none.

    Raises
    ------
    DataError
        If the keypoints are not in the image, their skeleton has nothing of a body, the image's size is
        needed and not known, or an argument does not fit.
    SteadyposeError
        If no network of that name comes with steadypose, or the file is not one.
    """
    if not isinstance(seq, PoseSequence):
        raise DataError(f"expected 2D keypoints to lift, found {type(seq).__name__}")
    lens = None if camera is None else Intrinsics.of(camera)
    if not isinstance(weights, str | os.PathLike | Network | None):
        raise DataError(f"expected weights by name or as a file, found {type(weights).__name__}")
    network = weights if isinstance(weights, Network) else Network(weights)
    lifting = Lifting(network, lens, stature, max_gap)
    inputs = to_inputs(_in_pixels(seq, size, lens), network.spec)
    confidence = inputs.confidence
    assert confidence is not None
    skeleton = _skeleton(network.spec)
    joints = np.empty((*seq.shape[:2], len(skeleton), 3), np.float32)
    for p in range(seq.shape[1]):
        joints[:, p] = lifting.person(inputs.positions[:, p], confidence[:, p], seq.times, seq.fps, online)
    known = _by_output(confidence, network.spec)
    seen = known > 0
    if seq.filled is not None and seq.filled.any():
        unseen = replace(seq, positions=np.where(seq.filled[..., None], np.float32(np.nan), seq.positions))
        raw = to_inputs(unseen, network.spec).confidence
        assert raw is not None
        seen = _by_output(raw, network.spec) > 0
    lifted: Bools = np.isfinite(joints[..., 0])
    return PoseSequence(
        positions=joints,
        times=seq.times,
        skeleton=skeleton,
        confidence=None if seq.confidence is None else known,
        persons=seq.persons,
        unit="mm",
        space="root-relative",
        history=(*inputs.history, _note(lifting, seq, lifted[..., 0], online)),
        filled=lifted & ~seen,
    )


def _in_pixels(
    seq: PoseSequence, size: tuple[float, float] | None, camera: Intrinsics | None
) -> PoseSequence:
    """The sequence in pixels: fractions of an image that is not square have another shape."""
    if seq.space != "image" or seq.unit == "px":
        return seq
    if seq.unit != "normalized":
        raise DataError(f"expected keypoints in pixels or fractions of the image, found {seq.unit}")
    found = size or (camera.size if camera is not None else None) or image_size(seq)
    if found is None:
        raise DataError(
            "expected the size of the image (size=(1920, 1080), --size 1920x1080), of which these are "
            "fractions"
        )
    width, height = (float(v) for v in found)
    if not (0 < width < np.inf and 0 < height < np.inf):
        raise DataError(f"expected a width and a height above 0, found {found!r}")
    scaled = seq.positions[..., :2] * np.array([width, height], np.float32)
    note = f"pixels of an image of {width:g} x {height:g}"
    return replace(seq, positions=scaled, unit="px", history=(*seq.history, note))


def _skeleton(spec: LiftSpec) -> Skeleton:
    h36m = layouts()["h36m17"]
    if spec.outputs == h36m.keypoints:
        return h36m
    return h36m.subset([h36m.index(name) for name in spec.outputs])


def _by_output(confidence: Values, spec: LiftSpec) -> Values:
    """Confidence of every output's own keypoint; 0 if there is none or it was not seen."""
    stand_in = {"neck_base": "head"}  # which lies beside it, and is an input of every network
    known = np.zeros((*confidence.shape[:2], len(spec.outputs)), np.float32)
    for k, name in enumerate(spec.outputs):
        own = name if name in spec.joints else stand_in.get(name)
        if own in spec.joints:
            known[..., k] = confidence[..., spec.joints.index(own)]
    return known


def _note(lifting: Lifting, seq: PoseSequence, lifted: Bools, online: bool) -> str:
    """What was done, for the history."""
    spec, every = lifting.network.spec, step(seq.fps, lifting.network.spec)
    words = [
        f"lift: {lifting.network.name}, {spec.length} frame{'s' * (spec.length > 1)} a window",
        *([f"every {every} frames"] if every > 1 else []),
        "online" if online else "offline",
        f"max_gap={lifting.max_gap:g}",
        *(["turned to the person and back"] if lifting.camera is not None else []),
        *([f"stature={lifting.stature:g}"] if lifting.stature is not None else []),
    ]
    lost = int((~lifted).sum())
    also = [f"{lost} of {lifted.size} bodies not lifted"] if lost else []
    if seq.fps < spec.rates[0] * 0.95:
        also.append(f"{seq.fps:.4g} fps is below the {spec.rates[0]:g} it was trained on")
    return "; ".join([", ".join(words), *also])
