#!/usr/bin/env python
"""Draw the figures of docs/explanation/classifier-regressor.md, all of them or those named.

    python recipes/make_explanation_images.py
    python recipes/make_explanation_images.py boxes losses

Everything comes from what ships: the astronaut's portrait, cut as in ``segfit demo``, with the face
model; the nuclei with the nuclei model; curves that are drawn from their formulas. ``optimizers``
trains four times, which takes some minutes; the rest takes seconds. It needs matplotlib.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon
from PIL import Image

import segfit
from segfit.basics.files import write_file
from segfit.classes import DISTINCT_COLORS
from segfit.classification.decision import decide_partition
from segfit.datasets import open_labelled
from segfit.evaluation.outlines import evaluate_outlines
from segfit.imaging.pyramid import Pyramid
from segfit.partition import Partition
from segfit.partition.arcs import arc_normals
from segfit.refinement.boxes import fit_boxes, place_grids
from segfit.refinement.outlines import choose_steps, start_walk
from segfit.result.regions import OrientedBox, Region, box_axes
from segfit.result.scores import Scores
from segfit.segmenter import Segmenter
from segfit.training.events import Step
from segfit.training.losses import CROSS_ENTROPY_SHARE, LOG_ZERO

REPOSITORY = Path(__file__).parents[1]
OUTPUT = REPOSITORY / "docs" / "images" / "classifier-regressor"
DEMO_DATA = REPOSITORY / "src" / "segfit" / "demo_data"
NUCLEI = DEMO_DATA / "nuclei"
HEAD_ROWS, HEAD_COLUMNS, PORTRAIT_PX = slice(0, 190), slice(140, 304), 512
"""Where the astronaut's head is, and how high the portrait then is: as in ``segfit demo``."""
WIDTH_PX, DPI, QUALITY = 1000, 100, 82
BLUE, RED, GREEN, YELLOW, CYAN, PURPLE = (f"#{bytes(rgb).hex()}" for rgb in DISTINCT_COLORS[:6])
GREY, DARK = "#bbbbbb", "#333333"
OPTIMIZERS = (("adamw", 2e-3), ("adam", 2e-3), ("rmsprop", 2e-3), ("rmsprop", 2e-4))
OPTIMIZER_STEPS, SMOOTHED_STEPS = 150, 9
GRID_POINTS = 16
"""That the box network looks at along either side of a rectangle."""
STRIP_POINTS = 17
SMALL_AREA_PX = 6000
CHEEK = (312, 292, 428, 408)
"""Left, top, right and bottom of a place in the portrait where hair, skin and background meet."""
SAMPLE_VERTICES = 5
"""Of the vertices along an outline, every fifth one's strip is drawn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default="all", choices=["all", *FIGURES])
    names = parser.parse_args().names
    names = list(FIGURES) if "all" in names else names
    plt.rcParams.update(
        {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "text.color": DARK}
    )
    for name in names:
        save(FIGURES[name](), OUTPUT / f"{name}.webp")


def save(figure: Figure, path: Path) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI, facecolor="white")
    plt.close(figure)
    encoded = io.BytesIO()
    Image.open(drawn).convert("RGB").save(encoded, "webp", quality=QUALITY, method=6)
    write_file(path, encoded.getvalue(), force=True)
    print(path, f"{path.stat().st_size / 1000:.0f} kB")


def read_portrait() -> np.ndarray:
    """The astronaut's head, as ``segfit demo`` cuts it."""
    head = segfit.read_image(DEMO_DATA / "astronaut.jpg")[HEAD_ROWS, HEAD_COLUMNS]
    size = (round(head.shape[1] * PORTRAIT_PX / len(head)), PORTRAIT_PX)
    return np.asarray(cv2.resize(head, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def open_figure(columns: list[float], *, height_px: int) -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots(
        1,
        len(columns),
        figsize=(WIDTH_PX / DPI, height_px / DPI),
        width_ratios=columns,
        layout="constrained",
        squeeze=False,
    )
    return figure, list(axes[0])


def show(axes: Axes, image: np.ndarray, title: str = "") -> None:
    height, width = image.shape[:2]
    axes.imshow(image, extent=(0, width, height, 0), interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.set_axis_off()


def zoom(axes: Axes, left: float, top: float, right: float, bottom: float) -> None:
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def color_of(segmenter: Segmenter, name: str) -> str:
    return f"#{bytes(segmenter.classes.colors[segmenter.classes.names.index(name)]).hex()}"


def begin(segmenter: Segmenter, image: np.ndarray) -> tuple[Scores, Partition, Partition]:
    """Scores, first outlines and refined outlines, by the calls that the page shows."""
    scores = segmenter.score(image)
    first = decide_partition(scores, segfit.Decision(), segmenter.classes)
    return scores, first, segmenter.refine(first, image, cell_px=scores.cell_px)


def find_region(partition: Partition, segmenter: Segmenter, name: str) -> int:
    """The largest region of a class."""
    label = segmenter.classes.names.index(name)
    areas = np.where(partition.labels == label, partition.region_areas_px, 0)
    return int(areas.argmax())


def draw_problem() -> Figure:
    portrait, segmenter = read_portrait(), segfit.load("face")
    result = segmenter(portrait)
    figure, (left, right) = open_figure([1, 1], height_px=560)
    show(left, portrait, "given: an image")
    show(right, portrait, "wanted: every region's outline, and how far off it may be")
    right.images[0].set_alpha(0.55)
    named = set()
    for region in result.regions:
        if region.area_px < 50:
            continue
        color = color_of(segmenter, region.name)
        for ring in region.polygon:
            right.add_patch(Polygon(ring, fill=False, edgecolor=color, linewidth=2.5))
        if region.name not in named:
            x, y = place_name(region)
            right.text(
                x, y, region.name, color="white", ha="center", va="center", fontsize=10,
                bbox={"boxstyle": "round,pad=0.25", "facecolor": color, "edgecolor": "none"},
            )  # fmt: skip
        named.add(region.name)
    return figure


def place_name(region: Region) -> tuple[float, float]:
    """Where a region's name hides least: in the middle of a large one, below a small one."""
    left, _, right, bottom = region.bounds_xyxy
    if region.area_px < SMALL_AREA_PX:
        return (left + right) / 2, bottom + 12
    mask = np.zeros((round(bottom) + 2, round(right) + 2), np.uint8)
    cv2.fillPoly(mask, [ring.round().astype(np.int32) for ring in region.polygon], 1)
    row, column = divmod(int(cv2.distanceTransform(mask, cv2.DIST_L2, 5).argmax()), mask.shape[1])
    return column, row


def draw_classifier() -> Figure:
    portrait, segmenter = read_portrait(), segfit.load("face")
    scores = segmenter.score(portrait)
    rows, columns = scores.logits.shape[1:]
    planes = scores.to_probabilities(shape=(rows, columns))
    figure, all_axes = plt.subplots(2, 4, figsize=(WIDTH_PX / DPI, 5.6), layout="constrained")
    axes = list(all_axes.ravel())
    working = segmenter.card.scaling.prepare(Pyramid(portrait))
    height, width = working.shape[:2]
    show(axes[0], working, f"what it sees: {width}×{height} px")
    for one, name, plane in zip(axes[1:], segmenter.classes.names, planes, strict=False):
        drawn = one.imshow(plane, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        one.set_title(name, fontsize=11)
        one.set_axis_off()
    colors = np.array(segmenter.classes.colors, np.uint8)
    show(axes[7], colors[planes.argmax(axis=0)], "the most probable class")
    label = f"probability in each of {columns}×{rows} cells"
    figure.colorbar(drawn, ax=axes, shrink=0.8, label=label, aspect=30)
    return figure


def draw_outlines() -> Figure:
    portrait, segmenter = read_portrait(), segfit.load("face")
    scores, first, refined = begin(segmenter, portrait)
    walk = start_walk(first, choose_steps(scores.cell_px)[0])
    figure, (left, right) = open_figure([1, 1], height_px=540)
    show(left, portrait, "first outlines, and strips of 17 points across them")
    draw_arcs(left, first, BLUE)
    distances = (np.arange(STRIP_POINTS) - STRIP_POINTS // 2) * walk.step_px
    points, normals = (array.astype(np.float32)[:, None] for array in (walk.points, walk.normals))
    strips = points + normals * distances.astype(np.float32)[:, None]  # (V, 17, 2)
    for strip in strips[::SAMPLE_VERTICES]:
        left.plot(*strip.T, "-", color="white", linewidth=0.8)
        left.plot(*strip.T, ".", color=YELLOW, markersize=4)
    show(right, portrait, "moved; the bands are two standard errors wide to either side")
    draw_bands(right, refined)
    draw_arcs(right, first, BLUE, dashed=True)
    draw_arcs(right, refined, RED)
    for axes in (left, right):
        zoom(axes, *CHEEK)
    return figure


def draw_arcs(axes: Axes, partition: Partition, color: str, *, dashed: bool = False) -> None:
    for arc in np.flatnonzero(~partition.is_edge):
        draw_line(axes, partition.arc(arc), color, dashed=dashed)


def draw_bands(axes: Axes, partition: Partition) -> None:
    """A band along every arc, two standard errors wide on either side."""
    assert partition.error_px is not None
    reach = 2 * partition.error_px[:, None] * arc_normals(partition)
    for arc in np.flatnonzero(~partition.is_edge):
        points = slice(partition.arc_starts[arc], partition.arc_starts[arc + 1])
        middle = partition.points[points]
        band = np.concatenate([middle + reach[points], (middle - reach[points])[::-1]])
        axes.add_patch(Polygon(band, facecolor=CYAN, alpha=0.45, edgecolor="none"))


def draw_line(axes: Axes, points: np.ndarray, color: str, *, dashed: bool = False) -> None:
    axes.plot(*points.T, color="white", linewidth=3, alpha=0.8)
    axes.plot(*points.T, color=color, linewidth=1.8, linestyle="--" if dashed else "-")


def draw_ring(axes: Axes, ring: np.ndarray, color: str, *, dashed: bool = False) -> None:
    draw_line(axes, np.vstack([ring, ring[:1]]), color, dashed=dashed)


def draw_boxes() -> Figure:
    portrait, segmenter = read_portrait(), segfit.load("face")
    _, first, _ = begin(segmenter, portrait)
    region = find_region(first, segmenter, "nose")
    (before,) = fit_boxes(first, [region])
    noses = [one for one in segmenter(portrait).regions if one.name == "nose"]
    after = max(noses, key=lambda one: one.area_px).box
    figure, (left, right) = open_figure([1, 1], height_px=620)
    show(left, portrait, "its frame: 16×16 points, a quarter of a side beyond each edge")
    grid = place_grids([before], count=GRID_POINTS)[:, 0].reshape(2, -1)
    left.plot(*grid, "o", color=YELLOW, markersize=4, markeredgecolor=DARK, markeredgewidth=0.4)
    draw_ring(left, before.corners, BLUE)
    show(right, portrait, "four edges, each with its standard error (bands: ± one)")
    draw_edges(right, after)
    draw_ring(right, before.corners, BLUE, dashed=True)
    draw_ring(right, after.corners, RED)
    window = *(grid.min(axis=1) - 6), *(grid.max(axis=1) + 6)
    for axes in (left, right):
        zoom(axes, *window)
    return figure


def draw_edges(axes: Axes, box: OrientedBox) -> None:
    """A band along each edge, as wide as its standard error on either side."""
    assert box.error_px is not None
    along, across = box_axes(box.angle_deg)
    outwards = (-across, along, across, -along)
    corners = box.corners
    for edge, (normal, error) in enumerate(zip(outwards, box.error_px, strict=True)):
        begins, ends = corners[edge], corners[(edge + 1) % 4]
        reach = error * normal
        band = np.stack([begins + reach, ends + reach, ends - reach, begins - reach])
        axes.add_patch(Polygon(band, facecolor=CYAN, alpha=0.45, edgecolor="none"))
        middle = (begins + ends) / 2 + normal * (error + 7)
        axes.text(
            *middle, f"± {error:.1f} px", ha="center", va="center", fontsize=10,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip


def draw_losses() -> Figure:
    q = np.linspace(1e-3, 1, 1000)  # of the class that the label names
    forward, reverse = -np.log(q), -LOG_ZERO * (1 - q)
    figure, (left, right) = open_figure([1, 1], height_px=420)
    left.plot(q, forward, color=BLUE, linewidth=2.5, label="cross-entropy: −log q")
    left.plot(q, reverse, "--", color=RED, linewidth=2.5, label="reverse, log 0 = −4: 4 (1 − q)")
    left.plot(
        q, CROSS_ENTROPY_SHARE * forward + reverse, "-.", color=GREEN, linewidth=2.5,
        label=f"symmetric, as here: {CROSS_ENTROPY_SHARE} of the one + the other",
    )  # fmt: skip
    left.set_title("the loss that is meant: least at q = 1", fontsize=11)
    left.set_ylim(0, 8)
    right.plot(q, -forward + reverse, color=PURPLE, linewidth=2.5, label="log q + 4 (1 − q)")
    right.axhline(0, color=GREY, linewidth=1)
    right.annotate(
        "no lower bound where\nthe network is wrong", (0.01, -0.6), (0.3, -1.9),
        arrowprops={"arrowstyle": "->", "color": DARK}, va="center",
    )  # fmt: skip
    right.set_title("the loss as printed (log 0 = −4): −∞ at q = 0", fontsize=11)
    right.set_ylim(-3, 3)
    for axes in (left, right):
        axes.set_xlabel("q: probability of the class that the label names")
        axes.set_ylabel("loss of a pixel")
        axes.set_xlim(0, 1)
        axes.legend(frameon=False, loc="upper right")
    return figure


def draw_optimizers() -> Figure:
    figure, (axes,) = open_figure([1], height_px=430)
    looks = ((BLUE, "-"), (YELLOW, "--"), (RED, "-"), (PURPLE, "-."))
    for (optimizer, rate), (color, style) in zip(OPTIMIZERS, looks, strict=True):
        losses = np.array(train_briefly(optimizer, rate))
        smooth = np.convolve(losses, np.full(SMOOTHED_STEPS, 1 / SMOOTHED_STEPS), "valid")
        steps = np.arange(len(smooth)) + (SMOOTHED_STEPS + 1) / 2
        axes.plot(
            steps, smooth, style, color=color, linewidth=2.5,
            label=f"{optimizer}, peak learning rate {rate:g}",
        )  # fmt: skip
    axes.set_yscale("log")
    ticks = (0.03, 0.05, 0.1, 0.2, 0.5)
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(0, OPTIMIZER_STEPS)
    axes.set_xlabel("step")
    axes.set_ylabel(f"training loss, mean of {SMOOTHED_STEPS} steps")
    axes.legend(frameon=False)
    return figure


def train_briefly(optimizer: str, rate: float) -> list[float]:
    """Training losses of a classifier on the nuclei, step by step."""
    losses: list[float] = []

    def note(event: object) -> None:
        if isinstance(event, Step):
            losses.append(event.loss)

    plan = {
        "optimizer": optimizer, "learning_rate": rate, "steps": OPTIMIZER_STEPS, "batch": 6,
        "crop_px": (128, 128), "coarse_share": 0.0, "objects": "none", "output_stride": 4,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        segfit.train(
            NUCLEI, Path(folder) / "brief.segfit", component="classifier", plan=plan, on_event=note
        )
    return losses


def draw_training() -> Figure:
    figure, (axes,) = open_figure([1], height_px=400)
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 4)
    axes.set_axis_off()
    put_box(axes, 0.1, 2.5, 1.9, 1.0, "faces/\nimages and masks", GREY)
    put_box(axes, 2.9, 2.5, 2.3, 1.0, "trains the classifier\n--component classifier", BLUE)
    put_box(axes, 2.9, 0.5, 2.3, 1.0, "trains the regressor\n--component regressor", RED)
    put_box(axes, 6.1, 2.5, 1.6, 1.0, "plain.segfit\nclassifier", BLUE)
    put_box(axes, 8.3, 0.5, 1.6, 0.48, "regressor", RED)
    put_box(axes, 8.3, 1.02, 1.6, 0.48, "classifier, as it was", BLUE)
    axes.text(9.1, 1.66, "finer.segfit", ha="center", fontsize=11)
    arrow(axes, (2.0, 3.0), (2.9, 3.0))
    arrow(axes, (5.2, 3.0), (6.1, 3.0))
    arrow(axes, (1.05, 2.5), (2.9, 1.0))
    arrow(axes, (6.6, 2.5), (5.2, 1.2))
    arrow(axes, (7.2, 2.5), (8.3, 1.3))
    arrow(axes, (5.2, 0.74), (8.3, 0.74))
    axes.text(6.1, 1.75, "--from: its scores\nand features", fontsize=10, ha="left")
    return figure


def put_box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, color: str
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x + 0.06, y + 0.06),
            width - 0.12,
            height - 0.12,
            boxstyle="round,pad=0.06",
            facecolor=color + "33",
            edgecolor=color,
            linewidth=1.8,
        )
    )
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=10)


def arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=14, color=DARK, linewidth=1.4)
    )


