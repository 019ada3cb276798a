#!/usr/bin/env python3
"""Which image to label next, against random order: images needed for 95 % of the final mean IoU.

    python benchmarks/choosing_next.py

Somebody labels one image of a pool after the other, each of them wholly. Two random images come
first, the same ones for every order. After each image the pixel learner of the scribbles is fitted
to all that are labelled and measured on images that are not in the pool, and the order names the
next image: a random one; by the studio's order (``segfit.studio.jobs.teaching``), with every third
or second turn or none for unsure images; the least sure one; or the one farthest from those that
are labelled. Figures are mean IoU over pixels that are drawn once of each image; the final one is
that of the whole pool.

Nuclei: 160 training images of the Data Science Bowl 2018, measured on its 74 validation images.
Faces: FASSEG's 20 frontal portraits for training and 120 of other poses, measured on the 22 frontal
ones for validation and 40 further ones of other poses. With ``--choose`` every second image of the
pool is what is measured on instead: by that the order was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import BoolArray, Float32Array, Float64Array, UInt8Array
from segfit.classes import IGNORE, ClassTable
from segfit.datasets import Dataset, open_labelled
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.scribbles import FeatureExtractor, PixelClassifier, open_features
from segfit.scribbles.drawn import draw_pixels
from segfit.scribbles.fitting import fit_samples
from segfit.scribbles.marks import Marks
from segfit.studio.jobs.teaching import (
    UNSURE_TURN,
    describe_look,
    measure_unsureness,
    order_images,
)

POOL, FURTHER_FACES = 160, 40
DRAWN_PX, JUDGED_PX, FITTED_PX = 800, 200, 3000
"""Pixels of an image that are measured or learned from; by which unsureness is told; of a fit."""
FIRST = 2
SHARES = (0.95, 0.98)
Order = Callable[[Float64Array, Float64Array, BoolArray], int]
"""Chooses an image by looks (N, F), unsureness (N,) and which ones are labelled (N,)."""

console = Console()


@dataclass(frozen=True, eq=False)
class Drawn:
    """Pixels drawn of ``N`` images: ``rows`` (N, P, D) features, ``labels`` (N, P); ``looks``
    (N, F), what the images look like; ``others`` (N,) their drawn pixels, as the learner wants
    them; ``worth`` (D,) of the features.
    """

    rows: Float32Array
    labels: UInt8Array
    looks: Float64Array
    others: NDArray[np.object_]
    worth: Float32Array

    def take(self, places: slice | Sequence[int]) -> Drawn:
        return replace(
            self,
            rows=self.rows[places],
            labels=self.labels[places],
            looks=self.looks[places],
            others=self.others[places],
        )


@dataclass(frozen=True)
class Outcome:
    """An order's mean IoU by the number of images, from ``FIRST`` on, of each seed."""

    order: str
    curves: list[list[float]]
    needed: dict[str, list[int]]

    def mean_needed(self, share: float) -> float:
        return float(np.mean(self.needed[str(share)]))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "sets", nargs="*", default=["nuclei", "faces"], help="nuclei, faces (%(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="runs of each order (%(default)s)")
    parser.add_argument("--most", type=int, default=40, help="images of a run (%(default)s)")
    parser.add_argument("--choose", action="store_true", help="measure within the pool")
    arguments = parse_arguments(parser, quick="nuclei --seeds 1 --most 3")
    names = ["dsb2018"] * ("nuclei" in arguments.sets)
    names += ["fasseg-frontal", "fasseg-multipose"] * ("faces" in arguments.sets)
    folders = {name: find_data(parser, arguments, name) for name in names}
    seeds = list(range(arguments.seeds))
    run = describe_run(seeds=seeds, threads=arguments.threads, data=list(folders.values()))
    extractor = open_features(threads=arguments.threads)
    figures = {}
    for name in arguments.sets:
        pool, measured, classes = draw_set(name, folders, extractor)
        if arguments.choose:
            pool, measured = pool.take(np.s_[::2]), pool.take(np.s_[1::2])
        final = float(np.mean([measure(fit(pool, classes, seed), measured) for seed in seeds]))
        outcomes = []
        for order in ORDERS:
            outcomes.append(label(pool, measured, order, classes, final, seeds, arguments.most))
            console.print(f"{name}: {outcomes[-1].order}, {outcomes[-1].needed}")
        console.print(to_table(name, outcomes, final))
        figures[name] = {
            "pool": len(pool.labels),
            "measured_on": len(measured.labels),
            "final_mean_iou": final,
            "orders": [vars(one) for one in outcomes],
            "fewer": describe_gain(outcomes),
        }
    result = "choosing_next-choose" if arguments.choose else "choosing_next"
    figures = {"unsure_turn": UNSURE_TURN, **figures}
    console.print(write_result(result, run, figures, folder=arguments.results))


