"""Images opened once, with their pyramids: the last few in memory, large ones on the disk.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB; a level's sides are half those of the one before,
rounded up.
"""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.read import read_stored
from segfit.imaging.stored import StoredImage
from segfit.studio.labels.blocks import BLOCK_PX, Box

LARGEST_MEGAPIXELS = 500.0
IN_MEMORY_PX = 48_000_000
"""A larger image is kept on the disk, of which the system holds in memory what is looked at."""
MEMORY_BYTES = 600_000_000
KEPT_ON_DISK = 6
STRIP_PX = 2048


@dataclass(frozen=True, eq=False)
class OpenImage:
    """An image and its levels, the last of which fits into one tile.

    ``depth_note``: what was done to its values, or which of its channels are shown.
    """

    levels: tuple[UInt8Array, ...]
    depth_note: str

    @property
    def width(self) -> int:
        """Of the image."""
        return int(self.levels[0].shape[1])

    @property
    def height(self) -> int:
        """Of the image."""
        return int(self.levels[0].shape[0])

    def cut(self, level: int, box: Box) -> UInt8Array:
        """A window (h, w, 3) of a level, by whole pixels of that level inside it."""
        left, top, right, bottom = box
        return np.ascontiguousarray(self.levels[level][top:bottom, left:right])

    @property
    def memory_bytes(self) -> int:
        """What it holds in memory; next to nothing for one on the disk."""
        return sum(level.nbytes for level in self.levels if not isinstance(level, np.memmap))


class PixelStore:
    """Opens images, and keeps the last ones. ``folder``: where large ones are kept."""

    def __init__(
        self, folder: Path, find_path: Callable[[int], Path], *, in_memory_px: int = IN_MEMORY_PX
    ) -> None:
        self._folder, self._find_path, self._in_memory_px = folder, find_path, in_memory_px
        self._open: OrderedDict[int, OpenImage] = OrderedDict()
        self._lock = threading.Lock()
        self._locks: dict[int, threading.Lock] = {}
        shutil.rmtree(folder, ignore_errors=True)  # of a studio that was killed

    def open(self, image: int) -> OpenImage:
        """An image with its levels; whoever comes first decodes it. Raises ``SegfitError``."""
        found = self.find(image)
        if found is not None:
            return found
        with self._lock:
            own = self._locks.setdefault(image, threading.Lock())
        with own:
            found = self.find(image)
            if found is None:
                found = self._read(image)
                self._keep(image, found)
        return found

    def find(self, image: int) -> OpenImage | None:
        """An image that is open already."""
        with self._lock:
            found = self._open.get(image)
            if found is not None:
                self._open.move_to_end(image)
            return found

    def close(self) -> None:
        """Forget all, and remove what was kept on the disk."""
        with self._lock:
            self._open.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, image: int) -> OpenImage:
        stored = read_stored(self._find_path(image), max_megapixels=LARGEST_MEGAPIXELS)
        shown, note = show_stored(stored)
        del stored
        levels = [shown]
        on_disk = shown.shape[0] * shown.shape[1] > self._in_memory_px
        if on_disk:
            levels = [self._move_to_disk(image, 0, shown)]
            del shown
        while max(levels[-1].shape[:2]) > BLOCK_PX:
            half = halve_image(levels[-1])
            levels.append(self._move_to_disk(image, len(levels), half) if on_disk else half)
        if on_disk:  # opened anew: what was read of them counts as memory until then
            levels = [self._load(image, level) for level in range(len(levels))]
        return OpenImage(tuple(levels), note)

    def _move_to_disk(self, image: int, level: int, pixels: UInt8Array) -> UInt8Array:
        """The same array as a file of its own, of which only what is looked at is in memory."""
        path = self._name(image, level)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, pixels)
        except OSError as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise SegfitError(
                f"{path} cannot be written ({error.strerror}): a large image needs 4 bytes a pixel "
                "on the disk while it is open; free some space"
            ) from error
        return self._load(image, level)

    def _load(self, image: int, level: int) -> UInt8Array:
        loaded: UInt8Array = np.load(self._name(image, level), mmap_mode="r")
        return loaded

    def _name(self, image: int, level: int) -> Path:
        return self._folder / str(image) / f"{level}.npy"

    def _keep(self, image: int, opened: OpenImage) -> None:
        with self._lock:
            self._open[image] = opened
            on_disk = [n for n, one in self._open.items() if isinstance(one.levels[0], np.memmap)]
            held = sum(one.memory_bytes for one in self._open.values())
            for number in list(self._open)[:-1]:
                too_many = number in on_disk and len(on_disk) > KEPT_ON_DISK
                if held <= MEMORY_BYTES and not too_many:
                    continue
                dropped = self._open.pop(number)
                held -= dropped.memory_bytes
                if number in on_disk:
                    on_disk.remove(number)
                    shutil.rmtree(self._folder / str(number), ignore_errors=True)


def show_stored(stored: StoredImage) -> tuple[UInt8Array, str]:
    """An image as it is shown, (H, W, 3), and what is to be said of it.

    One whose channels would have to be chosen is shown by its first three, or its first.
    """
    note = ""
    kind = stored.values.dtype
    if kind != np.uint8 and kind != np.bool_:
        bits = kind.itemsize * 8
        note = f"{bits}-bit values, stretched to be seen; the file is as it was"
    try:
        return stored.show(), note
    except SegfitError:
        colors = [n for n in range(len(stored.names)) if n != stored.alpha]
        chosen = tuple(colors[:3]) if len(colors) >= 3 and stored.planes is None else (colors[0],)
        named = ", ".join(f"{number} ({stored.names[number]})" for number in chosen)
        what = f"{len(stored.names)} {stored.planes or 'channels'}; shown: {named}"
        return stored.show(chosen), "; ".join(part for part in (what, note) if part)


def halve_image(image: UInt8Array) -> UInt8Array:
    """Half the size, sides rounded up: each pixel the mean of four, those at an odd border of two.

    In strips: of a file only these are in memory.
    """
    height, width = image.shape[:2]
    half = np.empty(((height + 1) // 2, (width + 1) // 2, 3), np.uint8)
    for top in range(0, height, STRIP_PX):
        strip = np.ascontiguousarray(image[top : top + STRIP_PX])
        odd = len(strip) % 2, width % 2
        if any(odd):
            margins = 0, odd[0], 0, odd[1]
            strip = np.asarray(cv2.copyMakeBorder(strip, *margins, cv2.BORDER_REPLICATE), np.uint8)
        size = half.shape[1], len(strip) // 2
        half[top // 2 : top // 2 + size[1]] = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
    return half
