"""GVHMR results (``hmr4d_results.pt``), a torch file: one person, SMPL-X's body without hands.

``smpl_params_global`` and ``smpl_params_incam`` each hold ``body_pose`` (L, 63), ``global_orient`` (L, 3),
``transl`` (L, 3) and ``betas`` (L, 10); ``K_fullimg`` and the network's outputs are kept. GVHMR's demo makes
every video one of 30 fps, but the file does not say so.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.io import _torch
from steadypose.io._bounded import open_zip
from steadypose.io._fields import VALUES, Field, Place, need, numeric
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import (
    AXIS_ANGLE,
    SMPL22,
    Body,
    Kept,
    Part,
    by_space,
    filled_in,
    new_of_one,
    one_person,
)
from steadypose.sequence import Motion, Space

_BODIES: tuple[tuple[str, str, Space], ...] = (
    ("world", "smpl_params_global", "world"),
    ("camera", "smpl_params_incam", "camera"),
)


def sniff(probe: Probe) -> bool:
    """Whether a torch file mentions GVHMR's keys (or is one of torch before 1.6, to say what is wrong)."""
    if probe.head.startswith(_torch.OLD_MAGIC):
        return True
    folder = _torch.root(probe.zip_names)
    if folder is None:
        return False
    try:
        with open_zip(probe.path) as z, z.open(f"{folder}/data.pkl") as f:
            return b"smpl_params_" in f.read(1 << 20)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError):
        return False


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``world`` and ``camera``."""
    content = _torch.load(probe.path)
    parts: dict[str, Part] = {}
    streams: dict[str, Motion] = {}
    for name, key, space in _BODIES:
        if isinstance(content, Mapping) and key in content:
            body = _body(content, key, probe)
            times, notes = timeline(np.arange(body.pose.rows.frames), options)
            parts[name] = body
            streams[name] = body.motion(SMPL22, times, ("0",), space, notes)
    if not parts:
        raise probe.error("", "smpl_params_global or smpl_params_incam", "neither")
    return tie(streams, "gvhmr", probe.path, Kept(content, parts, _torch.root(probe.zip_names)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other rotations and translations; or a new one, without SMPL's hands.

    ``torch.load`` reads both.
    """
    if document is not None:
        _torch.dump(filled_in(streams, document, "gvhmr"), target, document.envelope or "archive")
        return
    content: dict[str, dict[str, _torch.Tensor]] = {}
    for space, motion in by_space(streams, "gvhmr").items():
        made = new_of_one(motion, (22, 24), "gvhmr")
        arrays = {"body_pose": made.poses[:, 0, 3:66], "betas": made.betas[:, 0]}
        arrays |= {"global_orient": made.poses[:, 0, :3], "transl": made.trans[:, 0]}
        key = "smpl_params_incam" if space == "camera" else "smpl_params_global"
        content[key] = {name: _torch.tensor(a.astype(np.float32)) for name, a in arrays.items()}
    _torch.dump(content, target)


def _body(content: Any, key: str, probe: Probe) -> Body:
    params = content[key]
    pose = numeric(need(params, "body_pose", key, probe), (None, 63), f"{key}.body_pose", probe)
    count = len(pose)

    def array(name: str, width: int | None) -> Any:
        return numeric(need(params, name, key, probe), (count, width), f"{key}.{name}", probe)

    rows = one_person(count, probe)
    vectors = np.concatenate([array("global_orient", 3), pose], axis=1).reshape(count, 22, 3)
    places = (
        Place((key, "global_orient"), items=slice(0, 1)),
        Place((key, "body_pose"), items=slice(1, None)),
    )
    translation = Field(rows, array("transl", 3)[:, None], (Place((key, "transl")),), VALUES)
    return Body(Field(rows, vectors, places, AXIS_ANGLE), translation, array("betas", None))
