"""Networks opened from a model file by each backend, and the folder where they are unpacked."""

import copy
import os
import pickle
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segfit.errors import SegfitError
from segfit.model.archive import NetworkFiles, read_model, read_refiner
from segfit.runtime.cache import unpack_networks
from segfit.runtime.openvino import FAMILIAR_AFTER, MOST_FAMILIAR, OpenVinoSession
from segfit.runtime.session import Backend
from segfit.runtime.sessions import open_sessions

GRAPH_NAME, WEIGHTS_NAME = "classifier.onnx", "classifier.safetensors"
IMAGE = np.random.default_rng(0).integers(0, 255, (1, 64, 96, 3), np.uint8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEGFIT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def model(tiny_model):
    return read_model(tiny_model)


def open_classifier(model, **options):
    """What runs a model's classifier over images."""
    session = open_sessions(model, **options)["classifier"]

    def run(images):
        (logits,) = session.run({"images": images})
        return logits

    return run


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("backend", list(Backend))
@pytest.mark.parametrize("threads", [1, 2, None])
def test_every_backend_gives_the_same_logits(model, backend, threads):
    logits = open_classifier(model, backend=backend, threads=threads)(IMAGE)
    assert logits.shape == (1, 1, 16, 24)
    assert logits.dtype == np.float32
    expected = open_classifier(model, threads=1)(IMAGE)
    np.testing.assert_allclose(logits, expected, atol=1e-3)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(model, threads):
    with pytest.raises(SegfitError, match=rf"threads is 1 or more.*given {threads}"):
        open_classifier(model, threads=threads)


@pytest.mark.usefixtures("cache")
def test_unknown_backend_names_the_known_ones(model):
    with pytest.raises(SegfitError, match="'tensorrt': choose openvino, onnxruntime, torch"):
        open_sessions(model, backend="tensorrt")
    with pytest.raises(SegfitError, match="unknown precision 'double': choose single, fastest"):
        open_sessions(model, precision="double")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("backend", "module", "extra"),
    [("onnxruntime", "onnxruntime", "onnxruntime"), ("torch", "torch", "train")],
)
def test_missing_backend_gives_the_install_line(model, monkeypatch, backend, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "segfit.networks.export", raising=False)
    with pytest.raises(SegfitError, match=rf'pip install "segfit\[{extra}\]"'):
        open_classifier(model, backend=backend)


def list_files(folder):
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_second_start_uses_what_the_first_left(model, cache):
    first = open_classifier(model, threads=1)(IMAGE)
    left = list_files(cache)
    folder = unpack_networks(model)
    assert folder == cache / model.digest
    assert (folder / GRAPH_NAME).read_bytes() == model.networks["classifier"].graph
    assert (folder / WEIGHTS_NAME).read_bytes() == model.networks["classifier"].weights
    assert any("openvino" in path.parts for path in left), "nothing compiled was kept"
    second = open_classifier(model, threads=1)(IMAGE)
    assert list_files(cache) == left
    np.testing.assert_array_equal(first, second)


def test_models_share_the_cache_without_mixing(model, cache):
    files = model.networks["classifier"]
    other = replace(model, networks={"classifier": NetworkFiles(files.graph, b"others")})
    assert unpack_networks(model) != unpack_networks(other)
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("name", [GRAPH_NAME, WEIGHTS_NAME])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "changed"])
def test_damaged_cache_is_mended(model, cache, name, damage):
    path = unpack_networks(model) / name
    whole = path.read_bytes()
    changed = {"empty": b"", "truncated": whole[:50], "changed": whole[:-1] + b"?"}
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(changed[damage])
    assert open_classifier(model, threads=1)(IMAGE).shape == (1, 1, 16, 24)
    assert path.read_bytes() == whole
    assert not [left for left in cache.rglob("*") if ".partial" in left.name]


