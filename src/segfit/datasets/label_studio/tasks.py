"""Label Studio's JSON export: a list of tasks, each an image and what people drew on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AliasChoices, BaseModel, Field, RootModel

from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun, list_first
from segfit.classes import ClassTable
from segfit.datasets.image_search import ImageSearch, describe_missing, name_images
from segfit.datasets.json_files import read_json_file
from segfit.datasets.label_studio.regions import Region, fill_region
from segfit.datasets.labelled import Finding, Reading, Source
from segfit.datasets.layout import BACKGROUND_NAMES, Layout
from segfit.datasets.painting import PaintedObject, paint_readable
from segfit.errors import SegfitError
from segfit.imaging.find import IMAGE_SUFFIXES
from segfit.imaging.read import read_image

HEAD_BYTES = 65536
"""So much of a file is looked at to tell what it is: run lengths may make it huge."""
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


class Annotation(BaseModel):
    """What one person drew on an image; ``was_cancelled`` where they skipped it."""

    result: list[Region] = []
    was_cancelled: bool = False
    ground_truth: bool = False
    updated_at: str = ""


class Task(BaseModel):
    """One image."""

    id: int | str | None = None
    data: dict[str, Any]
    predictions: list[Annotation] = []
    annotations: list[Annotation] = Field(
        default=[], validation_alias=AliasChoices("annotations", "completions")
    )


class Export(RootModel[list[Task]]):
    """A whole export."""


@dataclass(frozen=True)
class DrawnRegion:
    """A region and its class's name."""

    region: Region
    label: str


def find_tasks(root: Path, *, strict: bool, on_progress: OnProgress | None) -> Finding | None:
    """Find the labelled images of an export, or of the one in a folder; None without one.

    The classes are the labels that are used, in alphabetical order, after the background.
    """
    file = _find_export(root)
    if file is None:
        return None
    drawn: list[tuple[Task, list[DrawnRegion]]] = []
    counts: Counter[str] = Counter()
    several: list[str] = []
    for task in read_json_file(file, Export, kind="Label Studio").root:
        valid = [annotation for annotation in task.annotations if not annotation.was_cancelled]
        if not task.annotations:
            valid = task.predictions[-1:]
        if not valid:
            counts["skipped task" if task.annotations else "task without an annotation"] += 1
            continue
        if len(valid) > 1:
            several.append(_name_task(task))
        latest = max(valid, key=lambda annotation: (annotation.ground_truth, annotation.updated_at))
        drawn.append((task, collect_regions(latest, counts)))
    labels = {region.label for _, regions in drawn for region in regions}
    names = sorted(label for label in labels if label.lower() not in BACKGROUND_NAMES)
    if not names:
        raise SegfitError(f"{file}: no task has a labelled outline; {_describe_counts(counts)}")
    table = ClassTable.from_names(
        ("background", *names), object_classes=tuple(range(1, len(names) + 1))
    )
    class_of = {name: index for index, name in enumerate(names, start=1)}
    class_of |= {label: 0 for label in labels if label not in names}
    sources, missing = _list_sources(file, drawn, class_of)
    problems = [describe_missing(missing, file)] if missing else []
    if several:
        problems.append(
            f"{count_noun(len(several), 'task')} with several annotations ({list_first(several)}): "
            "the ground truth is used, or else the latest; delete the others to choose"
        )
    if problems and (strict or not sources):
        raise SegfitError(problems[0])
    notes = [f"{problem}." for problem in problems]
    left_out = _describe_counts(counts)
    notes += [f"Left out: {left_out}."] if left_out else []
    notes.append(f"Classes of Label Studio's labels: {', '.join(names)}; the rest is background.")
    return Finding(table, {"train": sources}, notes=tuple(notes))


def collect_regions(annotation: Annotation, counts: Counter[str]) -> list[DrawnRegion]:
    """The drawn regions with their labels, which may stand in an entry of the same id.

    What is not drawn, or has no label or several, is counted.
    """
    labels_of: dict[str | None, tuple[str, ...]] = {}
    for region in annotation.result:
        labels_of[region.id] = region.labels or labels_of.get(region.id, ())
    drawn = []
    for region in annotation.result:
        labels = region.labels or (labels_of[region.id] if region.id is not None else ())
        if not region.is_drawn:
            if region.type not in ("labels", "relation", ""):
                counts[f"entry of type {region.type}"] += 1
        elif len(labels) != 1:
            counts["region with several labels" if labels else "region without a label"] += 1
        else:
            drawn.append(DrawnRegion(region, labels[0]))
    return drawn


