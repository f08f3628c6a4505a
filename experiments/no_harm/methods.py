"""Methods of the package on the cells of the grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import operators
from grid import Group, Values

import steadypose as sp
from steadypose.refine import make_refiner

WHOLE = "pipeline"  # all stages with nothing set
LINEAR = ("gaussian", "butterworth", "savgol", "kalman")  # without confidence
CURVES = (*LINEAR, "gcv", "adaptive")  # treat every curve by itself


def filtered(group: Group, method: str, **parameters: Any) -> Values:
    """One method alone, without the stages before it; (frames, curves, dims)."""
    if method == "butterworth" and parameters.get("cutoff", 6.0) >= group.rate / 2:
        return group.noisy  # nothing that the cutoff could take is there
    if method in LINEAR and group.confidence is None:
        given = tuple(sorted(parameters.items()))
        matrix = operators.operator(method, given, len(group.noisy), group.rate)
        out = operators.apply(matrix, group.noisy)
    elif method == "gcv" and group.confidence is None and not parameters:
        out = operators.gcv_spline(group.noisy)
    else:
        return through_refiner(group, method, **parameters)
    return operators.nearest_rotations(out) if group.space == "rotations" else out


def refined(group: Group, method: str, *, together: bool = False, **parameters: Any) -> Values:
    """A method alone, or ``WHOLE``: everything that ``refine`` does when no method is named.

    Filters of single curves run over a group at once, all else body by body unless told ``together``.
    """
    if method == "input":
        return group.noisy
    if method in CURVES:
        return filtered(group, method, **parameters)
    named = None if method == WHOLE else method
    if together:
        return through_refiner(group, named, **parameters)
    refiner = make_refiner(named, **parameters)
    return np.concatenate([_values(refiner(r)) for r in group.recordings()], axis=1)


def through_refiner(group: Group, method: str | None, **parameters: Any) -> Values:
    """What ``refine`` does with a group as a recording of many persons."""
    return _values(make_refiner(method, **parameters)(group.together()))


def _values(motion: sp.PoseSequence | sp.BodyMotion) -> Values:
    """As in a group: (frames, curves, dims)."""
    x = motion.positions if isinstance(motion, sp.PoseSequence) else motion.rotations.astype(np.float32)
    return np.asarray(x).reshape(x.shape[0], x.shape[1] * x.shape[2], -1)
