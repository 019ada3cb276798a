"""Layers of napari segmented and refined, plane by plane, without a window or a button.

Shapes: an image layer is (…, H, W), or (…, H, W, 3) of colors; a labels layer is (…, H, W).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import UInt8Array, UInt32Array
from segfit.errors import SegfitError
from segfit.formats.mask import describe_classes
from segfit.imaging.channels import AS_READ
from segfit.imaging.read import read_image
from segfit.imaging.rgb import find_ranges, to_uint8
from segfit.napari.classes import CLASSES, color_classes
from segfit.napari.reader import LayerData
from segfit.refiner import Refiner
from segfit.result.segmentation import paint_numbers
from segfit.segmenter import Segmenter
from segfit.shapes.rows import find_own_numbers
from segfit.streaming.linking import Linker

SAMPLED_PX = 8_000_000
"""Of a stack, to find which values are shown black and white."""


class Layer(Protocol):
    """What is read of a layer of napari."""

    name: str
    data: Any
    scale: Any
    translate: Any
    metadata: dict[str, Any]


class ImageLayer(Layer, Protocol):
    """A layer of an image; ``rgb``: whether its last axis has colors."""

    rgb: bool
    multiscale: bool


def segment_layer(segmenter: Segmenter, layer: ImageLayer, *, link: bool = False) -> LayerData:
    """A layer of labels of what a model finds in an image layer.

    Of numbers of objects where a class of the model has objects, else of classes. ``link``: of a
    stack, the objects of neighbouring planes along the axis before height and width are joined.
    Raises ``SegfitError`` for an image that cannot be segmented.
    """
    classes = segmenter.classes
    has_objects = bool(classes.object_classes)
    if link and not has_objects:
        raise SegfitError(f"{segmenter.card.name} finds no objects that could be linked")
    linker = Linker() if link else None
    found: list[NDArray[Any]] = []
    shape = _find_shape(layer)
    for number, image in enumerate(_list_planes(layer)):
        result = segmenter(image, channels=AS_READ)
        if not has_objects:
            found.append(result.labels)
            continue
        numbers = result.objects.astype(np.uint32)
        if linker is not None:
            if len(shape) > 2 and number % shape[-3] == 0:
                linker.start()
            labels = [one.label for one in result.regions if one.object_number is not None]
            ids = linker.link(numbers, np.array(labels, np.int64))
            numbers = _renumber(numbers, ids)
        found.append(numbers)
    options: dict[str, Any] = {
        **_place(layer),
        "name": f"{layer.name} {segmenter.card.name}",
        "metadata": {CLASSES: describe_classes(classes)},
    }
    if not has_objects:
        options["colormap"] = color_classes(classes)
    return np.stack(found).reshape(shape), options, "labels"


def refine_layer(refiner: Refiner, labels: Layer, image: ImageLayer) -> LayerData:
    """A layer of the same objects as another one, whose outlines are where the image has its edges.

    ``labels``: numbers of objects, which keep them. Raises ``SegfitError`` where it does not have
    the image's size, and where there is nothing in it.
    """
    values = np.asarray(labels.data)
    shape = _find_shape(image)
    if values.shape != shape:
        raise SegfitError(
            f"{labels.name} is {_show(values.shape)} but {image.name} is {_show(shape)}: choose "
            "layers of one size"
        )
    if not values.any():
        raise SegfitError(f"{labels.name} is empty: draw objects, or segment the image first")
    planes = values.reshape(-1, *shape[-2:])
    refined = [
        _refine_plane(refiner, plane, shown) if plane.any() else plane.astype(np.uint32)
        for plane, shown in zip(planes, _list_planes(image), strict=True)
    ]
    options = {
        **_place(image),
        "name": f"{labels.name} refined",
        "metadata": dict(labels.metadata),
    }
    return np.stack(refined).reshape(shape), options, "labels"


def _refine_plane(refiner: Refiner, plane: NDArray[Any], image: UInt8Array) -> UInt32Array:
    inside = (plane > 0).astype(np.uint8)
    if inside.all():
        return plane.astype(np.uint32)  # no outline of it is in the image
    own = plane.astype(np.int32)
    result = refiner(inside, image, objects=own, channels=AS_READ)
    numbers = [number or 0 for number in find_own_numbers(result, own)]
    return _renumber(paint_numbers(result), np.array(numbers, np.int64))


def _renumber(numbers: UInt32Array, ids: NDArray[Any]) -> UInt32Array:
    return np.concatenate([[0], ids]).astype(np.uint32)[numbers]


def _list_planes(layer: ImageLayer) -> Iterator[UInt8Array]:
    """The planes (H, W, 3) as they are shown: of a stack all by one range of grey levels."""
    data = _take_full(layer)
    inner = 3 if layer.rgb else 2
    outer = tuple(data.shape[: data.ndim - inner])
    ranges = None
    if outer and data.dtype not in (np.uint8, np.bool_):
        step = max(1, round((np.prod(data.shape) / SAMPLED_PX) ** 0.5))
        thinned = data[..., ::step, ::step, :] if layer.rgb else data[..., ::step, ::step]
        colors = data.shape[-1] if layer.rgb else 1
        ranges = find_ranges(np.asarray(thinned).reshape(1, -1, colors))
    for place in np.ndindex(outer):
        plane = np.asarray(data[place])
        if ranges is not None:
            plane = to_uint8(plane if layer.rgb else plane[..., np.newaxis], ranges=ranges)
        yield read_image(plane)


def _take_full(layer: ImageLayer) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _find_shape(layer: ImageLayer) -> tuple[int, ...]:
    shape = tuple(_take_full(layer).shape)
    return shape[:-1] if layer.rgb else shape


def _place(layer: Layer) -> dict[str, Any]:
    return {"scale": list(layer.scale), "translate": list(layer.translate)}


def _show(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
