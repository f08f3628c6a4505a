"""Acclaim's ASF (a skeleton) and AMC (its motion), as CMU distributes them.

A bone of ASF starts where its parent ends and turns about axes of its own: ``L = C M C⁻¹``, with ``C`` the
file's ``axis`` and ``M`` the rotation of the frame. The joint here is where a bone starts, and is named as
the usual BVH conversions name it. Lengths are in inches divided by ``length``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from steadypose.errors import FormatError
from steadypose.rotations import from_euler
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton

Floats = npt.NDArray[np.float64]

_INCH = 0.0254
ASSUMED_FPS = 120.0  # of CMU's recordings; neither file says
_AXES = {"rx": "X", "ry": "Y", "rz": "Z"}

# CMU's bones by the names that BVH files have for the joints they start at.
_JOINTS = {
    "root": "Hips",
    "lowerback": "LowerBack",
    "upperback": "Spine",
    "thorax": "Spine1",
    "lowerneck": "Neck",
    "upperneck": "Neck1",
    "head": "Head",
}
_SIDED = {
    "hipjoint": "{s}HipJoint",
    "femur": "{side}UpLeg",
    "tibia": "{side}Leg",
    "foot": "{side}Foot",
    "toes": "{side}ToeBase",
    "clavicle": "{side}Shoulder",
    "humerus": "{side}Arm",
    "radius": "{side}ForeArm",
    "wrist": "{side}Hand",
    "hand": "{side}FingerBase",
    "fingers": "{side}HandIndex1",
    "thumb": "{s}Thumb",
}
for _s, _side in (("l", "Left"), ("r", "Right")):
    _JOINTS |= {_s + bone: name.format(s=_s.upper(), side=_side) for bone, name in _SIDED.items()}


@dataclass(frozen=True)
class Bone:
    """A bone: its own axes as angles, their order, the channels of a frame, and its end from its start."""

    axis: Floats
    order: str
    turns: tuple[str, ...]
    vector: Floats


@dataclass(frozen=True)
class Asf:
    """A skeleton: bones by name, the root first and parents before children, and the parents' indices."""

    bones: dict[str, Bone]
    parents: list[int]
    degrees: bool
    scale: float  # metres in a length unit


def read(path: Path, fps: float | None = None) -> tuple[BodyMotion, dict[str, Floats]]:
    """A motion in metres, and the ends of the bones that nothing hangs from, by joint.

    The skeleton is the ASF file beside the AMC file: of the same stem, of the stem's part before ``_``
    (``01.asf`` of ``01_14.amc``), or the only one.

    Raises
    ------
    FormatError
        Naming file and line.
    """
    skeleton = _skeleton(_asf_beside(path))
    bones, parents, degrees = skeleton.bones, skeleton.parents, skeleton.degrees
    motion = _frames(path, bones)
    names = list(bones)
    frames = len(motion["root"])
    local = np.empty((frames, len(names), 3, 3))
    for k, name in enumerate(names):
        bone = bones[name]
        angles = np.zeros((frames, 3))
        for column, turn in enumerate(bone.turns):
            if turn in _AXES:
                angles[:, "ZYX".index(_AXES[turn])] = motion[name][:, column]
        own = _about(bone.axis, bone.order, degrees)
        local[:, k] = own @ from_euler(angles, "ZYX", degrees) @ own.T
    place = [bones["root"].turns.index(t) for t in ("tx", "ty", "tz")]
    start = [bones[names[p]].vector if p >= 0 else np.zeros(3) for p in parents]
    joints = [_JOINTS.get(n, n) for n in names]
    sequence = BodyMotion(
        local[:, None],
        np.arange(frames) / (fps or ASSUMED_FPS),
        Skeleton("asf", tuple(joints), tuple(parents), (joints[0],)),
        motion["root"][:, None, place] * skeleton.scale + bones["root"].vector,
        offsets=np.where(np.array(parents)[:, None] == 0, 0, start),
        history=() if fps else (f"no frame rate in the file: {ASSUMED_FPS:g} fps assumed",),
    )
    ends = {joints[k]: bones[n].vector for k, n in enumerate(names) if k not in parents}
    return sequence, ends


def _asf_beside(path: Path) -> Path:
    here = {p.stem.lower(): p for p in path.parent.iterdir() if p.suffix.lower() == ".asf"}
    stem = path.stem.lower()
    found = here.get(stem) or here.get(stem.rpartition("_")[0])
    found = found or (next(iter(here.values())) if len(here) == 1 else None)
    if found is None:
        raise FormatError(path, "", "its skeleton (an .asf file) beside it", f"{len(here)} .asf files")
    return found


def _about(axis: Floats, order: str, degrees: bool) -> Floats:
    """The rotation of Acclaim's angles: about fixed axes in their order, the first one first."""
    return from_euler(axis[::-1], order[::-1], degrees)


def _text(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="latin-1").splitlines()
    except OSError as e:
        raise FormatError(path, "", "a readable file", e.strerror or str(e)) from None


