"""Networks opened from a model file by each backend, and the folder where they are unpacked."""

import copy
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import pytest

from segfit.errors import SegfitError
from segfit.model.archive import NetworkFiles, read_model
from segfit.model.shipped import find_model
from segfit.runtime.cache import unpack_networks
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
    with pytest.raises(SegfitError, match="unknown precision 'double': choose auto, single"):
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


@pytest.fixture
def compilations(monkeypatch):
    """What OpenVINO compiles, by the folder in which it keeps it."""
    compiled = []

    def compile_model(core, graph, device, settings):
        compiled.append(Path(settings["CACHE_DIR"]).name)
        return compile_it(core, graph, device, settings)

    compile_it = openvino.Core.compile_model
    monkeypatch.setattr(openvino.Core, "compile_model", compile_model)
    return compiled


@pytest.mark.usefixtures("cache")
def test_nothing_is_compiled_within_a_run(model, compilations):
    network = open_classifier(model, threads=1)
    first = network(IMAGE)
    for _ in range(12):
        np.testing.assert_array_equal(network(IMAGE), first)
    assert len(compilations) == 1


@pytest.mark.usefixtures("cache")
def test_a_size_that_is_prepared_is_compiled_once_and_gives_the_same(model, compilations):
    session = open_sessions(model, threads=1)["classifier"]
    (first,) = session.run({"images": IMAGE})
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(session.prepare, [{"images": IMAGE.shape}] * 4))
    assert len(compilations) == 2
    assert compilations[1] == compilations[0] + "-1x64x96x3"
    np.testing.assert_allclose(session.run({"images": IMAGE})[0], first, atol=1e-4)
    assert session.run({"images": IMAGE[:, :32, :32]})[0].shape == (1, 1, 8, 8)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("backend", [Backend.ONNXRUNTIME, Backend.TORCH])
def test_other_backends_have_nothing_to_prepare(model, backend):
    session = open_sessions(model, backend=backend, threads=1)["classifier"]
    (first,) = session.run({"images": IMAGE})
    session.prepare({"images": IMAGE.shape})
    np.testing.assert_array_equal(session.run({"images": IMAGE})[0], first)


def test_a_size_can_be_prepared_when_the_files_are_gone(model, cache):
    session = open_sessions(model, threads=1)["classifier"]
    (first,) = session.run({"images": IMAGE})
    shutil.rmtree(cache)
    session.prepare({"images": IMAGE.shape})
    np.testing.assert_allclose(session.run({"images": IMAGE})[0], first, atol=1e-4)


def test_files_that_another_process_prunes_meanwhile_are_unpacked_again(model, cache, monkeypatch):
    real = unpack_networks
    calls = []

    def lose(model):
        folder = real(model)
        calls.append(folder)
        if len(calls) == 1:
            (folder / GRAPH_NAME).unlink()
        return folder

    monkeypatch.setattr("segfit.runtime.session.unpack_networks", lose)
    assert open_classifier(model, threads=1)(IMAGE).shape == (1, 1, 16, 24)
    assert calls == [cache / model.digest] * 2


@pytest.mark.usefixtures("cache")
def test_a_model_of_two_networks_is_hashed_and_unpacked_once(monkeypatch):
    hashed, unpacked = [], []
    sha256, unpack = hashlib.sha256, unpack_networks
    monkeypatch.setattr(
        "segfit.model.archive.hashlib.sha256", lambda data: hashed.append(data) or sha256(data)
    )
    monkeypatch.setattr(
        "segfit.runtime.session.unpack_networks",
        lambda model: unpacked.append(model) or unpack(model),
    )
    sessions = open_sessions(read_model(find_model("face")), threads=1)
    assert len(sessions) > 1
    assert len(hashed) == len(unpacked) == 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own figures")
@pytest.mark.usefixtures("cache")
def test_memory_levels_off_over_images_of_different_sizes(model):
    network = open_classifier(model, threads=1)
    sides = [32 * (1 + number) for number in range(12)]
    images = [np.zeros((1, high, wide, 3), np.uint8) for high in sides for wide in sides]
    network(images[-1])
    page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6
    held = []
    for image in images:
        network(image)
        held.append(int(Path("/proc/self/statm").read_text().split()[1]) * page_mb)
    assert held[-1] - held[len(images) // 3] < 60  # 164 with what OpenVINO keeps by itself


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("backend", list(Backend))
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_session_can_be_copied_and_pickled(model, backend, copied):
    session = open_sessions(model, backend=backend, threads=1)["classifier"]
    again = copied(session)
    assert again is session, "in the same process, one compilation is enough"
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


def test_openvino_has_had_an_array_before_threads_give_it_theirs():
    code = """
import openvino
given = []
openvino.Tensor = given.append
import segfit.runtime.openvino
assert len(given) == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
