"""The cache folder: bounded, pruned by use, and not needed."""

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from segfit.errors import SegfitError, SegfitWarning
from segfit.model.archive import read_model
from segfit.runtime import cache as cache_module
from segfit.runtime.cache import prune_cache, unpack_networks
from segfit.runtime.session import Backend
from segfit.segmenter import load

A, B = "a" * 20, "b" * 20
IMAGE = np.zeros((40, 60, 3), np.uint8)


def fill(folder, *, hours_ago, **files):
    """A folder of the cache with files of so many bytes each, used so long ago."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in files.items():
        (folder / name).write_bytes(bytes(size))
    used = time.time() - 3600 * hours_ago
    os.utime(folder, (used, used))


@pytest.fixture
def cache(tmp_path):
    """Two models of 100 bytes, one of them with two compilations of 40."""
    fill(tmp_path / A / "openvino" / "old", hours_ago=9, blob=40)
    fill(tmp_path / A / "openvino" / "new", hours_ago=1, blob=40)
    fill(tmp_path / A / "openvino", hours_ago=9)
    fill(tmp_path / A, hours_ago=2, graph=20, weights=80)
    fill(tmp_path / B, hours_ago=5, graph=20, weights=80)
    return tmp_path


def list_folders(cache):
    """The folders that hold files."""
    return {
        str(path.parent.relative_to(cache).as_posix())
        for path in cache.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (280, {A, B, f"{A}/openvino/old", f"{A}/openvino/new"}),
        (279, {A, B, f"{A}/openvino/new"}),
        (239, {A, f"{A}/openvino/new"}),
        (139, {f"{A}/openvino/new"}),
        (39, set()),
    ],
)
def test_what_was_used_longest_ago_goes_first(cache, limit, left):
    prune_cache(cache, limit_bytes=limit)
    assert list_folders(cache) == left
    prune_cache(cache, limit_bytes=limit)
    assert not [path for path in cache.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_what_is_in_use_stays_whatever_the_limit(cache):
    fill(cache / B, hours_ago=0.1)
    prune_cache(cache, limit_bytes=0)
    assert list_folders(cache) == {B}


def test_what_somebody_else_put_there_stays(cache):
    fill(cache / "photos", hours_ago=99, photo=1000)
    (cache / "notes.txt").write_text("mine")
    prune_cache(cache, limit_bytes=0)
    assert list_folders(cache) == {"photos", "."}


def test_many_may_prune_at_once_and_a_cache_may_be_missing(cache):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: prune_cache(cache, limit_bytes=0), range(16)))
    assert list_folders(cache) == set()
    prune_cache(cache / "none", limit_bytes=0)


def test_opening_a_model_notes_its_use_and_prunes(tiny_model, cache, monkeypatch):
    monkeypatch.setenv("SEGFIT_CACHE", str(cache))
    monkeypatch.setattr("segfit.runtime.cache.LIMIT_BYTES", 0)
    monkeypatch.setattr(prune_cache, "__kwdefaults__", {"limit_bytes": 0})
    load(tiny_model, threads=1)
    digest = read_model(tiny_model).digest
    assert {folder.partition("/")[0] for folder in list_folders(cache)} == {digest}
    old = time.time() - 9999
    os.utime(cache / digest, (old, old))
    load(tiny_model, threads=1)
    assert (cache / digest).stat().st_mtime > old + 9000


@pytest.fixture
def unwritable(tmp_path, monkeypatch):
    """A cache folder that nobody can make, since a file is where it should be."""
    (tmp_path / "a file").touch()
    folder = tmp_path / "a file" / "cache"
    monkeypatch.setenv("SEGFIT_CACHE", str(folder))
    monkeypatch.setattr(cache_module, "_stand_ins", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return folder


@pytest.mark.usefixtures("unwritable")
@pytest.mark.parametrize("backend", list(Backend))
def test_a_cache_that_cannot_be_written_stops_nothing(tiny_model, backend, recwarn):
    result = load(tiny_model, backend=backend, threads=1)(IMAGE)
    assert result.labels.shape == (40, 60)
    load(tiny_model, backend=backend, threads=1)
    # torch reads no files, so that nothing has to be said.
    assert len(recwarn) == (backend is not Backend.TORCH)
    for warning in recwarn:
        assert warning.category is SegfitWarning
        assert "\n" not in str(warning.message)
        assert str(warning.message).endswith("set SEGFIT_CACHE to a folder that can")


def test_a_full_disk_under_the_cache_stops_nothing(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGFIT_CACHE", str(tmp_path / "full"))
    real = cache_module.write_file

    def fail(path, *arguments, **options):
        if tmp_path / "full" in Path(path).parents:
            raise SegfitError(f"cannot write {path}: the disk is full: free some space")
        real(path, *arguments, **options)

    monkeypatch.setattr(cache_module, "write_file", fail)
    with pytest.warns(
        SegfitWarning, match=r"cache folder .*full cannot be written \(.*disk is full"
    ):
        assert load(tiny_model, threads=1)(IMAGE).labels.shape == (40, 60)


def test_without_any_folder_to_write_it_is_explained(tiny_model, unwritable, monkeypatch):
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(unwritable))
    with (
        pytest.warns(SegfitWarning),
        pytest.raises(
            SegfitError, match=r"neither the cache folder .* set SEGFIT_CACHE to a folder"
        ),
    ):
        unpack_networks(read_model(tiny_model))


def test_the_command_line_says_it_in_one_plain_line_and_leaves_nothing(tiny_model, tmp_path):
    (tmp_path / "a file").touch()
    (tmp_path / "temporary").mkdir()
    image = Path(__file__).parents[2] / "src" / "segfit" / "demo_data" / "astronaut.jpg"
    command = ["predict", str(tiny_model), str(image), "-o", str(tmp_path / "out"), "--threads=1"]
    done = subprocess.run(
        [sys.executable, "-m", "segfit", *command],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "SEGFIT_CACHE": str(tmp_path / "a file" / "cache"),
            "TMPDIR": str(tmp_path / "temporary"),
        },
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("segfit: the cache folder ")
    assert line.endswith("set SEGFIT_CACHE to a folder that can")
    assert not list((tmp_path / "temporary").iterdir())


FORKED = """
    import multiprocessing, sys
    import numpy as np
    import segfit
    from segfit.edges.learned import LearnedDetector
    from segfit.errors import SegfitError

    backend, threads = sys.argv[2], int(sys.argv[3])
    segmenter = segfit.load(sys.argv[1], backend=backend, threads=threads)
    detect = LearnedDetector(segmenter.score)
    images = [np.full((40 + 8 * n, 64, 3), 20 * n, np.uint8) for n in range(6)]
    expected = [detect(image).strength.tobytes() for image in images]

    def find(given):
        detect, image = given
        try:
            return detect(image).strength.tobytes()
        except SegfitError as error:
            return str(error)

    def load(_):
        try:
            segfit.load(sys.argv[1], backend=backend, threads=threads)
        except SegfitError as error:
            return str(error)

    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map_async(find, [(detect, image) for image in images]).get(60)
        refused = pool.map_async(load, [0]).get(60)[0]
    if found == expected:
        print("equal")
    else:
        assert all(one.startswith("this process was forked") for one in found), found
        print("refused")
    print("loads" if refused is None else refused)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_a_worker_pool_forked_after_inference_is_refused(tiny_model, backend):
    """Without a word, torch waits there for ever, and the others now and then."""
    inherited, loaded = compute_forked(tiny_model, backend, threads=2)
    assert inherited == "refused"
    assert loaded.startswith("this process was forked")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(
    ("backend", "loads"), [("openvino", False), ("onnxruntime", True), ("torch", True)]
)
def test_a_worker_pool_forked_after_inference_in_one_thread_computes(tiny_model, backend, loads):
    inherited, loaded = compute_forked(tiny_model, backend, threads=1)
    assert inherited == "equal"
    assert loaded.startswith("loads" if loads else "this process was forked")


def compute_forked(model: Path, backend: str, *, threads: int) -> list[str]:
    """What a pool makes of a session that came along, and of a model that it is to load."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKED), str(model), backend, str(threads)],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
