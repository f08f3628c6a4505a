"""Files of the layouts in which body estimators and datasets store their results, made of random walks."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path

import numpy as np

from steadypose.io import _npy, _torch
from steadypose.rotations import from_axis_angle

T = 12


def walk(seed: int, *shape: int, step: float = 0.05, dtype: str = "f4") -> np.ndarray:
    """A random walk over the first axis."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 0.5, (1, *shape[1:])) + rng.normal(0, step, shape).cumsum(axis=0)).astype(dtype)


def pose(seed: int, frames: int = T, joints: int = 24, dtype: str = "f4") -> np.ndarray:
    """Axis-angle poses, of which the root turns on past π and jumps to another turn, as estimators do."""
    x = walk(seed, frames, joints, 3).astype("f8")
    x[:, 0] = np.outer(np.linspace(2.9, 3.4, frames), [0.0, 1.0, 0.0])
    x[frames // 2 :, 0] -= [0, 2 * np.pi, 0]
    return x.reshape(frames, -1).astype(dtype)


def wham() -> dict:
    out = collections.defaultdict(dict)
    for person, ids in ((0, np.arange(3, 3 + T)), (7, np.array([4, 5, 6, 9, 10]))):
        n = len(ids)
        out[person] = {
            "pose": pose(person, n),
            "trans": walk(1 + person, n, 3),
            "pose_world": pose(person + 50, n),
            "trans_world": walk(2 + person, n, 3),
            "betas": walk(3 + person, n, 10),
            "verts": walk(4 + person, n, 20, 3),
            "frame_ids": ids,
        }
    return out


def vibe() -> dict:
    out = {}
    for person, ids in (
        (1, np.arange(T)),
        (2, np.array([5, 3, 4, 8])),
    ):  # the second one's frames are shuffled
        n = len(ids)
        out[person] = {
            "pred_cam": walk(person, n, 3),
            "orig_cam": walk(person, n, 4),
            "verts": walk(person, n, 20, 3),
            "pose": pose(person, n),
            "betas": walk(person, n, 10),
            "joints3d": walk(person + 9, n, 49, 3),
            "joints2d": None,
            "bboxes": walk(person, n, 4) * 100,
            "frame_ids": ids,
        }
    return out


def pare() -> dict:
    out = vibe()
    for person in out.values():
        n = len(person["frame_ids"])
        person["pose"] = from_axis_angle(pose(3, n).reshape(n, 24, 3)).astype("f4")
        person["smpl_joints2d"] = 100 * walk(8, n, 49, 2)
        person["joints2d"] = np.abs(100 * walk(7, n, 21, 3))
    return out


def phalp() -> dict:
    """Track 3 is lost in frames 5 to 7, its last detection repeated; 8 comes late; frame 2 is empty."""
    matrices = {t: from_axis_angle(pose(t).reshape(T, 24, 3)).astype("f4") for t in (3, 8)}
    camera = {t: walk(t, T, 3) for t in (3, 8)}
    out = {}
    for f in [*range(6, T), *range(6)]:
        tracks = [t for t in (3, 8) if (f >= 4 or t == 3) and f != 2]
        since = [max(0, f - 4) if t == 3 and 5 <= f <= 7 else 0 for t in tracks]
        rows = [(t, f - s) for t, s in zip(tracks, since, strict=True)]
        out[f"img/{f:06d}.jpg"] = {
            "time": f,
            "shot": 0,
            "tid": tracks,
            "bbox": [np.array([1.0, 2.0, 3.0, 4.0 + r]) for _, r in rows],
            "tracked_time": since,
            "tracked_ids": [t for t, s in zip(tracks, since, strict=True) if s == 0],
            "conf": [np.float32(0.9)] * len(rows),
            "smpl": [
                {
                    "global_orient": matrices[t][r, :1],
                    "body_pose": matrices[t][r, 1:],
                    "betas": walk(t, 1, 10)[0],
                }
                for t, r in rows
            ],
            "camera": [camera[t][r] for t, r in rows],
            "3d_joints": [walk(t, T, 45, 3)[r] for t, r in rows],
            "2d_joints": [walk(t + 1, T, 90)[r] for t, r in rows],
            "mask": [[{"size": [4, 4], "counts": "abc"}] for _ in rows],
            "annotations": [[] for _ in rows],
        }
    return out


def threedpw() -> dict:
    joints2d = np.abs(100 * walk(5, 2 * T, 3, 18, dtype="f8")).reshape(2, T, 3, 18)
    joints2d[0, 3, :, 5] = 0
    joints2d[1, 4] = 0
    return {
        "sequence": "downtown_walk_00",
        "poses": [pose(1, dtype="f8"), pose(2, dtype="f8")],
        "trans": [walk(1, T, 3, dtype="f8"), walk(2, T, 3, dtype="f8")],
        "poses_60Hz": [pose(3, 2 * T, dtype="f8"), pose(4, 2 * T, dtype="f8")],
        "trans_60Hz": [walk(3, 2 * T, 3, dtype="f8"), walk(4, 2 * T, 3, dtype="f8")],
        "betas": [walk(1, 1, 10)[0].astype("f8"), walk(2, 1, 10)[0].astype("f8")],
        "genders": ["m", "f"],
        "poses2d": [joints2d[0], joints2d[1]],
        "jointPositions": [walk(5, T, 72, dtype="f8"), walk(6, T, 72, dtype="f8")],
        "cam_poses": np.tile(np.eye(4), (T, 1, 1)),
        "campose_valid": [np.ones(T, dtype=int), np.zeros(T, dtype=int)],
        "img_frame_ids": np.arange(0, 2 * T, 2),
    }


def aist_motion() -> dict:
    return {
        "smpl_poses": pose(1, dtype="f8"),
        "smpl_scaling": np.array([93.8]),
        "smpl_trans": 100 * walk(1, T, 3, dtype="f8"),
        "smpl_loss": 0.25,
    }


def aist_3d() -> dict:
    raw = 100 * walk(1, T, 17, 3, dtype="f8")
    raw[3, 4] = np.nan
    return {"keypoints3d": raw, "keypoints3d_optim": 100 * walk(2, T, 17, 3, dtype="f8")}


def aist_2d() -> dict:
    x = np.abs(100 * walk(1, T, 3 * 17 * 3, dtype="f8")).reshape(T, 3, 17, 3).swapaxes(0, 1).copy()
    x[1, 5] = np.nan
    return {
        "keypoints2d": x,
        "det_scores": np.ones((3, T)),
        "timestamps": (np.arange(T) * 1e6 / 59.94).astype("i8"),
    }


def gvhmr() -> dict:
    def params(seed: int) -> dict:
        p = pose(seed, joints=22)
        return {
            "body_pose": _torch.tensor(p[:, 3:]),
            "betas": _torch.tensor(walk(seed, T, 10)),
            "global_orient": _torch.tensor(p[:, :3]),
            "transl": _torch.tensor(walk(seed + 1, T, 3)),
        }

    return {
        "smpl_params_global": params(1),
        "smpl_params_incam": params(2),
        "K_fullimg": _torch.tensor(np.tile(np.eye(3, dtype="f4"), (T, 1, 1))),
        "net_outputs": {"model_output": {"pred_x": _torch.tensor(walk(5, 1, T, 9))}},
    }


def amass() -> dict:
    return {
        "poses": pose(1, joints=52, dtype="f8"),
        "trans": walk(1, T, 3, dtype="f8"),
        "betas": walk(2, 1, 16, dtype="f8")[0],
        "dmpls": walk(3, T, 8, dtype="f8"),
        "gender": np.array("female"),
        "mocap_framerate": np.array(120.0),
    }


def amass_smplx() -> dict:
    p = pose(1, joints=55, dtype="f8")
    return {
        "gender": np.array("male"),
        "surface_model_type": np.array("smplx"),
        "mocap_frame_rate": np.array(100.0),
        "trans": walk(1, T, 3, dtype="f8"),
        "poses": p,
        "betas": walk(2, 1, 16, dtype="f8")[0],
        "num_betas": np.array(16),
        "root_orient": p[:, :3],
        "pose_body": p[:, 3:66],
        "pose_hand": p[:, 75:],
        "pose_jaw": p[:, 66:69],
        "pose_eye": p[:, 69:75],
        "markers_latent": walk(5, 4, 3, dtype="f8"),
    }


def boxed(value: object) -> np.ndarray:
    box = np.empty((), dtype=object)
    box[()] = value
    return box


def items(*values: object) -> np.ndarray:
    box = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):
        box[k] = value
    return box


