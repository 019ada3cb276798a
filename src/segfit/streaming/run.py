"""An image of any size → its regions, tile by tile, so that it can be stopped at any moment.

``segment_raster`` reads as the path does: survey → tiles → numbers. What a tile found lies in a
file; a run that is taken up again does only what is missing, and its answer is the same.
"""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from segfit.basics.files import make_folder, write_file
from segfit.basics.memory import give_back_memory
from segfit.basics.progress import OnProgress
from segfit.classes import IGNORE, ClassTable
from segfit.classification.decision import Decision
from segfit.errors import SegfitError
from segfit.formats.layers import LabelImage
from segfit.imaging.raster.shown import ShownRaster
from segfit.partition import LabelGrid
from segfit.result.regions import Region
from segfit.runtime.threads import count_threads
from segfit.segmenter import BY_THE_MODEL, Segmenter
from segfit.streaming.analysis import Scene, analyse_tile, decide_zone
from segfit.streaming.joining import (
    LoadPart,
    Numbering,
    list_finished,
    list_long,
    number_regions,
)
from segfit.streaming.part import Part
from segfit.streaming.scoring import STEP_PX, Look, ScoreGrid
from segfit.streaming.survey import CONTENT_PX, Content, find_shared_levels, measure_objects
from segfit.streaming.tiling import Place, Tiling
from segfit.streaming.wavefront import MOST_AT_ONCE, run_wavefront

TILE_STEPS = 3
"""Sides of a tile, in steps of the classifier's windows, whose edges then are the tile's."""
SMALLEST_TILE_PX, LARGEST_TILE_PX = 768, 2560
CONTEXT_PX = 48
PARTS_HELD = 6
"""Read parts that are kept in memory: those beside each other."""


@dataclass(frozen=True, eq=False)
class StreamedSegmentation:
    """The regions of an image, which come in batches.

    ``tiling``, ``load``: the tiles and what each found. ``empty_share``: of the image that was
    skipped, since nothing is there. ``tiles_reused``: what was done already.
    """

    tiling: Tiling
    load: LoadPart
    classes: ClassTable
    empty_share: float
    tiles_reused: int

    @cached_property
    def numbering(self) -> Numbering:
        """The numbers of all regions."""
        return number_regions(self.tiling, self.load, self.classes)

    @property
    def region_count(self) -> int:
        """How many regions there are, the background's not counted."""
        return int(np.count_nonzero(self.numbering.numbers))

    def list_regions(self) -> Iterator[list[Region]]:
        """All regions in the order of their numbers, from 1, in batches."""
        number = 0
        batches = list_finished(self.tiling, self.load, self.numbering, self.classes)
        for batch in batches:
            for given, _ in batch:
                number += 1
                assert given == number
            yield [region for _, region in batch]
        yield [
            region for _, region in list_long(self.tiling, self.load, self.numbering, self.classes)
        ]

    def paint(self, *, labels: LabelImage | None = None, numbers: LabelImage | None = None) -> None:
        """Write every pixel's class, an index, 255 where nothing was measured, and its region."""
        for place in self.tiling.list_places():
            part, window = self.load(place), self.tiling.tile(place)
            painted = part.tile.paint()
            if labels is not None:
                labels.write(window, part.labels[painted])
            if numbers is not None:
                own = self.numbering.of(place, np.arange(len(part.labels)))
                numbers.write(window, own[painted].astype(np.uint32))

    def count_pixels(self) -> np.ndarray:
        """Pixels of each class, (classes,)."""
        counts = np.zeros(len(self.classes))
        for place in self.tiling.list_places():
            part = self.load(place)
            own = np.bincount(
                part.labels[part.tile.regions], weights=part.tile.lengths, minlength=IGNORE + 1
            )
            counts += own[: len(counts)]
        return counts


def segment_raster(
    segmenter: Segmenter,
    image: ShownRaster,
    folder: Path,
    *,
    identity: Mapping[str, Any],
    decision: Decision = BY_THE_MODEL,
    refine: bool = True,
    threads: int | None = None,
    elsewhere: DoTiles | None = None,
    on_progress: OnProgress | None = None,
) -> StreamedSegmentation:
    """Segment an image that need not fit into memory.

    ``folder``: where what tiles found is kept; it stays there, and what is in it of the same run is
    used. ``identity``: what makes it the same, such as the model's and the image's file.
    ``threads``: of the segmenter; with more than one, two tiles are worked on at once.
    ``elsewhere``: what works on tiles instead of this process, on machines that have the folder;
    the image is then one that ``open_raster`` opens by its name. The others as in a call of the
    segmenter. Raises ``SegfitError`` for a model that looks at an image as a
    whole, for an image of another kind than it takes, and where the folder cannot be written.
    """
    check_streams(segmenter)
    decision = segmenter.complete(decision)
    classes = segmenter.classes
    content = survey_content(image, classes)
    levels = find_shared_levels(image, content) if segmenter.card.scaling.stretch else None
    card = segmenter.card
    look = Look(segmenter.run_classifier, card.architecture, card.scaling, classes, levels)
    make_folder(folder)
    grid = ScoreGrid(image, look, is_empty=content.is_empty, folder=folder)
    plan = _read_plan(folder, {**identity, "decision": vars(decision), "refine": refine})
    if "tiling" not in plan:
        sizes = measure_objects(grid, classes, decision)
        give_back_memory()
        tiling = plan_tiles(
            image.shape, grid.cell_px, card.architecture.output_stride, sizes.lookback_px
        )
        plan |= {"tiling": vars(tiling), "radii": {str(k): v for k, v in sizes.radii_cells.items()}}
        write_file(folder / "plan.json", json.dumps(plan, indent=1).encode(), force=True)
    tiling = Tiling(**{**plan["tiling"], "shape": tuple(plan["tiling"]["shape"])})
    scene = Scene(
        tiling,
        grid,
        classes,
        decision,
        {int(index): radius for index, radius in plan["radii"].items()},
        segmenter.outline_network if refine else None,
    )
    load = open_parts(folder)
    reused = _analyse_missing(TileWork(scene, folder, load), on_progress, threads, elsewhere)
    for path in folder.glob("scores-*.npy"):
        path.unlink()
    share = 1 - float(content.holds.mean()) if content.holds.size else 0.0
    return StreamedSegmentation(tiling, load, classes, share, reused)


