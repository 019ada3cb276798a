"""Images segmented tile by tile: the same as in one go, also where the run was stopped."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
import tifffile

import segfit
from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.result.regions import Region
from segfit.segmenter import Segmenter
from segfit.streaming import run
from segfit.streaming.run import StreamedSegmentation, segment_raster

SHAPE = (780, 1560)
"""So long that the classifier looks at it in windows, whoever asks."""


DEMO_DATA = Path(segfit.__file__).parent / "demo_data"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return segfit.load("nuclei", threads=2)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nuclei all over."""
    paths = sorted((DEMO_DATA / "nuclei" / "val" / "images").iterdir())
    tiles = [cv2.imread(str(path)) for path in paths]
    tiles = [one for one in tiles if one.shape[0] >= 256 and one.mean() < 60]
    image: UInt8Array = np.zeros((*SHAPE, 3), np.uint8)
    for number, (top, left) in enumerate(np.ndindex(4, 7)):
        part = tiles[number % len(tiles)][:256, :256]
        rows, columns = slice(top * 256, top * 256 + 256), slice(left * 256, left * 256 + 256)
        room = image[rows, columns]
        room[:] = part[: room.shape[0], : room.shape[1]]
    path = tmp_path_factory.mktemp("field") / "field.tif"
    tifffile.imwrite(path, image, tile=(256, 256), photometric="rgb")
    return path


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SMALLEST_TILE_PX", 500)
    monkeypatch.setattr(run, "LARGEST_TILE_PX", 500)


def stream(
    segmenter: Segmenter, path: Path, folder: Path, *, stop_after: int | None = None
) -> StreamedSegmentation:
    def note(done: int, total: int) -> None:
        if done == stop_after:
            raise KeyboardInterrupt

    with open_raster(path) as raster:
        return segment_raster(
            segmenter, ShownRaster(raster), folder, identity={"model": 1}, on_progress=note
        )


def list_all(found: StreamedSegmentation) -> list[Region]:
    return [region for batch in found.list_regions() for region in batch]


def to_polygons(regions: list[Region]) -> np.ndarray:
    return np.array([shapely.Polygon(one.polygon[0], one.polygon[1:]) for one in regions])


@pytest.fixture(scope="module")
def whole_run(
    segmenter: Segmenter, field: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Region]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SMALLEST_TILE_PX", 500)
        patch.setattr(run, "LARGEST_TILE_PX", 500)
        found = stream(segmenter, field, tmp_path_factory.mktemp("tiles"))
    assert found.tiling.rows * found.tiling.columns > 4
    return list_all(found)


def test_objects_are_those_of_the_whole_image(
    segmenter: Segmenter, field: Path, whole_run: list[Region]
) -> None:
    expected = to_polygons(list(segmenter(field).regions))
    found = to_polygons(whole_run)
    assert shapely.is_valid(found).all()
    tree = shapely.STRtree(found)
    first, second = tree.query(expected, predicate="intersects")
    shared = shapely.area(shapely.intersection(expected[first], found[second]))
    ious = shared / (shapely.area(expected[first]) + shapely.area(found[second]) - shared)
    best = np.zeros(len(expected))
    np.maximum.at(best, first, ious)
    assert len(expected) > 150
    assert abs(len(found) - len(expected)) <= 2
    assert np.mean(best >= 0.9) >= 0.99


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(
    segmenter: Segmenter, field: Path, whole_run: list[Region], tmp_path: Path
) -> None:
    folder = tmp_path / "tiles"
    with pytest.raises(KeyboardInterrupt):
        stream(segmenter, field, folder, stop_after=3)
    found = stream(segmenter, field, folder)
    assert 3 <= found.tiles_reused <= 4  # the one that was being worked on, too
    again = list_all(found)
    assert len(again) == len(whole_run)
    for one, other in zip(again, whole_run, strict=True):
        assert (one.label, one.score) == (other.label, other.score)
        assert all(map(np.array_equal, one.polygon, other.polygon))


def test_two_tiles_at_once_find_the_same_byte_for_byte(
    segmenter: Segmenter, field: Path, tmp_path: Path
) -> None:
    files = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        with open_raster(field) as raster:
            segment_raster(segmenter, ShownRaster(raster), folder, identity={}, threads=threads)
        files.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert len(files[0]) > 8
    assert files[0] == files[1]


def test_tiles_of_other_settings_are_not_taken_over(
    segmenter: Segmenter, field: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tiles"
    with pytest.raises(KeyboardInterrupt):
        stream(segmenter, field, folder, stop_after=1)
    with open_raster(field) as raster:
        found = segment_raster(segmenter, ShownRaster(raster), folder, identity={"model": 2})
    assert found.tiles_reused == 0


def test_what_holds_nothing_is_skipped_and_counted(
    segmenter: Segmenter, field: Path, tmp_path: Path
) -> None:
    image = tifffile.imread(field)[:, :780]
    wide = np.pad(image, ((0, 0), (0, 1280), (0, 0)))
    path = tmp_path / "wide.tif"
    tifffile.imwrite(path, wide, tile=(256, 256), photometric="rgb")
    found = stream(segmenter, path, tmp_path / "tiles")
    assert 0.4 < found.empty_share < 0.7
    regions = list_all(found)
    assert len(regions) > 60
    assert max(one.bounds_xyxy[2] for one in regions) < 800
    assert found.count_pixels().sum() == wide.shape[0] * wide.shape[1]


def test_a_damaged_tile_is_named(segmenter: Segmenter, field: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    with pytest.raises(KeyboardInterrupt):
        stream(segmenter, field, folder, stop_after=1)
    part = folder / "tile-0-0.part"
    for half in (b"", b"half", part.read_bytes()[:-20]):
        part.write_bytes(half)
        with pytest.raises(SegfitError, match=r"tile-0-0\.part is damaged .*: delete it"):
            stream(segmenter, field, folder)


def test_a_model_that_needs_the_whole_image_is_refused(field: Path, tmp_path: Path) -> None:
    with (
        open_raster(field) as raster,
        pytest.raises(SegfitError, match="face looks at an image as a whole"),
    ):
        segment_raster(segfit.load("face"), ShownRaster(raster), tmp_path, identity={})