def videopose3d_3d() -> dict:
    return {
        "positions_3d": boxed(
            {
                "S1": {"Walking": walk(1, T, 32, 3), "Walking 1": walk(2, T, 32, 3)},
                "S5": {"Eating": walk(3, T, 17, 3)},
            }
        )
    }


def videopose3d_2d() -> dict:
    cameras = [np.abs(500 * walk(k, T - k, 17, 2)) for k in range(4)]
    return {
        "positions_2d": boxed({"S1": {"Walking": cameras}, "S9": {"Eating": cameras[:1]}}),
        "metadata": boxed(
            {
                "layout_name": "coco",
                "num_joints": 17,
                "keypoints_symmetry": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]],
            }
        ),
    }


def frames(pattern: str, numbers: range) -> np.ndarray:
    return np.array([pattern.format(n) for n in numbers])


def smoothnet_3d() -> dict:
    names = "imageFiles/downtown_bus_00/image_{:05d}.jpg"
    return {
        "imgname": items(frames(names, range(5, 5 + T)), frames(names, range(0, 2 * 7, 2))),
        "joints_3d": items(walk(1, T, 42), walk(2, 7, 42)),
    }


def smoothnet_stacked() -> dict:
    """What numpy.array makes of sequences of one length."""
    return {
        "imgname": np.array([frames("gBR_sBM_c01_d04/{:05d}.png", range(T))] * 2),
        "joints_3d": np.array([walk(1, T, 42), walk(2, T, 42)]),
    }


