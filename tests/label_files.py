"""Labelled data of every layout, written as its tool writes it: two images, ``a`` and ``b``.

Each is 16×16 px and black, with a square of 8×8 px at (4, 4) that is the foreground.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
NAMES = ("a", "b")
CORNERS = [[4, 4], [12, 4], [12, 12], [4, 12]]
FLAT = [number for corner in CORNERS for number in corner]
SQUARE = np.zeros((SIDE, SIDE), np.uint8)
SQUARE[4:12, 4:12] = 1
RED = (128, 0, 0)


def save(values: NDArray[Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def save_image(path: Path, side: int = SIDE) -> None:
    save(np.zeros((side, side, 3), np.uint8), path)


def save_json(content: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_images(folder: Path, ending: str = ".png") -> None:
    for name in NAMES:
        save_image(folder / f"{name}{ending}")


def write_masks(folder: Path) -> None:
    write_images(folder / "images")
    for name in NAMES:
        save(SQUARE, folder / "masks" / f"{name}.png")


def write_neighbours(folder: Path) -> None:
    write_images(folder, ".jpg")
    for name in NAMES:
        save(SQUARE * 255, folder / f"{name}_mask.png")


def write_coco(path: Path, images: Path) -> None:
    write_images(images)
    numbered = list(enumerate(NAMES))
    content = {
        "images": [{"id": number, "file_name": f"{name}.png"} for number, name in numbered],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 1, "segmentation": [FLAT]}
            for number, _ in numbered
        ],
        "categories": [{"id": 1, "name": "foreground"}],
    }
    save_json(content, path)


def write_yolo(folder: Path) -> None:
    write_images(folder / "images")
    (folder / "labels").mkdir()
    for name in NAMES:
        shares = " ".join(str(number / SIDE) for number in FLAT)
        (folder / "labels" / f"{name}.txt").write_text(f"0 {shares}")
    (folder / "data.yaml").write_text("names: [foreground]")


def write_labelme(folder: Path) -> None:
    write_images(folder)
    for name in NAMES:
        shapes = [{"label": "foreground", "points": CORNERS}]
        save_json({"shapes": shapes}, folder / f"{name}.json")


def write_outlines(folder: Path) -> None:
    write_images(folder)
    geometry = {"type": "Polygon", "coordinates": [[*CORNERS, CORNERS[0]]]}
    properties = {"class": "foreground", "label": 1, "object": 1}
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    for name in NAMES:
        content = {"type": "FeatureCollection", "features": [feature]}
        save_json(content, folder / f"{name}.geojson")


def write_layers(folder: Path) -> None:
    """As QuPath writes them: a nucleus within an area in which everything is labelled."""
    write_images(folder)
    whole = [[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]]},
            "properties": {"objectType": kind, "classification": {"name": name}},
        }
        for corners, kind, name in (
            (CORNERS, "detection", "foreground"),
            (whole, "annotation", "Region*"),
        )
    ]
    for name in NAMES:
        save_json(features, folder / f"{name}.geojson")


def write_voc(folder: Path) -> None:
    write_images(folder / "JPEGImages", ".jpg")
    for name in NAMES:
        colors = SQUARE[..., np.newaxis] * np.array(RED, np.uint8)
        save(colors, folder / "SegmentationClass" / f"{name}.png")
        save(colors, folder / "SegmentationObject" / f"{name}.png")
    labelmap = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nforeground:128,0,0::\n"
    (folder / "labelmap.txt").write_text(labelmap)
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "default.txt").write_text("a\nb\n")


def write_nnunet(folder: Path, *, labels: object = None, channels: int = 1) -> None:
    for name in NAMES:
        for channel in range(channels):
            plane = np.zeros((SIDE, SIDE), np.uint8)
            save(plane, folder / "imagesTr" / f"{name}_{channel:04}.png")
        save(SQUARE, folder / "labelsTr" / f"{name}.png")
    named = labels or {"background": 0, "foreground": 1}
    content = {"channel_names": {"0": "R"}, "labels": named, "numTraining": 2}
    save_json({**content, "file_ending": ".png"}, folder / "dataset.json")


def make_figure(**given: object) -> dict[str, object]:
    return {"id": 1, "classTitle": "foreground", "geometryType": "polygon", **given}


def make_points(exterior: Iterable[object], *interior: object) -> dict[str, object]:
    return {"exterior": list(exterior), "interior": list(interior)}


def pack_bitmap(inside: NDArray[Any], origin: tuple[int, int]) -> dict[str, object]:
    """As Supervisely's SDK packs it: a palette image whose first color is transparent."""
    image = Image.fromarray(inside.astype(np.uint8), mode=None).convert("L").convert("P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    stream = io.BytesIO()
    image.save(stream, format="PNG", transparency=0, optimize=0)
    data = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    return {"data": data, "origin": list(origin)}


def write_supervisely(folder: Path, figures: list[dict[str, object]] | None = None) -> None:
    classes = [{"title": "foreground", "shape": "any", "color": "#ff0000"}]
    save_json({"classes": classes, "tags": []}, folder / "meta.json")
    pixels = [[4, 4], [11, 4], [11, 11], [4, 11]]  # their outline's own pixels belong to it
    drawn = [make_figure(points=make_points(pixels))] if figures is None else figures
    for name in NAMES:
        save_image(folder / "ds" / "img" / f"{name}.png")
        content = {"size": {"height": SIDE, "width": SIDE}, "objects": drawn, "tags": []}
        save_json(content, folder / "ds" / "ann" / f"{name}.png.json")


def write_roboflow(folder: Path) -> None:
    write_images(folder / "train", ".jpg")
    for name in NAMES:
        save(SQUARE, folder / "train" / f"{name}_mask.png")
    (folder / "train" / "_classes.csv").write_text(
        "Pixel Value, Class\n0, background\n1, foreground\n"
    )


def write_ade(folder: Path) -> None:
    for name in NAMES:
        save_image(folder / "images" / "training" / f"{name}.jpg")
        save(SQUARE + 1, folder / "annotations" / "training" / f"{name}.png")
    rows = [
        "Idx\tRatio\tTrain\tVal\tStuff\tName",
        "1\t.2\t1\t1\t1\twall",
        "2\t.1\t1\t1\t1\tsky, air",
    ]
    (folder / "objectInfo150.txt").write_text("\n".join(rows))


def write_cityscapes(folder: Path, *, split: str = "train") -> None:
    for name in NAMES:
        save_image(folder / "leftImg8bit" / split / "ulm" / f"{name}_leftImg8bit.png")
        labels = folder / "gtFine" / split / "ulm"
        save(np.where(SQUARE, 26, 7).astype(np.uint8), labels / f"{name}_gtFine_labelIds.png")
        numbers = np.where(SQUARE, 26001, 7).astype(np.uint16)
        save(numbers, labels / f"{name}_gtFine_instanceIds.png")


def write_object_folders(folder: Path) -> None:
    for name in NAMES:
        save_image(folder / name / "images" / f"{name}.png")
        save(SQUARE * 255, folder / name / "masks" / "0f3a.png")


def make_region(**given: object) -> dict[str, object]:
    """A region of Label Studio's, which has percent."""
    points = [[100 * x / SIDE, 100 * y / SIDE] for x, y in CORNERS]
    value = {"points": points, "closed": True, "polygonlabels": ["foreground"]}
    sizes = {"original_width": SIDE, "original_height": SIDE, "image_rotation": 0}
    return {"id": "r1", "type": "polygonlabels", "value": value, **sizes, **given}


def make_task(name: str, *results: object, **of_annotation: object) -> dict[str, object]:
    return {
        "id": NAMES.index(name) + 1,
        "annotations": [
            {"id": 1, "was_cancelled": False, "result": result, **of_annotation}
            for result in results
        ],
        "data": {"image": f"/data/upload/1/0a1b2c3d-{name}.png"},
        "predictions": [],
    }


def write_label_studio(folder: Path) -> None:
    write_images(folder / "images")
    save_json([make_task(name, [make_region()]) for name in NAMES], folder / "project-1.json")


def make_via_region(label: str = "foreground", **shape: object) -> dict[str, object]:
    x, y = zip(*CORNERS, strict=True)
    polygon = {"name": "polygon", "all_points_x": list(x), "all_points_y": list(y)}
    return {"shape_attributes": shape or polygon, "region_attributes": {"kind": label}}


def make_via_image(name: str, *regions: object) -> dict[str, object]:
    return {"filename": f"{name}.png", "size": 99, "regions": list(regions), "file_attributes": {}}


def write_via(folder: Path) -> None:
    write_images(folder)
    images = {f"{name}.png99": make_via_image(name, make_via_region()) for name in NAMES}
    project = {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": {}}
    save_json(project, folder / "via_project.json")


def write_cellpose(folder: Path) -> None:
    write_images(folder)
    for name in NAMES:
        save(SQUARE.astype(np.uint16) * 7, folder / f"{name}_cp_masks.png")


@dataclass(frozen=True)
class Written:
    """What writes a layout, and the classes that reading it gives: the square's, and the rest's."""

    write: Callable[[Path], None]
    square: str = "foreground"
    rest: str = "background"
    has_objects: bool = False


WRITTEN = {
    "masks": Written(write_masks),
    "neighbours": Written(write_neighbours),
    "coco": Written(
        lambda folder: write_coco(folder / "annotations" / "train.json", folder / "images"),
        has_objects=True,
    ),
    "coco file": Written(lambda folder: write_coco(folder / "set.json", folder), has_objects=True),
    "yolo": Written(write_yolo, has_objects=True),
    "labelme": Written(write_labelme, has_objects=True),
    "outlines": Written(write_outlines, has_objects=True),
    "layers": Written(write_layers, has_objects=True),
    "voc": Written(write_voc, has_objects=True),
    "nnunet": Written(write_nnunet),
    "supervisely": Written(write_supervisely, has_objects=True),
    "roboflow": Written(write_roboflow),
    "ade20k": Written(write_ade, square="sky", rest="wall"),
    "cityscapes": Written(write_cityscapes, square="car", rest="road", has_objects=True),
    "object folders": Written(write_object_folders, square="object", has_objects=True),
    "label studio": Written(write_label_studio, has_objects=True),
    "via": Written(write_via, has_objects=True),
    "cellpose": Written(write_cellpose, square="cell", has_objects=True),
}
"""Every layout of ``segfit.datasets.opening.LAYOUTS``."""
