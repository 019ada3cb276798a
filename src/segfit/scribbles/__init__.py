"""Strokes → a segmentation: a classifier of pixels by frozen features, fitted in a blink."""

from segfit.scribbles.classifier import PixelClassifier
from segfit.scribbles.features import FeatureExtractor, PixelFeatures, open_features
from segfit.scribbles.fitting import fit_pixels
from segfit.scribbles.marks import Marks

__all__ = [
    "FeatureExtractor",
    "Marks",
    "PixelClassifier",
    "PixelFeatures",
    "fit_pixels",
    "open_features",
]
