"""Windows of images in object stores and on web servers: only what they need is fetched."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
import zarr
from rasterio.transform import Affine

from segfit.basics import stores
from segfit.errors import SegfitError
from segfit.imaging.find import find_images
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.window import Window

fsspec = pytest.importorskip("fsspec")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SIDE = 2048
NOISE = np.random.default_rng(0).integers(1, 256, (SIDE, SIDE), np.uint8)
WINDOW = Window(700, 1100, 300, 200)
CUT = NOISE[1100:1300, 700:1000, None]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PAUSE_S", 0.01)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each request gave."""
    counts: list[int] = []
    call = stores._call

    def note(*arguments: Any, **named: Any) -> Any:
        answer = call(*arguments, **named)
        counts.append(len(answer) if isinstance(answer, bytes) else 0)
        return answer

    monkeypatch.setattr(stores, "_call", note)
    return counts


@pytest.fixture(scope="module")
def cog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cog") / "ortho.tif"
    with rasterio.open(
        path, "w", driver="COG", width=SIDE, height=SIDE, count=1, dtype="uint8", nodata=0,
        crs="EPSG:32633", transform=Affine(0.2, 0, 500_000, 0, -0.2, 5_000_000),
        compress="deflate", blocksize=128, overview_resampling="nearest",
    ) as file:  # fmt: skip
        file.write(NOISE[None])
    return path


def test_of_a_large_map_in_s3_few_bytes_are_fetched(
    bucket: str, cog: Path, fetched: list[int]
) -> None:
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.pipe_file(f"{bucket}/maps/ortho.tif", cog.read_bytes())
    (path,) = find_images([f"s3://{bucket}/maps/ortho.tif"])
    fetched.clear()
    with open_raster(cog) as here, open_raster(path) as raster:
        assert raster.name == f"s3://{bucket}/maps/ortho.tif"
        assert raster.placement == here.placement
        assert (raster.levels, raster.scale, raster.nodata) == (here.levels, here.scale, 0)
        np.testing.assert_array_equal(raster.read(WINDOW), CUT)
        small = Window(10, 20, 100, 90)
        np.testing.assert_array_equal(raster.read(small, level=3), here.read(small, level=3))
        assert 0 < sum(fetched) < 0.2 * cog.stat().st_size
        windows = [Window(left, 0, 256, 200) for left in range(0, SIDE, 256)]
        with ThreadPoolExecutor(4) as pool:
            for window, values in zip(windows, pool.map(raster.read, windows), strict=True):
                np.testing.assert_array_equal(values, here.read(window))


@pytest.mark.parametrize("compression", ["deflate", None])
def test_a_pyramid_without_a_place_on_the_map_is_read_in_parts(
    tmp_path: Path, fetched: list[int], compression: str | None
) -> None:
    place = tmp_path / "a.tif"
    layout: dict[str, Any] = {"compression": compression}
    layout |= {"tile": (128, 128)} if compression else {"rowsperstrip": 16}
    with tifffile.TiffWriter(place) as file:
        file.write(NOISE, subifds=1, metadata=None, **layout)
        file.write(NOISE[::2, ::2], subfiletype=1, metadata=None, **layout)
    system = fsspec.filesystem("memory")
    system.pipe_file("/slides/a.tif", place.read_bytes())
    with open_raster(Path("memory://slides/a.tif")) as raster:
        assert raster.levels == ((SIDE, SIDE), (SIDE // 2, SIDE // 2))
        np.testing.assert_array_equal(raster.read(WINDOW), CUT)
    assert sum(fetched) < 0.25 * place.stat().st_size
    system.rm("/slides", recursive=True)


def test_chunks_of_an_ome_zarr_in_s3(bucket: str) -> None:
    array = zarr.open_array(
        f"s3://{bucket}/plates/a.zarr", mode="w", shape=(300, 400), chunks=(64, 64), dtype="u1"
    )
    array[...] = NOISE[:300, :400]
    (path,) = find_images([f"s3://{bucket}/plates/a.zarr"])
    with open_raster(path) as raster:
        found = raster.read(Window(100, 50, 90, 70))
    np.testing.assert_array_equal(found, NOISE[50:120, 100:190, None])
    with pytest.raises(SegfitError, match=r"no image in this folder"):
        find_images([f"s3://{bucket}/plates"])


def test_a_world_file_in_a_store_is_not_lost_in_silence() -> None:
    system = fsspec.filesystem("memory")
    system.pipe_file("/maps/a.tif", b"II*\0")
    system.pipe_file("/maps/a.tfw", b"0.5\n0\n0\n-0.5\n100\n200\n")
    with pytest.raises(SegfitError, match=r"memory://maps/a\.tfw says where a\.tif lies"):
        open_raster(Path("memory://maps/a.tif"))
    system.rm("/maps", recursive=True)


class Parts(SimpleHTTPRequestHandler):
    """A web server of parts of files, which breaks off, or waits, before parts after a place.

    ``failures``: how often that is still so.
    """

    failures, waits_s, gives_parts = 0, 0.0, True
    FAILS_FROM = 100_000

    def do_GET(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, stop = 0, len(content)
        if asked and self.gives_parts:
            start, stop = int(asked[1]), int(asked[2]) + 1
        self.send_response(206 if asked and self.gives_parts else 200)
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if start >= self.FAILS_FROM and Parts.failures:
            Parts.failures -= 1
            threading.Event().wait(self.waits_s)
            self.close_connection = True
            stop = (start + stop) // 2
        self.wfile.write(content[start:stop])

    def log_message(self, *arguments: object) -> None:
        """Nothing: the tests' output is theirs."""


@pytest.fixture
def web(cog: Path) -> Iterator[Path]:
    pytest.importorskip("aiohttp")
    Parts.failures, Parts.waits_s, Parts.gives_parts = 0, 0.0, True
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Parts, directory=str(cog.parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Path(f"http://127.0.0.1:{server.server_port}/ortho.tif")
    server.shutdown()
    server.server_close()
    thread.join()


def read(raster: Raster) -> None:
    np.testing.assert_array_equal(raster.read(WINDOW), CUT)


@pytest.mark.parametrize("waits_s", [0.0, 1.0], ids=["half files", "time-outs"])
def test_what_breaks_off_is_asked_for_again_and_then_says_what_to_do(
    web: Path, monkeypatch: pytest.MonkeyPatch, waits_s: float
) -> None:
    monkeypatch.setattr(stores, "TIMEOUT_S", 0.4)
    Parts.waits_s = waits_s
    with open_raster(web) as raster:
        Parts.failures = 2
        read(raster)
    with open_raster(web) as raster:
        Parts.failures = 99
        with pytest.raises(
            SegfitError, match=r"tried 4 times.*: see that the store can be reached"
        ):
            read(raster)


def test_a_server_that_gives_no_parts_is_asked_for_the_whole_file(
    web: Path, fetched: list[int], cog: Path
) -> None:
    Parts.gives_parts = False
    with open_raster(web) as raster:
        assert raster.placement is not None
        read(raster)
    assert max(fetched) == cog.stat().st_size
    with pytest.raises(SegfitError, match=r"http://.*/none\.tif: no such file"):
        open_raster(web.with_name("none.tif"))
