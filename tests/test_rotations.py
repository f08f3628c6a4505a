"""Rotations against SciPy, and the algebra that must hold whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from steadypose import rotations as rot
from steadypose.errors import DataError
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
seeds = st.integers(0, 2**32 - 1)


def some(seed: int, *shape: int) -> np.ndarray:
    """Random rotations, among them tiny ones and half turns."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=(*shape, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = rng.choice(
        [0.0, 1e-12, 1e-7, 1e-3, 1.0, 2.0, 3.0, np.pi - 1e-3, np.pi - 1e-7, np.pi - 1e-12, np.pi], shape
    )
    v = axis * angle[..., None]
    return Rotation.from_rotvec(v.reshape(-1, 3)).as_matrix().reshape(*shape, 3, 3)


@given(seeds)
def test_round_trips(seed):
    R = some(seed, 4, 3)
    np.testing.assert_allclose(rot.from_axis_angle(rot.to_axis_angle(R)), R, atol=1e-12)
    for order in ("wxyz", "xyzw"):
        q = rot.to_quaternion(R, order)
        np.testing.assert_allclose(np.linalg.norm(q, axis=-1), 1, atol=1e-14)
        assert (q[..., 0 if order == "wxyz" else 3] >= 0).all()
        np.testing.assert_allclose(rot.from_quaternion(-3 * q, order), R, atol=1e-12)
    for layout in ("columns", "rows"):
        np.testing.assert_allclose(rot.from_6d(2 * rot.to_6d(R, layout), layout), R, atol=1e-12)
    for order in ORDERS:
        np.testing.assert_allclose(rot.from_euler(rot.to_euler(R, order), order), R, atol=1e-12)
        np.testing.assert_allclose(rot.from_euler(rot.to_euler(R, order, False), order, False), R, atol=1e-12)
    np.testing.assert_allclose(rot.project(R), R, atol=1e-12)


@given(seeds)
def test_as_scipy(seed):
    R = some(seed, 20)
    s = Rotation.from_matrix(R)
    v = rot.to_axis_angle(R)
    theirs = s.as_rotvec()
    # Near a half turn, an axis and its opposite are as good as each other.
    sign = np.where((v * theirs).sum(axis=-1, keepdims=True) < 0, -1, 1)
    np.testing.assert_allclose(
        v * np.where(np.linalg.norm(v, axis=-1, keepdims=True) > 3, sign, 1), theirs, atol=1e-7
    )
    np.testing.assert_allclose(rot.from_axis_angle(theirs), R, atol=1e-12)
    np.testing.assert_allclose(rot.from_quaternion(s.as_quat(), "xyzw"), R, atol=1e-12)
    angles = np.random.default_rng(seed).uniform(-170, 170, (20, 3))
    for order in ORDERS:
        expected = Rotation.from_euler(order, angles, degrees=True).as_matrix()
        np.testing.assert_allclose(rot.from_euler(angles, order), expected, atol=1e-12)
        first, second, third = (
            Rotation.from_euler(a, x[:, None], degrees=True) for a, x in zip(order, angles.T, strict=True)
        )
        np.testing.assert_allclose(
            rot.from_euler(angles, order), (first * second * third).as_matrix(), atol=1e-12
        )


@pytest.mark.parametrize("angle", [1e-150, 1e-20, 1e-9, 1e-4, np.pi - 1e-9, np.pi])
def test_small_and_half_turns_keep_their_digits(angle):
    v = angle * np.array([0.6, 0.0, -0.8])
    R = rot.from_axis_angle(v)
    back = rot.to_axis_angle(R)
    assert np.linalg.norm(np.cross(back, v)) <= 1e-12 * angle**2
    np.testing.assert_allclose(np.linalg.norm(back), angle, rtol=1e-12, atol=1e-320)
    np.testing.assert_allclose(rot.geodesic(np.eye(3), R), angle, rtol=1e-12, atol=1e-320)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("middle", [90.0, -90.0, 90.0 - 1e-10, 89.9999])
def test_euler_at_the_gimbal_lock_still_makes_the_rotation(order, middle):
    R = rot.from_euler([30.0, middle, -110.0], order)
    np.testing.assert_allclose(rot.from_euler(rot.to_euler(R, order), order), R, atol=1e-14)


