#!/usr/bin/env python
"""Rebuild the shipped face model from both FASSEG sets.

    python recipes/train_face.py ../shared/data

Training: the 20 frontal training images and the multipose ones, without two that share one label
(at least one of them is wrong). Validation: the 22 frontal validation images. Give the same
command again after an interruption, and it resumes where it stood.
"""

from __future__ import annotations

from functools import reduce

from segfit.classes import ClassTable
from segfit.datasets import Dataset, LabelledData, open_labelled
from train_shipped import make_parser, parse_arguments, train_model

LEFT_OUT = ("-60_personne03142", "-60_personne03242")
"""How the names of the two images begin that share one label."""

LONG_SIDE_PX = 256
"""Half of the images' resolution: the regressor makes up for it, at a quarter of the cost."""

BOXES_SHARE = 1 / 3
"""Of the regressors' minutes: eyes, mouths and noses are small, and a few seconds teach little."""

DESCRIPTION = {
    "description": (
        "Parts of one face per image: background, hair (brows count as hair), skin, nose, eyes, "
        "mouth. Made for portraits, frontal or turned, in which the face fills most of the "
        "image. It segments; it does not recognise anybody. It learned from few people, so try "
        "it on faces like those that you have before you rely on it."
    ),
    "data": (
        "FASSEG, frontal (V2) and multipose (V3) (Benini, Khan, Leonardi, Mauro and Migliorati, "
        "University of Brescia): 20 frontal and 180 multipose images for training, 22 frontal "
        "ones for validation, by which the best round was chosen, too. They are photographs of "
        "real people; none of them is part of this model's file."
    ),
    "licence": (
        "Weights: Apache-2.0. The training data states no licence, so that nothing is known of "
        "what its makers allow: for another use than research, ask them."
    ),
}


def main() -> None:
    parser = make_parser(__doc__, model="face", minutes=9, regressor_minutes=18)
    parser.add_argument(
        "--frontal-repeats", type=int, default=4,
        help="how often an epoch shows each frontal image (%(default)s)",
    )  # fmt: skip
    arguments = parse_arguments(parser)
    frontal = open_labelled(arguments.data / "fasseg-frontal")
    multipose = open_labelled(arguments.data / "fasseg-multipose")
    if frontal.classes != multipose.classes:
        parser.error("the two sets name different classes: compare their classes.json")
    train_model(
        merge(frontal, multipose, frontal_repeats=arguments.frontal_repeats),
        arguments.output,
        minutes=arguments.minutes,
        regressor_minutes=arguments.regressor_minutes,
        plan={
            "scaling": {"kind": "frame", "long_side_px": LONG_SIDE_PX},
            "output_stride": 4,
            "boxes_share": BOXES_SHARE,
        },
        seed=arguments.seed,
        force=arguments.force,
        description=DESCRIPTION,
        device=arguments.device,
        work=arguments.work,
    )


def merge(frontal: LabelledData, multipose: LabelledData, *, frontal_repeats: int) -> LabelledData:
    """Train on both sets, validate on the frontal one alone."""
    # Multipose has one split, of which opening it held out a fifth: all of it trains.
    posed = [leave_out(split, LEFT_OUT) for split in multipose.splits.values()]
    datasets = [*[frontal.splits["train"]] * frontal_repeats, *posed]
    training = reduce(Dataset.joined_with, datasets)
    return LabelledData(
        # FASSEG's own colors glare; these can be told apart by the color-blind, too.
        ClassTable.from_names(frontal.classes.names),
        {"train": training, "val": frontal.splits["val"]},
        (f"{len(training)} training images from both sets.",),
    )


def leave_out(dataset: Dataset, beginnings: tuple[str, ...]) -> Dataset:
    """The images whose names do not begin so."""
    return dataset.subset(
        index for index, name in enumerate(dataset.names) if not name.startswith(beginnings)
    )


if __name__ == "__main__":
    main()