def check_streams(segmenter: Segmenter) -> None:
    """Raise ``SegfitError`` for a model that cannot look at an image in windows."""
    scaling = segmenter.card.scaling
    if scaling.kind != "field":
        raise SegfitError(
            f"{segmenter.card.name} looks at an image as a whole ({scaling}), so windows of a "
            "larger one mean nothing to it: shrink the image, or train a model with segfit train "
            "--field, which sees objects at their size in pixels"
        )


def survey_content(image: ShownRaster, classes: ClassTable) -> Content:
    """Where the image holds anything; everywhere for a model to which nothing is a class too."""
    if classes.background is None:
        height, width = image.shape
        rows, columns = -(-height // CONTENT_PX), -(-width // CONTENT_PX)
        return Content(np.ones((rows, columns), bool))
    return Content(image.find_content(CONTENT_PX))


def plan_tiles(
    shape: tuple[int, int], cell_px: tuple[float, float], stride: int, lookback_px: int
) -> Tiling:
    """Tiles of an image."""
    step_px = STEP_PX // stride * max(cell_px)
    tile_px = math.ceil(min(max(TILE_STEPS * step_px, SMALLEST_TILE_PX), LARGEST_TILE_PX))
    lookback_px = min(lookback_px + CONTEXT_PX, tile_px // 2)
    return Tiling(shape, tile_px, lookback_px, CONTEXT_PX, lookback_px)


def open_parts(folder: Path) -> LoadPart:
    """What reads the parts in a folder; the last few stay in memory."""

    @lru_cache(PARTS_HELD)
    def load(place: Place) -> Part:
        return Part.load(name_part(folder, place))

    return load


def name_part(folder: Path, place: Place) -> Path:
    """The file of a tile's part."""
    return folder / f"tile-{place[0]}-{place[1]}.part"


def _read_plan(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What a former run has planned, if its settings were the same; else the folder is emptied."""
    wanted = json.loads(json.dumps(settings))
    try:
        plan = json.loads((folder / "plan.json").read_bytes())
        if plan["settings"] == wanted:
            return dict(plan)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is none, or it was cut off while it was written
    shutil.rmtree(folder)
    make_folder(folder)
    return {"settings": wanted}


class TileWork:
    """Segments tiles, each into its file, which those below and to the right of it need.

    Where it is sent to another process, the image is opened again there.
    """

    def __init__(self, scene: Scene, folder: Path, load: LoadPart) -> None:
        self.scene, self.folder, self.load = scene, folder, load

    def __call__(self, place: Place) -> None:
        """Segment a tile."""
        self.finish(place, self.decide(place))

    def decide(self, place: Place) -> LabelGrid:
        """What needs no other tile."""
        decided = decide_zone(self.scene, place)
        give_back_memory()
        return decided

    def finish(self, place: Place, decided: LabelGrid) -> None:
        """The rest; what the tile above it and the one to its left found is in their files."""
        row, column = place
        above = self.load((row - 1, column)) if row else None
        left = self.load((row, column - 1)) if column else None
        found = analyse_tile(self.scene, place, decided, above, left)
        found.save(name_part(self.folder, place))
        give_back_memory()

    def __reduce__(self) -> tuple[Any, ...]:
        return _take_up_work, (self.scene, self.folder)


def _take_up_work(scene: Scene, folder: Path) -> TileWork:
    return TileWork(scene, folder, open_parts(folder))


class DoTiles(Protocol):
    """Works on tiles in other processes; gives each when it is done.

    None is begun before the one above it and the one to its left, as far as they are among them;
    ``places``: row by row. ``batch.cluster.TilesOnRay`` is one.
    """

    def __call__(self, places: Sequence[Place], work: TileWork, /) -> Generator[Place]:
        """Raises what the work raises."""
        ...


def _analyse_missing(
    work: TileWork,
    on_progress: OnProgress | None,
    threads: int | None,
    elsewhere: DoTiles | None,
) -> int:
    """Do the tiles that are not done yet; returns how many were."""
    scene, folder = work.scene, work.folder
    tiling = scene.tiling
    places = list(tiling.list_places())
    missing = [place for place in places if not name_part(folder, place).is_file()]
    done = len(places) - len(missing)
    if on_progress is not None:
        on_progress(done, len(places))
    at_once = min(count_threads(threads), MOST_AT_ONCE)

    if elsewhere is None:
        wavefront = run_wavefront(missing, work.decide, work.finish, count=at_once)
    else:
        wavefront = elsewhere(missing, work)
    with closing(wavefront) as finished:
        left_in_rows = Counter(row for row, _ in missing)
        for number, (row, _) in enumerate(finished, start=1):
            left_in_rows[row] -= 1
            if not left_in_rows[row]:
                del left_in_rows[row]
                if left_in_rows:
                    scene.grid.forget_above(tiling.seen((min(left_in_rows), 0)).top)
            if on_progress is not None:
                on_progress(done + number, len(places))
    return done
