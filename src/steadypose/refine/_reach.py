"""How far a turn of a joint moves what hangs from it: a hand may turn in one frame as no thigh can."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.skeleton import Skeleton

Floats = npt.NDArray[np.floating[Any]]

# Radians that move the end of what hangs from a joint by a body's size. At most that of a hand or a foot: of
# fingers, toes and heads, which carry no joint, nothing else is known.
LEAST, MOST = 4.0, 20.0
# Matrices differ by √2 times their angle, and so do the sizes below.
CHORD = 2**0.5


def rotation_sizes(skeleton: Skeleton, offsets: Floats | None, persons: int) -> npt.NDArray[np.float64]:
    """What stands for a body's size where curves are rotation matrices.

    Parameters
    ----------
    skeleton
        Its parents say what hangs from a joint.
    offsets : ndarray, shape (joints, 3) or (persons, joints, 3), optional
        Of every joint from its parent, in any unit. None: bones are taken as equally long.
    persons
        Number of persons.

    Returns
    -------
    ndarray, shape (persons, joints)
        Differences of matrices that count like a body's size.
    """
    parents = skeleton.parents or ()
    count = len(skeleton)
    lengths = np.ones((persons, count))
    if offsets is not None:
        lengths[:] = np.linalg.norm(offsets, axis=-1)
    reach = np.zeros((persons, count))
    for joint in sorted(range(count), key=lambda k: -_depth(parents, k)):
        parent = parents[joint]
        if parent >= 0:
            reach[:, parent] = np.maximum(reach[:, parent], reach[:, joint] + lengths[:, joint])
    body = 2 * reach.max(axis=1, keepdims=True)  # twice as large as what hangs from its root reaches
    angle = np.where(body > 0, body / np.maximum(reach, body / MOST + np.finfo(float).tiny), LEAST)
    return CHORD * np.clip(angle, LEAST, MOST)


def _depth(parents: tuple[int, ...], joint: int) -> int:
    depth = 0
    while parents[joint] >= 0:
        joint, depth = parents[joint], depth + 1
    return depth
