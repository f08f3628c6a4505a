"""Plain NumPy arrays: steadypose's own lossless npz, and any npy or npz of one array of positions.

The npz has ``positions`` (frames, persons, keypoints, 2 or 3) and, as far as they are known, ``times``
(seconds), ``confidence``, ``filled``, ``persons``, ``unit``, ``space``, ``history``, and the skeleton as
``keypoints``, ``parents``, ``root``, ``edges`` and ``skeleton`` (its name). A sequence of rotations has
``rotations`` (frames, persons, joints, 3, 3), ``translation``, ``body_shape``, ``offsets``, ``relative_to``
and ``representation`` instead of positions and confidence. Several sequences: the same names after
``<stream>/``.

An array from elsewhere may leave out the persons; without ``keypoints``, ``times`` (or ``fps``) and ``unit``
these are taken from the options, or said in the history to be assumed. Three numbers a joint are positions in
space, or x, y and confidence where the third lies in 0…1 and the others are far larger; four are x, y, z and
confidence. Rotations are read only where the file says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.errors import SteadyposeError
from steadypose.io import _npy
from steadypose.io._check import last_is_confidence
from steadypose.io._fields import VALUES, Array, numeric
from steadypose.io._missing import withhold, zeros_are_places
from steadypose.io._people import image_unit, length_unit
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.sequence import BodyMotion, Motion, PoseSequence, numbered
from steadypose.skeleton import Skeleton
from steadypose.skeleton import skeleton as find_skeleton

_POSITIONS, _ROTATIONS = "positions", "rotations"
_TEXTS = ("unit", "space", "relative_to", "representation")
_OTHERS = ("translation", "body_shape", "offsets")


@dataclass(frozen=True, eq=False)
class _Kept:
    """What a writer needs of a file: its arrays, and how it was made up.

    Parameters
    ----------
    arrays
        By name; that of an npy file has none.
    alone
        The name of the one array of a file that is not steadypose's own; None for those that are.
    history
        Of every stream as it was read.
    """

    arrays: dict[str, Any]
    alone: str | None
    history: dict[str, tuple[str, ...]]


def sniff(probe: Probe) -> bool:
    """Whether the file is npy or npz at all: the formats that are more particular have been asked before."""
    return probe.head.startswith(_npy.MAGIC) or bool(probe.npz_keys)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One stream, ``main``; or those whose names stand before a slash."""
    npy = probe.head.startswith(_npy.MAGIC)
    content = {"": _npy.load_npy(probe.path)} if npy else _npy.load_npz(probe.path)
    own = [key for key in content if _stem(key) in (_POSITIONS, _ROTATIONS)]
    streams: dict[str, Motion] = {}
    alone = None
    if not own:
        if len(content) != 1:
            raise probe.error("", "an array 'positions', or one array alone", ", ".join(list(content)[:12]))
        alone, array = next(iter(content.items()))
        streams["main"] = _sequence({_POSITIONS: array}, "", options, probe)
    for key in own:
        prefix = key.removesuffix(_stem(key))
        make = _motion if _stem(key) == _ROTATIONS else _sequence
        streams[prefix.removesuffix("/") or "main"] = make(content, prefix, options, probe)
    kept = _Kept(content, alone, {name: m.history for name, m in streams.items()})
    tied = tie(streams, "plain", probe.path, kept)
    # What steadypose has written says itself what is missing: its zeros are places.
    own_names = [name for name in streams if f"{_prefix(name, content)}history" in content]
    return tied | {name: zeros_are_places(tied[name]) for name in own_names}


def write(streams: Mapping[str, Motion], document: _Kept | None, target: Path) -> None:
    """The file that was read, with other coordinates, marks and history; or everything that is known (npz).

    An npy file holds the positions alone.
    """
    npy = target.suffix.lower() == ".npy"
    alone = document is not None and document.alone is not None and npy == (document.alone == "")
    if npy or alone:
        motion = next(iter(streams.values()))
        if len(streams) != 1 or not isinstance(motion, PoseSequence):
            raise SteadyposeError(
                "one array alone holds one sequence of positions, found more: write npz instead"
            )
        new = np.array(motion.positions)
        if document is not None and alone:
            new = _like(document.arrays[document.alone or ""], new)
        if npy:
            _npy.save_npy(new, target)
        else:
            assert document is not None
            _npy.save_npz({document.alone or "": new}, target)
        return
    arrays: dict[str, Array] = {}
    if document is not None and document.alone is None:
        arrays = dict(document.arrays)
        _update(arrays, streams, document)
    else:
        for name, motion in streams.items():
            prefix = "" if len(streams) == 1 else f"{name}/"
            arrays |= {prefix + key: value for key, value in _arrays(withhold(motion)).items()}
    _npy.save_npz(arrays, target)