def draw_testing() -> Figure:
    segmenter = segfit.load("nuclei")
    report = evaluate_outlines(
        segmenter, open_labelled(NUCLEI).splits["val"], classes=segmenter.classes
    )
    before, after = report.before, report.after
    figure, (left, right) = open_figure([1, 1], height_px=420)
    bins = np.linspace(-6, 6, 61)
    for figures, color, style, name in (
        (before, BLUE, "--", "before"), (after, RED, "-", "after")
    ):  # fmt: skip
        left.hist(
            figures.errors_px, bins, histtype="step", color=color, linestyle=style, linewidth=2,
            label=f"{name}: mean distance {figures.mean_px:.2f} px",
        )  # fmt: skip
    left.set_xlim(-6, 6)
    left.set_ylim(0, 1.25 * left.get_ylim()[1])
    left.set_xlabel("distance from the true border, px")
    left.set_ylabel("points of outlines")
    left.set_title("how far off", fontsize=11)
    known = np.isfinite(after.claimed_px)
    residuals = after.errors_px[known] / after.claimed_px[known]
    right.hist(residuals, np.linspace(-5, 5, 51), density=True, color=CYAN, label="points, after")
    places = np.linspace(-5, 5, 300)
    right.plot(
        places, np.exp(-places**2 / 2) / np.sqrt(2 * np.pi), color=DARK, linewidth=2,
        label="normal distribution",
    )  # fmt: skip
    within = f"within 1: {after.share_within(1):.0%}\nwithin 2: {after.share_within(2):.0%}"
    right.text(2.2, 0.2, within)
    right.set_xlim(-5, 5)
    right.set_ylim(0, 1.3 * right.get_ylim()[1])
    right.set_xlabel("the same in units of the standard error claimed")
    right.set_ylabel("density")
    right.set_title("are the standard errors right?", fontsize=11)
    for axes in (left, right):
        axes.legend(frameon=False, loc="upper right")
    return figure