def _skeleton(path: Path) -> Asf:
    scale, degrees = _INCH, True
    section, block = "", dict[str, list[str]]()
    root: dict[str, list[str]] = {}
    blocks: list[dict[str, list[str]]] = []
    above: dict[str, str] = {}
    for number, line in enumerate(_text(path), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0].startswith(":"):
            section = words[0].lower()
            continue
        key, values = words[0].lower(), words[1:]
        try:
            if section == ":units" and key == "length":
                scale = _INCH / float(values[0])
            elif section == ":units" and key == "angle":
                degrees = values[0].lower().startswith("deg")
            elif section == ":root":
                root[key] = values
            elif section == ":bonedata" and key == "begin":
                block = {"": [str(number)]}
            elif section == ":bonedata" and key == "end":
                blocks.append(block)
            elif section == ":bonedata":
                block.setdefault(key, values)
            elif section == ":hierarchy" and key not in ("begin", "end"):
                above |= dict.fromkeys(values, words[0])
        except (ValueError, IndexError, ZeroDivisionError):
            raise FormatError(path, f"line {number}", f"a value of {key}", repr(line.strip())) from None
    if not (root and blocks and above):
        raise FormatError(path, "", "sections :root, :bonedata and :hierarchy", "not all of them")
    bones = {"root": _root(path, root, scale)} | {
        b.get("name", ["?"])[0]: _bone(path, b, scale) for b in blocks
    }
    order = ["root"]
    for name in order:  # grows while it is gone through
        order += [child for child, parent in above.items() if parent == name]
        if len(order) > len(bones):
            raise FormatError(path, ":hierarchy", "a tree of the bones", "a bone twice or unknown")
    lost = set(bones) ^ set(order)
    if lost:
        raise FormatError(path, ":hierarchy", "every bone once", f"{sorted(lost)[0]!r}")
    parents = [-1, *(order.index(above[n]) for n in order[1:])]
    return Asf({n: bones[n] for n in order}, parents, degrees, scale)


def _root(path: Path, root: dict[str, list[str]], scale: float) -> Bone:
    turns = tuple(w.lower() for w in root.get("order", []))
    if not {"tx", "ty", "tz"} <= set(turns):
        raise FormatError(path, ":root", "an order with TX TY TZ", " ".join(turns) or "none")
    return Bone(
        _three(path, ":root", root, "orientation"),
        root.get("axis", ["XYZ"])[0].upper(),
        turns,
        _three(path, ":root", root, "position") * scale,
    )


def _bone(path: Path, block: dict[str, list[str]], scale: float) -> Bone:
    place = f"line {block[''][0]}"
    direction, axis = _three(path, place, block, "direction"), _three(path, place, block, "axis")
    length = float(_numbers(path, place, block, "length", 1)[0])
    order = block["axis"][3].upper() if len(block["axis"]) > 3 else "XYZ"
    if sorted(order) != ["X", "Y", "Z"]:
        raise FormatError(path, place, "axes such as XYZ", repr(order))
    size = np.linalg.norm(direction)
    vector = direction / size * length * scale if size > 0 else np.zeros(3)
    return Bone(axis, order, tuple(w.lower() for w in block.get("dof", [])), vector)


def _three(path: Path, place: str, block: dict[str, list[str]], key: str) -> Floats:
    return _numbers(path, place, block, key, 3)


def _numbers(path: Path, place: str, block: dict[str, list[str]], key: str, count: int) -> Floats:
    try:
        values = np.array([float(w) for w in block[key][:count]])
    except (KeyError, ValueError):
        values = np.array([np.nan])
    if len(values) != count or not np.isfinite(values).all():
        found = " ".join(block.get(key, ["none"]))
        raise FormatError(path, place, f"{key} as {count} numbers", found)
    return values


def _frames(path: Path, bones: dict[str, Bone]) -> dict[str, Floats]:
    """Values of every bone in the order of its channels, shape (frames, channels)."""
    lines = _text(path)
    first = next((n for n, line in enumerate(lines) if re.fullmatch(r"\s*\d+\s*", line)), None)
    if first is None:
        raise FormatError(path, "", "a frame number on a line of its own", "none")
    step = next(
        (n - first for n in range(first + 1, len(lines)) if re.fullmatch(r"\s*\d+\s*", lines[n])),
        len([line for line in lines[first:] if line.strip()]),
    )
    rows = [line for line in lines[first:] if line.strip()]
    if len(rows) % step:
        raise FormatError(path, f"line {len(lines)}", f"{step - 1} bones a frame", "a frame that is cut off")
    values: dict[str, Floats] = {}
    for k in range(1, step):
        name, column = rows[k].split()[0], rows[k::step]
        bone = bones.get(name)
        if bone is None or name in values:
            raise FormatError(path, f"line {first + k + 1}", "each bone of the skeleton once", repr(name))
        values[name] = _column(path, name, len(bone.turns), column, first + 1 + k, step)
    still = {n: np.zeros((len(rows) // step, len(b.turns))) for n, b in bones.items()}
    if "root" not in values:
        raise FormatError(path, f"line {first + 1}", "the root in every frame", "none")
    numbers = np.array([int(row) if row.strip().isdigit() else -1 for row in rows[::step]])
    if (np.diff(numbers) <= 0).any() or (numbers < 0).any():
        at = int(np.flatnonzero(np.append(np.diff(numbers), 1) <= 0)[0])
        raise FormatError(path, f"frame {at + 1}", "frame numbers that go up", repr(rows[at * step].strip()))
    return still | values


def _column(path: Path, name: str, count: int, column: list[str], line: int, step: int) -> Floats:
    """One bone's values in every frame."""
    try:
        if all(c.startswith(name + " ") for c in column):
            x = np.array([c.split()[1:] for c in column], dtype=np.float64)
            if x.shape == (len(column), count) and np.isfinite(x).all():
                return x
    except ValueError:
        pass
    for n, c in enumerate(column):
        words = c.split()
        good = words[0] == name and len(words) == count + 1
        if not good or not all(_number(w) for w in words[1:]):
            raise FormatError(path, f"line {line + n * step}", f"{name} and {count} numbers", repr(c.strip()))
    raise FormatError(path, f"line {line}", f"{name} and {count} numbers in every frame", repr(column[0]))


def _number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False
