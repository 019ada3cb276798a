#!/usr/bin/env python3
"""Strokes per image until a pixel learner does nearly as well as with every pixel labelled.

    python benchmarks/label_efficiency.py

A simulated user (`stroke_user.py` has the rule) labels a few training images: in each round one
stroke on each of them, first one for each class, the class with the largest region first, then
where the learner's own proposal is most wrong. After each round, from the second on, the learner is
fitted to all strokes so far. Mean IoU on validation images, which get no strokes, against strokes
per image, for

- ours: `segfit scribble`;
- a random forest on scikit-image's multiscale features, which is what ilastik does;
- no help: each pixel has the class of the nearest stroke. As that says nothing of other images, it
  is measured on the labelled images themselves, which is in its favour.

Every third pixel of every third row is proposed and compared, which is a ninth of the forest's
time. Full labels are every pixel of the same training images. Of very many marks ours looks at
2,000 and the forest at 8,000. A seed chooses the images. What was to be chosen of ours was chosen
on training images alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import distance_transform_edt
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide_labels
from segfit.datasets import Dataset, LabelledImage, open_labelled
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.scribbles import Marks, PixelFeatures, fit_pixels, open_features
from stroke_user import Stroke, draw_first, draw_next

SETS = ("superalloy", "dsb2018", "fasseg-frontal", "camvid")
NEAR_POINTS = 2.0
"""So many points of mean IoU below full labels is near enough."""

FOREST_POINTS = 8000
"""Of marks that the forest looks at; four times as many as ours does."""
FIRST = 2
"""Strokes on each image before anything can be learned: of two classes."""
STEP = 3
"""Every so many pixels are looked at."""
Predict = Callable[[int], UInt8Array]
"""Labels of every ``STEP``-th pixel of an image by its number: first those of training, then those
of validation."""

console = Console()


class Learner(Protocol):
    """What learns from marks."""

    def fit(self, marks: Sequence[Marks]) -> Predict:
        """Learn from the marks of the training images."""
        ...


class Ours:
    """The pixel learner of `segfit scribble`; features of all images are kept."""

    def __init__(
        self, images: Sequence[LabelledImage], classes: ClassTable, *, threads: int
    ) -> None:
        extractor = open_features(threads=threads)
        self.features: list[PixelFeatures] = [extractor.describe(one.image) for one in images]
        self.classes = classes

    def fit(self, marks: Sequence[Marks]) -> Predict:
        marked = list(zip(self.features, marks, strict=False))
        classifier = fit_pixels(marked, self.classes)

        def predict(number: int) -> UInt8Array:
            return decide_labels(classifier.score(self.features[number]), Decision())[
                ::STEP, ::STEP
            ]

        return predict


class Forest:
    """A random forest on scikit-image's multiscale features."""

    def __init__(
        self, images: Sequence[LabelledImage], classes: ClassTable, *, trees: int, threads: int
    ) -> None:
        self.features: list[Float32Array] = [
            multiscale_basic_features(one.image, channel_axis=-1, workers=1).astype(np.float32)
            for one in images
        ]
        self.classes, self.trees, self.threads = classes, trees, threads

    def fit(self, marks: Sequence[Marks]) -> Predict:
        chosen = draw_marks(marks)
        rows = [
            features[one.points[:, 0], one.points[:, 1]]
            for features, one in zip(self.features, chosen, strict=False)
        ]
        forest = RandomForestClassifier(self.trees, n_jobs=self.threads, random_state=0)
        forest.fit(np.concatenate(rows), np.concatenate([one.classes for one in chosen]))

        def predict(number: int) -> UInt8Array:
            features = self.features[number][::STEP, ::STEP]
            found = forest.predict(features.reshape(-1, features.shape[2]))
            return np.asarray(found, np.uint8).reshape(features.shape[:2])

        return predict


def draw_marks(marks: Sequence[Marks]) -> list[Marks]:
    """``FOREST_POINTS`` of all marks, each as likely as another, or all of them."""
    total = sum(map(len, marks))
    kept = np.zeros(total, bool)
    kept[np.random.default_rng(0).permutation(total)[:FOREST_POINTS]] = True
    parts = np.split(kept, np.cumsum([len(one) for one in marks])[:-1])
    return [one.only(part) for one, part in zip(marks, parts, strict=True)]


class NearestStroke:
    """No learner: a pixel of a training image has the class of the nearest stroke on it."""

    def __init__(self, images: Sequence[LabelledImage]) -> None:
        self.shapes = [one.labels.shape for one in images]

    def fit(self, marks: Sequence[Marks]) -> Predict:
        def predict(number: int) -> UInt8Array:
            labels = np.full(self.shapes[number], 255, np.uint8)
            points = marks[number].points
            labels[points[:, 0], points[:, 1]] = marks[number].classes
            _, (rows, columns) = distance_transform_edt(labels == 255, return_indices=True)
            return np.asarray(labels[rows, columns], np.uint8)[::STEP, ::STEP]

        return predict