def _update(arrays: dict[str, Array], streams: Mapping[str, Motion], document: _Kept) -> None:
    """New values in place of the file's own; of what the file has not, marks and history alone are added."""
    for name, motion in streams.items():
        if name not in document.history:
            raise SteadyposeError(
                f"plain: expected streams among {', '.join(document.history)}, found {name!r}"
            )
        prefix = _prefix(name, arrays)
        for key, value in _arrays(motion).items():
            if key == "history" and motion.history == document.history[name]:
                continue
            if prefix + key in arrays:
                arrays[prefix + key] = _like(arrays[prefix + key], value)
            elif key in ("filled", "history"):
                arrays[prefix + key] = value


def _prefix(name: str, arrays: Mapping[str, Any]) -> str:
    return "" if name == "main" and f"main/{_POSITIONS}" not in arrays else f"{name}/"


def _stem(key: str) -> str:
    return key.rsplit("/", 1)[-1]


def _like(old: Array, new: Array) -> Array:
    """New values in the shape and precision of the file's; its own digits where they say the same."""
    if old.ndim and new.ndim and old.shape[-1] == new.shape[-1] + 1:  # with a confidence beside them
        old_points = old.reshape(-1, old.shape[-1])
        if len(old_points) == new.size // new.shape[-1]:
            given = old_points[:, -1:].astype(new.dtype)
            new = np.concatenate([new.reshape(-1, new.shape[-1]), given], axis=1)
    if old.size != new.size:
        return new
    shaped = new.reshape(old.shape)
    if old.dtype.kind == "f" and shaped.dtype.kind == "f":
        return VALUES.encode(old, shaped).astype(old.dtype)
    return old if np.array_equal(old, shaped) else shaped


def _arrays(motion: Motion) -> dict[str, Array]:
    """A sequence as arrays, without what it does not know."""
    body = motion.skeleton
    arrays: dict[str, Any] = {}
    if isinstance(motion, PoseSequence):
        arrays |= {_POSITIONS: motion.positions, "confidence": motion.confidence}
    else:
        arrays |= {_ROTATIONS: motion.rotations, **{key: getattr(motion, key) for key in _OTHERS}}
    arrays |= {"times": motion.times, "filled": motion.filled}
    arrays |= {"persons": list(motion.persons), "keypoints": list(body.keypoints), "parents": body.parents}
    arrays |= {
        "root": list(body.root),
        "edges": body.bones,
        "skeleton": body.name,
        "history": list(motion.history),
    }
    arrays |= {key: getattr(motion, key) for key in _TEXTS if hasattr(motion, key)}
    return {
        key: np.asarray(value, dtype=np.str_) if isinstance(value, list) else np.asarray(value)
        for key, value in arrays.items()
        if value is not None
    }


