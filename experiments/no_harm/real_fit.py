"""What stands between the joints of an estimator and of a truth: axes, clocks, cameras, offsets on the body.

Everything is fitted once, to the raw input; refined versions are judged by the same truth.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import OptimizeResult, least_squares

from steadypose.rotations import from_axis_angle, from_euler, to_axis_angle

CLOCK = 0.15  # seconds that clocks may differ by
STEP = 0.01
YAWS = (0.0, 90.0, 180.0, 270.0)  # degrees: where a camera may stand, to begin with
START = (0.0, 0.0, 3.0, 0.8, 0.0, 1.0)  # place (m), focal length (image heights), clock (s), pace
SCALES = (0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.1, 0.05, 0.01)  # turn, then as START
PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LIMBS = tuple(f"{side}_{part}" for part in PARTS for side in ("left", "right"))
HIPS = (LIMBS.index("left_hip"), LIMBS.index("right_hip"))
SHOULDERS = (LIMBS.index("left_shoulder"), LIMBS.index("right_shoulder"))


class Curve:
    """Positions at any time, by a cubic spline; NaN outside of the recording."""

    def __init__(self, times: np.ndarray, x: np.ndarray) -> None:
        self.ends = float(times[0]), float(times[-1])
        self._spline = CubicSpline(times, x, axis=0, extrapolate=False)

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """Positions (frames, joints, dims)."""
        return np.asarray(self._spline(times))

    def held(self, times: np.ndarray) -> np.ndarray:
        """The same, outside of the recording as at its end."""
        return self(np.clip(times, *self.ends))


def rooted(x: np.ndarray) -> np.ndarray:
    """Limb joints (frames, 12, dims) about the middle of the hips."""
    return x - x[:, HIPS].mean(axis=1, keepdims=True)


def rotation_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation R for which ``a @ R.T`` is nearest to b; (frames, joints, 3) each, NaN left out."""
    good = np.isfinite(a).all(axis=-1) & np.isfinite(b).all(axis=-1)
    u, _, v = np.linalg.svd(b[good].T @ a[good])
    return (u * [1, 1, np.sign(np.linalg.det(u @ v))]) @ v


def clock_and_axes(times: np.ndarray, x: np.ndarray, truth: Curve) -> tuple[float, np.ndarray]:
    """How many seconds the truth's clock is ahead, and the rotation from its axes to those of x.

    The shift at which what varies of the error about constant offsets is least.
    """

    def error(shift: float) -> tuple[float, np.ndarray]:
        y = rooted(truth(times + shift))
        turn = rotation_between(y, rooted(x))
        off = rooted(x) - y @ turn.T
        off = off - np.nanmedian(off, axis=0)
        return float(np.nanmean(np.linalg.norm(off, axis=-1))), turn

    shifts = np.arange(-CLOCK, CLOCK + STEP / 2, STEP)
    best = float(shifts[np.argmin([error(s)[0] for s in shifts])])
    return best, error(best)[1]


class Camera:
    """A pinhole camera without distortion, with its clock: numbers to be fitted, see :data:`SCALES`."""

    def __init__(self, numbers: np.ndarray, size: tuple[float, float], about: np.ndarray) -> None:
        self.rotation = from_axis_angle(numbers[:3])
        self.place, self.focal = numbers[3:6], numbers[6] * size[1]
        self.shift, self.pace = numbers[7], numbers[8]
        self.size, self.about = np.asarray(size), about

    def to_camera(self, world: np.ndarray) -> np.ndarray:
        """Points in the camera's axes: x right, y down, z away."""
        return (world - self.about) @ self.rotation.T + self.place

    def project(self, world: np.ndarray) -> np.ndarray:
        """Pixels."""
        p = self.to_camera(world)
        return p[..., :2] / p[..., 2:] * self.focal + self.size / 2

    def when(self, times: np.ndarray) -> np.ndarray:
        """The truth's time of the camera's times."""
        return times[0] + (times - times[0]) * self.pace + self.shift


def fit_camera(
    times: np.ndarray,
    pixels: np.ndarray,
    truth: Curve,
    size: tuple[float, float],
    start: np.ndarray,
    *,
    pace: bool = False,
) -> Camera:
    """The camera in whose image a truth's joints are where a detector saw them.

    Parameters
    ----------
    times : ndarray, shape (frames,)
        Seconds, of the images.
    pixels : ndarray, shape (frames, joints, 2)
    truth
        Of the joints in metres.
    size
        Width and height of the image.
    start : ndarray, shape (3, 3)
        The truth's axes in the camera's, up to a turn about the truth's second axis.
    pace
        Whether the clocks' pace may differ too.
    """
    about = truth.held(times).mean(axis=(0, 1))
    good = np.isfinite(pixels).all(axis=-1)[..., None]
    count = len(SCALES) - (not pace)

    def camera(numbers: np.ndarray) -> Camera:
        return Camera(np.r_[numbers, 1.0][: len(SCALES)], size, about)

    def residuals(numbers: np.ndarray) -> np.ndarray:
        made = camera(numbers)
        # Held at its ends: a truth that is missing there would draw the clock outwards.
        return np.where(good, made.project(truth.held(made.when(times))) - pixels, 0.0).ravel()

    def solved(numbers: np.ndarray, rounds: int) -> OptimizeResult:
        scales = np.array(SCALES[:count])
        return least_squares(
            residuals, numbers[:count], loss="huber", f_scale=0.01 * size[1], x_scale=scales, max_nfev=rounds
        )

    turns = [to_axis_angle(start @ from_euler([0.0, yaw, 0.0], "XYZ")) for yaw in YAWS]
    first = min((solved(np.r_[t, START], 25) for t in turns), key=lambda s: s.cost).x
    # Again from other clocks: far from the right turn the clock may have run away.
    clocks = [solved(np.r_[first[:7], shift, first[8:]], 100) for shift in (-0.06, 0.0, 0.06)]
    return camera(min(clocks, key=lambda s: s.cost).x)


def with_offsets(x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The truth with every joint moved by a constant offset in the body, the median one to the raw input.

    Estimators put a hip or a wrist elsewhere on the body than a marker model does; about such offsets error
    says more of what refinement can change. In 3D they are constant in the axes of the trunk and relative to
    the middle of the hips, in 2D in body sizes along the image's axes.
    """
    if x.shape[-1] == 3:
        axes = trunk_axes(truth)
        off = np.einsum("tji,tnj->tni", axes, rooted(x) - rooted(truth))
        constant = np.nanmedian(off, axis=0)
        return truth + np.einsum("tij,nj->tni", axes, constant)
    spread = np.linalg.norm(truth - np.nanmean(truth, axis=1, keepdims=True), axis=-1)
    size = np.nanmean(spread, axis=1)[:, None, None]
    return truth + size * np.nanmedian((x - truth) / size, axis=0)


def trunk_axes(x: np.ndarray) -> np.ndarray:
    """Axes of the trunk as columns (frames, 3, 3): to the left, up, ahead."""
    left = x[:, HIPS[0]] - x[:, HIPS[1]]
    up = x[:, SHOULDERS].mean(axis=1) - x[:, HIPS].mean(axis=1)
    ahead = np.cross(left, up)
    axes = np.stack([left, np.cross(ahead, left), ahead], axis=-1)
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)