@pytest.mark.parametrize("content", [b"", b"not a compiled network", None])
def test_damaged_compiled_network_is_compiled_again(model, cache, content):
    expected = open_classifier(model, threads=1)(IMAGE)
    (compiled,) = [path for path in (cache / model.digest / "openvino").rglob("*.*blob*")]
    whole = compiled.read_bytes()
    compiled.write_bytes(whole[: len(whole) // 2] if content is None else content)
    np.testing.assert_array_equal(open_classifier(model, threads=1)(IMAGE), expected)


@pytest.mark.usefixtures("cache")
def test_cache_that_cannot_be_written_is_explained(model, tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("SEGFIT_CACHE", str(tmp_path / "a file" / "cache"))
    with pytest.raises(SegfitError, match="set SEGFIT_CACHE to") as caught:
        open_classifier(model)
    assert str(tmp_path / "a file") in str(caught.value)


def test_full_disk_under_the_cache_is_explained(model, cache, monkeypatch):
    def fail(path, *_, **__):
        raise SegfitError(f"cannot write {path}: the disk is full: free some space")

    monkeypatch.setattr("segfit.runtime.cache.write_file", fail)
    with pytest.raises(SegfitError, match=r"disk is full.*or set SEGFIT_CACHE") as caught:
        open_classifier(model)
    assert str(cache) in str(caught.value)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("backend", list(Backend))
def test_network_that_is_none_is_explained(model, backend):
    broken = replace(model, networks={"classifier": NetworkFiles(b"no graph", b"no weights")})
    with pytest.raises(SegfitError, match=f"{backend} cannot run the network of the model tiny"):
        open_classifier(broken, backend=backend)


def test_prediction_needs_no_torch(tiny_model, tmp_path):
    script = """
        import sys
        for name in ("torch", "onnx", "safetensors", "skimage"):
            sys.modules[name] = None  # importing it fails
        import numpy as np
        import segfit
        result = segfit.load(sys.argv[1], threads=1)(np.zeros((40, 60, 3), np.uint8))
        assert result.labels.shape == (40, 60)
        print(*result.classes.names)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(tiny_model)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SEGFIT_CACHE": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["background", "nucleus"]


def test_familiar_size_gets_a_compilation_of_its_own_with_the_same_result(
    tiny_model: Path,
) -> None:
    network = open_classifier(read_model(tiny_model))
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, 64, 96, 3), dtype=np.uint8)
    other = rng.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    first = network(image).copy()
    results = [network(image).copy() for _ in range(FAMILIAR_AFTER + 2)]
    for result in results:
        np.testing.assert_allclose(result, first, atol=1e-4)
    assert network(other).shape[2:] == (8, 8)
    np.testing.assert_allclose(network(image), first, atol=1e-4)


def test_sizes_that_take_turns_become_familiar_and_only_the_latest_stay(tiny_model: Path) -> None:
    session = open_sessions(read_model(tiny_model))["classifier"]
    assert isinstance(session, OpenVinoSession)

    def network(images):
        return session.run({"images": images})[0]

    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, (1, 32 * side, 32, 3), dtype=np.uint8)
        for side in range(1, MOST_FAMILIAR + 2)
    ]
    first = [network(image).copy() for image in images]
    for _ in range(FAMILIAR_AFTER):
        for image, logits in zip(images, first, strict=True):
            np.testing.assert_allclose(network(image), logits, atol=1e-4)
    assert session.familiar_sizes == tuple(image.shape for image in images[1:])
    np.testing.assert_allclose(network(images[0]), first[0], atol=1e-4)


@pytest.mark.usefixtures("cache")
def test_no_network_is_compiled_anew_for_each_number_of_vertices(tiny_refiner):
    session = open_sessions(read_refiner(tiny_refiner), threads=1)["regressor"]
    for count in (3, *[5] * (FAMILIAR_AFTER + 2)):
        offsets, errors = session.run(
            {
                "image": np.zeros((count, 17, 3), np.uint8),
                "neighbours": np.zeros((count, 10), np.int64),
                "scale": np.zeros(1, np.float32),
                "sides": np.zeros((count, 17), np.float32),
            }
        )
        assert offsets.shape == errors.shape == (count,)
    assert session.familiar_sizes == ()


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("backend", list(Backend))
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_session_can_be_copied_and_pickled(model, backend, copied):
    session = open_sessions(model, backend=backend, threads=1)["classifier"]
    again = copied(session)
    assert again is not session
    assert repr(again) == repr(session) == f"{backend} with 1 thread"
    np.testing.assert_array_equal(
        again.run({"images": IMAGE})[0], session.run({"images": IMAGE})[0]
    )


def test_a_copy_in_another_place_unpacks_the_networks_there(model, cache, monkeypatch):
    pickled = pickle.dumps(open_sessions(model, threads=1))
    monkeypatch.setenv("SEGFIT_CACHE", str(cache.parent / "elsewhere"))
    (session,) = pickle.loads(pickled).values()
    assert session.run({"images": IMAGE})[0].shape == (1, 1, 16, 24)
    assert (cache.parent / "elsewhere" / model.digest / GRAPH_NAME).exists()


@pytest.mark.usefixtures("cache")
def test_torch_computes_with_its_own_threads_afterwards(model):
    import torch

    before = torch.get_num_threads()
    seen = []
    session = open_sessions(model, backend="torch", threads=before + 1)["classifier"]
    session._module.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    session.run({"images": IMAGE})
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError):
        session.run({"images": IMAGE[..., 0]})
    assert torch.get_num_threads() == before


def test_torch_draws_the_numbers_that_it_would_have_drawn(model):
    import torch

    torch.manual_seed(3)
    expected = torch.rand(2).tolist()
    torch.manual_seed(3)
    open_sessions(model, backend="torch")["classifier"]
    assert torch.rand(2).tolist() == expected
