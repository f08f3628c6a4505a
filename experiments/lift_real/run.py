"""`steadypose lift` on real detections, beside what else is known of the same bodies in 3D.

    STEADYPOSE_DATA=… python experiments/lift_real/run.py        (the folder that holds real/)
    python experiments/lift_real/run.py --data FOLDER --weights-folder FOLDER-WITH-lift_*.onnx

Writes results.json, results.md and the pictures. Nothing here was used to choose or tune anything.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pictures
import recordings
from cyclopts import App
from recordings import LIMBS, View
from writing import write

import steadypose as sp
from steadypose import metrics
from steadypose.lift import Intrinsics, Network, shipped, to_inputs
from steadypose.lift._camera import facing, turned
from steadypose.lift._spec import H36M17
from steadypose.sequence import PoseSequence
from steadypose.skeleton import skeleton

HERE = Path(__file__).parent
NETWORKS = ("seq2seq", "fcn")
BONES = skeleton("h36m17").bones
AT_LIMBS = [H36M17.index(name) for name in LIMBS]
PELVIS, THORAX = H36M17.index("pelvis"), H36M17.index("thorax")
# What is done: refine the keypoints before, know the camera, online, refine the joints after.
WAYS = [
    *((before, camera, online, False) for before in (0, 1) for camera in (0, 1) for online in (0, 1)),
    *((before, camera, 0, True) for before in (0, 1) for camera in (0, 1)),
]

app = App(help=__doc__, help_format="plaintext", version_flags=[])


@app.default
def main(*, data: Path | None = None, weights_folder: Path | None = None, output: Path = HERE) -> None:
    """Lift every recording in every way and write down what came out.

    Parameters
    ----------
    data
        The folder that holds real/; else STEADYPOSE_DATA.
    weights_folder
        With lift_seq2seq.onnx and lift_fcn.onnx; else those that come with steadypose.
    output
        Where results go.
    """
    root = (data or Path(os.environ["STEADYPOSE_DATA"])) / "real"
    files = shipped() if weights_folder is None else {n: weights_folder / f"lift_{n}.onnx" for n in NETWORKS}
    networks = {name: Network(str(files[name])) for name in NETWORKS}
    record: dict[str, Any] = {
        "networks": {
            name: {
                "sha256": hashlib.sha256(files[name].read_bytes()).hexdigest()[:16],
                **{
                    k: network.card.get(k)
                    for k in ("name", "date", "epochs", "seed", "weights", "parameters")
                },
            }
            for name, network in networks.items()
        }
    }
    pose2sim, quality = recordings.openpose(root / "openpose_pose2sim")
    record["pose2sim"] = {"truth": quality, **calibrated(pose2sim, networks, PELVIS, False)}
    scope, quality = recordings.caliscope(root / "mediapipe_caliscope")
    record["caliscope"] = {"truth": quality, **calibrated(scope, networks, THORAX, True)}
    record["keraal"] = keraal(recordings.keraal(root / "keraal"), networks)
    clips = recordings.videos(root / "videos")
    record["videos"] = videos(clips, networks)
    record["same_scene"] = same_scene(pose2sim, clips, networks)
    (output / "results.json").write_text(json.dumps(_rounded(record), indent=1) + "\n")
    write(record, HERE / "about.md", output / "results.md")
    pictures.draw(pose2sim, networks, output / "pose2sim.png", (20, 70))
    pictures.draw(scope, networks, output / "caliscope.png", (40, 200))


def calibrated(views: list[View], networks: dict[str, Network], root: int, seen_only: bool) -> dict[str, Any]:
    """Scores of every way, network and camera against the triangulated points."""
    found: dict[str, Any] = {"ways": {}, "flat": {}, "unseen": {}}
    for way in WAYS:
        label = in_words(way)
        found["ways"][label] = {}
        for name, network in networks.items():
            cameras = {}
            for view in views:
                joints = lifted(view, network, way)
                x, truth = joints.positions[:, 0].astype(np.float64), in_its_axes(view, way[1], network)
                if seen_only:
                    guessed = joints.filled[:, 0]
                    if way == WAYS[2] and guessed.any():
                        hidden = np.where(guessed[..., None], x - x[:, [root]] + truth[:, [root]], np.nan)
                        found["unseen"].setdefault(name, {})[view.name] = {
                            "share": float(guessed.mean()), "mpjpe": metrics.mpjpe(hidden, truth),
                        }  # fmt: skip
                    x = np.where(guessed[..., None], np.nan, x)
                cameras[view.name] = scores(x, truth, view.keypoints.times, root)
            found["ways"][label][name] = {"mean": mean_of(cameras), **cameras}
    found["exact"] = {}
    for name, network in networks.items():
        cameras = {}
        for view in views:
            assert view.exact is not None
            of_exact = replace(view, keypoints=view.exact, name=f"{view.name}, exact")
            x = lifted(of_exact, network, WAYS[2]).positions[:, 0].astype(np.float64)
            if seen_only:
                guessed = lifted(view, network, WAYS[2]).filled[:, 0]
                x = np.where(guessed[..., None], np.nan, x)
            cameras[view.name] = scores(x, view.truth, view.keypoints.times, root)
        found["exact"][name] = {"mean": mean_of(cameras), **cameras}
    for view in views:
        x, truth = flat(view, next(iter(networks.values())))
        found["flat"][view.name] = {
            "n_mpjpe": metrics.n_mpjpe(x, truth, root=root), "pa_mpjpe": metrics.pa_mpjpe(x, truth),
        }  # fmt: skip
    found["flat"]["mean"] = mean_of(found["flat"])
    return found


def keraal(views: list[View], networks: dict[str, Network]) -> dict[str, Any]:
    """A seated person against Kinect and Vicon: only what no camera is needed for."""
    found: dict[str, Any] = {}
    for view in views:
        kinect, vicon = view.others["Kinect"], view.others["Vicon"]
        row: dict[str, Any] = {"kinect_to_vicon": metrics.pa_mpjpe(kinect, vicon)}
        xy = to_inputs(_pixels(view), networks["seq2seq"].spec)
        limbs = [xy.skeleton.canonical.index(n) for n in LIMBS]
        plane = xy.positions[:, 0, limbs].astype(np.float64)
        plane = np.concatenate([plane, 0 * plane[..., :1]], axis=-1)
        row["flat"] = {what: metrics.pa_mpjpe(plane, t) for what, t in view.others.items()}
        for name, network in networks.items():
            for before in (0, 1):
                joints = lifted(view, network, (before, 0, 0, False)).positions[:, 0].astype(np.float64)
                there = joints[:, AT_LIMBS]
                row[name + (", 2D refined" if before else "")] = {
                    **{what: metrics.pa_mpjpe(there, t) for what, t in view.others.items()},
                    **untruthed(joints),
                }
        found[view.name] = row
    return found


def videos(views: list[View], networks: dict[str, Network]) -> dict[str, Any]:
    """MediaPipe's own 3D, and what its 2D is lifted to: how steady, how stiff, how alike."""
    found: dict[str, Any] = {}
    for view in views:
        own = view.others["MediaPipe"]
        rows: dict[str, Any] = {"MediaPipe's own 3D": untruthed(own)}
        for name, network in networks.items():
            for before in (0, 1):
                joints = lifted(view, network, (before, 0, 0, False)).positions[:, 0].astype(np.float64)
                rows[f"{name}, 2D {'refined' if before else 'raw'}"] = {
                    **untruthed(joints),
                    "pa_mpjpe": metrics.pa_mpjpe(joints, own),
                    "n_mpjpe": metrics.n_mpjpe(joints, own, root=PELVIS),
                }
        found[view.name] = rows
    return found


