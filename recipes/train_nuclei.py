#!/usr/bin/env python
"""Rebuild the shipped nuclei model from the CC0 pictures of DSB2018.

    python recipes/train_nuclei.py ../shared/data

Give the same command again after an interruption, and it goes on where it stood.
"""

from __future__ import annotations

from segfit.datasets import open_labelled
from train_shipped import make_parser, train_model

DESCRIPTION = {
    "description": (
        "Finds cell nuclei in microscope pictures: fluorescence, stained tissue (colour) and "
        "brightfield. Says of every pixel whether it belongs to a nucleus; it does not tell "
        "touching nuclei apart. Not a medical device."
    ),
    "data": (
        "BBBC038v1, the stage 1 training pictures of the 2018 Data Science Bowl (Caicedo et al., "
        "Nature Methods 2019; Broad Bioimage Benchmark Collection): 482 pictures for training, 74 "
        "for validation, on which the threshold and the best round were chosen, too. Most are "
        "fluorescence; brightfield and stained tissue are few."
    ),
    "licence": "Weights: Apache-2.0. Training data: CC0 1.0 (public domain dedication).",
}


def main() -> None:
    parser = make_parser(__doc__, model="nuclei", minutes=10, regressor_minutes=6)
    arguments = parser.parse_args()
    train_model(
        open_labelled(arguments.data / "dsb2018"),
        arguments.output,
        minutes=arguments.minutes,
        regressor_minutes=arguments.regressor_minutes,
        plan={"boxes_share": 0},
        seed=arguments.seed,
        force=arguments.force,
        description=DESCRIPTION,
    )


if __name__ == "__main__":
    main()
