"""MediaPipe's landmarks on videos, unfiltered, as `sp.read_streams` reads them.

    python3.11 -m venv runs/mediapipe && runs/mediapipe/bin/pip install mediapipe==0.10.21
    runs/mediapipe/bin/python experiments/no_harm/real_estimate.py runs/no_harm/mediapipe VIDEO …

MediaPipe wants a NumPy of its own, so this runs in an environment of its own and imports nothing of
steadypose. Files that are there are not made again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import mediapipe
import numpy as np

SETTINGS = {"model_complexity": 1, "smooth_landmarks": False, "static_image_mode": False}
LANDMARKS = 33


def main() -> None:
    """Estimate every video named after the folder for results."""
    if len(sys.argv) < 3:
        raise SystemExit("expected a folder and videos: real_estimate.py FOLDER VIDEO …")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for video in map(Path, sys.argv[2:]):
        target = folder / f"{video.stem}.mediapipe.npz"
        if not target.exists():
            arrays = estimate(video)
            partial = target.with_name(f".{target.name}")
            np.savez_compressed(partial, **arrays)
            partial.replace(target)
            print(target, arrays["image"].shape, flush=True)


def estimate(video: Path) -> dict[str, np.ndarray]:
    """Landmarks of every frame, NaN where nobody was found.

    ``image`` (frames, 33, 3): x and y as fractions of width and height, z in the scale of x; ``world``
    (frames, 33, 3): metres about the middle of the hips; ``visibility`` (frames, 33).
    """
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise SystemExit(f"{video}: expected a video, found none that opens")
    fps, width, height = (
        capture.get(p) for p in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    image, world, visibility = [], [], []
    with mediapipe.solutions.pose.Pose(**SETTINGS) as pose:
        while True:
            there, frame = capture.read()
            if not there:
                break
            result = pose.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            image.append(_points(result.pose_landmarks))
            world.append(_points(result.pose_world_landmarks))
            visibility.append(_visibility(result.pose_landmarks))
    capture.release()
    return {
        "image": np.array(image, np.float32),
        "world": np.array(world, np.float32),
        "visibility": np.array(visibility, np.float32),
        "fps": np.array(fps),
        "width": np.array(int(width)),
        "height": np.array(int(height)),
        **{name: np.array(value) for name, value in SETTINGS.items()},
    }


def _points(landmarks) -> np.ndarray:
    if landmarks is None:
        return np.full((LANDMARKS, 3), np.nan)
    return np.array([(p.x, p.y, p.z) for p in landmarks.landmark])


def _visibility(landmarks) -> np.ndarray:
    if landmarks is None:
        return np.zeros(LANDMARKS)
    return np.array([p.visibility for p in landmarks.landmark])


if __name__ == "__main__":
    main()