def draw_set(
    name: str, folders: dict[str, Path], extractor: FeatureExtractor
) -> tuple[Drawn, Drawn, ClassTable]:
    """The pool, what is measured on, and the classes."""
    rng = np.random.default_rng(0)
    if name == "nuclei":
        data = open_labelled(folders["dsb2018"], hold_out=False)
        train, val = data.splits["train"], data.splits["val"]
        kept = sorted(rng.permutation(len(train))[:POOL].tolist())
        return (
            draw(train.subset(kept), extractor, rng),
            draw(val, extractor, rng),
            data.classes,
        )
    frontal = open_labelled(folders["fasseg-frontal"], hold_out=False)
    other = open_labelled(folders["fasseg-multipose"], hold_out=False).splits["train"]
    order = rng.permutation(len(other)).tolist()
    frontal_count = len(frontal.splits["train"])
    learned = order[: POOL - frontal_count]
    further = order[len(learned) : len(learned) + FURTHER_FACES]
    train, val = frontal.splits["train"], frontal.splits["val"]
    pool = join(draw(train, extractor, rng), draw(other.subset(learned), extractor, rng))
    measured = join(draw(val, extractor, rng), draw(other.subset(further), extractor, rng))
    return pool, measured, frontal.classes


def draw(images: Dataset, extractor: FeatureExtractor, rng: np.random.Generator) -> Drawn:
    rows, labels, looks = [], [], []
    others = np.empty(len(images), object)
    for number, example in enumerate(images):
        features = extractor.describe(example.image)
        known = np.argwhere(example.labels != IGNORE)
        points = known[rng.integers(0, len(known), DRAWN_PX)]
        rows.append(features.sample(points))
        labels.append(example.labels[tuple(points.T)])
        looks.append(describe_look(features))
        others[number] = draw_pixels(features).mark(Marks.from_labels(example.labels))
    return Drawn(np.stack(rows), np.stack(labels), np.stack(looks), others, features.worths)


def join(first: Drawn, second: Drawn) -> Drawn:
    return Drawn(
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.looks, second.looks]),
        np.concatenate([first.others, second.others]),
        first.worth,
    )


def fit(drawn: Drawn, classes: ClassTable, seed: int) -> PixelClassifier:
    """The pixel learner of the scribbles on images that are labelled wholly."""
    rows, labels = drawn.rows.reshape(-1, drawn.rows.shape[-1]), drawn.labels.ravel()
    kept = np.random.default_rng(seed).permutation(len(labels))[:FITTED_PX]
    if len(np.unique(labels[kept])) < 2:
        nothing = np.zeros((len(classes), rows.shape[1]), np.float32)
        return PixelClassifier(nothing, np.eye(len(classes), dtype=np.float32)[labels[0]], classes)
    counts = np.bincount(labels[kept], minlength=len(classes))
    return fit_samples(
        rows[kept],
        labels[kept],
        classes,
        drawn=drawn.others.tolist(),
        counts=counts,
        worth=drawn.worth,
    )


def judge(learner: PixelClassifier, rows: Float32Array) -> Float32Array:
    """Probabilities (K, N) of pixels (N, D)."""
    logits = rows @ learner.weights.T + learner.biases
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (chances / chances.sum(axis=1, keepdims=True)).T


