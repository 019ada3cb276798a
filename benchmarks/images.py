"""Images that go with a result: learning curves and sheets of the worst cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from segfit.basics.arrays import UInt8Array
from segfit.classes import ClassTable
from segfit.datasets import LabelledImage
from segfit.formats.draw import draw_overlay
from segfit.imaging.contrast import stretch_levels
from segfit.result.segmentation import Segmentation
from segfit.training.events import ClassifierRound

PANEL_INCHES = 2.6


def draw_curve(
    rounds: Sequence[ClassifierRound], classes: ClassTable, path: Path, *, title: str
) -> None:
    """Validation mean IoU, and each class's IoU, over the training's minutes."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    minutes = [done.seconds / 60 for done in rounds]
    for index, name in enumerate(classes.names):
        axes.plot(minutes, [done.iou[index] for done in rounds], linewidth=1, label=name)
    axes.plot(
        minutes, [done.mean_iou for done in rounds], "o-", color="black", linewidth=2, label="mean"
    )
    axes.set(title=title, xlabel="minutes of training", ylabel="IoU on validation images")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    save(figure, path)


def draw_worst_cases(
    cases: Sequence[tuple[LabelledImage, Segmentation, str]], classes: ClassTable, path: Path
) -> None:
    """One row per image: as it is, with its truth, with the prediction and its figure.

    Dim images are shown with their grey levels spread out.
    """
    figure = Figure(
        figsize=(3 * PANEL_INCHES, (PANEL_INCHES + 0.2) * len(cases)), layout="constrained"
    )
    rows = figure.subplots(len(cases), 3, squeeze=False)
    for row, (example, segmentation, figure_text) in zip(rows, cases, strict=True):
        shown = stretch_levels(example.image)
        truth = draw_overlay(shown, example.labels, classes, objects=example.objects)
        panels: list[tuple[str, UInt8Array]] = [
            (example.name, shown),
            ("truth", truth),
            (f"prediction, {figure_text}", replace(segmentation, image=shown).overlay()),
        ]
        for axes, (title, panel) in zip(row, panels, strict=True):
            axes.imshow(panel)
            axes.set_title(title, fontsize=7)
            axes.set_axis_off()
    save(figure, path)


def draw_crops(
    image: UInt8Array,
    labels: Mapping[str, UInt8Array],
    classes: ClassTable,
    path: Path,
) -> None:
    """One row: a piece of an image as it is, and under the labels of each name."""
    panels = {"image": image}
    panels |= {name: draw_overlay(image, grid, classes) for name, grid in labels.items()}
    figure = Figure(figsize=(PANEL_INCHES * len(panels), PANEL_INCHES), layout="constrained")
    for axes, (title, panel) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axes.imshow(panel, interpolation="nearest")
        axes.set_title(title, fontsize=7)
        axes.set_axis_off()
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # No date and no version inside, so that the same figures give the same file.
    figure.savefig(path, dpi=110, metadata={"Software": None})
