"""Methods of the package on the cells of the grid."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import operators
from grid import Group, Values

import steadypose as sp
from steadypose.refine import METHODS, make_refiner

WHOLE = "pipeline"  # all stages with nothing set
LINEAR = ("gaussian", "butterworth", "savgol", "kalman")  # without confidence


def filtered(group: Group, method: str, **parameters: Any) -> Values:
    """One method alone, without the stages before it; (frames, curves, dims)."""
    if method == "butterworth" and parameters.get("cutoff", 6.0) >= group.rate / 2:
        return group.noisy  # nothing that the cutoff could take is there
    if method in LINEAR and group.confidence is None:
        given = tuple(sorted(parameters.items()))
        matrix = operators.operator(method, given, len(group.noisy), group.rate)
        out = operators.apply(matrix, group.noisy)
    elif method == "gcv" and method not in METHODS:
        out = operators.gcv_spline(group.noisy)
    else:
        return through_refiner(group, method, **parameters)
    return operators.nearest_rotations(out) if group.space == "rotations" else out


def refined(group: Group, method: str, **parameters: Any) -> Values:
    """A method alone, or ``WHOLE``: everything that ``refine`` does when no method is named."""
    if method == "input":
        return group.noisy
    if method == WHOLE:
        return through_refiner(group, None, **parameters)
    return filtered(group, method, **parameters)


def through_refiner(group: Group, method: str | None, **parameters: Any) -> Values:
    """What ``refine`` does with a group as a recording of many persons."""
    refiner = make_refiner(method, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        out = refiner(group.motion())
    values = out.positions if isinstance(out, sp.PoseSequence) else out.rotations.astype(np.float32)
    return np.asarray(values).reshape(group.noisy.shape)
