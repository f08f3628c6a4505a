"""The HIERARCHY of a BVH file: joints, rest offsets, and which number of a row is which channel."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io._probe import Probe
from steadypose.sequence import BodyMotion

_CHANNEL = re.compile(r"([XYZ])(position|rotation)", re.IGNORECASE)


@dataclass
class Joint:
    """One joint.

    Parameters
    ----------
    parent
        Index of the parent, -1 for the root.
    offset
        From the parent, at rest.
    rotation
        Column of each rotation channel by its axis, in the order they turn.
    position
        Column of each position channel by its axis; it replaces that part of the offset.
    end
        Where the End Site of a joint without children is, relative to the joint; None without one.
    """

    name: str
    parent: int
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: dict[str, int] = field(default_factory=dict)
    position: dict[str, int] = field(default_factory=dict)
    end: tuple[float, float, float] | None = None

    @property
    def order(self) -> str:
        """Three Euler axes; those without a channel come last (their angles are zero)."""
        return "".join(self.rotation) + "".join(a for a in "XYZ" if a not in self.rotation)

    def columns(self, kind: str) -> npt.NDArray[np.intp]:
        """Columns of the three rotations in their order, or of positions x, y, z; -1 where there is none."""
        order, at = (self.order, self.rotation) if kind == "rotation" else ("XYZ", self.position)
        return np.array([at.get(axis, -1) for axis in order], dtype=np.intp)


class _Words:
    """The words of the hierarchy, each with its line."""

    def __init__(self, probe: Probe, text: str) -> None:
        self.probe, self.at = probe, 0
        lines = text.splitlines()
        self.words = [(w, n) for n, line in enumerate(lines, 1) for w in line.split()]
        self.last = len(lines)

    def next(self, expected: str, *allowed: str) -> str:
        if self.at == len(self.words):
            raise self.probe.error(f"line {self.last}", expected, "the end of the hierarchy")
        word, line = self.words[self.at]
        self.at += 1
        if allowed and word.upper() not in allowed:
            raise self.probe.error(f"line {line}", expected, repr(word))
        return word

    def number(self, expected: str) -> float:
        word, line = self.next(expected), self.words[self.at - 1][1]
        try:
            value = float(word)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise self.probe.error(f"line {line}", expected, repr(word))
        return value

    def name(self) -> str:
        """Words up to the next brace or line: a joint's name may hold blanks."""
        first, line = self.next("a joint's name"), self.words[self.at - 1][1]
        parts = [first]
        while self.at < len(self.words) and self.words[self.at][1] == line and self.words[self.at][0] != "{":
            parts.append(self.next(""))
        return " ".join(parts)


def parse(probe: Probe, text: str) -> list[Joint]:
    """Joints in file order from the text before MOTION; the number of channels is the sum over them.

    Raises
    ------
    FormatError
        Naming the line of what is not a hierarchy of one root.
    """
    words = _Words(probe, text)
    words.next("HIERARCHY", "HIERARCHY")
    words.next("ROOT", "ROOT")
    joints: list[Joint] = []
    column = 0
    open_: list[int | None] = []  # joints whose brace is open; None for an End Site
    parent = -1
    while True:
        joints.append(Joint(words.name(), parent))
        words.next("{", "{")
        open_.append(len(joints) - 1)
        while open_:
            at = open_[-1]
            allowed = ("OFFSET", "CHANNELS", "JOINT", "END", "}") if at is not None else ("OFFSET", "}")
            word = words.next(", ".join(allowed), *allowed).upper()
            if word == "OFFSET":
                offset = (words.number("an offset"), words.number("an offset"), words.number("an offset"))
                if at is not None:
                    joints[at].offset = offset
                elif len(open_) > 1 and (leaf := open_[-2]) is not None:
                    joints[leaf].end = offset
            elif word == "CHANNELS" and at is not None:
                column = _channels(words, joints[at], column)
            elif word == "END":
                words.next("Site", "SITE")
                if words.words[words.at : words.at + 1] and words.words[words.at][0] != "{":
                    words.name()
                words.next("{", "{")
                open_.append(None)
            elif word == "}":
                open_.pop()
            else:
                parent = at if at is not None else -1
                break
        else:
            break
    if words.at < len(words.words):
        word, line = words.words[words.at]
        raise probe.error(f"line {line}", "MOTION after one root", repr(word))
    return joints


def _channels(words: _Words, joint: Joint, column: int) -> int:
    count = words.number("a number of channels")
    if count != int(count) or not 0 <= count <= 6:
        raise words.probe.error(f"line {words.words[words.at - 1][1]}", "0 to 6 channels", f"{count:g}")
    for _ in range(int(count)):
        word, line = words.next("a channel"), words.words[words.at - 1][1]
        m = _CHANNEL.fullmatch(word)
        at = joint.position if m and m[2].lower() == "position" else joint.rotation
        if m is None or m[1].upper() in at:
            expected = "a channel such as Xrotation or Yposition, each once"
            raise words.probe.error(f"line {line}", expected, repr(word))
        at[m[1].upper()] = column
        column += 1
    return column


def build(motion: BodyMotion, offsets: npt.NDArray[np.float64]) -> tuple[list[str], list[int]]:
    """Lines of a new hierarchy (rotations Z Y X, positions with the root alone) and its order of joints.

    Raises
    ------
    DataError
        If there is not exactly one root.
    """
    parents = motion.skeleton.parents or ()
    if list(parents).count(-1) != 1:
        raise DataError(f"bvh holds one root, found {list(parents).count(-1)} joints without a parent")
    lines, order = ["HIERARCHY"], []

    def add(j: int, depth: int) -> None:
        tab = "\t" * depth
        order.append(j)
        channels = "3 Zrotation Yrotation Xrotation"
        if parents[j] < 0:
            channels = "6 Xposition Yposition Zposition Zrotation Yrotation Xrotation"
        name = "_".join(motion.skeleton.keypoints[j].split())
        lines.extend((f"{tab}{'ROOT' if parents[j] < 0 else 'JOINT'} {name}", tab + "{"))
        lines.append(f"{tab}\tOFFSET " + " ".join(f"{v:.6f}" for v in offsets[j]))
        lines.append(f"{tab}\tCHANNELS {channels}")
        children = [k for k, p in enumerate(parents) if p == j]
        for k in children:
            add(k, depth + 1)
        if not children:
            lines.extend((f"{tab}\tEnd Site", f"{tab}\t{{", f"{tab}\t\tOFFSET 0.0 0.0 0.0", f"{tab}\t}}"))
        lines.append(tab + "}")

    add(list(parents).index(-1), 0)
    return lines, order