def measure(learner: PixelClassifier, drawn: Drawn) -> float:
    found = judge(learner, drawn.rows.reshape(-1, drawn.rows.shape[-1])).argmax(axis=0)
    truth = drawn.labels.reshape(1, -1)
    return mean_iou(confusion_matrix(truth, found[None].astype(np.uint8), len(learner.classes)))


def label(
    pool: Drawn,
    measured: Drawn,
    order: str,
    classes: ClassTable,
    final: float,
    seeds: list[int],
    most: int,
) -> Outcome:
    """Label image after image in an order of ``ORDERS``."""
    curves = [label_once(pool, measured, order, classes, final, seed, most) for seed in seeds]
    needed = {
        str(share): [find_needed(curve, share * final, most) for curve in curves]
        for share in SHARES
    }
    return Outcome(order, curves, needed)


def label_once(
    pool: Drawn,
    measured: Drawn,
    order: str,
    classes: ClassTable,
    final: float,
    seed: int,
    most: int,
) -> list[float]:
    random_order = np.random.default_rng(seed).permutation(len(pool.labels)).tolist()
    chosen, curve = random_order[:FIRST], []
    choose = ORDERS[order]
    while True:
        learner = fit(pool.take(chosen), classes, seed)
        curve.append(measure(learner, measured))
        # Beyond the highest share nothing is asked for.
        if curve[-1] >= max(SHARES) * final or len(chosen) >= min(most, len(pool.labels)):
            return curve
        if choose is None:
            chosen.append(random_order[len(chosen)])
            continue
        is_labelled = np.isin(np.arange(len(pool.labels)), chosen)
        unsureness = np.full(len(is_labelled), np.nan)
        for index in np.flatnonzero(~is_labelled):
            unsureness[index] = measure_unsureness(judge(learner, pool.rows[index, :JUDGED_PX]))
        chosen.append(choose(pool.looks, unsureness, is_labelled))


def take_turns(turn: int | None) -> Order:
    """The studio's order, with such turns for unsure images."""
    return lambda looks, unsureness, is_labelled: order_images(
        looks, unsureness, is_labelled, unsure_turn=turn
    )[0]


def choose_unsure(looks: Float64Array, unsureness: Float64Array, is_labelled: BoolArray) -> int:
    return int(np.where(is_labelled, -1, unsureness).argmax())


def choose_farthest(looks: Float64Array, unsureness: Float64Array, is_labelled: BoolArray) -> int:
    """Farthest-first traversal (k-center; Sener and Savarese, 2018)."""
    spread = looks.std(axis=0)
    places = looks / np.where(spread > 1e-9, spread, 1)
    apart = np.linalg.norm(places[:, None] - places[is_labelled], axis=2)
    return int(apart.min(axis=1).argmax())


ORDERS: dict[str, Order | None] = {
    "random": None,
    "like many, unsure every third": take_turns(3),
    "like many, unsure every second": take_turns(2),
    "like many": take_turns(None),
    "farthest": choose_farthest,
    "unsure": choose_unsure,
}


def find_needed(curve: list[float], wanted: float, most: int) -> int:
    """Images until a figure is reached; one more than the most where it never is."""
    reached = np.flatnonzero(np.array(curve) >= wanted)
    return int(reached[0]) + FIRST if len(reached) else most + 1


def describe_gain(outcomes: list[Outcome]) -> dict[str, dict[str, float]]:
    """Of each order, the share of random order's images that it does without."""
    random = outcomes[0]
    return {
        one.order: {str(s): 1 - one.mean_needed(s) / random.mean_needed(s) for s in SHARES}
        for one in outcomes[1:]
    }


def to_table(name: str, outcomes: list[Outcome], final: float) -> Table:
    table = Table("order", *(f"images for {share:.0%}" for share in SHARES), "fewer", title=name)
    table.caption = f"final mean IoU {final:.3f}"
    for one in outcomes:
        fewer = 1 - one.mean_needed(SHARES[0]) / outcomes[0].mean_needed(SHARES[0])
        table.add_row(
            one.order, *(f"{one.mean_needed(share):.1f}" for share in SHARES), f"{fewer:.0%}"
        )
    return table


if __name__ == "__main__":
    main()
