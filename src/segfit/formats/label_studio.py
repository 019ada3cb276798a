"""Label Studio: tasks with predictions, which its annotators accept or correct.

A region without holes is a polygon, in percent of the image's sides; one with holes is a brush's
stroke, whose run lengths are those of ``@thi.ng/rle-pack`` over the pixels' red, green, blue and
alpha, all of them the mask. https://labelstud.io/guide/predictions
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from segfit.basics.arrays import BoolArray
from segfit.basics.files import FilePath, write_file
from segfit.basics.runs import find_equal_runs
from segfit.basics.text import encode_text
from segfit.classes import ClassTable
from segfit.formats.format import Format, Result
from segfit.formats.region_mask import mask_region
from segfit.result.regions import Region

IMAGE_TAG, POLYGON_TAG, BRUSH_TAG = "image", "polygon", "brush"
LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio names a file below the folder that it may serve."""
DECIMALS = 6
"""Of percents: less than a thousandth of a pixel in any image."""
LENGTH_BITS = (3, 4, 8, 16)
"""Widths that a run's length may be written in."""
VALUE_BITS, MARK = 8, 255
CHANNELS = 4


def write_tasks(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write the tasks of one image, as ``join_tasks`` has them."""
    content = join_tasks([(result.image_name or "", describe_image(result))])
    write_file(path, content, force=force)


def describe_image(result: Result) -> str:
    """The prediction of an image as JSON: every region but the background's."""
    height, width = result.labels.shape
    prediction: dict[str, object] = {
        "model_version": result.model_name or "segfit",
        "result": [
            _describe(region, number, height=height, width=width)
            for number, region in enumerate(result.regions, start=1)
        ],
    }
    scores = [region.score for region in result.regions if region.score is not None]
    if scores:
        prediction["score"] = round(float(np.mean(scores)), DECIMALS)
    return json.dumps(prediction, ensure_ascii=False, allow_nan=False)


def join_tasks(images: Iterable[tuple[str, str]]) -> bytes:
    """A list of tasks as JSON, UTF-8, of images by name and what ``describe_image`` says of each.

    Label Studio finds the images where the folder that it serves
    (``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``) is theirs.
    """
    tasks = (
        f'{{"data": {{"{IMAGE_TAG}": {json.dumps(LOCAL_FILES + quote(name))}}}, '
        f'"predictions": [{prediction}]}}'
        for name, prediction in images
    )
    return encode_text(f"[{', '.join(tasks)}]\n")


def describe_project(classes: ClassTable) -> Mapping[str, bytes]:
    """``label_studio.xml``: the labeling interface of a project whose names these tasks use."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name=IMAGE_TAG, value=f"${IMAGE_TAG}", zoom="true")
    for tag, name in (("PolygonLabels", POLYGON_TAG), ("BrushLabels", BRUSH_TAG)):
        labels = ElementTree.SubElement(view, tag, name=name, toName=IMAGE_TAG)
        for index in classes.foreground:
            red, green, blue = classes.colors[index]
            color = f"#{red:02x}{green:02x}{blue:02x}"
            ElementTree.SubElement(labels, "Label", value=classes.names[index], background=color)
    ElementTree.indent(view)
    return {"label_studio.xml": ElementTree.tostring(view, encoding="utf-8") + b"\n"}


def _describe(region: Region, number: int, *, height: int, width: int) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": f"region{number}",
        "to_name": IMAGE_TAG,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
    }
    if region.score is not None:
        entry["score"] = round(region.score, DECIMALS)
    if len(region.polygon) == 1:
        percents = np.round(region.polygon[0] / (width, height) * 100, DECIMALS).tolist()
        value = {"points": percents, "closed": True, "polygonlabels": [region.name]}
        return entry | {"from_name": POLYGON_TAG, "type": "polygonlabels", "value": value}
    mask = mask_region(region)
    whole = np.zeros((height, width), bool)
    rows, columns = mask.inside.shape
    whole[mask.top : mask.top + rows, mask.left : mask.left + columns] = mask.inside
    value = {"format": "rle", "rle": pack_runs(whole), "brushlabels": [region.name]}
    return entry | {"from_name": BRUSH_TAG, "type": "brushlabels", "value": value}


def pack_runs(mask: BoolArray) -> list[int]:
    """Bytes of a mask's (H, W) run lengths.

    A stream of bits: how many values there are (32), their width less 1 (5), the four widths of
    lengths less 1 (4 each); then for each run a 1, which width its length has (2), the length less
    1, and the value.
    """
    values = np.repeat(mask.ravel(), CHANNELS)
    starts, lengths = find_equal_runs(values)
    longest = 1 << LENGTH_BITS[-1]
    bits = [f"{len(values):032b}{VALUE_BITS - 1:05b}"]
    bits += [f"{width - 1:04b}" for width in LENGTH_BITS]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = f"{MARK if values[start] else 0:0{VALUE_BITS}b}"
        pieces = [longest] * (length // longest) + [length % longest] * bool(length % longest)
        for piece in pieces:
            kind = next(k for k, width in enumerate(LENGTH_BITS) if piece <= 1 << width)
            bits.append(f"1{kind:02b}{piece - 1:0{LENGTH_BITS[kind]}b}{value}")
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8, "big"))


FORMAT = Format(
    "label-studio",
    "predictions to correct in Label Studio, one file for all images",
    "_label_studio.json",
    write_tasks,
    companions=describe_project,
    in_runs=False,
)
