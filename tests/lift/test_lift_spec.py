"""The interface of a lifting network: what fits, what is refused, and back through JSON."""

import json

import pytest

from steadypose.errors import DataError
from steadypose.lift._spec import H36M17, INPUTS16, LiftSpec


def test_the_papers_sixteen_inputs_leave_out_the_point_between_thorax_and_head():
    assert len(INPUTS16) == 16 and set(H36M17) - set(INPUTS16) == {"neck_base"}
    assert LiftSpec().channels == 3 and LiftSpec(confidence=False).channels == 2


@pytest.mark.parametrize(
    "spec",
    [
        LiftSpec(),
        LiftSpec(joints=H36M17, length=1, normalisation="pixels", confidence=False, rates=(10, 10)),
    ],
)
def test_through_json_and_back(spec):
    assert LiftSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("joints", ()),
        ("joints", "pelvis"),
        ("joints", ("pelvis", "pelvis")),
        ("joints", ("pelvis", "nose")),
        ("outputs", ("left_hip", "pelvis")),
        ("length", 0),
        ("length", True),
        ("length", 2.5),
        ("normalisation", "none"),
        ("confidence", 1),
        ("rates", (50, 25)),
        ("rates", (0, 25)),
        ("rates", 25),
        ("rates", ("a", "b")),
    ],
)
def test_what_does_not_fit_is_named(field, value):
    with pytest.raises(DataError, match=f"expected .*{field}"):
        LiftSpec(**{field: value})


@pytest.mark.parametrize("data", [None, [], {}, {**LiftSpec().to_json(), "more": 1}, {"length": 5}])
def test_a_mapping_with_other_fields_is_refused(data):
    with pytest.raises(DataError, match="expected a lifting network's spec with joints"):
        LiftSpec.from_json(data)
