"""Bodies as joint rotations, with errors an estimator might make, in the forms that networks can be given.

No estimator of rotations is at hand that could be run on motion capture: the noise is made, white and slow,
joint by joint. Every body has the same neutral lengths, so that rotations are all that differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from store import Recorded

from steadypose import rotations
from steadypose.data._neutral import offsets
from steadypose.data._processes import correlated
from steadypose.data.cameras import film_set
from steadypose.data.mocap import load_clips, to_smpl
from steadypose.sequence import BodyMotion
from steadypose.skeleton import skeleton

Floats = npt.NDArray[np.floating]
Values = npt.NDArray[np.float32]

FPS = 50.0
JOINTS = 24
WHITE, SLOW, SLOW_TIME = np.deg2rad(3.0), np.deg2rad(4.0), 0.25  # of each component; seconds
_SPLITS = ("train", "validation", "test")

# What a network is given in place of rotations, and what gives rotations back; (..., 3, 3) to (..., n).
FORMS: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "rotations-6d": (rotations.to_6d, rotations.from_6d),
    "rotations-quaternion": (rotations.to_quaternion, rotations.from_quaternion),
    "rotations-axis-angle": (rotations.to_axis_angle, rotations.from_axis_angle),
}
POSITIONS = "rotations-3d"


def recordings(split: str) -> list[Recorded]:
    """Rotation matrices of SMPL's joints (frames, 24, 9), relative to the parents, the root's to a camera."""
    found = []
    rng = np.random.default_rng((1, _SPLITS.index(split)))
    for number, clip in enumerate(load_clips(splits=(split,), fps=FPS)):
        local = to_smpl(clip).rotations[:, 0].copy()
        camera = film_set()[number % 4]
        local[:, 0] = camera.rotation @ local[:, 0]
        shape = (len(local), JOINTS, 3)
        error = WHITE * rng.standard_normal(shape) + SLOW * correlated(shape, SLOW_TIME * FPS, rng)
        noisy = local @ rotations.from_axis_angle(error)
        x, y = (m.reshape(len(m), JOINTS, 9).astype(np.float32) for m in (noisy, local))
        found.append(Recorded(f"{clip.name}/{camera.name}", clip.label, FPS, x, y))
    return found


def in_form(r: Recorded, form: str) -> Recorded:
    """A recording of rotations as a network is given it: 6D, quaternions, axis-angle; positions, metres."""
    if form == POSITIONS:
        return replace(r, noisy=positions(_matrices(r.noisy)), truth=positions(_matrices(r.truth)))
    there, _ = FORMS[form]
    return replace(r, noisy=_values(there(_matrices(r.noisy))), truth=_values(there(_matrices(r.truth))))


def from_form(values: Values, form: str) -> Values:
    """Positions, metres relative to the root, of what a network has made of a form; (frames, 23, 3)."""
    if form == POSITIONS:
        return values
    _, back = FORMS[form]
    return positions(rotations.project(back(values.astype(np.float64))))


def positions(local: Floats) -> Values:
    """Joints but the root, relative to it, metres; rotations (frames, 24, 3, 3) relative to the parents."""
    body = skeleton("smpl24")
    motion = BodyMotion(
        local[:, None], np.arange(len(local)) / FPS, body, offsets=offsets(body), space="camera"
    )
    x = rotations.forward_kinematics(motion).positions[:, 0]
    return _values(np.delete(x - x[:, :1], 0, axis=1))


def _matrices(x: Values) -> Floats:
    # In single precision a matrix is not quite a rotation.
    return rotations.project(x.reshape(*x.shape[:-1], 3, 3).astype(np.float64))


def _values(x: Floats) -> Values:
    return np.asarray(x, np.float32)
