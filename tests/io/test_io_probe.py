"""JSON as Python's own writer makes it: NaN where there should be null."""

import json
import math

import numpy as np
import orjson
import pytest

import steadypose as sp
from steadypose.io._probe import keep_exact, loads_json, shortest


def test_nan_in_json_is_missing_and_all_else_stays(tmp_path):
    point = [1.5, 2.5, 0.9]
    people = [
        {"image_id": f"{i}.jpg", "keypoints": point * 17, "score": 2.0, "idx": 1, "box": [1, 2, 3, math.nan]}
        for i in range(4)
    ]
    people[1]["keypoints"] = [math.nan, math.nan, 0.1, *point * 16]
    people[2]["keypoints"] = [math.inf, 2.0, 0.1, *point * 16]
    path = tmp_path / "alphapose.json"
    path.write_text(json.dumps(people))
    seq = sp.read(path)
    assert seq.valid[:, 0, 0].tolist() == [True, False, False, True]
    assert seq.valid[:, 0, 1:].all()
    sp.write(sp.refine(seq, "gaussian"), tmp_path / "out.json")
    assert sp.read(tmp_path / "out.json").valid.all()


def test_what_is_not_json_stays_an_error():
    for text in (b"{NaN", b"[1, nan]", b"[NaN, ]", b"Infinity["):
        with pytest.raises(orjson.JSONDecodeError):
            loads_json(text)


def test_digits_of_the_file_are_kept_where_single_precision_cannot_tell():
    old = np.array([0.40853658536585363, 1e-300, np.nan, 2.0, 16777217.0])
    same = keep_exact(old, old.astype(np.float32))
    assert np.array_equal(same, old, equal_nan=True)
    assert keep_exact(old, np.float32([0.5, 0, np.nan, 2.5, 1])).tolist()[:2] == [0.5, 1e-300]


def test_shortest_is_the_decimal_that_people_wrote():
    assert shortest(np.float32([0.1, 515.671, 1e-7])).tolist() == [0.1, 515.671, 1e-7]
