"""Labelled images from disk: every layout and format gives the same ``LabelledData``."""

from segfit.datasets.labelled import Dataset, ImageStats, LabelledData, LabelledImage
from segfit.datasets.opening import open_labelled
from segfit.datasets.split import split_images
from segfit.datasets.stats import measure_labels

__all__ = [
    "Dataset",
    "ImageStats",
    "LabelledData",
    "LabelledImage",
    "measure_labels",
    "open_labelled",
    "split_images",
]
