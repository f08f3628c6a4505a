"""Which performers train, which choose a checkpoint, and which are only ever tested on.

The split is by performer and fixed. Subjects 02 and 05 of CMU (walking, running, jumping, sword play, dance)
are the test; a few walkers and a climber are the validation; the folders whose licences forbid commercial use
are for tests alone. Whatever is not named here trains, files of one's own included.
"""

from __future__ import annotations

import re
from typing import Literal

Split = Literal["train", "validation", "test", "noncommercial"]

SPLITS: dict[str, Split] = {
    "cmu 02": "test",
    "cmu 05": "test",
    "cmu 03": "validation",
    "cmu 12": "validation",
    "cmu 26": "validation",
    "cmu 27": "validation",
    "cmu 29": "validation",
    "cmu 32": "validation",
    "bandai1": "noncommercial",
    "sie": "noncommercial",
}
"""Split of every subject that does not train."""


def subject_of(source: str, stem: str) -> str:
    """Who was captured, from the folder and the file's name.

    CMU's files are named by subject and trial (``02_01``, in AMASS ``02_01_poses``). Whatever is named so is
    taken for theirs, for the same performer must be in the same split in every format. Of ``cmu_sports`` the
    performers are not known, so that folder is one group. Of other folders the innermost is the performer, as
    in AMASS.
    """
    cmu = re.match(r"(\d{2,3})_\d\d(?!\d)", stem)
    if cmu:
        return f"cmu {cmu[1]}"
    return source.rpartition("/")[2]


def split_of(subject: str) -> Split:
    """The split of a subject."""
    return SPLITS.get(subject, "train")