@dataclass(frozen=True)
class Images:
    """Those of a data set that count: the first ``labelled`` of them are for training."""

    classes: ClassTable
    all: list[LabelledImage]
    labelled: int

    @property
    def training(self) -> range:
        """Their numbers."""
        return range(self.labelled)

    @property
    def validation(self) -> range:
        """Their numbers."""
        return range(self.labelled, len(self.all))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("sets", nargs="*", default=SETS, help="data sets (%(default)s)")
    parser.add_argument("--images", type=int, default=4, help="of each split (%(default)s)")
    parser.add_argument("--strokes", type=int, default=16, help="on each image (%(default)s)")
    parser.add_argument("--trees", type=int, default=60, help="of the forest (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (%(default)s)")
    arguments = parse_arguments(
        parser, quick="superalloy --images 2 --strokes 3 --trees 2 --seeds 1"
    )
    folders = {name: find_data(parser, arguments, name) for name in arguments.sets}
    seeds = list(range(arguments.seeds))
    run = describe_run(seeds=seeds, threads=arguments.threads, data=list(folders.values()))
    figures: dict[str, Any] = {
        "images": arguments.images, "strokes": arguments.strokes, "trees": arguments.trees,
        "near_points": NEAR_POINTS, "step": STEP,
    }  # fmt: skip
    for seed in seeds:
        for name, folder in folders.items():
            images = choose_images(open_labelled(folder), arguments.images, seed=seed)
            found = compare_learners(
                images,
                strokes=arguments.strokes,
                trees=arguments.trees,
                threads=arguments.threads,
            )
            console.print(render(f"{name}, seed {seed}", found))
            figures.setdefault(name, []).append(found)
    console.print(write_result("label-efficiency", run, figures, folder=arguments.results))


def choose_images(data: Any, count: int, *, seed: int) -> Images:
    """So many images of each split, one of each of as many spans of the order of their names."""
    random = np.random.default_rng(seed)
    chosen = [spread(data.splits[split], count, random) for split in ("train", "val")]
    return Images(data.classes, [*chosen[0], *chosen[1]], len(chosen[0]))


def spread(dataset: Dataset, count: int, random: np.random.Generator) -> list[LabelledImage]:
    borders = np.linspace(0, len(dataset), min(count, len(dataset)) + 1).round().astype(int)
    return [dataset[int(random.integers(*span))] for span in pairwise(borders.tolist())]


def compare_learners(images: Images, *, strokes: int, trees: int, threads: int) -> dict[str, Any]:
    """The curve of each learner, what it reaches with full labels, and how soon it is near."""
    figures: dict[str, Any] = {}
    full = [Marks.from_labels(images.all[number].labels) for number in images.training]
    learners: dict[str, Callable[[], Learner]] = {
        "ours": lambda: Ours(images.all, images.classes, threads=threads),
        "forest": lambda: Forest(images.all, images.classes, trees=trees, threads=threads),
    }
    for name, make in learners.items():
        learner = make()
        console.print(f"{name}: images described")
        reached = measure(learner.fit(full), images, images.validation)
        curve = follow_user(learner, images, strokes=strokes, judged=images.validation)
        figures[name] = {"full_labels": reached, "curve": curve}
    for name in learners:
        figures[name]["strokes_until_near"] = find_strokes(
            figures[name]["curve"], figures[name]["full_labels"] - NEAR_POINTS / 100
        )
        figures[name]["strokes_until_forest_is_near"] = find_strokes(
            figures[name]["curve"], figures["forest"]["full_labels"] - NEAR_POINTS / 100
        )
    nearest = NearestStroke(images.all)
    figures["no help"] = {
        "curve": follow_user(nearest, images, strokes=strokes, judged=images.training)
    }
    return figures


def follow_user(
    learner: Learner, images: Images, *, strokes: int, judged: range
) -> list[dict[str, float]]:
    """Mean IoU and strokes per image after each round."""
    truths = [images.all[number].labels for number in images.training]
    first = [draw_first(truth) for truth in truths]
    drawn = [own[:FIRST] for own in first]
    curve = []
    for number in range(FIRST, strokes + 1):
        predict = learner.fit([join(own) for own in drawn])
        curve.append({
            "strokes": sum(map(len, drawn)) / len(drawn),
            "mean_iou": measure(predict, images, judged),
        })  # fmt: skip
        for place, (truth, own) in enumerate(zip(truths, drawn, strict=True)):
            if number < len(first[place]):
                own.append(first[place][number])
                continue
            further = draw_next(truth, enlarge(predict(place), truth.shape))
            own += [] if further is None else [further]
    return curve


def enlarge(labels: UInt8Array, shape: tuple[int, ...]) -> UInt8Array:
    """Labels of every pixel (H, W) by those of every ``STEP``-th."""
    return labels.repeat(STEP, axis=0).repeat(STEP, axis=1)[: shape[0], : shape[1]]


def join(strokes: Sequence[Stroke]) -> Marks:
    """The strokes of an image as marks."""
    labels = [np.full(len(stroke.points), stroke.label, np.uint8) for stroke in strokes]
    return Marks(np.concatenate([stroke.points for stroke in strokes]), np.concatenate(labels))


def measure(predict: Predict, images: Images, judged: range) -> float:
    """Mean IoU of all these images together."""
    count = len(images.classes)
    confusion = sum(
        confusion_matrix(
            np.ascontiguousarray(images.all[number].labels[::STEP, ::STEP]), predict(number), count
        )
        for number in judged
    )
    return float(mean_iou(np.asarray(confusion)))


def find_strokes(curve: Sequence[dict[str, float]], wanted: float) -> float | None:
    """Strokes per image after which a curve has first reached a figure; None if it has not."""
    return next((point["strokes"] for point in curve if point["mean_iou"] >= wanted), None)


def render(name: str, figures: dict[str, Any]) -> Table:
    """The curves side by side."""
    table = Table("strokes per image", title=name)
    for learner in figures:
        table.add_column(learner, justify="right")
    for points in zip(*(entry["curve"] for entry in figures.values()), strict=True):
        table.add_row(
            f"{points[0]['strokes']:.1f}", *(f"{point['mean_iou']:.3f}" for point in points)
        )
    for title in ("full_labels", "strokes_until_near", "strokes_until_forest_is_near"):
        values = (entry.get(title) for entry in figures.values())
        table.add_row(title, *("–" if value is None else f"{value:.3g}" for value in values))
    return table


if __name__ == "__main__":
    main()
