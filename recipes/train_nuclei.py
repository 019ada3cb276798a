#!/usr/bin/env python
"""Rebuild the shipped nuclei model from the CC0 images of DSB2018.

    python recipes/train_nuclei.py ../shared/data
    python recipes/train_nuclei.py ../shared/data --base nuclei --minutes 45

The first trains anew, the second goes on from what is shipped, which is how that was made. Give
the same command again after an interruption, and it resumes where it stood.
"""

from __future__ import annotations

from functools import reduce

from segfit.datasets import Dataset, LabelledData, open_labelled
from train_shipped import make_parser, parse_arguments, train_model

DESCRIPTION = {
    "description": (
        "Finds cell nuclei in microscope images, each one by itself: fluorescence, stained "
        "tissue (color) and brightfield. Images keep their scale; it has learned nuclei of 8 to "
        "60 px. Not a medical device."
    ),
    "data": (
        "BBBC038v1, the stage 1 training images of the 2018 Data Science Bowl (Caicedo et al., "
        "Nature Methods 2019; Broad Bioimage Benchmark Collection): 482 images for training, 74 "
        "for validation, on which the threshold and the best round were chosen, too. Most are "
        "fluorescence; brightfield and stained tissue are few."
    ),
    "licence": "Weights: Apache-2.0. Training data: CC0 1.0 (public domain dedication).",
}


REPEATS = {"colour": 6, "brightfield": 6}
"""How often an epoch shows the images of the kinds that are few, by how their names begin."""

GOING_ON_RATE = 1e-3
"""Half of the rate of a training anew: the network has not learned all that it can."""

PLAN = {
    "boxes_share": 0,
    # The network does not even learn the training images by heart: less is changed about them.
    "augmentation": {"color": 0.2, "noise": 0.12, "blur": 0.12, "zoom": 1.25},
}


def main() -> None:
    parser = make_parser(__doc__, model="nuclei", minutes=75, regressor_minutes=12)
    parser.add_argument("--base", help="the model to go on from, if any")
    arguments = parse_arguments(parser)
    going_on = {"learning_rate": GOING_ON_RATE, "frozen_stages": 0}
    train_model(
        repeat_few(open_labelled(arguments.data / "dsb2018")),
        arguments.output,
        minutes=arguments.minutes,
        regressor_minutes=arguments.regressor_minutes,
        plan=PLAN if arguments.base is None else {**PLAN, **going_on},
        seed=arguments.seed,
        force=arguments.force,
        description=DESCRIPTION,
        device=arguments.device,
        work=arguments.work,
        base=arguments.base,
    )


def repeat_few(data: LabelledData) -> LabelledData:
    """The same data, whose training shows images of the kinds that are few more often."""
    training = data.splits["train"]
    repeated = [training]
    for kind, times in REPEATS.items():
        few = [place for place, name in enumerate(training.names) if name.startswith(kind)]
        repeated += [training.subset(few)] * (times - 1)
    splits = {**data.splits, "train": reduce(Dataset.joined_with, repeated)}
    return LabelledData(data.classes, splits, data.notes)


if __name__ == "__main__":
    main()
