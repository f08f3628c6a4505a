"""What stands for a body's size where curves are rotations."""

import numpy as np
import pytest

from steadypose.refine._reach import CHORD, LEAST, MOST, rotation_sizes
from steadypose.skeleton import Skeleton

# A pelvis that carries a leg of three bones and a head.
BODY = Skeleton("body", ("pelvis", "hip", "knee", "ankle", "head"), (-1, 0, 1, 2, 0), ("pelvis",))
OFFSETS = np.array([[9, 9, 9], [0.1, 0, 0], [0, -0.4, 0], [0, -0.4, 0], [0, 0.6, 0]])


def test_the_shorter_what_hangs_from_a_joint_the_more_it_may_turn():
    sizes = rotation_sizes(BODY, OFFSETS, 1)[0] / CHORD
    assert sizes == pytest.approx([LEAST, LEAST, 1.8 / 0.4, MOST, MOST])


def test_persons_units_and_order_do_not_matter():
    both = rotation_sizes(BODY, np.stack([OFFSETS, 100 * OFFSETS]), 2)
    assert both[0] == pytest.approx(both[1])
    turned = Skeleton("turned", BODY.keypoints[::-1], (4, 2, 3, 4, -1), ("pelvis",))
    assert rotation_sizes(turned, OFFSETS[::-1], 1)[0] == pytest.approx(both[0][::-1])


def test_without_offsets_bones_count_and_without_a_tree_all_are_alike():
    assert rotation_sizes(BODY, None, 1)[0] / CHORD == pytest.approx([LEAST, LEAST, 6, MOST, MOST])
    assert (rotation_sizes(Skeleton("loose", ("a", "b")), None, 2) == CHORD * LEAST).all()
    assert (rotation_sizes(BODY, 0 * OFFSETS, 1) == CHORD * LEAST).all()
