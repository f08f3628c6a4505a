"""What networks are trained and tested on: curves as estimators have them, and as they were.

Recordings of lifters and of the simulated detector are kept on disk (``run.py sets``), as making them takes
minutes. Gaussian noise is put on their truths when it is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lifting
import numpy as np
import rotated
from lifting import KINDS, SHORTEST
from store import Recorded, load, save, stretches

from steadypose.data.pairs import Pairs
from steadypose.errors import SteadyposeError
from steadypose.lift._spec import INPUTS16
from steadypose.train import pairs_of

SPLITS = ("train", "validation", "test", "noncommercial")
KEPT = (*KINDS, "detector", "rotations")
PIXELS = 500.0  # half of the film set's pictures: networks see them from -1 to 1
EVERY = {"bandai1": 6}  # of its many short clips, that many stand for all in tests
NOISE_SEED = 0  # of Gaussian noise on what is not trained on
_SPLIT_NUMBER = {name: number for number, name in enumerate(SPLITS)}


def make(folder: Path, kinds: tuple[str, ...] = KEPT, splits: tuple[str, ...] = SPLITS) -> None:
    """Make the recordings that are not there yet."""
    for split in splits:
        wanted = [k for k in kinds if not kept(folder, k, split).exists()]
        if split == "noncommercial" and "rotations" in wanted:
            wanted.remove("rotations")  # not all of its skeletons stand at rest
        if not wanted:
            continue
        pairs = seen(split, "detector") if set(wanted) - {"rotations"} else None
        for kind in wanted:
            print(f"{kind}, {split}", flush=True)
            if kind == "rotations":
                save(kept(folder, kind, split), rotated.recordings(split))
                continue
            assert pairs is not None
            if kind == "detector":
                recorded, joints = detected(pairs, seen(split, "none")), INPUTS16
            else:
                recorded = lifting.lifted(kind, split, pairs, folder / "lifters")
                joints = lifting.JOINTS
            save(kept(folder, kind, split), recorded, joints=joints)


def kept(folder: Path, kind: str, split: str) -> Path:
    """Where recordings are."""
    return folder / f"{kind}-{split}.npz"


def seen(split: str, noise: str) -> Pairs:
    """A split, as the detector or an exact one sees it.

    Errors of the simulated detector grow with the body in the picture. Views in which one was so near that a
    point came out more than a picture off the picture (some of Bandai Namco's and Sony's clips) are left out.
    """
    config = lifting.configuration("fcn", noise)
    if split == "noncommercial":
        config = replace(config, data=replace(config.data, licence="any"))
    pairs = pairs_of(config, split)
    tracks = [t for t in pairs.tracks if not (np.abs(t.keypoints / PIXELS - 1) > 3).any()]
    return pairs if len(tracks) == len(pairs.tracks) else Pairs(tracks, pairs.spec)


def detected(noisy: Pairs, exact: Pairs) -> list[Recorded]:
    """2D detections and their truths, pixels."""
    found = []
    known = {t.name: t for t in exact.tracks}
    for a in noisy.tracks:
        b = known[a.name]
        x = np.where((a.confidence > 0).all(axis=1)[:, None, None], a.keypoints, np.nan)
        found += stretches(a.name, a.label, a.fps, x, b.keypoints, SHORTEST, a.confidence)
    return sorted(found, key=lambda r: r.name)


def recordings(folder: Path, source: str, split: str, seed: int = NOISE_SEED) -> list[Recorded]:
    """Recordings as networks take them: metres relative to the pelvis; in 2D from -1 to 1.

    Parameters
    ----------
    folder
        Where :func:`make` has put them.
    source
        One of ``KEPT`` (without rotations); or ``"gaussian3d-P-SIGMA"``, ``"gaussian2d-P-SIGMA"``: noise on a
        share P of all coordinates, of SIGMA millimetres or pixels as the paper counts them.
    split
        One of ``SPLITS``.
    seed
        Of Gaussian noise.

    Raises
    ------
    SteadyposeError
        If the recordings are not there.
    """
    if source.startswith("gaussian"):
        name, probability, sigma = source.split("-")
        dims = 2 if name == "gaussian2d" else 3
        clean = recordings(folder, "detector" if dims == 2 else "fcn", split)
        numbers = (seed, _SPLIT_NUMBER[split], dims)
        return gaussian(clean, float(probability), unit(dims, float(sigma)), numbers)
    path = kept(folder, source, split)
    if not path.exists():
        raise SteadyposeError(
            f"{path}: expected recordings, found none (python experiments/smoothnet/run.py sets)"
        )
    found = load(path)
    if source == "detector":
        return [replace(r, noisy=r.noisy / PIXELS - 1, truth=r.truth / PIXELS - 1) for r in found]
    return found


def unit(dims: int, sigma: float) -> float:
    """The paper's σ in what networks see.

    Its 3D is in metres, its σ in millimetres. Its 2D is from -1 to 1; the figures it prints for its inputs
    (Table 10: 3.56 px of MPJPE for p = 0.5, σ = 10) are those of σ thousandths of that, half as many pixels.
    """
    assert dims in (2, 3)
    return sigma / 1000.0


def gaussian(
    clean: list[Recorded], probability: float, sigma: float, numbers: tuple[int, ...]
) -> list[Recorded]:
    """Truths with Gaussian noise on a share of the coordinates.

    Each coordinate is hit or not by itself: for p = 0.5, σ = 10 mm that gives the MPJPE of 9.69 and the Accel
    of 26.3 that the paper prints (9.68 and 26.25); whole joints would give 7.98 and 24.6.
    """
    rng = np.random.default_rng(numbers)
    found = []
    for r in clean:
        hit = rng.random(r.truth.shape) < probability
        noise = np.where(hit, sigma * rng.standard_normal(r.truth.shape), 0.0)
        found.append(replace(r, noisy=(r.truth + noise).astype(np.float32), confidence=None))
    return found


def tested(recorded: list[Recorded]) -> list[Recorded]:
    """Of every clip one camera, in turn, and not all clips of folders that have many."""
    clips: dict[str, list[Recorded]] = {}
    for r in recorded:
        clips.setdefault(r.name.partition("@")[0].rpartition("/")[0], []).append(r)
    found, of = [], dict.fromkeys(EVERY, 0)
    for number, (clip, views) in enumerate(clips.items()):
        source = clip.partition("/")[0]
        if source in of:
            of[source] += 1
            if of[source] % EVERY[source] != 1:
                continue
        cameras = sorted({_camera(r) for r in views})
        mine = cameras[number % len(cameras)]
        found += [r for r in views if _camera(r) == mine]
    return found


def part(recorded: list[Recorded], source: str) -> list[Recorded]:
    """Those of some folders: ``"cmu"`` (all of CMU's), ``"deepmimic"``, ``"bandai1"``, ``"sie"``."""
    inside = {
        "cmu": ("cmu/", "cmu_sports/", "cmu_terrain/"),
        "deepmimic": ("deepmimic/",),
        "bandai1": ("bandai1/",),
        "sie": ("deepmimic/sie/",),
    }[source]
    sony = source != "sie"
    return [
        r
        for r in recorded
        if r.name.startswith(inside) and not (sony and r.name.startswith("deepmimic/sie/"))
    ]


def _camera(r: Recorded) -> str:
    return r.name.partition("@")[0].rpartition("/")[2]
