"""The classes of masks, whoever says them: ``classes.json``, or the masks themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segfit.basics.progress import OnProgress, map_in_threads
from segfit.datasets.masks.class_file import ClassFile, make_classes, read_class_file
from segfit.datasets.masks.inference import infer_classes, try_to_tally
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.nodata import Nodata, judge_nodata
from segfit.datasets.masks.reading import read_nodata
from segfit.datasets.masks.tally import MaskTally


def read_or_infer_classes(
    masks: Sequence[Path], class_file: Path | None, *, on_progress: OnProgress | None = None
) -> MaskClasses:
    """The classes that a class file names, or else those that the masks' pixels stand for.

    A file that names none still says what is ignored, and how the masks lie. A value that masks'
    files call nodata is ignored unless a class is named for it. Raises SegfitError for a file with
    a mistake, and where the masks do not tell their classes.
    """
    if class_file is None:
        return infer_classes(masks, on_progress=on_progress)
    spec = read_class_file(class_file)
    if spec.classes:
        nodata = _find_nodata(spec, masks, on_progress)
        spec = spec.model_copy(update={"ignore": (*spec.ignore, *nodata.ignored)})
        classes = make_classes(spec, class_file)
        classes = replace(classes, note=" ".join([classes.note, *nodata.sentences]))
    else:
        ignored = spec.ignore if "ignore" in spec.model_fields_set else None
        classes = infer_classes(masks, ignored=ignored, on_progress=on_progress)
    return replace(classes, orientation=spec.orientation)


def _find_nodata(spec: ClassFile, masks: Sequence[Path], on_progress: OnProgress | None) -> Nodata:
    """The values that masks' files call nodata, beside those that a class file names."""
    named = [entry.value for entry in spec.classes if entry.value is not None]
    ignored = [value for value in spec.ignore if isinstance(value, int)]
    called = {read_nodata(mask) for mask in masks}
    if not named or called <= {None, *named, *ignored}:
        return Nodata()
    found = map_in_threads(try_to_tally, masks, on_progress=on_progress)
    tallies = [mask for mask in found if isinstance(mask, MaskTally)]
    return judge_nodata(tallies, named=named, ignored=ignored)
