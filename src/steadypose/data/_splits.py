"""Which performers train, which choose a checkpoint, and which are only ever tested on.

The split is by performer and fixed. Subjects 02 and 05 of CMU (walking, running, jumping, sword play, dance)
and 14 (signals, washing) are the test, a few walkers and a climber the validation. HDM05 is share-alike, so
that no weight that is shipped may come from it: two of its performers are for validation, two for tests. The
folders whose licences forbid commercial use are for tests alone. Whatever is not named here trains, files of
one's own included.
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
    "cmu 14": "test",
    "hdm05 bd": "validation",
    "hdm05 bk": "validation",
    "hdm05 dg": "test",
    "hdm05 mm": "test",
    "bandai1": "noncommercial",
    "sie": "noncommercial",
}
"""Split of every subject that does not train."""

# Found by the turning of the pelvis, which is the same in both conversions.
KNOWN = {"cmu_sports/test_washwindow_1": "cmu 14", "cmu_sports/train_directing_traffic_4": "cmu 14"}


def subject_of(source: str, stem: str) -> str:
    """Who was captured, from the folder and the file's name.

    CMU's files are named by subject and trial (``02_01``, in AMASS ``02_01_poses``). Whatever is named so is
    taken for theirs, for the same performer must be in the same split in every format. Of ``cmu_sports`` most
    performers are not known, so that folder is one group but for the clips in :data:`KNOWN`. Of other folders
    the innermost is the performer, as in AMASS; of HDM05 with the data set's name before it.
    """
    if f"{source}/{stem}" in KNOWN:
        return KNOWN[f"{source}/{stem}"]
    cmu = re.match(r"(\d{2,3})_\d\d(?!\d)", stem)
    if cmu:
        return f"cmu {cmu[1]}"
    outer, _, performer = source.rpartition("/")
    return f"hdm05 {performer}" if outer.endswith("hdm05") else performer


def split_of(subject: str) -> Split:
    """The split of a subject."""
    return SPLITS.get(subject, "train")
