#!/usr/bin/env python3
"""What an image takes of memory, and what its result keeps.

    python benchmarks/memory.py

Peak memory is that of a whole process that loads a model and segments one image, the second such
process, whose files are in the cache. The images are a portrait, and fields of nuclei of several
sizes that are put together of the demo's images. What a result keeps are the bytes that it takes
as a pickle once its labels were read, its image included, for each pixel of the image.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from footprint import run_python
from options import make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result
from segfit.basics.arrays import UInt8Array

TILES, TILE_PX = DEMO_DATA / "nuclei" / "val" / "images", 256
KEPT_BYTES_PER_PX = 10

SEGMENT = """
import json, pickle, resource, sys
from pathlib import Path

import segfit
segmenter = segfit.load(sys.argv[1], threads=int(sys.argv[3]))
result = segmenter(sys.argv[2])
labels = result.labels
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.is_file() else []
peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print(json.dumps({
    "peak_mb": [*peaks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss][0] * 1024 / 1e6,
    "kept_bytes_per_px": len(pickle.dumps(result)) / labels.size,
    "torch_imported": "torch" in sys.modules,
}))
"""

console = Console()


@dataclass(frozen=True)
class Case:
    """A model and the size of an image for it, in pixels; the most MB that are wanted."""

    model: str
    height: int
    width: int
    wanted_mb: int | None = None

    def __str__(self) -> str:
        return f"{self.model}, {self.height}×{self.width} px"

    def draw(self) -> UInt8Array:
        """The image (H, W, 3)."""
        if self.model == "face":
            portrait = np.asarray(Image.open(DEMO_DATA / "astronaut.jpg"))
            return portrait[: self.height, 64 : 64 + self.width]
        tiles = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(TILES.iterdir())]
        tiles = [tile for tile in tiles if tile.shape[:2] == (TILE_PX, TILE_PX)]
        rows = []
        for row in range(-(-self.height // TILE_PX)):
            columns = range(-(-self.width // TILE_PX))
            line = [tiles[(7 * row + 3 * column) % len(tiles)] for column in columns]
            rows.append(np.concatenate(line, axis=1))
        return np.concatenate(rows)[: self.height, : self.width]


CASES = [
    Case("face", 512, 384, 400),
    Case("nuclei", 520, 696, 450),
    Case("nuclei", 1024, 1024),
    Case("nuclei", 4000, 4000, 1500),
]


def main() -> None:
    parser = make_parser(__doc__, data=False)
    arguments = parse_arguments(parser, quick="")
    run = describe_run(seeds=(), threads=arguments.threads)
    cases = [Case("nuclei", 128, 300)] if arguments.quick else CASES
    rows = [{**asdict(case), **measure(case, threads=arguments.threads)} for case in cases]
    console.print(to_table(cases, rows))
    console.print(write_result("memory", run, {"cases": rows}, folder=arguments.results))


def measure(case: Case, *, threads: int) -> dict[str, Any]:
    """Peak megabytes (10⁶) of a second start, and the bytes that its result keeps of a pixel."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        Image.fromarray(case.draw()).save(path)
        cache = {"SEGFIT_CACHE": str(Path(folder) / "cache")}
        load = "import segfit, sys; segfit.load(sys.argv[1])"
        run_python(["-c", load, case.model], environment=cache)
        _, printed = run_python(
            ["-c", SEGMENT, case.model, str(path), str(threads)], environment=cache
        )
    figures: dict[str, Any] = json.loads(printed)
    if figures.pop("torch_imported"):
        raise SystemExit("prediction imported torch: nothing on its way may")
    return figures


def to_table(cases: Sequence[Case], rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("image", title="Memory")
    for title in ("peak", "wanted", "kept, bytes/px", "wanted"):
        table.add_column(title, justify="right")
    for case, row in zip(cases, rows, strict=True):
        table.add_row(
            str(case),
            f"{row['peak_mb']:.0f} MB",
            "" if case.wanted_mb is None else f"≤ {case.wanted_mb} MB",
            f"{row['kept_bytes_per_px']:.1f}",
            f"≤ {KEPT_BYTES_PER_PX}",
        )
    return table


if __name__ == "__main__":
    main()