@given(seeds)
def test_composition_and_geodesic(seed):
    A, B, C = some(seed, 3, 10)
    d = rot.geodesic
    np.testing.assert_allclose(d(A, B), d(B, A), atol=1e-12)
    np.testing.assert_allclose(d(C @ A, C @ B), d(A, B), atol=1e-7)
    assert (d(A, C) <= d(A, B) + d(B, C) + 1e-7).all()
    np.testing.assert_allclose(d(A, A), 0, atol=1e-12)
    q, p = rot.to_quaternion(A), rot.to_quaternion(B)
    w = q[:, 0] * p[:, 0] - (q[:, 1:] * p[:, 1:]).sum(axis=1)
    v = q[:, :1] * p[:, 1:] + p[:, :1] * q[:, 1:] + np.cross(q[:, 1:], p[:, 1:])
    np.testing.assert_allclose(rot.from_quaternion(np.concatenate([w[:, None], v], 1)), A @ B, atol=1e-12)


@given(seeds, st.floats(0.05, 3.0))
def test_slerp_ends_and_constant_speed(seed, angle):
    A = some(seed, 5)
    axis = np.random.default_rng(seed).normal(size=(5, 3))
    B = A @ rot.from_axis_angle(angle * axis / np.linalg.norm(axis, axis=-1, keepdims=True))
    t = np.linspace(0, 1, 9)[:, None]
    path = rot.slerp(A, B, t)
    assert path.shape == (9, 5, 3, 3)
    np.testing.assert_allclose(path[0], A, atol=1e-12)
    np.testing.assert_allclose(path[-1], B, atol=1e-12)
    np.testing.assert_allclose(rot.geodesic(path[1:], path[:-1]), angle / 8, atol=1e-7)