def smoothnet_smpl() -> dict:
    return {
        "imgname": items(frames("{:05d}.png", range(T)), frames("{:05d}.png", range(5))),
        "pose": items(pose(1), pose(2, 5)),
        "shape": items(walk(1, T, 10), walk(2, 5, 10)),
        "trans": items(walk(1, T, 3), walk(2, 5, 3)),
        "scaling": items(np.ones((T, 1)), np.ones((5, 1))),
    }


def smoothnet_2d() -> dict:
    return {
        "imgname": items(frames("clap/{:05d}.png", range(1, 1 + T))),
        "joints_2d": items(np.abs(100 * walk(1, T, 30))),
        "imgshape": items(np.array([240, 320, 3])),
        "bbox": items(walk(1, T, 4)),
    }


SAMPLES = {
    "wham": (wham,),
    "phalp": (phalp,),
    "vibe": (vibe, pare),
    "threedpw": (threedpw,),
    "aist": (aist_motion, aist_3d, aist_2d),
    "gvhmr": (gvhmr,),
    "amass": (amass, amass_smplx),
    "videopose3d": (videopose3d_3d, videopose3d_2d),
    "smoothnet": (smoothnet_3d, smoothnet_stacked, smoothnet_smpl, smoothnet_2d),
}
ALL = [(format, make) for format, makers in SAMPLES.items() for make in makers]


def save(format: str, content: dict, folder: Path, name: str = "in") -> Path:
    """The content as the estimator writes it (joblib's own files are tested with the unpickler)."""
    suffix = {"gvhmr": ".pt", "amass": ".npz", "videopose3d": ".npz", "smoothnet": ".npz"}.get(format, ".pkl")
    path = folder / (name + suffix)
    if suffix == ".pt":
        _torch.dump(content, path)
    elif suffix == ".npz":
        _npy.save_npz(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    return path


def load(path: Path) -> object:
    """As users load it."""
    if path.suffix == ".pt":
        return _torch.load(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=True) as z:
            return {k: z[k] for k in z.files}
    return pickle.loads(path.read_bytes())


def same(a: object, b: object) -> bool:
    """Equal in type, order, dtype and value, NaN equal to NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, _torch.Tensor):
        return a.storage.kind == b.storage.kind and same(np.array(a.array), np.array(b.array))
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return all(map(same, a.flat, b.flat)) if a.dtype.hasobject else a.tobytes() == b.tobytes()
    return a == b or (a != a and b != b)


def differences(a: object, b: object, path: str = "") -> set[str]:
    """Where two documents differ: their keys joined with slashes."""
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        return set().union(*(differences(a[k], b[k], f"{path}/{k}") for k in a))
    if isinstance(a, np.ndarray) and a.dtype.hasobject and a.shape == ():
        return differences(a[()], b[()], path)
    nested = isinstance(a, (list, tuple)) or (isinstance(a, np.ndarray) and a.dtype.hasobject)
    if nested and len(a) == len(b):
        pairs = enumerate(zip(a, b, strict=True))
        return set().union(*(differences(x, y, f"{path}/{k}") for k, (x, y) in pairs))
    return set() if same(a, b) else {path}