def same_scene(calibrated: list[View], clips: list[View], networks: dict[str, Network]) -> dict[str, Any]:
    """Pose2Sim's scene as MediaPipe saw it: its own 3D and the lifted one against triangulated points."""
    found: dict[str, Any] = {}
    for number in ("01", "03"):
        view = next(v for v in calibrated if v.name == f"cam_{number}")
        clip = next(v for v in clips if v.name == f"pose2sim_single_cam{number}")
        truth = in_its_axes(view, 0, networks["seq2seq"])
        times = view.keypoints.times
        rows = {"MediaPipe's own 3D": scores(clip.others["MediaPipe"], truth, times, PELVIS)}
        for name, network in networks.items():
            for what, source in (("MediaPipe", clip), ("OpenPose", view)):
                joints = lifted(source, network, (0, 0, 0, False)).positions[:, 0].astype(np.float64)
                rows[f"{name} of {what}'s 2D"] = scores(joints, truth, times, PELVIS)
        found[view.name] = rows
    return found


def lifted(view: View, network: Network, way: tuple[int, int, int, bool]) -> PoseSequence:
    """One person's joints, lifted in one of :data:`WAYS`."""
    before, camera, online, after = way
    keypoints = _kept(f"refined {view.name}", lambda: sp.refine(view.keypoints)) if before else view.keypoints
    joints = sp.lift(
        keypoints,
        weights=network,
        online=bool(online),
        camera=view.camera if camera else None,
        size=view.size,
    )
    return sp.refine(joints) if after else joints


