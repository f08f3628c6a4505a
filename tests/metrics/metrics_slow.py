"""Metrics the slow and obvious way: one frame, one person, one keypoint at a time."""

import math
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation


def each(pred, truth=None):
    """Frames of every person by itself: (frames, keypoints, dims)."""
    if pred.ndim == 3:
        return [(pred, truth)]
    return [(pred[:, p], None if truth is None else truth[:, p]) for p in range(pred.shape[1])]


def there(*points):
    return all(np.isfinite(p).all() for p in points)


def average(values):
    return sum(values) / len(values) if values else math.nan


def minus_root(frame, root):
    if root is None:
        return frame
    picked = [root] if isinstance(root, int) else list(root)
    middle = sum(frame[k] for k in picked) / len(picked)
    return np.array([point - middle for point in frame])


def mpjpe(pred, truth, root=None, joint=None):
    out = []
    for a, b in each(pred, truth):
        for f in range(len(a)):
            x, y = minus_root(a[f], root), minus_root(b[f], root)
            for k in range(len(x)):
                if (joint is None or joint == k) and there(x[k], y[k]):
                    out.append(math.dist(x[k], y[k]))
    return average(out)


def pa_mpjpe(pred, truth):
    """SciPy's rotation for 3D (it never reflects), a scale and the means by hand."""
    out = []
    for a, b in each(pred, truth):
        for x, y in zip(a, b, strict=True):
            good = [k for k in range(len(x)) if there(x[k], y[k])]
            if len(good) < 3:
                continue
            u, v = x[good] - x[good].mean(axis=0), y[good] - y[good].mean(axis=0)
            turned = Rotation.align_vectors(v, u)[0].apply(u)
            s = (turned * v).sum() / (u * u).sum()
            out += [math.dist(s * p, q) for p, q in zip(turned, v, strict=True)]
    return average(out)


def n_mpjpe(pred, truth, root=None):
    out = []
    for a, b in each(pred, truth):
        for f in range(len(a)):
            x, y = minus_root(a[f], root), minus_root(b[f], root)
            good = [k for k in range(len(x)) if there(x[k], y[k])]
            power = sum(float(x[k] @ x[k]) for k in good)
            s = sum(float(x[k] @ y[k]) for k in good) / power if power > 0 else 1.0
            out += [math.dist(s * x[k], y[k]) for k in good]
    return average(out)


def difference(points, order):
    if order == 0:
        return points[0]
    return difference(points[1:], order - 1) - difference(points[:-1], order - 1)


def rates(pred, truth, order, cuts=(), root=None, official=False):
    """Accel (order 2), velocity error (1), and without truth the magnitudes."""
    out = []
    for a, b in each(pred, truth):
        edges = [0, *cuts, len(a)]
        for start, stop in pairwise(edges):
            for k in range(a.shape[1]):
                own = []
                for f in range(start, stop - order):
                    x = [minus_root(a[i], root)[k] for i in range(f, f + order + 1)]
                    y = [np.zeros_like(x[0])] * len(x)
                    if b is not None:
                        y = [minus_root(b[i], root)[k] for i in range(f, f + order + 1)]
                    if there(*x, *y):
                        own.append(float(np.linalg.norm(difference(x, order) - difference(y, order))))
                out += own + ([0.0, 0.0] if official and own else [])
    return average(out)


def worst(pred, truth, given, fraction, root=None):
    """Rows of (person, frame) in which the input is worst."""
    scored = []
    for p, (a, b) in enumerate(each(given, truth)):
        for f in range(len(a)):
            e = mpjpe(a[f : f + 1], b[f : f + 1], root)
            if not math.isnan(e):
                scored.append((-e, p, f))
    scored.sort()
    return [(p, f) for _, p, f in scored[: math.ceil(fraction * len(scored))]]


def bone_variation(pred, bones):
    out = []
    for i, j in bones:
        weights, values = 0, 0.0
        for a, _ in each(pred):
            long = [math.dist(f[i], f[j]) for f in a if there(f[i], f[j])]
            if len(long) > 1 and average(long) > 0:
                m = average(long)
                values += len(long) * math.sqrt(average([(v - m) ** 2 for v in long])) / m
                weights += len(long)
        if weights:
            out.append(100 * values / weights)
    return average(out)
