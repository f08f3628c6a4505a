"""Pieces of motion as estimators see them, from a few clips of motion capture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steadypose.data.refine_pieces import ROTATION_SIZE, Block, PieceData, Pieces, pieces_of
from steadypose.errors import DataError
from steadypose.refine.bank import BankSpec

SPEC = BankSpec()
DATA = PieceData(
    root=str(Path(__file__).parent.parent / "data"),
    rates=(30,),
    seconds=(1.0, 1.5),
    fast=0.0,
    rotations=0.0,
    flat=0.0,
    clean=0.0,
    blocks=4,
)


@pytest.fixture(scope="module")
def clips():
    """All that trains: a walk, and a run on a playground."""
    return pieces_of(DATA, "train", SPEC).clips


def blocks(clips, numbers: int = 4, seed: int = 0, **change) -> list[Block]:
    pieces = Pieces(clips, replace(DATA, **change), SPEC, seed)
    return [pieces.block(n) for n in range(numbers)]


def all_pieces(made: list[Block], name: str) -> list[np.ndarray]:
    """The pieces of blocks, one by one: (frames, keypoints, axes)."""
    return [getattr(b, name)[:, p] for b in made for p in range(b.truth.shape[1])]


def test_the_same_seed_and_number_give_the_same_block(clips):
    # In which order they are asked for does not matter.
    mixed = {"fast": 0.5, "rotations": 0.3, "flat": 0.3, "clean": 0.1}
    first = blocks(clips, 4, seed=3, **mixed)
    again = Pieces(clips, replace(DATA, **mixed), SPEC, 3)
    for number in (2, 0, 3):
        block = again.block(number)
        for name in ("noisy", "truth", "size", "lasting"):
            assert np.array_equal(getattr(block, name), getattr(first[number], name))
    other = blocks(clips, 1, seed=4, **mixed)[0]
    for block in (other, first[1]):
        assert block.noisy.shape != first[0].noisy.shape or (block.noisy != first[0].noisy).any()


@pytest.mark.parametrize(
    ("change", "axes"), [({}, 3), ({"flat": 1.0, "detector": 0.0}, 2), ({"rotations": 1.0}, 9)]
)
def test_blocks_have_the_shapes_they_say(clips, change, axes):
    for block in blocks(clips, rates=(25, 120), **change):
        frames, pieces, keypoints, found = block.truth.shape
        assert found == axes
        assert block.fps in (25, 120)
        seconds = frames / block.fps * (2 if block.fps > 100 else 1)
        assert 0.95 <= seconds <= 1.55
        assert 1 <= keypoints <= 17 and pieces >= 1
        assert block.noisy.shape == block.truth.shape
        assert block.noisy.dtype == block.truth.dtype == np.float32
        assert block.size.shape == block.lasting.shape == (pieces,)
        assert np.isfinite(block.noisy).all() and (block.size > 0).all()


def test_what_a_network_sees_has_its_numbers(clips):
    block = blocks(clips, 1)[0]
    seen, bands = block.described(block.noisy, SPEC)
    assert bands.shape == (SPEC.present(block.fps), *block.noisy.shape)
    points = block.noisy.shape[1] * block.noisy.shape[2]
    assert seen.always.shape == (points, SPEC.numbers["always"])


def test_clean_pieces_are_the_truth(clips):
    for block in blocks(clips, clean=1.0, fast=0.5, flat=0.5, detector=1.0):
        assert np.array_equal(block.noisy, block.truth)
        assert not block.lasting.any()
    for block in blocks(clips, 2, clean=1.0, rotations=1.0):
        assert np.abs(block.noisy - block.truth).max() < 1e-5


def test_rotations_stay_rotations(clips):
    for block in blocks(clips, rotations=1.0, fast=0.5):
        assert (block.size == np.float32(ROTATION_SIZE)).all()
        for x in (block.noisy, block.truth):
            matrices = x.reshape(-1, 3, 3)
            assert np.allclose(matrices @ matrices.transpose(0, 2, 1), np.eye(3), atol=1e-4)
            assert np.allclose(np.linalg.det(matrices), 1, atol=1e-4)
        assert (block.noisy != block.truth).any()


def test_motion_without_rotations_makes_positions(clips):
    bare = [replace(c, motion=c.joints("h36m17")) for c in clips]
    made = blocks(bare, 2, rotations=1.0)
    assert {b.truth.shape[3] for b in made} == {3}
    mixed = blocks([bare[0], clips[1]], 2, rotations=1.0)
    assert {b.truth.shape[3] for b in mixed} == {9}


def test_errors_are_as_large_as_they_may_be_and_marked_where_they_last(clips):
    for estimator in (0.0, 1.0):
        made = blocks(clips, estimator=estimator)
        assert all((b.lasting == estimator).all() for b in made)
        errors = [
            np.sqrt(np.square(x - t).mean())
            for x, t in zip(all_pieces(made, "noisy"), all_pieces(made, "truth"), strict=True)
        ]
        assert 0.001 < np.median(errors) < 0.05
        assert min(errors) < 0.003 and max(errors) > 0.02


def test_a_detector_s_pieces_are_pixels(clips):
    made = blocks(clips, 2, flat=1.0, detector=1.0, estimator=0.0)
    sizes = np.concatenate([b.size for b in made])
    pixels = sizes > 20
    assert pixels.mean() > 0.8
    assert (np.concatenate([b.lasting for b in made]) == pixels).all()


def speed(clips, **change) -> float:
    still = {"speed": (1.0, 1.0), "slow": 0.0, **change}
    found = [np.abs(np.diff(t, axis=0)).mean() for t in all_pieces(blocks(clips, **still), "truth")]
    return float(np.mean(found))


def test_motion_is_sped_up_slowed_down_and_moved_fast(clips):
    usual = speed(clips)
    assert 1.15 * usual < speed(clips, speed=(2.0, 2.0)) < 2.6 * usual  # less at the turns
    assert speed(clips, slow=1.0) < 0.6 * usual
    assert speed(clips, fast=1.0) > 1.1 * usual


def test_short_clips_run_to_and_fro_with_rounded_turns(clips):
    pieces = Pieces(clips, replace(DATA, speed=(1.0, 1.0), slow=0.0), SPEC)
    for clip, c in enumerate(clips):
        at = pieces._times(clip, 300, 60.0, np.random.default_rng(clip))
        steps = np.diff(at)
        assert at.min() >= 0 and at.max() <= len(c.motion.times) - 1
        assert (steps > 0).any() and (steps < 0).any()
        step = c.fps / 60
        assert np.abs(steps).max() <= step * 1.001
        assert np.abs(np.diff(steps)).max() < 0.25 * step


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected clips to make pieces of, found none"):
        Pieces([], DATA, SPEC)
    with pytest.raises(DataError):
        pieces_of(DATA, "validation", SPEC)
    with pytest.raises(DataError):
        pieces_of(replace(DATA, root=str(tmp_path)), "train", SPEC)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": 0}, "expected blocks as a number from 1 up, found 0"),
        ({"rates": ()}, "expected rates as frame rates above 0"),
        ({"rates": (30, 0)}, "expected rates as frame rates above 0"),
        ({"seconds": (2.0, 1.0)}, "expected seconds as a shortest and a longest above 0"),
        ({"speed": (0.0, 1.0)}, "expected speed as a lowest and a highest factor above 0"),
        ({"clean": 1.5}, "expected clean as a share from 0 to 1, found 1.5"),
    ],
)
def test_settings_that_do_not_fit_are_named(change, message):
    with pytest.raises(DataError, match=message):
        replace(DATA, **change)
