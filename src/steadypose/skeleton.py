"""Skeletons: named keypoints, how they hang together, and remapping between them by name.

Indices of the same joint differ between tools and even between versions of one tool, so nothing in
steadypose ever maps keypoints by index: names are canonical (``left_shoulder``) and unique.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError


@dataclass(frozen=True)
class Skeleton:
    """Named keypoints with parents, a root and left/right pairs.

    Parameters
    ----------
    name
        What the layout is called, for example ``"coco17"``.
    keypoints
        Unique keypoint names in file order. The layouts steadypose knows use canonical names
        (lower snake case, ``left_``/``right_`` first).
    parents
        For every keypoint the index of its parent, or -1 for one that hangs from the root. Acyclic.
        ``None``: every keypoint hangs from the root.
    root
        Names whose mean position is the root: one name for a real root joint, several for a virtual one
        (COCO has no pelvis: its root is the middle of the hips), none where no root is known.
    edges
        Pairs of keypoint indices that are bones: drawn, and of constant length. ``None``: from each
        keypoint to its parent.

    Attributes
    ----------
    mirror : ndarray of int, shape (keypoints,)
        The keypoint on the other side (itself for one in the middle); ``mirror[mirror]`` is the identity.

    Raises
    ------
    DataError
        If names repeat, a parent is out of range or part of a cycle, or the root is not among the names.
    """

    name: str
    keypoints: tuple[str, ...]
    parents: tuple[int, ...] | None = None
    root: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] | None = None
    mirror: npt.NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = tuple(self.keypoints)
        if not names:
            raise DataError(f"skeleton {self.name!r}: expected at least one keypoint, found none")
        if len(set(names)) != len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise DataError(f"skeleton {self.name!r}: expected unique keypoint names, found {twice!r} twice")
        parents = (-1,) * len(names) if self.parents is None else tuple(int(p) for p in self.parents)
        _check_tree(self.name, names, parents)
        unknown = [n for n in self.root if n not in names]
        if unknown:
            raise DataError(
                f"skeleton {self.name!r}: expected the root among the keypoints, found {unknown[0]!r}"
            )
        edges = (
            tuple((p, k) for k, p in enumerate(parents) if p >= 0)
            if self.edges is None
            else tuple((int(a), int(b)) for a, b in self.edges)
        )
        if any(not (0 <= a < len(names) and 0 <= b < len(names)) for a, b in edges):
            raise DataError(f"skeleton {self.name!r}: expected edges between its keypoints, found {edges}")
        set_ = object.__setattr__
        set_(self, "keypoints", names)
        set_(self, "parents", parents)
        set_(self, "edges", edges)
        set_(self, "mirror", _mirror(names))

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def bones(self) -> npt.NDArray[np.intp]:
        """Edges as an array of keypoint indices, shape (bones, 2)."""
        return np.array(self.edges, dtype=np.intp).reshape(-1, 2)

    @property
    def root_indices(self) -> tuple[int, ...]:
        """Indices of the keypoints whose mean is the root; empty where no root is known."""
        return tuple(self.keypoints.index(n) for n in self.root)

    def index(self, name: str) -> int:
        """Index of a keypoint by its name, or by any spelling that means the same joint.

        Raises
        ------
        DataError
            If the skeleton has no such keypoint.
        """
        if name in self.keypoints:
            return self.keypoints.index(name)
        canonical = [canonical_name(n) for n in self.keypoints]
        if canonical_name(name) in canonical:
            return canonical.index(canonical_name(name))
        raise DataError(
            f"skeleton {self.name!r} has no keypoint {name!r}; it has {', '.join(self.keypoints)}"
        )

    def common(self, other: Skeleton) -> tuple[list[int], list[int]]:
        """Indices, here and in ``other``, of the keypoints that both skeletons have (by canonical name)."""
        theirs = {canonical_name(n): k for k, n in enumerate(other.keypoints)}
        mine = [(k, theirs[c]) for k, n in enumerate(self.keypoints) if (c := canonical_name(n)) in theirs]
        return [a for a, _ in mine], [b for _, b in mine]

    def subset(self, indices: Sequence[int], name: str | None = None) -> Skeleton:
        """The skeleton of some of the keypoints; a bone to a dropped parent goes to the nearest kept ancestor."""
        assert self.parents is not None and self.edges is not None
        new = {old: i for i, old in enumerate(indices)}
        parents = []
        for old in indices:
            p = self.parents[old]
            while p >= 0 and p not in new:
                p = self.parents[p]
            parents.append(new.get(p, -1))
        edges = [(new[a], new[b]) for a, b in self.edges if a in new and b in new]
        edges += [
            (p, k) for k, p in enumerate(parents) if p >= 0 and (p, k) not in edges and (k, p) not in edges
        ]
        names = tuple(self.keypoints[i] for i in indices)
        root = self.root if set(self.root) <= set(names) else ()
        return Skeleton(name or f"{self.name}[{len(names)}]", names, tuple(parents), root, tuple(edges))

    @classmethod
    def from_names(cls, names: Iterable[str], name: str = "custom") -> Skeleton:
        """A skeleton from keypoint names alone.

        Names are kept as they are. Where their spelling is understood (``LShoulder``, ``left shoulder``,
        ``shoulder_l``), bones, left/right pairs and a root (a pelvis, or else the middle of the hips) follow.
        """
        kept = tuple(names)
        canonical = [canonical_name(n) for n in kept]
        if len(set(canonical)) != len(kept):  # two spellings of one joint: trust neither
            return cls(name, kept)
        from steadypose._layouts import PARENT_CANDIDATES

        parents = []
        for c in canonical:
            chain = [p for p in PARENT_CANDIDATES.get(c, ()) if p in canonical]
            parents.append(canonical.index(chain[0]) if chain else -1)
        root: tuple[str, ...] = ()
        if "pelvis" in canonical:
            root = (kept[canonical.index("pelvis")],)
        elif {"left_hip", "right_hip"} <= set(canonical):
            root = (kept[canonical.index("left_hip")], kept[canonical.index("right_hip")])
        return cls(name, kept, tuple(parents), root)


def skeleton(layout: Skeleton | str | Iterable[str]) -> Skeleton:
    """A skeleton from itself, from the name of a known layout, or from a list of keypoint names.

    Raises
    ------
    DataError
        If the name is not that of a known layout; the message lists those that are.
    """
    if isinstance(layout, Skeleton):
        return layout
    if isinstance(layout, str):
        from steadypose._layouts import find

        return find(layout)
    return Skeleton.from_names(layout)


_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_JOINED = re.compile(
    r"^(l|r|left|right)(nose|eye|ear|shoulder|elbow|wrist|hand|hip|knee|ankle|foot|heel|bigtoe|smalltoe|toe|thumb|index|pinky|collar|thigh)$"
)
_ALIASES = {
    "mid_hip": "pelvis", "hip_center": "pelvis", "hips": "pelvis", "hip": "pelvis", "spine_base": "pelvis",
    "midhip": "pelvis", "c_hip": "pelvis", "center_hip": "pelvis", "mshoulder": "neck", "m_shoulder": "neck",
    "mid_shoulder": "neck", "left_upleg": "left_hip", "left_up_leg": "left_hip", "right_up_leg": "right_hip",
    "left_leg": "left_knee", "right_leg": "right_knee", "left_arm": "left_shoulder",
    "right_arm": "right_shoulder", "left_fore_arm": "left_elbow", "right_fore_arm": "right_elbow",
    "spine_shoulder": "thorax", "chest": "thorax", "head_top": "head_top", "top_head": "head_top",
}  # fmt: skip


def canonical_name(name: str) -> str:
    """One spelling for every way tools write a joint: ``LShoulder``, ``lShoulder``, ``shoulder_l`` → ``left_shoulder``.

    Names that are not understood come back in lower snake case.
    """
    joined = _JOINED.match(name.lower())
    words = [joined[1], joined[2]] if joined else [w.lower() for w in _WORDS.findall(name)]
    if not words:
        return name
    side = next((i for i in (0, len(words) - 1) if words[i] in _SIDES and len(words) > 1), None)
    if side is not None:
        words = [_SIDES[words.pop(side)], *words]
    plain = "_".join(words)
    return _ALIASES.get(plain, plain)


def _mirror(names: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Index of the same keypoint on the other side, itself if there is none; always an involution."""
    canonical = [canonical_name(n) for n in names]
    mirror = np.arange(len(names))
    for k, c in enumerate(canonical):
        if c.startswith("left_"):
            other = "right_" + c.removeprefix("left_")
            # Two spellings of one side (or none of the other) stay single.
            if canonical.count(c) == 1 and canonical.count(other) == 1:
                o = canonical.index(other)
                mirror[k], mirror[o] = o, k
    mirror.setflags(write=False)
    return mirror


def _check_tree(name: str, names: tuple[str, ...], parents: tuple[int, ...]) -> None:
    if len(parents) != len(names):
        raise DataError(
            f"skeleton {name!r}: expected {len(names)} parents, one a keypoint, found {len(parents)}"
        )
    for k, p in enumerate(parents):
        if not -1 <= p < len(names):
            raise DataError(f"skeleton {name!r}: expected parents from -1 to {len(names) - 1}, found {p}")
        steps, at = 0, p
        while at >= 0:
            at, steps = parents[at], steps + 1
            if at == k or steps > len(names):
                raise DataError(f"skeleton {name!r}: expected a tree, found a cycle through {names[k]!r}")
