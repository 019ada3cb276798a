"""Images paired with their masks by name, however the names are decorated.

A name is a path below its folder, without suffix, with ``/`` between its parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from segfit.basics.text import count_noun, list_first

MASK_WORDS = frozenset(
    {"mask", "masks", "label", "labels", "gt", "seg", "segmentation", "annotation", "annotations"}
    | {"groundtruth", "target", "labelids", "labeltrainids", "labelled", "labeled"}
)
"""What the name of a mask may have beside the name of its image."""
IMAGE_WORDS = frozenset(
    {"image", "images", "img", "sat", "rgb", "raw", "orig", "original", "photo", "leftimg8bit"}
)
"""What the name of an image may have beside the name of its mask."""
_BORDERS = re.compile(r"[_\-. ]+|(?<=[^\W\d])(?=\d)")
"""Where the words of a name meet: at a sign, or between a letter and a digit."""
_NUMBER = re.compile(r"[_\-. ]\d+$")

_LABELS = re.compile(r"(?<=[_\-. ])(simple[_\-. ]segmentation|object[_\-. ]identities)(?=$|\.)")
"""What ilastik adds to the name of an image, with spaces or without."""

Key = tuple[str, ...]


@dataclass(frozen=True)
class MaskPair:
    """An image and its mask; ``objects`` is the mask that numbers its objects, if there is one."""

    name: str
    image: Path
    mask: Path
    objects: Path | None = None


@dataclass(frozen=True)
class Pairing:
    """Pairs in the order of their images, and a sentence without its stop for each problem.

    ``unclear``: images that were left out, with the masks that each may have.
    """

    pairs: tuple[MaskPair, ...]
    problems: tuple[str, ...]
    unclear: Mapping[Path, tuple[Path, ...]]


def pair_by_name(
    images: Mapping[str, Path], masks: Mapping[str, Path], *, where: object
) -> Pairing:
    """Pair images with masks of the same name, else of one that differs in what it may differ in.

    First come equal names, then names that are equal in any capitals and any Unicode form, then
    those that differ in a word of ``MASK_WORDS`` (``a.jpg`` and ``a_mask.png``, ``mask_a.png``),
    then in one of ``IMAGE_WORDS`` as well (``a_sat.jpg``, ``image1.png`` and ``mask1.png``). Where
    either all lie in one folder of their own and the others in none, this folder does not count. An
    image with several such masks is left out; ``where`` says in messages where that is.
    """
    images, masks = _drop_shared_folder(images, masks), _drop_shared_folder(masks, images)
    found: dict[str, str] = {}
    unclear: dict[str, list[str]] = {}
    for image_key, mask_key in _KEYS:
        taken = set(found.values())
        free_masks = _group([name for name in masks if name not in taken], mask_key)
        free_images = _group([n for n in images if n not in found and n not in unclear], image_key)
        for key, names in free_images.items():
            candidates = free_masks.get(key, [])
            if len(names) == len(candidates) == 1:
                found[names[0]] = candidates[0]
            elif candidates:
                unclear |= dict.fromkeys(names, candidates)
    _set_apart_numbered(found, unclear, masks)
    taken = {*found.values(), *(mask for several in unclear.values() for mask in several)}
    problems = [
        *_describe_unclear(images, masks, unclear, where),
        *_describe_lonely(
            "image",
            "a mask",
            [images[n].name for n in images if n not in {*found, *unclear}],
            where,
        ),
        *_describe_lonely(
            "mask", "an image", [masks[name].name for name in masks if name not in taken], where
        ),
    ]
    pairs = [MaskPair(name, images[name], masks[found[name]]) for name in images if name in found]
    several = {images[n]: tuple(masks[mask] for mask in of) for n, of in unclear.items()}
    return Pairing(tuple(pairs), tuple(problems), several)


def split_words(name: str) -> Key:
    """The words of a name, in small letters and one Unicode form.

    >>> split_words("Slide 3/IMG_007")
    ('slide', '3/img', '007')
    """
    folded = unicodedata.normalize("NFC", name).casefold()
    return tuple(word for word in _BORDERS.split(_LABELS.sub("labels", folded)) if word)


def drop_mask_word(name: str) -> Key:
    """The words of a mask's name without the last one that says that it is a mask."""
    return _drop_last(split_words(name), MASK_WORDS)


def drop_image_word(name: str) -> Key:
    """The words of an image's name without the last one that says that it is an image."""
    return _drop_last(split_words(name), IMAGE_WORDS)


_KEYS: tuple[tuple[Callable[[str], Key], Callable[[str], Key]], ...] = (
    (lambda name: (name,), lambda name: (name,)),
    (split_words, split_words),
    (split_words, drop_mask_word),
    (drop_image_word, drop_mask_word),
)
"""What must be equal of an image's name and of a mask's, from the strictest on."""


def _drop_shared_folder(names: Mapping[str, Path], others: Mapping[str, Path]) -> dict[str, Path]:
    """Files by name without their folder, where all lie in one, and the others in none."""
    folders = {name.rpartition("/")[0] for name in names}
    if len(folders) != 1 or "" in folders or any("/" in name for name in others):
        return dict(names)
    return {name.rpartition("/")[2]: path for name, path in names.items()}


def _set_apart_numbered(
    found: dict[str, str], unclear: dict[str, list[str]], masks: Mapping[str, Path]
) -> None:
    """An image of which there are ``a_mask`` and ``a_mask_1`` has several masks, not one."""
    image_of = {mask: image for image, mask in found.items() if mask != image}
    for name in masks:
        image = image_of.get(_NUMBER.sub("", name))
        if image is not None and _NUMBER.search(name) and name not in image_of:
            first = [found.pop(image)] if image in found else []
            unclear.setdefault(image, first).append(name)


def _drop_last(words: Key, dropped: frozenset[str]) -> Key:
    places = [place for place, word in enumerate(words) if word in dropped]
    return words[: places[-1]] + words[places[-1] + 1 :] if places and len(words) > 1 else words


def _group(names: list[str], key_of: Callable[[str], Key]) -> dict[Key, list[str]]:
    groups: dict[Key, list[str]] = defaultdict(list)
    for name in names:
        groups[key_of(name)].append(name)
    return groups


def _describe_unclear(
    images: Mapping[str, Path],
    masks: Mapping[str, Path],
    unclear: Mapping[str, list[str]],
    where: object,
) -> list[str]:
    if not unclear:
        return []
    first, candidates = next(iter(unclear.items()))
    return [
        f"{count_noun(len(unclear), 'image')} in {where} with a mask that is not clear "
        f"({list_first([images[name].name for name in unclear])}; for {images[first].name} there "
        f"{'is' if len(candidates) == 1 else 'are'} "
        f"{list_first([masks[name].name for name in candidates])}): keep one mask an image, join "
        "several into one, or rename"
    ]


def _describe_lonely(kind: str, missing: str, names: list[str], where: object) -> list[str]:
    if not names:
        return []
    return [
        f"{count_noun(len(names), kind)} in {where} without {missing} of the same name "
        f"({list_first(names)}): add it or rename the file"
    ]
