"""A validation split for data that has none, and what a split lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from segfit.basics.text import list_first
from segfit.classes import ClassTable
from segfit.datasets.labelled import Dataset, ImageStats
from segfit.errors import SegfitError

HELD_OUT_SHARE = 0.2


def split_images(
    stats: Sequence[ImageStats], *, seed: int, groups: Sequence[str] | None = None
) -> tuple[list[int], list[int]]:
    """Choose every fifth image for validation so that both splits hold every class evenly.

    Iterative stratification (Sechidis et al., "On the stratification of multi-label data", 2011) on
    which classes an image shows: the class with the fewest images left is dealt out first, each
    of its images to the split that still wants most of that class, then to the split that wants
    most images; what remains equal is drawn by ``seed``. A class of a single image goes to
    training. ``groups``: names of what stays together, empty for an image by itself.

    Returns the sorted indices of the training and of the validation images, at least one each.
    Raises SegfitError for fewer than two images.
    """
    if len(stats) < 2:
        raise SegfitError(
            "only 1 labelled image: training needs at least one and validation another; label at "
            "least two, or cut this one into several"
        )
    members = _gather(groups or [""] * len(stats))
    if len(members) < 2:
        raise SegfitError(
            "all labelled images belong together: training needs some and validation others; label "
            "another region, or another image"
        )
    of_image = np.array([np.array(image.class_pixels) > 0 for image in stats])  # (N, K)
    shown = np.array([of_image[places].any(axis=0) for places in members])  # (G, K)
    sizes = np.array([len(places) for places in members])
    held_out = max(1, round(len(stats) * HELD_OUT_SHARE))
    room = np.array([len(stats) - held_out, held_out])
    wanted = np.outer(room / len(stats), (shown * sizes[:, np.newaxis]).sum(axis=0))  # (2, K)
    random = np.random.default_rng(seed)
    split_of = np.full(len(members), -1)
    while (split_of < 0).any():
        left = shown[split_of < 0].sum(axis=0)
        rarest = int(np.where(left > 0, left, len(stats) + 1).argmin())
        waiting = np.flatnonzero((split_of < 0) & (shown[:, rarest] | (left.max() == 0)))
        for group in random.permutation(waiting):
            order = np.lexsort((random.random(2), room, wanted[:, rarest], room > 0))
            split = int(order[-1])
            split_of[group] = split
            room[split] -= sizes[group]
            wanted[split] -= shown[group] * sizes[group]
    if not (split_of == 1).any():
        split_of[np.argmin(sizes)] = 1
    held = {place for group in np.flatnonzero(split_of == 1) for place in members[group]}
    return [place for place in range(len(stats)) if place not in held], sorted(held)


def _gather(groups: Sequence[str]) -> list[list[int]]:
    """The places of each group, in the order of their first."""
    found: dict[object, list[int]] = {}
    for place, group in enumerate(groups):
        found.setdefault(group or place, []).append(place)
    return list(found.values())


def describe_lacks(classes: ClassTable, splits: Mapping[str, Dataset]) -> Iterator[str]:
    """Say which classes a split has no pixel of though another one has; a sentence a split."""
    shown = {
        split: np.array([image.class_pixels for image in images.stats]).sum(axis=0) > 0
        for split, images in splits.items()
    }
    anywhere = np.any(list(shown.values()), axis=0)
    for split, of_split in shown.items():
        lacking = [
            name
            for name, here, there in zip(classes.names, of_split, anywhere, strict=True)
            if there and not here
        ]
        if lacking:
            names = list_first([f"'{name}'" for name in lacking], limit=5)
            yield f"No pixel of {names} in the {split} split: {_CONSEQUENCES[split]}."


_CONSEQUENCES = {
    "train": "it cannot be learned, though other splits have it",
    "val": "it is not measured there, nor is anything chosen by it",
    "test": "it is not measured there",
}
