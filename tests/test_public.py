"""The public surface, pinned: what changes here changes for everybody who uses steadypose.

Also what an import costs, and that optional packages are optional.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import steadypose as sp

SURFACE = """
    BodyMotion DataError FormatError MissingExtraError PoseSequence Skeleton SteadyposeError __version__
    detect evaluate formats lift metrics models read read_streams refine rotations tune write
""".split()  # noqa: SIM905

SIGNATURES = {
    "detect": "path",
    "formats": "",
    "read": (
        "path, *, format=None, stream=None, fps=None, skeleton=None, unit=None, columns=None, "
        "keep_zeros=False"
    ),
    "read_streams": (
        "path, *, format=None, fps=None, skeleton=None, unit=None, columns=None, keep_zeros=False"
    ),
    "write": "data, path, *, format=None, force=False",
    "refine": (
        "motion, method=None, *, max_gap=0.25, outliers=None, swaps=None, confidence=True, "
        "min_confidence=None, strays=None, check_rate=None, **parameters"
    ),
    "lift": ("seq, *, weights=None, online=False, camera=None, stature=None, size=None, max_gap=0.25"),
    "tune": (
        "motion, truth, method='gaussian', *, objective='mpjpe', target_accel=None, bounds=None, "
        "progress=None, **fixed"
    ),
    "evaluate": "pred, truth=None, protocol='default', root='skeleton', per_joint=False, reference=None",
    "PoseSequence.from_array": (
        "positions, *, fps=None, times=None, skeleton=None, unit='px', space='image', confidence=None, "
        "persons=None"
    ),
    "PoseSequence.select": "self, frames=None, persons=None, keypoints=None",
    "PoseSequence.remap": "self, layout",
    "PoseSequence.with_positions": "self, positions, note, filled=None",
    "BodyMotion.with_rotations": "self, rotations, note, translation=None, filled=None",
    "Skeleton.from_names": "names, name='custom'",
    "Skeleton.index": "self, name",
    "Skeleton.common": "self, other",
    "Skeleton.subset": "self, indices, name=None",
    "FormatError": "path, place, expected, found",
    "MissingExtraError": "what, extra",
}

FIELDS = {
    "PoseSequence": "positions times skeleton confidence persons unit space history filled source",
    "BodyMotion": (
        "rotations times skeleton translation body_shape offsets relative_to persons unit space "
        "representation history filled source"
    ),
    "Skeleton": "name keypoints parents root edges canonical mirror",
}

METRICS = """
    Alignment Changes Evaluation accel accel_magnitude accel_worst acceleration align angular_accel auc
    bone_length_variation compare evaluate find_cuts foot_sliding high_frequency_power jerk jitter lag mpjae
    mpjpe mpjpe_worst mpjve mpvpe n_mpjpe pa_mpjpe pck peak_speed_ratio translation_error
""".split()  # noqa: SIM905

ROTATIONS = """
    forward_kinematics from_6d from_axis_angle from_euler from_quaternion geodesic procrustes project slerp
    to_6d to_axis_angle to_euler to_global to_local to_quaternion
""".split()  # noqa: SIM905

MODELS = """
    Exported FCN FCNConfig Lifter MotionAwareConfig MotionAwareSmoothNet RefinerNet Seq2Seq Seq2SeqConfig
    SmoothNet SmoothNetConfig SpatioTemporal SpatioTemporalConfig TCN TCNConfig TemporalTransformer
    TransformerConfig build build_refiner export_onnx load load_smoothnet save
""".split()  # noqa: SIM905

# What `import steadypose` and reading must not load: each costs more than NumPy, or is an extra.
HEAVY = ("scipy", "pandas", "h5py", "ezc3d", "tables", "matplotlib", "torch", "cyclopts", "onnxruntime")
EXTRAS = ("pandas", "h5py", "ezc3d", "tables", "matplotlib")


def named(dotted: str) -> Any:
    found: Any = sp
    for name in dotted.split("."):
        found = getattr(found, name)
    return found


def parameters(function: Callable[..., Any]) -> str:
    """A signature without its annotations."""
    signature = inspect.signature(function)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    bare = signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)
    return str(bare)[1:-1]


def run(code: str, *arguments: str) -> str:
    """Standard output of a fresh interpreter; warnings are errors there too."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_surface_is_what_it_was() -> None:
    assert sorted(sp.__all__) == sorted(SURFACE)
    for name in sp.__all__:
        assert getattr(sp, name) is not None
    assert set(SURFACE) <= set(dir(sp))
    with pytest.raises(AttributeError, match="no attribute 'smooth'"):
        sp.smooth  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_what_they_were(name: str) -> None:
    assert parameters(named(name)) == SIGNATURES[name]


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_what_they_were(name: str) -> None:
    assert [f.name for f in dataclasses.fields(named(name))] == FIELDS[name].split()


