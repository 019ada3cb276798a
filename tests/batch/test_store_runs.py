"""Images from stores and results into them: the same as on the disk, also after a kill."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bright import Bright, KilledError, draw_squares, read_results, run

from segfit.basics import stores
from segfit.batch.workers import Workers
from segfit.errors import SegfitError
from segfit.imaging.find import find_images

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch) -> None:
    monkeypatch.setattr(stores, "PAUSE_S", 0.01)


@pytest.fixture
def images(tmp_path):
    return draw_squares(tmp_path / "images")


@pytest.fixture
def memory() -> Iterator[object]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def read_store(system, folder: str) -> dict[str, bytes]:
    """All files below a folder but the manifests."""
    names = [name for name in system.find(folder) if "/manifest" not in name]
    return {name.partition(f"{folder}/")[2]: system.cat_file(name) for name in names}


def put_images(system, images, folder: str) -> None:
    for image in images:
        system.pipe_file(f"{folder}/{image.name}", image.read_bytes())


def test_a_run_in_a_store_that_is_killed_and_resumed_gives_the_files_of_the_disk(
    images, memory, tmp_path
):
    run(images, tmp_path / "whole")
    put_images(memory, images, "/plates")
    found = find_images(["memory://plates/*.png"])
    assert [path.name for path in found] == [path.name for path in images]
    assert find_images(["memory://plates"]) == found
    assert find_images(["memory://plates/3.png"]) == [found[3]]
    output = Path("memory://out")
    with pytest.raises(KilledError):
        run(found, output, Bright(dies_at=4))
    before = memory.cat_file("/out/manifest.jsonl").count(b'"done"')
    assert before > 0
    assert run(found, output).before == before
    assert read_store(memory, "/out") == read_results(tmp_path / "whole")
    lines = memory.cat_file("/out/manifest.jsonl").decode().splitlines()
    paths = [line["path"] for line in map(json.loads, lines) if "path" in line]
    assert sorted(paths) == [f"memory://plates/{number}.png" for number in range(7)]
    assert run(found, output).before == 7
    with pytest.raises(SegfitError, match="8 of 8 result files exist already"):
        run(found, output, resume=False, formats=("mask", "table"))


def test_what_a_store_does_not_have_is_said(memory, tmp_path):
    with pytest.raises(SegfitError, match=r"memory://plates/\*\.png: no image matches"):
        find_images(["memory://plates/*.png"])
    report = run([Path("memory://plates/none.png")], tmp_path / "out")
    assert report.failed[0].reason == "memory://plates/none.png: no such file"
    with pytest.raises(SegfitError, match=r"nosuch://a/b\.png cannot be opened: Protocol not"):
        find_images(["nosuch://a/b.png"])


class Flaky(SimpleHTTPRequestHandler):
    """A web server that gives half of some files, and waits before others."""

    failing: dict[str, int]

    def do_GET(self) -> None:
        name = Path(self.path).name
        left = self.failing.get(name, 0)
        if not left:
            super().do_GET()
            return
        self.failing[name] = left - 1
        if name == "4.png":
            threading.Event().wait(1.0)
        content = (Path(self.directory) / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Nothing: the tests' output is theirs."""


@pytest.fixture
def web(images) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    Flaky.failing = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Flaky, directory=str(images[0].parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_half_files_and_time_outs_are_tried_again_and_then_have_failed(
    web, images, tmp_path, monkeypatch
):
    monkeypatch.setattr(stores, "TIMEOUT_S", 0.5)
    run(images, tmp_path / "whole", formats=("mask",))
    Flaky.failing = {"2.png": 2, "3.png": 99, "4.png": 1}
    found = find_images([f"{web}/{number}.png" for number in range(7)])
    report = run(found, tmp_path / "out", formats=("mask",))
    assert [one.path.name for one in report.failed] == ["3.png"]
    assert f"{web}/3.png cannot be read" in report.failed[0].reason
    assert "tried 4 times" in report.failed[0].reason
    Flaky.failing = {}
    assert run(found, tmp_path / "out", formats=("mask",)).before == 6
    assert read_results(tmp_path / "out") == read_results(tmp_path / "whole")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("workers", [Workers(1), Workers(2, 1)], ids=["one", "two"])
def test_s3_is_read_and_written(bucket, images, tmp_path, workers):
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    put_images(system, images[:4], f"{bucket}/plates/a")
    put_images(system, images[4:], f"{bucket}/plates/b")
    found = find_images([f"s3://{bucket}/plates/**/*.png"])
    assert [path.name for path in found] == [path.name for path in images]
    run(images, tmp_path / "whole", formats=("mask", "table"))
    output = Path(f"s3://{bucket}/results")
    report = run(found, output, formats=("mask", "table"), workers=workers)
    assert (report.failed, report.before) == ((), 0)
    assert read_store(system, f"{bucket}/results") == read_results(tmp_path / "whole")
    assert run(found, output, formats=("mask", "table")).before == 7
