"""Segmentation that needs no training: every method maps a picture to a ``Segmentation``."""

from segfit.classical.auto import Auto, choose_method
from segfit.classical.colors import GaussianMixture, KMeans, MeanShift
from segfit.classical.hints import GrabCut, HintedMethod, RandomWalker
from segfit.classical.lines import Lines
from segfit.classical.method import ClassicalMethod
from segfit.classical.superpixels import Felzenszwalb, NormalizedCut, Slic, Watershed
from segfit.classical.textures import Entropy, Gabor, LocalPatterns
from segfit.classical.thresholds import LocalThreshold, MultiOtsu, Otsu

METHODS: dict[str, type[ClassicalMethod]] = {
    "auto": Auto,
    "otsu": Otsu,
    "multi-otsu": MultiOtsu,
    "local-threshold": LocalThreshold,
    "kmeans": KMeans,
    "gaussian-mixture": GaussianMixture,
    "mean-shift": MeanShift,
    "gabor": Gabor,
    "local-patterns": LocalPatterns,
    "entropy": Entropy,
    "lines": Lines,
    "felzenszwalb": Felzenszwalb,
    "slic": Slic,
    "normalized-cut": NormalizedCut,
    "watershed": Watershed,
    "grabcut": GrabCut,
    "random-walker": RandomWalker,
}
"""What ``segfit segment --method`` can name."""

__all__ = [
    "METHODS",
    "Auto",
    "ClassicalMethod",
    "Entropy",
    "Felzenszwalb",
    "Gabor",
    "GaussianMixture",
    "GrabCut",
    "HintedMethod",
    "KMeans",
    "Lines",
    "LocalPatterns",
    "LocalThreshold",
    "MeanShift",
    "MultiOtsu",
    "NormalizedCut",
    "Otsu",
    "RandomWalker",
    "Slic",
    "Watershed",
    "choose_method",
]