def test_metrics_and_rotations_are_what_they_were() -> None:
    assert sorted(sp.metrics.__all__) == sorted(METRICS)
    assert [n for n in ROTATIONS if not callable(getattr(sp.rotations, n, None))] == []


def test_models_are_what_they_were() -> None:
    assert set(MODELS) <= set(sp.models.__all__)
    for name in sp.models.__all__:
        assert inspect.getdoc(getattr(sp.models, name)), name


def test_without_torch_a_network_says_what_is_missing() -> None:
    code = "try:\n    sp.models.SmoothNet\nexcept sp.MissingExtraError as e:\n    print(e)"
    said = run(BLOCKED + code, "torch")
    assert said == 'a network needs an optional package: pip install "steadypose[train]"\n'


def test_everything_public_is_documented() -> None:
    for name in {*SURFACE, *SIGNATURES} - {"__version__"}:
        assert inspect.getdoc(named(name)), name
    for name in METRICS:
        assert inspect.getdoc(getattr(sp.metrics, name)), name


def test_every_error_is_one_class() -> None:
    for error in (sp.DataError, sp.FormatError, sp.MissingExtraError):
        assert issubclass(error, sp.SteadyposeError)
    assert issubclass(sp.FormatError, ValueError)
    assert issubclass(sp.MissingExtraError, ImportError)


def test_an_import_loads_nothing_heavy() -> None:
    names = "steadypose.read, steadypose.refine, steadypose.lift, steadypose.evaluate, steadypose.rotations"
    loaded = run(f"import sys, steadypose; {names}; print(*sys.modules, sep='\\n')").split()
    assert "numpy" in loaded
    assert [m for m in loaded if m.partition(".")[0] in HEAVY] == []
    assert "numpy" not in run("import sys, steadypose; print(*sys.modules, sep='\\n')").split()


@pytest.mark.parametrize("room", ["refine.filters", "lift._spec"])
def test_a_room_never_hides_the_function_of_its_name(room: str) -> None:
    code = f"import steadypose.{room}, steadypose as sp; print(callable(sp.refine), callable(sp.lift))"
    assert run(code).strip() == "True True"


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import steadypose as sp
"""


def test_without_the_extras_reading_refining_and_writing_work(tmp_path: Path) -> None:
    keypoints = [v for k in range(25) for v in (100 + k, 200.5, 0.9)]
    for n in range(8):
        person = {"person_id": [-1], "pose_keypoints_2d": keypoints}
        (tmp_path / f"a_{n:012d}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": [person]}))
    code = BLOCKED + "import pathlib; p = sp.read(sys.argv[2], fps=30); out = sp.refine(p)\n"
    code += "print(sp.write(out, sys.argv[3]), out.shape, sp.metrics.jitter(out.positions, fps=30) >= 0)"
    out = tmp_path.parent / f"{tmp_path.name}_out"
    said = run(code, ",".join(EXTRAS), str(tmp_path), str(out))
    assert said.split(" ", 1)[1].strip() == "(8, 1, 25, 2) True"
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in tmp_path.iterdir())


@pytest.mark.parametrize("format", ["sleap", "deeplabcut-h5", "c3d"])
def test_a_missing_extra_is_said_in_one_line(tmp_path: Path, format: str) -> None:
    code = BLOCKED + "import numpy as np\nformat = sys.argv[3]\ntry:\n"
    reading = "    sp.read(sys.argv[2], format=format)\n"
    writing = (
        "    dims, unit = (3, 'mm') if format == 'c3d' else (2, 'px')\n"
        "    seq = sp.PoseSequence.from_array(np.ones((3, 17, dims)), fps=30, skeleton='coco17', unit=unit)\n"
        "    sp.write(seq, sys.argv[2] + '.new', format=format)\n"
    )
    path = tmp_path / "take.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(504))
    # C3D files are read and written back without ezc3d; only a new one needs it.
    for what in (reading, writing) if format != "c3d" else (writing,):
        said = run(code + what + "except sp.MissingExtraError as e:\n    print(e)", *given(path, format))
        assert said.count("\n") == 1
        assert said.strip().endswith('pip install "steadypose[formats]"')
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def given(path: Path, format: str) -> tuple[str, str, str]:
    return ",".join(EXTRAS), str(path), format


def test_a_missing_plot_extra_is_said_in_one_line() -> None:
    assert str(sp.MissingExtraError("a plot", "plot")) == (
        'a plot needs an optional package: pip install "steadypose[plot]"'
    )
