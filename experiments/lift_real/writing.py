"""results.md: one table for every set of recordings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FIGURES = {"mpjpe": "MPJPE", "n_mpjpe": "N-MPJPE", "pa_mpjpe": "PA-MPJPE", "accel": "Accel"}
NETWORKS = ("seq2seq", "fcn")


def write(record: dict[str, Any], about: Path, path: Path) -> None:
    """Fill the tables into the text: a line ``{name}`` of it is where the table goes."""
    text = about.read_text()
    for name, lines in {
        "pose2sim": ways(record["pose2sim"]),
        "pose2sim cameras": cameras(record["pose2sim"]),
        "pose2sim truth": truth(record["pose2sim"]["truth"]),
        "caliscope": ways(record["caliscope"]),
        "caliscope cameras": cameras(record["caliscope"]),
        "caliscope truth": truth(record["caliscope"]["truth"]),
        "keraal": keraal(record["keraal"]),
        "videos": videos(record["videos"]),
        "same scene": same_scene(record["same_scene"]),
        "networks": networks(record["networks"]),
    }.items():
        text = text.replace("{" + name + "}", "\n".join(lines))
    path.write_text(text)


def ways(found: dict[str, Any]) -> list[str]:
    """Every way, mean over the cameras."""
    head = ["what was done", *(f"{n} {f}" for n in NETWORKS for f in FIGURES.values())]
    rows = [
        [label, *(f"{by[n]['mean'][k]:.1f}" for n in NETWORKS for k in FIGURES)]
        for label, by in found["ways"].items()
    ]
    rows.append(
        ["2D exact: the triangulated points projected, camera known, offline",
         *(f"{found['exact'][n]['mean'][k]:.1f}" for n in NETWORKS for k in FIGURES)]
    )  # fmt: skip
    flat = found["flat"]["mean"]
    return table(head, [*rows, ["flat: the image, no depth", "", f"{flat['n_mpjpe']:.1f}",
                                f"{flat['pa_mpjpe']:.1f}", "", "", "", "", ""]])  # fmt: skip


def cameras(found: dict[str, Any]) -> list[str]:
    """Each camera, known, offline, raw."""
    by = found["ways"]["2D raw, camera known, offline"]
    head = ["camera", *(f"{n} {w}" for n in NETWORKS for w in ("N-MPJPE", "PA-MPJPE", "depth r", "scale")),
            "flat PA-MPJPE"]  # fmt: skip
    rows = []
    for name in (c for c in by[NETWORKS[0]] if c != "mean"):
        cells = []
        for n in NETWORKS:
            s = by[n][name]
            cells += [f"{s['n_mpjpe']:.1f}", f"{s['pa_mpjpe']:.1f}", f"{s['depth_correlation']:.2f}",
                      f"{s['scale']:.2f}"]  # fmt: skip
        rows.append([name, *cells, f"{found['flat'][name]['pa_mpjpe']:.1f}"])
    return table(head, rows)


def truth(quality: dict[str, Any]) -> list[str]:
    """How good the triangulated points are, by camera."""
    names = list(quality["reprojection_px"])
    rows = [
        ["median reprojection error, px", *(f"{quality['reprojection_px'][n]:.1f}" for n in names)],
        ["the same at the person's distance, mm", *(f"{quality['reprojection_mm'][n]:.0f}" for n in names)],
    ]
    return table(["", *names], rows)


def keraal(found: dict[str, Any]) -> list[str]:
    """Takes and estimators."""
    head = ["take, 2D by", *(f"{n}: to {t}" for n in NETWORKS for t in ("Kinect", "Vicon")),
            "flat: to Kinect", "Kinect to Vicon", *(f"{n} Accel, bones" for n in NETWORKS)]  # fmt: skip
    rows = []
    for name, row in found.items():
        cells = [f"{row[n][t]:.0f}" for n in NETWORKS for t in ("Kinect", "Vicon")]
        cells += [f"{row['flat']['Kinect']:.0f}", f"{row['kinect_to_vicon']:.0f}"]
        cells += [
            f"{row[n]['accel_magnitude']:.1f}, {row[n]['bone_length_variation']:.1f} %" for n in NETWORKS
        ]
        rows.append([name, *cells])
    return table(head, rows)


def videos(found: dict[str, Any]) -> list[str]:
    """Steadiness and agreement by video."""
    head = ["video", "3D by", "bone length variation, %", "acceleration, mm/frame²",
            "PA-MPJPE to MediaPipe's", "N-MPJPE to MediaPipe's"]  # fmt: skip
    rows = [
        [video if k == 0 else "", what, f"{s['bone_length_variation']:.1f}", f"{s['accel_magnitude']:.1f}",
         *(f"{s[m]:.0f}" if m in s else "" for m in ("pa_mpjpe", "n_mpjpe"))]
        for video, by in found.items()
        for k, (what, s) in enumerate(by.items())
    ]  # fmt: skip
    return table(head, rows)


def same_scene(found: dict[str, Any]) -> list[str]:
    """Two cameras, one truth."""
    head = ["3D by", *(f"{c} {f}" for c in found for f in FIGURES.values())]
    rows = [
        [what, *(f"{found[c][what][k]:.1f}" for c in found for k in FIGURES)]
        for what in next(iter(found.values()))
    ]
    return table(head, rows)


def networks(found: dict[str, Any]) -> list[str]:
    """Which networks these figures are of."""
    keys = ("sha256", "date", "epochs", "seed", "weights", "parameters")
    return table(["network", *keys], [[n, *(str(card[k]) for k in keys)] for n, card in found.items()])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
