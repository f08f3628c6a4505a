"""Scores of lifting, as in the papers: per action, then over actions.

Protocol 1 is MPJPE with the roots put together, protocol 2 after a similarity (PA-MPJPE); Accel is beside
both everywhere. All are in millimetres, Accel a frame squared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from steadypose import metrics
from steadypose.data.pairs import Pairs, Track
from steadypose.errors import DataError
from steadypose.models.lifter import Lifter

__all__ = ["Filter", "Predict", "predictions", "predictor", "score", "scores"]

Values = npt.NDArray[np.float32]
Filter = Literal["median", "mean"]
# Windows (windows, length, joints, channels) to millimetres (windows, length, outputs, 3).
Predict = Callable[[Values], Values]

_CHUNK = 4096


def predictor(lifter: Lifter) -> Predict:
    """A lifter of torch as a function of arrays, in evaluation mode."""
    import torch

    lifter.eval()
    device = next(lifter.parameters()).device

    def predict(windows: Values) -> Values:
        with torch.inference_mode():
            out: Values = lifter(torch.from_numpy(windows).to(device)).float().cpu().numpy()
            return out

    return predict


def predictions(
    predict: Predict, pairs: Pairs, *, filter: Filter | None = None, frames: int = 5
) -> list[Values]:
    """What a network says of every track.

    As in Hossain & Little's test: all frames of a track's first window, then the last frame of each.

    Parameters
    ----------
    predict
        The network.
    pairs
        Windows of tracks.
    filter
        Over the ``frames`` frames around each one of a track, its first and last frames repeated: the
        baselines of the paper's tables.

    Returns
    -------
    list of ndarray, shape (frames, outputs, 3)
        One a track, in the axes of its camera; NaN in frames that no window tells.
    """
    out = np.full(pairs.truth.shape, np.nan, np.float32)
    last = pairs.frames[:, -1]
    first_of_run = np.diff(last, prepend=-2) != 1
    first_of_run |= np.diff(pairs.track, prepend=-1) != 0
    for at in range(0, len(pairs), _CHUNK):
        which = np.arange(at, min(at + _CHUNK, len(pairs)))
        y = predict(pairs.batch(which)[0])
        if pairs.turns is not None:
            y = y @ pairs.turns[which][:, None]
        whole = first_of_run[which]
        out[pairs.frames[which[whole]]] = y[whole]
        out[last[which]] = y[:, -1]
    tracks = np.split(out, pairs.first[1:])
    return tracks if filter is None else [filtered(t, filter, frames) for t in tracks]


def filtered(x: Values, filter: Filter, frames: int = 5) -> Values:
    """Median or mean over the ``frames`` (an odd number) frames around each one, first and last repeated.

    Frames next to one that is missing come out missing.

    Raises
    ------
    DataError
        If the number of frames is not odd.
    """
    if frames < 1 or frames % 2 == 0:
        raise DataError(f"expected an odd number of frames for a filter, found {frames}")
    padded = np.pad(x, [(frames // 2, frames // 2), *[(0, 0)] * (x.ndim - 1)], mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, frames, axis=0)
    found: Values = (np.median if filter == "median" else np.mean)(around, axis=-1).astype(np.float32)
    return found


def scores(predicted: Sequence[Values], tracks: Sequence[Track]) -> dict[str, Any]:
    """Errors of predictions: every action by itself, and the means over actions.

    Parameters
    ----------
    predicted
        One array (frames, outputs, 3) a track, mm, in its camera's axes; NaN where there is none.
    tracks
        With truths and labels.

    Returns
    -------
    dict
        ``"mpjpe"``, ``"pa_mpjpe"``, ``"accel"``: means over actions of what each has over all of its frames
        and joints but the root, whose error is zero by definition (protocol 2: also without it, aligned with
        all). ``"with_root"``: the same with the root among the joints, as the authors' code counts.
        ``"actions"``: both for each label, and its ``"frames"``. ``"share"``: of frames with a prediction.

    Raises
    ------
    DataError
        If there are no tracks, or a shape does not fit.
    """
    if len(predicted) != len(tracks) or not tracks:
        raise DataError(
            f"expected a prediction for each of the tracks, found {len(predicted)} for {len(tracks)}"
        )
    actions: dict[str, list[int]] = {}
    for number, (p, t) in enumerate(zip(predicted, tracks, strict=True)):
        if p.shape != t.truth.shape:
            raise DataError(f"{t.name}: expected a prediction of shape {t.truth.shape}, found {p.shape}")
        actions.setdefault(t.label, []).append(number)
    found = {
        label: _action([predicted[n] for n in numbers], [tracks[n].truth for n in numbers])
        for label, numbers in sorted(actions.items())
    }
    told = sum(int(np.isfinite(p).all(axis=(1, 2)).sum()) for p in predicted)
    return {
        **_means(list(found.values())),
        "with_root": _means([a["with_root"] for a in found.values()]),
        "actions": found,
        "share": told / sum(len(p) for p in predicted),
    }


def score(predict: Predict, pairs: Pairs, *, filter: Filter | None = None, frames: int = 5) -> dict[str, Any]:
    """:func:`scores` of a network's :func:`predictions`."""
    return scores(predictions(predict, pairs, filter=filter, frames=frames), pairs.tracks)


_METRICS = ("mpjpe", "pa_mpjpe", "accel")


def _action(predicted: list[Values], truth: list[Values]) -> dict[str, Any]:
    x = np.concatenate([p - p[:, :1] for p in predicted])
    y = np.concatenate([t - t[:, :1] for t in truth])
    cuts = np.cumsum([len(t) for t in truth])[:-1].tolist()
    each = {
        "mpjpe": metrics.mpjpe(x, y, per_joint=True),
        "pa_mpjpe": metrics.pa_mpjpe(x, y, per_joint=True),
        "accel": metrics.accel(x, y, cuts=cuts, per_joint=True),
    }
    # Every joint counts in the same frames, so the mean over joints is the mean over all.
    without = {name: float(np.mean(np.asarray(e)[1:])) for name, e in each.items()}
    return {
        **without,
        "with_root": {name: float(np.mean(e)) for name, e in each.items()},
        "frames": int(np.isfinite(x).all(axis=(1, 2)).sum()),
    }


def _means(actions: list[dict[str, Any]]) -> dict[str, float]:
    """Over actions; an action too short for a metric does not count in it."""
    out = {}
    for name in _METRICS:
        values = [a[name] for a in actions if np.isfinite(a[name])]
        out[name] = float(np.mean(values)) if values else float("nan")
    return out