@given(arrays(np.float64, (6, 3, 3), elements=st.floats(-10, 10)))
def test_project_is_the_nearest_rotation(m):
    R = rot.project(m)
    np.testing.assert_allclose(R @ R.swapaxes(-1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-12)
    np.testing.assert_allclose(rot.project(R), R, atol=1e-12)
    best = np.linalg.norm(m - R, axis=(-2, -1))
    for other in some(1, 50):
        assert (best <= np.linalg.norm(m - other, axis=(-2, -1)) + 1e-9).all()


def test_missing_in_missing_out():
    R = some(0, 2, 3)
    R[1, 2] = np.nan
    for f in (
        rot.project, rot.to_quaternion, rot.to_axis_angle, rot.to_6d, rot.to_euler,
        lambda m: rot.geodesic(m, m), lambda m: rot.slerp(m, m, 0.5),
    ):  # fmt: skip
        out = f(R)
        assert np.isnan(out[1, 2]).all()
        assert np.isfinite(out[0]).all() and np.isfinite(out[1, :2]).all()
    assert np.isnan(rot.from_axis_angle([np.nan, 0, 0])).any()
    assert np.isnan(rot.from_quaternion([0, 0, 0, 0])).all(), "a quaternion of length zero says nothing"
    assert np.isnan(rot.from_6d([1, 2, 3, 2, 4, 6])[:, 1]).all()
    assert np.isnan(rot.from_axis_angle([np.inf, 0, 0])).any()


@pytest.mark.parametrize(
    "call",
    [
        lambda: rot.project(np.eye(2)),
        lambda: rot.from_axis_angle([1, 2]),
        lambda: rot.from_quaternion([1, 0, 0, 0], "zyxw"),
        lambda: rot.from_6d(np.zeros(6), "both"),
        lambda: rot.from_euler([1, 2, 3], "XYX"),
        lambda: rot.to_global(np.eye(3)[None], [-1, 0]),
        lambda: rot.procrustes(np.zeros((3, 2)), np.zeros((4, 2))),
    ],
)
def test_bad_input_says_what_was_expected(call):
    with pytest.raises(DataError, match=r"expected .* found"):
        call()


def test_layouts_of_6d():
    R = some(3)
    np.testing.assert_array_equal(rot.to_6d(R, "columns"), np.concatenate([R[:, 0], R[:, 1]]))
    np.testing.assert_array_equal(rot.to_6d(R, "rows"), R[:, :2].ravel())
    np.testing.assert_allclose(rot.from_6d(np.concatenate([R[0], R[1]]), "columns"), R.T, atol=1e-14)


@given(seeds)
def test_global_and_local(seed):
    parents = [2, -1, 1, 0, -1]  # a child may stand before its parent
    R = some(seed, 2, 5)
    G = rot.to_global(R, parents)
    np.testing.assert_allclose(G[:, 3], R[:, 1] @ R[:, 2] @ R[:, 0] @ R[:, 3], atol=1e-12)
    np.testing.assert_allclose(G[:, 4], R[:, 4], atol=0)
    np.testing.assert_allclose(rot.to_local(G, parents), R, atol=1e-12)


def slow_kinematics(motion: BodyMotion, f: int, p: int) -> np.ndarray:
    """One frame of one person by recursion."""
    parents = motion.skeleton.parents
    offsets = motion.offsets if motion.offsets.ndim == 2 else motion.offsets[p]

    def place(j):
        if parents[j] < 0:
            start = np.zeros(3) if motion.translation is None else motion.translation[f, p]
            return start + offsets[j], motion.rotations[f, p, j]
        at, turn = place(parents[j])
        own = motion.rotations[f, p, j]
        return at + turn @ offsets[j], own if motion.relative_to == "world" else turn @ own

    return np.array([place(j)[0] for j in range(len(parents))])


@settings(max_examples=25)
@given(seeds, st.booleans(), st.booleans(), st.sampled_from(["parent", "world"]))
def test_forward_kinematics(seed, own_offsets, moving, relative_to):
    rng = np.random.default_rng(seed)
    skeleton = Skeleton("chain", ("hand", "root", "elbow", "head"), (2, -1, 1, 1), ("root",))
    motion = BodyMotion(
        some(seed, 3, 2, 4),
        np.arange(3) / 30,
        skeleton,
        translation=rng.normal(size=(3, 2, 3)) if moving else None,
        offsets=rng.normal(size=(2, 4, 3) if own_offsets else (4, 3)),
        relative_to=relative_to,
        persons=("a", "b"),
        unit="cm",
        space="camera",
        filled=np.arange(24).reshape(3, 2, 4) == 2,  # the elbow of the first person in the first frame
    )
    out = rot.forward_kinematics(motion)
    for f in range(3):
        for p in range(2):
            np.testing.assert_allclose(out.positions[f, p], slow_kinematics(motion, f, p), atol=1e-5)
    assert out.persons == ("a", "b") and out.unit == "cm" and out.skeleton == skeleton
    assert out.space == ("camera" if moving else "root-relative")
    assert np.argwhere(out.filled).tolist() == [[0, 0, 0]], "only the hand hangs on the elbow's rotation"


def test_forward_kinematics_without_offsets_or_with_gaps():
    skeleton = Skeleton("chain", ("root", "elbow", "hand"), (-1, 0, 1), ("root",))
    R = some(0, 2, 1, 3)
    with pytest.raises(DataError, match="offsets"):
        rot.forward_kinematics(BodyMotion(R, np.arange(2.0), skeleton))
    R[1, 0, 0] = np.nan
    out = rot.forward_kinematics(BodyMotion(R, np.arange(2.0), skeleton, offsets=np.ones((3, 3))))
    assert np.isfinite(out.positions[0]).all() and np.isfinite(out.positions[1, 0, 0]).all()
    assert np.isnan(out.positions[1, 0, 1:]).all()


@given(seeds, st.sampled_from([2, 3]), st.booleans())
def test_procrustes_recovers_a_similarity(seed, dims, scale):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, 7, dims))
    R = some(seed, 4) if dims == 3 else rot.from_axis_angle(rng.normal(size=(4, 1)) * [0, 0, 1])[:, :2, :2]
    s = rng.uniform(0.1, 10, 4) if scale else np.ones(4)
    t = rng.normal(size=(4, dims))
    y = s[:, None, None] * x @ R.swapaxes(-1, -2) + t[:, None]
    y[1, 2], x[2, 0] = np.nan, np.nan
    y[3, 5] += 100
    weights = np.ones((4, 7))
    weights[3, 5] = 0
    for got, expected in zip(rot.procrustes(x, y, weights, scale), (s, R, t), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)
    one = [
        np.stack(v)
        for v in zip(
            *(rot.procrustes(a, b, w, scale) for a, b, w in zip(x, y, weights, strict=True)), strict=True
        )
    ]
    for got, expected in zip(one, (s, R, t), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)


def test_procrustes_never_reflects_and_survives_too_few_points():
    x = np.random.default_rng(0).normal(size=(9, 3))
    _, R, _ = rot.procrustes(x, x * [1, 1, -1])
    assert np.linalg.det(R) == pytest.approx(1)
    s, R, t = rot.procrustes(x[:1], x[:1] + 2)
    np.testing.assert_allclose((s * R @ x[0] + t), x[0] + 2, atol=1e-12)
    s, R, t = rot.procrustes(np.full((5, 3), np.nan), x[:5])
    assert np.isnan(s) and np.isnan(R).all() and np.isnan(t).all()
    line = np.outer(np.arange(5.0), [1, 2, 3])
    s, R, t = rot.procrustes(line, line[:, [1, 2, 0]])
    np.testing.assert_allclose(s * line @ R.T + t, line[:, [1, 2, 0]], atol=1e-9)