def draw_layer() -> Figure:
    figure, (axes,) = open_figure([1], height_px=470)
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 4.7)
    axes.set_axis_off()
    stages = ("1/2", [16]), ("1/4", [32, 32]), ("1/8", [64, 64]), ("1/16", [96, 96]), (
        "1/32", [128, 128]
    )  # fmt: skip
    axes.text(0.05, 4.45, "encoder: a number in widths is a layer", fontsize=11)
    axes.text(6.35, 4.45, "decoder, and the head", fontsize=11)
    for row, (stride, widths) in enumerate(stages):
        y = 3.6 - 0.85 * row
        axes.text(0.35, y + 0.27, stride, va="center", ha="center", fontsize=10)
        for column, width in enumerate(widths):
            put_box(axes, 0.8 + 1.25 * column, y, 1.15, 0.55, f"3×3, {width}", BLUE)
        if stride == "1/8":
            put_box(axes, 3.3, y, 1.15, 0.55, "3×3, 64", RED)
            axes.text(4.5, y + 0.27, "new", color=RED, va="center", fontsize=11)
        if row:
            put_box(axes, 5.3, y, 0.9, 0.55, "1×1", GREEN)
            arrow(axes, (5.0 if stride == "1/8" else 3.35, y + 0.27), (5.3, y + 0.27))
        if row < 4:
            last = 0.8 + 1.25 * (len(widths) + (stride == "1/8")) - 0.68
            arrow(axes, (last, y), (1.37 if last < 2 else 1.8, y - 0.3))
        if 0 < row < 4:
            arrow(axes, (5.75, y - 0.3), (5.75, y))
    put_box(axes, 6.5, 2.75, 1.2, 0.55, "3×3, 64", GREEN)
    put_box(axes, 6.5, 1.5, 1.2, 0.55, "3×3, 64", RED)
    axes.text(7.8, 1.77, "new", color=RED, va="center", fontsize=11)
    put_box(axes, 8.3, 2.75, 1.6, 0.55, "1×1: k scores", GREEN)
    arrow(axes, (6.2, 3.02), (6.5, 3.02))
    arrow(axes, (7.1, 2.75), (7.1, 2.05))
    arrow(axes, (7.7, 2.0), (8.6, 2.75))
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "problem": draw_problem,
    "classifier": draw_classifier,
    "outlines": draw_outlines,
    "boxes": draw_boxes,
    "losses": draw_losses,
    "optimizers": draw_optimizers,
    "training": draw_training,
    "testing": draw_testing,
    "layer": draw_layer,
}

if __name__ == "__main__":
    main()
