"""A stack, plane by plane, by any method; objects joined from plane to plane."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segfit.basics.arrays import Int64Array, UInt32Array
from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.imaging.channel_names import ChannelChoice, choose_trained
from segfit.imaging.channels import Channels
from segfit.imaging.layout import Place, name_axis
from segfit.imaging.planes import ALL, choose_places
from segfit.imaging.raster.stack import Stack, open_stack
from segfit.imaging.stored import StoredImage
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation, paint_numbers
from segfit.segmenter import Segmenter, take_read_images
from segfit.streaming.linking import LEAST_IOU, Linker


@dataclass(frozen=True, eq=False)
class FoundPlane:
    """What was found in a plane of a stack.

    ``place``: its number along each axis, such as {"t": 0, "z": 3}. ``result``: see
    ``Segmentation``. ``stored``: the plane as its file has it. ``ids``: (N,) of the result's
    regions, in their order: where objects are linked, those of one object have the same in all
    planes, else they count from 1 in each plane. ``numbers``: (H, W) uint32, the id of each pixel's
    region, 0 for none.
    """

    place: Mapping[str, int]
    result: Segmentation
    stored: StoredImage
    ids: Int64Array
    numbers: UInt32Array

    __repr__ = show_briefly


def segment_stack(
    segmenter: Segmenter | Method,
    path: str | os.PathLike[str],
    *,
    planes: str = ALL,
    channels: Channels | None = None,
    link: str | None = None,
    least_iou: float = LEAST_IOU,
) -> Iterator[FoundPlane]:
    """Segment the planes of a stack, one at a time, which is all that memory has to hold.

    ``segmenter``: or another method that takes an image. ``path``: a TIFF, OME-TIFF or ImageJ
    stack, or an OME-Zarr. ``planes``: all, or such as "z=3:10,t=0": z 3 to 9 at t 0. ``channels``:
    of a plane; those of the model, if not given. ``link``: "z" or "t" to join the objects of
    neighbouring planes along it, one to one, where they overlap by ``least_iou`` at least. Raises
    ``SegfitError`` for a file, planes or an axis that there are not.

    >>> for found in segfit.segment_stack(segmenter, "embryo.ome.tif", link="z"):  # doctest: +SKIP
    ...     print(found.place, found.ids.tolist())
    """
    own = segmenter.card.own_channels if isinstance(segmenter, Segmenter) else None
    with open_stack(path) as stack:
        places = choose_places(stack.axes, planes, name=stack.name, last=find_axis(stack, link))
        linker = None if link is None else Linker(least_iou)
        yield from segment_planes(
            segmenter,
            stack,
            places,
            channels=choose_trained(channels, own),
            link=link,
            linker=linker,
        )


def find_axis(stack: Stack, link: str | None) -> str | None:
    """The letter of the axis along which objects are linked; ``SegfitError`` if there is none."""
    if link is None:
        return None
    for axis in stack.axes:
        if name_axis(axis) == link:
            return axis
    has = " and ".join(map(name_axis, stack.axes)) or "no axis, as a single plane"
    raise SegfitError(
        f"{stack.name} has {has}, and none of {link} to link objects along: choose another axis, "
        "or leave --link out (in Python: link=None)"
    )


def segment_planes(
    method: Method,
    stack: Stack,
    places: list[Place],
    *,
    channels: ChannelChoice,
    link: str | None = None,
    linker: Linker | None = None,
) -> Iterator[FoundPlane]:
    """What ``method`` finds in the planes at some places, as ``choose_places`` gives them."""
    apply = take_read_images(method)
    axis = find_axis(stack, link)
    taken = stack.facts.find(channels)
    ranges = stack.find_ranges(taken)
    before: Place | None = None
    for place in places:
        stored = stack.read(place)
        result = apply(stored.choose(taken).render(ranges))
        result = replace(result, image_name=Path(stack.name).name)
        numbers = paint_numbers(result)
        ids = np.arange(1, len(result.regions) + 1)
        if linker is not None:
            if before is None or _others(place, axis) != _others(before, axis):
                linker.start()
            labels = np.array([region.label for region in result.regions], np.int64)
            ids = linker.link(numbers, labels)
            numbers = np.concatenate([[0], ids])[numbers].astype(np.uint32)
        before = place
        named = {name_axis(letter): number for letter, number in place.items()}
        yield FoundPlane(named, result, stored, ids, numbers)


def _others(place: Place, axis: str | None) -> dict[str, int]:
    return {letter: number for letter, number in place.items() if letter != axis}
