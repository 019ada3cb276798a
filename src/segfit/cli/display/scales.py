"""How large pixels are, and who says so, as lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from segfit.basics.text import count_noun, list_first
from segfit.imaging.scale import PIXELS, Scale


def describe_scales(images: Sequence[tuple[Path, Scale, str]]) -> list[Text]:
    """What tables take for the size of a pixel, and what they do not; empty where all are pixels.

    ``images``: each with its scale, and why the one that its file says is not used.
    """
    lines = []
    counts = Counter((str(scale), scale.origin) for _, scale, _ in images if scale.unit != PIXELS)
    if counts:
        named = [
            f"{scale} ({origin}) in {count_noun(count, 'image')}"
            for (scale, origin), count in counts.items()
        ]
        bare = sum(scale.unit == PIXELS for _, scale, _ in images)
        named += [f"none in {bare}, measured in pixels"] if bare else []
        lines.append(f"size of a pixel: {list_first(named)}")
    notes = Counter(note for _, _, note in images if note)
    lines += [
        f"{count_noun(count, 'image')} measured in pixels: {note}; give --scale"
        for note, count in notes.items()
    ]
    return [Text(line, overflow="fold") for line in lines]
