"""Skeletons: named keypoints, how they hang together, and remapping between them by name.

Indices of the same joint differ between tools and even between versions of one tool, so nothing in
steadypose ever maps keypoints by index: names are canonical (``left_shoulder``) and unique.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from steadypose._given import name_of, names_of
from steadypose._names import canonical_name, canonical_names
from steadypose.errors import DataError

__all__ = ["Skeleton", "canonical_name", "skeleton"]


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
    canonical : tuple of str
        The keypoints' names in the one spelling by which skeletons are matched (``LShoulder`` is
        ``left_shoulder``); a name that is not understood stays what it is, in lower snake case.
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
    canonical: tuple[str, ...] = field(init=False, repr=False, compare=False)
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
        canonical = canonical_names(names)
        set_(self, "canonical", canonical)
        set_(self, "mirror", _mirror(canonical))

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
        if name_of(name, "a keypoint") in self.keypoints:
            return self.keypoints.index(name)
        if canonical_name(name) in self.canonical:
            return self.canonical.index(canonical_name(name))
        raise DataError(
            f"skeleton {self.name!r} has no keypoint {name!r}; it has {', '.join(self.keypoints)}"
        )

    def common(self, other: Skeleton) -> tuple[list[int], list[int]]:
        """Indices, here and in ``other``, of the keypoints that both skeletons have (by canonical name)."""
        theirs = {c: k for k, c in enumerate(other.canonical)}
        mine = [(k, theirs[c]) for k, c in enumerate(self.canonical) if c in theirs]
        return [a for a, _ in mine], [b for _, b in mine]

    def subset(self, indices: Sequence[int], name: str | None = None) -> Skeleton:
        """Some of the keypoints; one whose parent is dropped hangs from its nearest ancestor that is not."""
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
        from steadypose._layouts import hang

        kept = names_of(names, "keypoints")
        parents, edges, root = (
            hang(canonical_names(kept)) if len(set(kept)) == len(kept) else (None, None, ())
        )
        return cls(name, kept, parents, tuple(kept[k] for k in root), edges)


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


def _mirror(canonical: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Index of the same keypoint on the other side, itself if there is none."""
    at = {c: k for k, c in enumerate(canonical)}
    other = {"left": "right", "right": "left"}
    mirror = np.arange(len(canonical))
    for c, k in at.items():
        side, _, part = c.partition("_")
        mirror[k] = at.get(f"{other.get(side)}_{part}", k)
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
