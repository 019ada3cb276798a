#!/usr/bin/env python
"""Rebuild the shipped face model from both FASSEG sets: ``recipes/train_face.py --minutes 20``."""

from __future__ import annotations

import argparse
from pathlib import Path

import segfit
from segfit.datasets import Dataset, LabelledData, open_labelled
from segfit.training.checkpoint import checkpoint_path

ROOT = Path(__file__).parents[1]
# Two faces of one pose share a label, so at least one of the two is wrong.
DOUBTFUL = ("-60_personne03142", "-60_personne03242")
ABOUT = {
    "description": "Faces: background, hair (brows too), skin, nose, eyes, mouth; one head that "
    "fills the picture, in any pose from profile to frontal.",
    "data": "FASSEG V2 frontal, 20 training pictures, and FASSEG V3 multipose, 180 pictures "
    "(Khan et al., 2015; Benini et al., 2019). Chosen on the 22 frontal validation pictures.",
    "licence": "Weights Apache-2.0. FASSEG states no licence; its pictures show real people and "
    "are not part of this project.",
}


def open_faces(data: Path) -> LabelledData:
    """Both sets as one: the frontal validation pictures stay for choosing."""
    frontal = open_labelled(data / "fasseg-frontal")
    multipose = open_labelled(data / "fasseg-multipose")
    poses = multipose.parts["train"].joined_with(multipose.parts["val"])
    training = frontal.parts["train"].joined_with(leave_out_doubtful(poses))
    return LabelledData(
        classes=frontal.classes,
        parts={"train": training, "val": frontal.parts["val"]},
        notes=(*frontal.notes, *multipose.notes),
    )


def leave_out_doubtful(pictures: Dataset) -> Dataset:
    """The pictures whose labels are not known to be wrong."""
    return pictures.subset(
        index for index, name in enumerate(pictures.names) if not name.startswith(DOUBTFUL)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--output", type=Path, default=ROOT / "src/segfit/models/face.segfit")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    resume = checkpoint_path(options.output).exists()
    segfit.train(
        open_faces(options.data),
        options.output,
        minutes=None if resume else options.minutes,
        seed=options.seed,
        resume=resume,
        force=True,
        description=ABOUT,
        on_event=print,
    )


if __name__ == "__main__":
    main()
