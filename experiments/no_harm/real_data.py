"""All real streams, made once and kept in an ignored folder."""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import real_streams as streams
from real_rotations import hinged_legs, opensim
from real_streams import Stream, real

from steadypose.sequence import BodyMotion

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "runs" / "no_harm"  # ignored by git
TRIALS = ("sit_to_stand", "walk", "walk_trunk_sway")
WALKS = ("walk", "walk_trunk_sway")
ONE_CAMERA = {"OpenCap": "mono", "WHAM": "wham"}


@dataclass(frozen=True, eq=False)
class Data:
    """Streams of positions, and walks as rotations by name, with the limb joints of the truth in mm."""

    streams: list[Stream]
    walks: dict[str, tuple[BodyMotion, np.ndarray]]


@lru_cache(maxsize=1)
def data() -> Data:
    """Everything there is to judge on, anew only if this code or the landmarks have changed."""
    sources = [HERE / f"real_{n}.py" for n in ("fit", "streams", "rotations", "data")]
    sources += sorted((KEPT / "mediapipe").glob("*.npz"))
    key = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:16]
    file = KEPT / f"streams-{key}.pickle"
    if not file.exists():
        made = load(Path(os.environ["STEADYPOSE_DATA"]) / "real", KEPT / "mediapipe")
        file.write_bytes(pickle.dumps((made.streams, made.walks)))
    return Data(*pickle.loads(file.read_bytes()))


def load(root: Path, landmarks: Path) -> Data:
    """Read and fit everything.

    Parameters
    ----------
    root
        The folder that holds keraal/, opencap_mocap/ and openpose_pose2sim/.
    landmarks
        MediaPipe's results on the videos of opencap_mocap/ and multiview/pose2sim_single/.
    """
    keraal, videos = root / "keraal", root / "opencap_mocap"
    made = [streams.kinect(keraal, take) for take in real.TAKES]
    made += [streams.keraal_image(keraal, take, short) for short in real.ESTIMATORS for take in real.TAKES]
    for family, kind in ONE_CAMERA.items():
        made += [streams.opencap(videos, trial, kind, family) for trial in TRIALS]
    for trial in TRIALS:
        made += streams.mediapipe(videos, landmarks, trial)
    made += streams.four_cameras(root / "openpose_pose2sim", landmarks)
    walks = {}
    for s in made:
        trial = s.name.removeprefix(f"{s.family} ")
        if trial in WALKS and s.family in ONE_CAMERA:
            walks[s.name] = opensim(videos / f"{trial}.{ONE_CAMERA[s.family]}.npz"), s.truth
        elif trial in WALKS and s.family == "MediaPipe 3D":
            walks[s.name] = hinged_legs(s.raw.times, s.measured(s.raw) / 1000), s.truth
    return Data(made, walks)
