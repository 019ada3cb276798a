"""segfit: image segmentation that trains in minutes on a CPU.

>>> import segfit
>>> segmenter = segfit.load("face")  # doctest: +SKIP
>>> result = segmenter("photo.jpg")  # doctest: +SKIP
>>> result.save("photo_mask.png")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segfit.errors import SegfitError
from segfit.version import __version__

if TYPE_CHECKING:
    from segfit.classification.decision import Decision
    from segfit.evaluation.regions import evaluate
    from segfit.export.export import export_model
    from segfit.imaging.read import read_image
    from segfit.refiner import Refiner, load_refiner
    from segfit.result.regions import OrientedBox, Region
    from segfit.result.segmentation import Segmentation
    from segfit.scribbles.segmenter import ScribbleSegmenter, fit_scribbles
    from segfit.segmenter import Segmenter, load
    from segfit.streaming.planes import segment_stack
    from segfit.training import train

__all__ = [
    "Decision",
    "OrientedBox",
    "Refiner",
    "Region",
    "ScribbleSegmenter",
    "SegfitError",
    "Segmentation",
    "Segmenter",
    "__version__",
    "evaluate",
    "export_model",
    "fit_scribbles",
    "load",
    "load_refiner",
    "read_image",
    "segment_stack",
    "train",
]

# Imported when first asked for, so that `import segfit` costs next to nothing and prediction never
# meets torch.
_HOMES = {
    "Decision": "segfit.classification.decision",
    "OrientedBox": "segfit.result.regions",
    "Refiner": "segfit.refiner",
    "Region": "segfit.result.regions",
    "ScribbleSegmenter": "segfit.scribbles.segmenter",
    "Segmentation": "segfit.result.segmentation",
    "Segmenter": "segfit.segmenter",
    "evaluate": "segfit.evaluation.regions",
    "export_model": "segfit.export.export",
    "fit_scribbles": "segfit.scribbles.segmenter",
    "load": "segfit.segmenter",
    "load_refiner": "segfit.refiner",
    "read_image": "segfit.imaging.read",
    "segment_stack": "segfit.streaming.planes",
    "train": "segfit.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'segfit' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
