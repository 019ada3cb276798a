"""Segmentation that needs no training: every method maps an image to a ``Segmentation``."""

from segfit.classical.auto import Auto, choose_method
from segfit.classical.entropy import Entropy
from segfit.classical.felzenszwalb import Felzenszwalb
from segfit.classical.gabor import Gabor
from segfit.classical.gaussian_mixture import GaussianMixture
from segfit.classical.grabcut import GrabCut
from segfit.classical.hints import HintedMethod
from segfit.classical.kmeans import KMeans
from segfit.classical.lines import Lines
from segfit.classical.local_patterns import LocalPatterns
from segfit.classical.local_threshold import LocalThreshold
from segfit.classical.mean_shift import MeanShift
from segfit.classical.method import ClassicalMethod
from segfit.classical.multi_otsu import MultiOtsu
from segfit.classical.normalized_cut import NormalizedCut
from segfit.classical.otsu import Otsu
from segfit.classical.random_walker import RandomWalker
from segfit.classical.slic import Slic
from segfit.classical.watershed import Watershed

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
