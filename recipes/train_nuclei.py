#!/usr/bin/env python
"""Rebuild the shipped nuclei model from the CC0 images of DSB2018.

    python recipes/train_nuclei.py ../shared/data

Give the same command again after an interruption, and it resumes where it stood.
"""

from __future__ import annotations

from segfit.datasets import open_labelled
from train_shipped import make_parser, train_model

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


PLAN = {
    "boxes_share": 0,
    # The network does not even learn the training images by heart: less is changed about them.
    "augmentation": {"color": 0.2, "noise": 0.12, "blur": 0.12, "zoom": 1.25},
}


def main() -> None:
    parser = make_parser(__doc__, model="nuclei", minutes=30, regressor_minutes=12)
    arguments = parser.parse_args()
    train_model(
        open_labelled(arguments.data / "dsb2018"),
        arguments.output,
        minutes=arguments.minutes,
        regressor_minutes=arguments.regressor_minutes,
        plan=PLAN,
        seed=arguments.seed,
        force=arguments.force,
        description=DESCRIPTION,
    )


if __name__ == "__main__":
    main()
