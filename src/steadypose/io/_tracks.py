"""Results of one entry a person, each with arrays of one row a frame (WHAM, VIBE, TCMR, PARE)."""

from __future__ import annotations

from typing import Any

import numpy as np

from steadypose.io import _pickle
from steadypose.io._fields import VALUES, Array, Codec, Field, Place, Rows, need, numeric, rows, stacked
from steadypose.io._probe import Probe, ReadOptions, timeline
from steadypose.io._smpl import Points
from steadypose.sequence import PoseSequence, Space, numbered


def pickled(probe: Probe) -> Any:
    """The content of a pickle; raises FormatError saying why there is none."""
    content = probe.pickle
    return _pickle.load(probe.path) if content is None else content


def is_tracks(probe: Probe, keys: set[str]) -> bool:
    """Whether a pickle holds a mapping of mappings with these keys."""
    content = probe.pickle
    if not isinstance(content, dict) or not content:
        return False
    first = next(iter(content.values()))
    return isinstance(first, dict) and keys <= set(first)


class Tracks:
    """Persons on one timeline.

    Parameters
    ----------
    content
        The file's content: person → name of an array → array.

    Raises
    ------
    FormatError
        If a person has no usable ``frame_ids``, or is twice in one frame.
    """

    def __init__(self, content: Any, probe: Probe, options: ReadOptions) -> None:
        self.content, self.probe = content, probe
        if not isinstance(content, dict) or not content:
            found = "an empty one" if isinstance(content, dict) else type(content).__name__
            raise probe.error("", "a mapping of persons", found)
        self.keys = list(content)
        self.names = tuple(map(str, self.keys))
        if len(set(self.names)) < len(self.names):
            raise probe.error("", "one entry a person", "two of the same name")
        self.ids = [self._array(key, "frame_ids", (None,)) for key in self.keys]
        self.rows, self.numbers = rows(self.ids, self.names, probe)
        self.times, self.notes = timeline(self.numbers, options)

    def has(self, name: str) -> bool:
        """Whether every person has that array."""
        people = self.content.values()
        return all(isinstance(p, dict) and isinstance(p.get(name), (np.ndarray, list)) for p in people)

    def _array(self, key: Any, name: str, shape: tuple[int | None, ...]) -> Array:
        value = need(self.content[key], name, f"person {key}", self.probe)
        return numeric(value, shape, self.at(key, name), self.probe)

    def at(self, key: Any, name: str) -> str:
        """A place, for messages."""
        return f"person {key}, {name}"

    def arrays(self, name: str, shape: tuple[int | None, ...]) -> list[Array]:
        """That array of every person; ``shape`` is that of one row.

        Raises
        ------
        FormatError
            If one is missing, of another shape, or not as long as ``frame_ids``.
        """
        each = [self._array(key, name, (len(i), *shape)) for key, i in zip(self.keys, self.ids, strict=True)]
        for key, array in zip(self.keys, each, strict=True):
            if array.shape[1:] != each[0].shape[1:]:
                raise self.probe.error(
                    self.at(key, name), f"rows of shape {each[0].shape[1:]}, as before", f"{array.shape[1:]}"
                )
        return each

    def field(
        self, name: str, shape: tuple[int | None, ...], items: tuple[int, ...] = (), codec: Codec = VALUES
    ) -> Field:
        """That array as a field; ``items``, if not empty, is what one row of it is shaped to."""
        original, where = stacked(
            [a.reshape(len(a), *(items or a.shape[1:])) for a in self.arrays(name, shape)]
        )
        places = tuple(Place((key, name), piece) for key, piece in zip(self.keys, where, strict=True))
        return Field(self.rows, original, places, codec)

    def vertices(self, space: Space) -> dict[str, tuple[Points, PoseSequence]]:
        """The surface of every person's body, each on a timeline of its own frames: it is large.

        Steady only if treated like the pose: it cannot be computed anew without the body model.
        """
        found: dict[str, tuple[Points, PoseSequence]] = {}
        if not self.has("verts"):
            return found
        for key, name, ids, verts in zip(
            self.keys, self.names, self.ids, self.arrays("verts", (None, 3)), strict=True
        ):
            if len(ids) == 0:
                continue
            numbers, rank = np.unique(ids, return_inverse=True)
            alone = Rows(rank, np.zeros(len(ids), np.intp), len(ids), 1)
            points = Points(Field(alone, verts, (Place((key, "verts")),), VALUES))
            times = self.times[np.searchsorted(self.numbers, numbers)]
            skeleton = numbered(verts.shape[1])
            motion = points.motion(skeleton, times, (name,), "m", space, self.notes)
            found[f"verts/{name}"] = points, motion
        return found