def in_its_axes(view: View, camera: int, network: Network) -> np.ndarray:
    """The truth in the axes that lifted joints are in: the camera's, or of one that looks at the person."""
    assert view.truth is not None and view.camera is not None
    if camera:
        return view.truth
    rays, known = _rays(view, network)
    turn = facing(rays[:, None], known[:, None])
    return np.einsum("tij,tkj->tki", turn, view.truth)


def flat(view: View, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Joints as in the image, all at one depth: what there is before any depth; and the truth."""
    rays, known = _rays(view, network)
    turn = facing(rays[:, None], known[:, None])
    xy = turned(rays[:, None], turn)[:, 0]
    joints = network.spec.joints
    x = np.full((len(xy), len(H36M17), 3), np.nan)
    for j, name in enumerate(joints):
        x[:, H36M17.index(name)] = np.concatenate([xy[:, j], 0 * xy[:, j, :1]], axis=-1)
    return x, in_its_axes(view, 0, network)


def scores(x: np.ndarray, truth: np.ndarray, times: np.ndarray, root: int) -> dict[str, float]:
    """Position errors against the truth as it is, Accel against the truth refined."""
    smooth = _smooth(truth, times)
    x0, y0 = x - x[:, [root]], truth - truth[:, [root]]
    both = np.isfinite(x0 + y0).all(axis=-1)
    a, b = x0[both], y0[both]
    return {
        "mpjpe": metrics.mpjpe(x, truth, root=root),
        "n_mpjpe": metrics.n_mpjpe(x, truth, root=root),
        "pa_mpjpe": metrics.pa_mpjpe(x, truth),
        "limbs": float(
            np.nanmean(np.asarray(metrics.n_mpjpe(x, truth, root=root, per_joint=True))[AT_LIMBS])
        ),
        "accel": metrics.accel(x, smooth, root=root),
        "depth_correlation": float(np.corrcoef(a[:, 2], b[:, 2])[0, 1]),
        "scale": float((a * b).sum() / (a * a).sum()),
        "frames": int(both.any(axis=-1).sum()),
        **untruthed(x),
    }


def untruthed(x: np.ndarray) -> dict[str, float]:
    """How much bones change their length (percent) and how much joints shake (mm/frame²)."""
    return {
        "bone_length_variation": metrics.bone_length_variation(x, BONES),
        "accel_magnitude": metrics.accel_magnitude(x),
    }


def in_words(way: tuple[int, int, int, bool]) -> str:
    """A way as a row of a table."""
    before, camera, online, after = way
    return ", ".join(
        [
            "2D refined" if before else "2D raw",
            "camera known" if camera else "camera unknown",
            "online" if online else "offline",
            *(["3D refined"] if after else []),
        ]
    )


def mean_of(cameras: dict[str, dict[str, float]]) -> dict[str, float]:
    """The mean over cameras."""
    rows = list(cameras.values())
    return {k: float(np.mean([row[k] for row in rows])) for k in rows[0]}


_MADE: dict[str, Any] = {}


def _kept(name: str, make: Any) -> Any:
    if name not in _MADE:
        _MADE[name] = make()
    return _MADE[name]


def _smooth(truth: np.ndarray, times: np.ndarray) -> np.ndarray:
    seq = PoseSequence.from_array(truth, times=times, skeleton="h36m17", unit="mm", space="root-relative")
    return sp.refine(seq).positions[:, 0].astype(np.float64)


def _rays(view: View, network: Network) -> tuple[np.ndarray, np.ndarray]:
    inputs = to_inputs(view.keypoints, network.spec)
    rays = Intrinsics.of(view.camera).rays(inputs.positions[:, 0])
    return rays, np.isfinite(rays[..., 0])


def _pixels(view: View) -> PoseSequence:
    seq = view.keypoints
    x = seq.positions[..., :2] * np.asarray(view.size, np.float32)
    return PoseSequence(x, seq.times, seq.skeleton, seq.confidence, seq.persons)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, float | np.floating):
        return round(float(value), 3) if np.isfinite(value) else None
    return value


if __name__ == "__main__":
    app()
