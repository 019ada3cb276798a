"""Labelled pictures from disk: every layout and format gives the same ``LabelledData``."""

from segfit.datasets.labelled import Dataset, LabelledData, LabelledPicture, PictureStats
from segfit.datasets.opening import open_labelled
from segfit.datasets.split import split_pictures
from segfit.datasets.stats import measure_labels

__all__ = [
    "Dataset",
    "LabelledData",
    "LabelledPicture",
    "PictureStats",
    "measure_labels",
    "open_labelled",
    "split_pictures",
]
