"""The paper's Tables 1 and 2 on Human3.6M, for whoever has it in VideoPose3D's files.

    python experiments/hossain_little/human36m.py FOLDER

FOLDER holds `data_3d_h36m.npz` and, for detected 2D, `data_2d_h36m_NAME.npz` (`steadypose.data.human36m`).
The FCN and the sequence-to-sequence network are trained on subjects 1, 5, 6, 7, 8 with the paper's settings
(`human36m/*.toml`) and tested on 9 and 11. The same command goes on where it was interrupted.
`--set trainer.accelerator=gpu` and the like reach every training.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rows import FILTERS
from writing import markdown, save_json, save_text, spread

from steadypose.data import human36m
from steadypose.errors import SteadyposeError
from steadypose.train.config import TrainConfig

HERE = Path(__file__).parent
CONFIGS = HERE / "human36m"
NETWORKS = ("fcn", "seq2seq")
WATCHED = 40  # every n-th recording is looked at during training
TITLES = {
    "fcn": "FCN (Martinez et al.)",
    "fcn_median": "FCN + median of 5",
    "fcn_mean": "FCN + mean of 5",
    "seq2seq": "sequence-to-sequence",
}
# The paper's tables, its retracted figures and what the authors say instead.
PAPER = tomllib.loads((HERE / "paper.toml").read_text("utf-8"))
# The detector the paper used, then those of later papers.
DETECTORS = ("sh_ft_h36m", "cpn_ft_h36m_dbb", "detectron_ft_h36m", "sh_pt_mpii")
SHORT = (
    "Direct.", "Discuss", "Eating", "Greet", "Phone", "Photo", "Pose", "Purch.", "Sitting", "SittingD",
    "Smoke", "Wait", "WalkD", "Walk", "WalkT",
)  # fmt: skip
NOTE = """\
Millimetres; mean per action, then over actions; 16 joints, without the root, which is zero by definition (the
authors' code counts it: "with root"). Accel: mm per frame² at 50 frames a second.

Figures marked ✗ are the paper's and retracted by its authors, who tested on a part of the sequences only.
Their corrected averages, about 58.5 and 44, are all that they published instead
(github.com/rayat137/Pose_3D/issues/3).
"""

app = App(help=__doc__, help_format="plaintext", version_flags=[])


@app.default
def tables(
    folder: Path,
    *,
    inputs: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    seeds: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (0,),
    out: Path = Path("runs/human36m"),
    set_: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
) -> None:
    """Train what is not trained yet, and write tables.md.

    Parameters
    ----------
    folder
        Where the npz files are.
    inputs
        2D inputs: "projected" (the paper's GT), or the NAME of a file. Default: projected, and the paper's
        detector or else the first of the known ones that is there.
    seeds
        One training each; the tables give mean and standard deviation.
    out
        Where trainings, scores and tables go.
    set_
        What to change in both configurations: optimiser.rate=1e-4.
    """
    there = human36m.sources(folder)
    chosen = inputs or ("projected", *[d for d in DETECTORS if d in there][:1])
    for missing in (i for i in chosen if i not in there):
        raise SteadyposeError(f"{folder}: expected 2D inputs among {', '.join(there)}, found {missing!r}")
    for source in chosen:
        for seed in seeds:
            train_and_score(folder, source, seed, out, set_)
    text = page(finished(out), chosen)
    save_text(out / "tables.md", text)
    print(text)


def train_and_score(folder: Path, source: str, seed: int, out: Path, changes: Sequence[str]) -> None:
    """Both networks on one 2D input: what is not finished is trained, scored and written down."""
    from evaluation import finish, training

    from steadypose.data.pairs import recorded
    from steadypose.models import checkpoints
    from steadypose.train import load
    from steadypose.train.score import predictor, score

    configs = {}
    for network in NETWORKS:
        config = load(CONFIGS / f"{network}.toml", (f"seed={seed}", f"name={source}-{network}", *changes))
        if not is_finished(out, config):
            configs[network] = config
    if not configs:
        return
    learned = human36m.load_recordings(folder, keypoints=source, subjects=human36m.TRAIN)
    tested = human36m.load_recordings(folder, keypoints=source, subjects=human36m.TEST)
    for network, config in configs.items():
        print(f"{config.name}, seed {seed}")
        trained = finish(
            config,
            out,
            train_set=recorded(learned, config.spec),
            # Training shows its progress on these. Nothing is chosen by them: the last network is tested.
            validation_set=recorded(learned[::WATCHED], config.spec),
        )
        predict = predictor(checkpoints.load(trained.last)[0])
        pairs = recorded(tested, config.spec)
        filters = FILTERS if network == "fcn" else ()
        save_json(
            scores_file(out, config.name, seed),
            {
                "input": source,
                "network": network,
                "seed": seed,
                "config": config.to_json(),
                "training": training(trained.card),
                "scores": score(predict, pairs),
                "filtered": {f: score(predict, pairs, filter=f) for f in filters},
            },
        )


def scores_file(out: Path, name: str, seed: int) -> Path:
    """Where a finished training's scores are."""
    return out / "scores" / f"{name}-seed{seed}.json"


def is_finished(out: Path, config: TrainConfig) -> bool:
    """Whether there are scores of this very configuration."""
    try:
        record: dict[str, Any] = json.loads(scores_file(out, config.name, config.seed).read_text("utf-8"))
    except FileNotFoundError:
        return False
    return bool(record["config"] == config.to_json())


def finished(out: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Scores by (input, row), one mapping a seed."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path in sorted((out / "scores").glob("*.json")):
        f = json.loads(path.read_text("utf-8"))
        found.setdefault((f["input"], f["network"]), []).append(f["scores"])
        for name in FILTERS:
            if name in f["filtered"]:
                found.setdefault((f["input"], f"{f['network']}_{name}"), []).append(f["filtered"][name])
    return found


def page(scores: dict[tuple[str, str], list[dict[str, Any]]], inputs: Sequence[str]) -> str:
    """Both tables in Markdown, the paper's figures marked as what they are."""
    parts = [
        "# Human3.6M: Hossain & Little's Tables 1 and 2\n",
        NOTE,
    ]
    for protocol, metric in ((1, "mpjpe"), (2, "pa_mpjpe")):
        parts.append(f"## Protocol {protocol}\n")
        header = ["", *SHORT, "Avg", "with root", "Accel"]
        lines = []
        for source in inputs:
            kind = "projected" if source == "projected" else "detected"
            for row in TITLES:
                if found := scores.get((source, row)):
                    lines.append([f"{TITLES[row]}, {_input(source)}", *_numbers(found, metric)])
            for t in PAPER["table"]:
                if (t["protocol"], t["input"]) == (protocol, kind):
                    lines.append(_published(t, kind))
            lines += _instead(protocol, kind)
        parts.append(markdown(header, lines))
    return "\n".join(parts)


def _instead(protocol: int, kind: str) -> list[list[str]]:
    """What is known in place of the retracted averages."""
    corrected = PAPER["corrected"]
    if kind == "detected":
        who, mm = "corrected by the authors", corrected[f"protocol_{protocol}"]
    elif protocol == 1:
        who, mm = "GT, by another implementation", corrected["another_implementation_gt"]
    else:
        return []
    return [[f"*sequence-to-sequence, {who}*", *[""] * len(SHORT), f"about {mm:g}", "", ""]]


def _input(source: str) -> str:
    return "GT" if source == "projected" else source


def _numbers(found: Sequence[dict[str, Any]], metric: str) -> list[str]:
    """Fifteen actions, their mean, the same with the root, Accel."""
    actions = [
        spread([s["actions"][a][metric] for s in found if a in s["actions"]]) for a in human36m.ACTIONS
    ]
    return [
        *actions,
        f"**{spread([s[metric] for s in found])}**",
        spread([s["with_root"][metric] for s in found]),
        spread([s["accel"] for s in found], 2),
    ]


def _published(t: dict[str, Any], kind: str) -> list[str]:
    mark = " ✗" if t["retracted"] else ""
    who = "GT" if kind == "projected" else "stacked hourglass"
    numbers = [f"{mm:.1f}{mark}" for mm in t["mm"]]
    return [f"*{TITLES[t['row']]}, {who}, as {'printed ✗' if mark else 'published'}*", *numbers, "", ""]


if __name__ == "__main__":
    try:
        app()
    except SteadyposeError as e:
        sys.exit(f"error: {e}")