def _sequence(content: Mapping[str, Any], prefix: str, options: ReadOptions, probe: Probe) -> PoseSequence:
    get = _getter(content, prefix)
    x = get(_POSITIONS)
    place = f"{prefix}{_POSITIONS}"
    confidence = get("confidence")
    wanted = "an array (frames, keypoints, 2 or 3) or (frames, persons, keypoints, 2 or 3)"
    if x.ndim not in (3, 4) or x.shape[-1] not in (2, 3, 4) or 0 in x.shape:
        raise probe.error(place, wanted, f"shape {x.shape} (reshape it first)")
    x = numeric(x, (None,) * x.ndim, place, probe)
    x = x[:, None] if x.ndim == 3 else x
    said_confidence: list[str] = []
    lengths = {"m", "cm", "mm"} & {options.unit, _text(get("unit"))}
    if confidence is None and (x.shape[-1] == 4 or not lengths) and last_is_confidence(x):
        x, confidence = x[..., :-1], x[..., -1].astype(np.float32)
        names = "x, y and confidence" if x.shape[-1] == 2 else "x, y, z and confidence"
        said_confidence = [f"{x.shape[-1] + 1} numbers a keypoint taken for {names}: the last is in 0…1"]
    elif x.shape[-1] == 4:
        raise probe.error(place, f"{wanted}, or x, y, z and a confidence in 0…1", f"shape {x.shape}")
    if confidence is not None and confidence.ndim == 2:
        confidence = confidence[:, None]
    skeleton = _skeleton(get, x.shape[2], options, place, probe)
    times, notes = _times(get, len(x), options, probe)
    notes += said_confidence
    history = _texts(get("history"))
    with np.errstate(over="ignore"):  # too large for single precision is infinite, and that is missing
        x = x.astype(np.float32)
    flat = x.shape[3] == 2
    unit, space = options.unit or _text(get("unit")), _text(get("space"))
    if unit is None:
        unit, said = (image_unit if flat else length_unit)(x, options)
        notes = [*notes, *said]
    return PoseSequence(
        x,
        times,
        skeleton,
        confidence,
        _texts(get("persons")),
        unit,  # type: ignore[arg-type]
        space or ("image" if flat else "world"),  # type: ignore[arg-type]
        (*history, *(n for n in notes if n not in history)),
        get("filled"),
    )


def _motion(content: Mapping[str, Any], prefix: str, options: ReadOptions, probe: Probe) -> BodyMotion:
    get = _getter(content, prefix)
    r = numeric(get(_ROTATIONS), (None, None, None, 3, 3), f"{prefix}{_ROTATIONS}", probe)
    times, notes = _times(get, len(r), options, probe)
    history = _texts(get("history"))
    motion = BodyMotion(
        r,
        times,
        _skeleton(get, r.shape[2], options, f"{prefix}{_ROTATIONS}", probe),
        persons=_texts(get("persons")),
        history=(*history, *(n for n in notes if n not in history)),
        filled=get("filled"),
        **{key: get(key) for key in _OTHERS},
    )
    texts: dict[str, Any] = {key: text for key in _TEXTS if (text := _text(get(key))) is not None}
    return replace(motion, **texts)


def _getter(content: Mapping[str, Any], prefix: str) -> Any:
    return lambda key: content.get(prefix + key)


def _text(value: Any) -> str | None:
    return None if value is None else str(np.asarray(value)[()]) if np.ndim(value) == 0 else str(value)


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None else tuple(map(str, np.ravel(value)))


def _times(get: Any, count: int, options: ReadOptions, probe: Probe) -> tuple[Array, list[str]]:
    if options.fps is None and get("times") is not None:
        return numeric(get("times"), (count,), "times", probe), []
    rate = None if get("fps") is None else float(numeric(get("fps"), (), "fps", probe))
    return timeline(np.arange(count), options, rate)


def _skeleton(get: Any, count: int, options: ReadOptions, place: str, probe: Probe) -> Skeleton:
    if options.skeleton is not None:
        chosen = find_skeleton(options.skeleton)
    elif get("keypoints") is not None:
        chosen = _own_skeleton(get, probe)
    elif get("skeleton") is not None:
        chosen = find_skeleton(_text(get("skeleton")) or "")
    else:
        return numbered(count)
    if len(chosen) != count:
        raise probe.error(place, f"{len(chosen)} keypoints ({chosen.name})", str(count))
    return chosen


def _own_skeleton(get: Any, probe: Probe) -> Skeleton:
    names = _texts(get("keypoints"))
    title = _text(get("skeleton")) or "custom"
    if get("parents") is None:
        return Skeleton.from_names(names, title)
    parents = numeric(get("parents"), (len(names),), "parents", probe)
    edges = None if get("edges") is None else numeric(get("edges"), (None, 2), "edges", probe)
    return Skeleton(
        title,
        names,
        tuple(int(p) for p in parents),
        _texts(get("root")),
        None if edges is None else tuple((int(a), int(b)) for a, b in edges),
    )
