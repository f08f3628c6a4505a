"""MediaPipe's sets of landmarks, what they are called, and the skeletons they make up together."""

from __future__ import annotations

from collections.abc import Mapping

from steadypose.errors import SteadyposeError
from steadypose.io._probe import Probe
from steadypose.skeleton import Skeleton
from steadypose.skeleton import skeleton as find_skeleton

IMAGE = ("pose_landmarks", "left_hand_landmarks", "right_hand_landmarks", "face_landmarks")
"""Sets in the image, in the order in which they make up its skeleton."""
WORLD = {
    "pose_world_landmarks": "world",
    "left_hand_world_landmarks": "left_hand_world",
    "right_hand_world_landmarks": "right_hand_world",
}
"""Sets in space, and the streams they are: each has an origin of its own."""
SETS = (*IMAGE, *WORLD)
FIELDS = ("visibility", "presence")
"""What a landmark may have besides its coordinates; the first is the confidence."""

_LAYOUTS = {"pose": "mediapipe33", "left_hand": "openpose_hand_left21", "right_hand": "openpose_hand_right21"}
_FACES = (468, 478)  # without and with the irises


def _part(name: str) -> str:
    return name.removesuffix("_landmarks").removesuffix("_world")


def layout_of(counts: Mapping[str, int], probe: Probe) -> Skeleton:
    """The skeleton of sets of that many landmarks; a hand's are the same joints as OpenPose's.

    Raises FormatError if MediaPipe has no such set of so many.
    """
    names: list[str] = []
    keypoints: list[str] = []
    for name, count in counts.items():
        part = _part(name)
        if part == "face":
            if count not in _FACES:
                raise probe.error(name, "468 or 478 landmarks", str(count))
            names.append(f"mediapipe_face{count}")
            keypoints += [f"face_{k}" for k in range(count)]
            continue
        layout = find_skeleton(_LAYOUTS[part])
        if count != len(layout):
            raise probe.error(name, f"{len(layout)} landmarks", str(count))
        names.append(layout.name)
        keypoints += layout.keypoints
    full = "+".join(names)
    return Skeleton.from_names(keypoints, full) if "face" in full else find_skeleton(full)


def keys_of(skeleton: Skeleton, stream: str) -> dict[str, list[int | None]]:
    """For a new file: the sets of a stream, and which keypoint each of their landmarks is (or None).

    Raises SteadyposeError if some keypoint is no landmark of MediaPipe's.
    """
    at = {name: k for k, name in enumerate(skeleton.keypoints)}
    wanted = IMAGE if stream == "image" else [s for s, w in WORLD.items() if w == stream]
    sets: dict[str, list[int | None]] = {}
    for name in wanted:
        part = _part(name)
        if part == "face":
            count = next((n for n in _FACES if f"face_{n - 1}" in at and f"face_{n}" not in at), 0)
            names = tuple(f"face_{k}" for k in range(count))
        else:
            names = find_skeleton(_LAYOUTS[part]).keypoints
        found = [at.pop(n, None) for n in names]
        if any(k is not None for k in found):
            sets[name] = found
    if at:
        raise SteadyposeError(
            f"mediapipe-json: expected landmarks of MediaPipe's, found {next(iter(at))!r} ({skeleton.name}); "
            'remap it first (.remap("mediapipe33"))'
        )
    return sets