def read_task(
    path: Path, regions: tuple[DrawnRegion, ...], class_of: Mapping[str, int], where: str
) -> Reading:
    """Read an image and paint its regions in their order."""
    image = read_image(path)
    height, width = image.shape[:2]

    def fill(index: int) -> PaintedObject:
        drawn = regions[index]
        named = f"{where}: region {drawn.region.id} ('{drawn.label}')"
        mask = fill_region(drawn.region, height=height, width=width, where=named)
        return PaintedObject(mask, class_of[drawn.label], index + 1)

    return paint_readable(image, len(regions), fill)


def find_task_image(task: Task, search: ImageSearch) -> Path | None:
    """The image of a task: of that path, or of that name, or of the name that was uploaded.

    Uploads are stored as ``/data/upload/1/0a1b2c3d-NAME``, and those of a server's own folders are
    given as ``/data/local-files/?d=PATH``. Raises SegfitError where several could be meant.
    """
    written = _name_task(task)
    asked = parse_qs(urlsplit(written).query).get("d")
    path = PurePosixPath("/" + unquote((asked or [urlsplit(written).path])[0]).lstrip("/"))
    uploaded = path.with_name(_UPLOAD_PREFIX.sub("", path.name)) if path.name else path
    return search.find(str(path)) or (search.find(str(uploaded)) if uploaded != path else None)


def _name_task(task: Task) -> str:
    """What a task says of its image: under ``image``, or the only value with an image's suffix."""
    texts = {key: value for key, value in task.data.items() if isinstance(value, str)}
    images = [
        text for text in texts.values() if PurePosixPath(text).suffix.lower() in IMAGE_SUFFIXES
    ]
    if "image" in texts:
        return texts["image"]
    if len(images) != 1:
        raise SegfitError(
            f"task {task.id}: its data name {count_noun(len(images), 'image')} "
            f"({', '.join(texts) or 'no text'}); one is read: call it 'image'"
        )
    return images[0]


def _list_sources(
    file: Path, drawn: list[tuple[Task, list[DrawnRegion]]], class_of: Mapping[str, int]
) -> tuple[tuple[Source, ...], list[str]]:
    """What reads each image that is found, and those that are not."""
    search = ImageSearch(file)
    found = [(task, regions, find_task_image(task, search)) for task, regions in drawn]
    missing = [_name_task(task) for task, _, path in found if path is None]
    kept = [(task, tuple(regions), path) for task, regions, path in found if path is not None]
    names = name_images([path for _, _, path in kept])
    return tuple(
        Source(name, partial(read_task, path, regions, class_of, f"{file}: task {task.id}"), path)
        for name, (task, regions, path) in zip(names, kept, strict=True)
    ), missing


def _find_export(root: Path) -> Path | None:
    """The export at a path; SegfitError for several, and for one without the regions."""
    files = [root] if root.is_file() else sorted(root.glob("*.json"))
    kinds = {path: _tell_kind(path) for path in files if path.suffix.lower() == ".json"}
    exports = [path for path, kind in kinds.items() if kind == "JSON"]
    if len(exports) > 1:
        raise SegfitError(
            f"{root} holds {len(exports)} Label Studio exports "
            f"({list_first([path.name for path in exports])}): give the one that you mean"
        )
    reduced = [path for path, kind in kinds.items() if kind == "JSON-MIN"]
    if reduced and not exports:
        raise SegfitError(
            f"{reduced[0]} is Label Studio's JSON-MIN, which does not say whose labels are which: "
            "export JSON"
        )
    return exports[0] if exports else None


def _tell_kind(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES).replace(b"\0", b"").decode("utf-8", "ignore")
    if not head.lstrip("\ufeff \r\n\t").startswith("["):
        return None
    if re.search(r'"(annotations|completions|predictions)"\s*:\s*\[', head):
        return "JSON"
    return "JSON-MIN" if '"annotation_id"' in head and '"original_width"' in head else None


def _describe_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in counts.items())


LAYOUT = Layout("a .json export of Label Studio", find_tasks)
