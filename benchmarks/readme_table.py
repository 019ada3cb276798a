#!/usr/bin/env python3
"""Write the README's table of figures from the result files.

    python benchmarks/readme_table.py

``tests/test_readme.py`` checks that the README holds what this gives.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
README = REPOSITORY / "README.md"
PLACE = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)

Figures = dict[str, Any]


def main() -> None:
    README.write_text(fill(README.read_text(encoding="utf-8")), encoding="utf-8")


def fill(readme: str) -> str:
    """The README with today's table in its place."""
    return PLACE.sub(lambda match: match[1] + table() + match[2], readme)


def table() -> str:
    """Rows of those claims that have a result file."""
    rows = []
    for name, describe in ROWS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
            rows += [f"| {what} | {how} | `{name}.json` |" for what, how in describe(figures)]
    head = ["| what | measured | result file |", "|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


Row = tuple[str, str]


def _score(figures: Figures) -> str:
    boundary = figures["boundary_f"]
    return (
        f"mean IoU {figures['mean_iou']:.3f}, pixel accuracy {figures['pixel_accuracy']:.3f}, "
        f"boundary F at 1 / 2 px {boundary['1']:.3f} / {boundary['2']:.3f}"
    )


def _faces(figures: Figures) -> list[Row]:
    what = f"20 faces of FASSEG, trained in {figures['wall_seconds'] / 60:.1f} min"
    return [(what, _score(figures["validation"]))]


def _shipped_face(figures: Figures) -> list[Row]:
    return [("the shipped face model, FASSEG frontal", _score(figures))]


def _shipped_nuclei(figures: Figures) -> list[Row]:
    iou = figures["classes"]["nucleus"]["iou"]
    kinds = ", ".join(
        f"{name} {group['classes']['nucleus']['iou']:.3f}"
        for name, group in figures["groups"].items()
    )
    minutes = figures["plan"]["minutes"]
    what = f"the shipped nuclei model (DSB2018, {minutes:g} min)"
    return [(what, f"nucleus IoU {iou:.3f} ({kinds})")]


def _camvid(figures: Figures) -> list[Row]:
    minutes = figures["plan"]["minutes"]
    return [(f"CamVid, 11 classes, {minutes:g} min", _score(figures["validation"]))]


def _superalloy(figures: Figures) -> list[Row]:
    what = f"10 micrographs of superalloys, {figures['wall_seconds'] / 60:.1f} min"
    return [(what, _score(figures["validation"]))]


def _unet(figures: Figures) -> list[Row]:
    rows = []
    for speed in figures["speed"]:
        median = speed["median_ms"]
        rows.append(
            (
                f"{speed['height']}×{speed['width']}: our network beside a U-Net's, same encoder",
                f"{median['our_network']:.0f} ms beside {median['peer_network']:.0f} ms, "
                f"{speed['network_speedup']:.1f} times faster; from array to labels "
                f"{speed['end_to_end_per_network']:.2f} times the network alone",
            )
        )
    accuracy = figures.get("accuracy")
    if accuracy:
        ours, peer = accuracy["ours"], accuracy["unet"]
        reached = [
            f"{run['seconds_to_target']:.0f} s" if run["seconds_to_target"] else "not reached"
            for run in (ours, peer)
        ]
        rows.append(
            (
                "FASSEG frontal, ours beside the U-Net, same minutes",
                f"mean IoU {ours['mean_iou']:.3f} beside {peer['mean_iou']:.3f}; 0.86 after "
                f"{reached[0]} beside {reached[1]}",
            )
        )
    return rows


def _noise(figures: Figures) -> list[Row]:
    wrong = figures["summary"]["corrupted"]
    seeds = len({training["seed"] for training in figures["trainings"]})
    return [
        (
            f"30 % of the label pixels wrong ({figures['set']}, {figures['noise']}, {seeds} seed)",
            f"mean IoU {wrong['symmetric_cross_entropy']['mean_iou']:.3f} with symmetric, "
            f"{wrong['cross_entropy']['mean_iou']:.3f} with plain cross-entropy",
        )
    ]


def _footprint(figures: Figures) -> list[Row]:
    seconds = figures["seconds"]
    return [
        (
            "predicting a 512×384 picture; `import segfit`; `segfit --help`",
            f"peak {figures['peak_mb']['second_start']:.0f} MB; {seconds['import segfit']:.2f} s; "
            f"{seconds['segfit --help']:.2f} s",
        )
    ]


ROWS = {
    "accuracy-fasseg-frontal": _faces,
    "shipped-face-fasseg-frontal": _shipped_face,
    "shipped-nuclei-dsb2018": _shipped_nuclei,
    "accuracy-camvid": _camvid,
    "accuracy-superalloy": _superalloy,
    "unet": _unet,
    "label-noise-superalloy-pixels": _noise,
    "label-noise-superalloy-blobs": _noise,
    "footprint": _footprint,
}

if __name__ == "__main__":
    main()
