"""The classes of masks, whoever says them: ``classes.json``, or the masks themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.datasets.masks.class_file import make_classes, read_class_file
from segfit.datasets.masks.inference import infer_classes
from segfit.datasets.masks.mask_classes import MaskClasses


def read_or_infer_classes(
    masks: Sequence[Path], class_file: Path | None, *, on_progress: OnProgress | None = None
) -> MaskClasses:
    """The classes that a class file names, or else those that the masks' pixels stand for.

    A file that names none still says what is ignored, and how the masks lie. Raises SegfitError
    for a file with a mistake, and where the masks do not tell their classes.
    """
    if class_file is None:
        return infer_classes(masks, on_progress=on_progress)
    spec = read_class_file(class_file)
    if spec.classes:
        classes = make_classes(spec, class_file)
    else:
        ignored = spec.ignore if "ignore" in spec.model_fields_set else None
        classes = infer_classes(masks, ignored=ignored, on_progress=on_progress)
    return replace(classes, orientation=spec.orientation)
