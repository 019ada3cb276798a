#!/usr/bin/env python3
"""Write the tables of figures from the result files: the whole one, and the README's.

    python benchmarks/measured_table.py

``docs/measured.md`` has every row, the README the dozen that decide. ``tests/test_readme.py``
checks that both hold what this gives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from measured_rows import (
    ALL_ROWS,
    BESIDE_UNET,
    Describe,
    Figures,
    Row,
    count_seeds,
    describe_camvid,
    describe_faces,
    describe_field,
    describe_footprint,
    describe_order,
    describe_refinement,
    describe_shape_errors,
    describe_slides,
    describe_story,
    find_minutes,
    list_compared,
)
from segfit.basics.text import count_noun

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
PLACE = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)


def main() -> None:
    for name, rows in TABLES.items():
        path = REPOSITORY / name
        path.write_text(fill(path.read_text(encoding="utf-8"), rows), encoding="utf-8")


def fill(page: str, rows: Mapping[str, Describe]) -> str:
    """A page with today's table in its place."""
    return PLACE.sub(lambda match: match[1] + make_table(rows) + match[2], page)


def make_table(rows: Mapping[str, Describe]) -> str:
    """Rows of those claims that have a result file."""
    lines = ["| what | measured | result file |", "|---|---|---|"]
    for name, describe in rows.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
            lines += [f"| {what} | {how} | `{name}.json` |" for what, how in describe(figures)]
    return "\n".join(lines) + "\n"


def describe_refined_face_briefly(figures: Figures) -> list[Row]:
    without, refined = (figures["validation"][key] for key in ("without", "with"))
    outlines = figures["outlines"]
    return [
        (
            "the shipped face model, with and without its regression network",
            f"mean IoU {refined['mean_iou']:.3f} and {without['mean_iou']:.3f}; boundary F at 1 px "
            f"{refined['boundary_f']['1']:.3f} and {without['boundary_f']['1']:.3f}; points within "
            f"1 and 2 of their standard errors: {outlines['within_1']:.0%} and "
            f"{outlines['within_2']:.0%}",
        )
    ]


def describe_instances_briefly(figures: Figures) -> list[Row]:
    found = figures["validation"]["with"]["groups"]["fluorescence"]["instances"]
    precision = found["average_precision"]
    return [
        (
            "fluorescent nuclei told apart, DSB2018: AP at IoU 0.5 / 0.7 / 0.9",
            " / ".join(f"{precision[iou]:.3f}" for iou in ("0.5", "0.7", "0.9"))
            + f", mean {found['mean_average_precision']:.3f}",
        )
    ]


def describe_edges_briefly(figures: Figures) -> list[Row]:
    ods = {name: one["edges"]["ods"] for name, one in figures["validation"].items()}
    return [
        (
            "edges, BSDS500 validation split: ODS",
            f"learned {ods['learned']:.3f}, canny {ods['canny']:.3f}",
        )
    ]


def describe_shape_errors_briefly(figures: Figures) -> list[Row]:
    return describe_shape_errors(figures)[:1]


def describe_beside_unet_briefly(figures: Figures) -> list[Row]:
    sets = [one for _, one in list_compared(figures)]
    if not sets:
        return []
    compared = [one["difference"] for one in sets]

    def describe(key: str, peer: str) -> str:
        higher = [one[key][peer]["difference"] for one in compared]
        ahead = sum(one > 0 for one in higher)
        return f"{ahead} of {len(higher)} by {min(higher):+.3f} to {max(higher):+.3f}"

    return [
        (
            f"{count_noun(len(sets), 'set')}, {find_minutes(sets[0]):g} minutes each, beside a "
            "U-Net with the same encoder: by its library's documentation, "
            f"{count_seeds(compared[0], 'unet')}, and in steps for a hurry, "
            f"{count_seeds(compared[0], 'unet-hurried')}",
            "; ".join(
                f"{title} higher on {describe(key, 'unet')} and on {describe(key, 'unet-hurried')}"
                for key, title in BESIDE_UNET.items()
            ),
        )
    ]


def describe_refinement_briefly(figures: Figures) -> list[Row]:
    return describe_refinement(figures)[: len(figures["sizes"])]


def describe_field_briefly(figures: Figures) -> list[Row]:
    return describe_field(figures)[:1]


def describe_order_briefly(figures: Figures) -> list[Row]:
    return describe_order(figures)[:1]


def describe_slides_briefly(figures: Figures) -> list[Row]:
    return describe_slides(figures)[:2]


DECIDING_ROWS: dict[str, Describe] = {
    "accuracy-fasseg-frontal": describe_faces,
    "refined-face-fasseg-frontal": describe_refined_face_briefly,
    "refinement": describe_refinement_briefly,
    "instances-nuclei-dsb2018": describe_instances_briefly,
    "field": describe_field_briefly,
    "edges": describe_edges_briefly,
    "shape-errors": describe_shape_errors_briefly,
    "accuracy-camvid": describe_camvid,
    "beside-unet": describe_beside_unet_briefly,
    "footprint": describe_footprint,
    "studio-story": describe_story,
    "choosing_next": describe_order_briefly,
    "huge-images": describe_slides_briefly,
}
TABLES = {"docs/measured.md": ALL_ROWS, "README.md": DECIDING_ROWS}

if __name__ == "__main__":
    main()
