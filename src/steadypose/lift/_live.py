"""Lifting frame by frame, as they come from a camera."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._timed import numbers
from steadypose.errors import DataError
from steadypose.lift._camera import Intrinsics
from steadypose.lift._inputs import BRIDGED_CONFIDENCE, step
from steadypose.lift._lifting import Lifting
from steadypose.lift._network import Network
from steadypose.lift._skeleton import derive
from steadypose.skeleton import Skeleton
from steadypose.skeleton import skeleton as find_skeleton

Values = npt.NDArray[np.float32]


class Lifter:
    """One person lifted live: each frame as it comes, equal to ``lift(…, online=True)`` of them all.

    Parameters
    ----------
    skeleton
        Of the keypoints that will come: a :class:`steadypose.Skeleton`, a layout's name, or names.
    fps
        Their frame rate.
    weights, camera, stature, max_gap
        As in :func:`steadypose.lift`.
    size
        Width and height of the image, if points come as fractions of it; None: they come in pixels.

    Attributes
    ----------
    outputs : tuple of str
        Names of the joints that come out.

    Raises
    ------
    DataError
        If the skeleton has nothing of a body, or an argument does not fit.
    """

    def __init__(
        self,
        skeleton: Skeleton | str | Iterable[str] = "coco17",
        *,
        fps: float,
        weights: str | os.PathLike[str] | Network | None = None,
        camera: Any = None,
        stature: float | None = None,
        max_gap: float = 0.25,
        size: tuple[float, float] | None = None,
    ) -> None:
        if not (np.isfinite(fps) and fps > 0):
            raise DataError(f"expected a frame rate above 0 fps, found {fps!r}")
        network = weights if isinstance(weights, Network) else Network(weights)
        self._lifting = Lifting(network, None if camera is None else Intrinsics.of(camera), stature, max_gap)
        self._skeleton = find_skeleton(skeleton)
        self._fps, self._size = fps, np.array((1, 1) if size is None else size, np.float32)
        self._step = step(fps, network.spec)
        self.outputs = network.spec.outputs
        derive(np.full((len(self._skeleton), 2), np.nan), None, self._skeleton, network.spec)
        self.reset()

    def reset(self) -> None:
        """Forget everything that came: somebody else is next."""
        spec = self._lifting.network.spec
        joints = len(spec.joints)
        self._window: deque[tuple[Any, Values]] = deque(maxlen=(spec.length - 1) * self._step + 1)
        self._last = np.full((joints, 2), np.nan, np.float32)
        self._last_time = np.full(joints, -np.inf)
        self._frame, self._time = 0, -np.inf
        self._heights, self._height_count = 0.0, 0

    def push(
        self, points: npt.ArrayLike, confidence: npt.ArrayLike | None = None, time: float | None = None
    ) -> Values:
        """The next frame's joints in 3D.

        Parameters
        ----------
        points : array_like, shape (keypoints, 2)
            NaN where missing.
        confidence : array_like, shape (keypoints,), optional
            As the estimator gave it.
        time
            Of the frame, seconds; None: one over the frame rate after the one before.

        Returns
        -------
        ndarray of float32, shape (outputs, 3)
            Millimetres from the pelvis; NaN if too little of the person is known.

        Raises
        ------
        DataError
            If the points are not those of the skeleton, or time does not go on.
        """
        lifting, spec = self._lifting, self._lifting.network.spec
        given = numbers(points, np.float32, "points")
        if given.shape != (len(self._skeleton), 2):
            raise DataError(f"expected points of shape {(len(self._skeleton), 2)}, found {given.shape}")
        believed = None if confidence is None else numbers(confidence, np.float32, "confidence")
        if believed is not None and believed.shape != given.shape[:1]:
            raise DataError(f"expected confidence of shape {given.shape[:1]}, found {believed.shape}")
        now = self._frame / self._fps if time is None else float(time)
        if not (np.isfinite(now) and now > self._time):
            raise DataError(f"expected a time after {self._time:g} s, found {now:g}")
        xy, c = derive(given * self._size, believed, self._skeleton, spec)
        seen = c > 0
        self._last[seen], self._last_time[seen] = xy[seen], now
        held = ~seen & (now - self._last_time <= lifting.max_gap + 1e-9)
        xy[held], c[held] = self._last[held], BRIDGED_CONFIDENCE
        if now - self._time > lifting.longest_step(self._fps):
            self._window.clear()
        self._frame, self._time = self._frame + 1, now
        rays_or_pixels, c = lifting.points(xy, c)
        if not lifting.there(c):
            self._window.clear()
            return np.full((len(spec.outputs), 3), np.nan, np.float32)
        self._window.append((rays_or_pixels, c))
        newest = len(self._window) - 1
        frames = [max(newest - k * self._step, 0) for k in range(spec.length - 1, -1, -1)]
        some = [self._window[f] for f in frames]
        joints = lifting.windows(np.stack([p for p, _ in some])[None], np.stack([b for _, b in some])[None])
        return self._scaled(joints[0, -1])

    def _scaled(self, joints: Values) -> Values:
        lifting = self._lifting
        if lifting.stature is None:
            return joints
        self._heights += float(lifting.height(joints))
        self._height_count += 1
        return joints * lifting.factor(np.asarray(self._heights / self._height_count))
