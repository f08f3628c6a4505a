"""How people call the columns of their tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNITS = {
    "px": "px",
    "pixels": "px",
    "mm": "mm",
    "cm": "cm",
    "m": "m",
    "normalized": "normalized",
    "norm": "normalized",
}


def _axis(a: str) -> tuple[str, ...]:
    forms = (
        a,
        f"{a}_coord",
        f"img_loc_{a}",
        f"pos_{a}",
        f"position_{a}",
        f"{a}_pos",
        f"{a}_position",
        f"coord_{a}",
    )
    return (*forms, f"coordinate_{a}", f"{a}_coordinate", *(f"{a}_{u}" for u in _UNITS))


SPELLINGS: dict[str, tuple[str, ...]] = {
    "frame": (
        "frame", "frame_index", "frame_idx", "frame_id", "frame_number", "frame_num", "frame_no", "frame_nr",
        "framenumber", "frameid", "frames", "fnum", "sync_index", "image_id", "image", "img",
    ),
    "time": (
        "time", "timestamp", "frame_time", "time_s", "timestamp_s", "time_sec", "seconds", "secs", "t",
        "timestamp_ms", "time_ms", "ms", "milliseconds", "timestamp_us", "time_us",
    ),
    "person": (
        "person", "person_id", "track", "track_id", "tracking_id", "subject", "subject_id", "individual",
        "individuals", "animal", "animal_id", "instance", "instance_id", "identity", "pid", "player",
        "player_id",
    ),
    "keypoint": (
        "keypoint", "keypoint_id", "keypoint_name", "joint", "joint_id", "joint_name", "bodypart",
        "bodyparts", "body_part", "point_id", "landmark", "landmark_id", "landmark_name", "marker",
        "marker_name", "node", "node_name", "part", "point", "label", "name",
    ),
    "x": _axis("x"),
    "y": _axis("y"),
    "z": _axis("z"),
    "confidence": (
        "confidence", "conf", "score", "likelihood", "visibility", "probability", "prob", "keypoint_score",
        "point_score", "c",
    ),
    "stream": ("port", "camera", "camera_id", "camera_name", "cam", "cam_id", "view"),
}  # fmt: skip


def plain(name: str) -> str:
    """A column's name in lower snake case."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).lower()).strip("_")


def find(header: Sequence[str]) -> dict[str, int]:
    """Which column plays which role, by its name; of several the one whose spelling is listed first."""
    names = [plain(h) for h in header]
    found = {}
    for role, spellings in SPELLINGS.items():
        at = next((names.index(s) for s in spellings if s in names), None)
        if at is not None:
            found[role] = at
    if "id" in names:  # of a point, where nothing else says which point it is; or else of a person
        found.setdefault("person" if "keypoint" in found else "keypoint", names.index("id"))
    return found


def seconds(name: str) -> float:
    """What one unit of a time column is, by its name."""
    words = plain(name).split("_")
    return 1e-3 if words[-1] in ("ms", "milliseconds") else 1e-6 if words[-1] == "us" else 1.0


def unit(name: str) -> str | None:
    """The unit that a coordinate's name ends in (``x_mm``)."""
    return _UNITS.get(plain(name).partition("_")[2])
