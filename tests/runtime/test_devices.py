"""Devices by their names, and what is said of those that are not there."""

import sys

import numpy as np
import openvino
import pytest
import torch

from segfit.errors import SegfitError
from segfit.model.archive import read_model
from segfit.model.shipped import find_model
from segfit.runtime.devices import (
    CPU,
    Device,
    DeviceKind,
    choose_torch_device,
    find_torch_device,
    settle_number,
)
from segfit.runtime.openvino import find_device
from segfit.runtime.session import Backend
from segfit.runtime.sessions import choose_backend, open_sessions

IMAGE = np.random.default_rng(0).integers(0, 255, (1, 64, 96, 3), np.uint8)
TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver.\nAlternatively, go to: https://pytorch.org"
)


@pytest.fixture(scope="module")
def model(tiny_model):
    return read_model(tiny_model)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGFIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def a_card_that_fails(monkeypatch):
    """Makes torch one with CUDA, whose start fails with a message."""

    def fail_with(message):
        def init():
            raise RuntimeError(message)

        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "init", init)

    return fail_with


@pytest.mark.parametrize(
    ("name", "kind", "index", "shown"),
    [
        ("cpu", DeviceKind.CPU, None, "cpu"),
        ("cuda", DeviceKind.CUDA, None, "cuda"),
        ("cuda:1", DeviceKind.CUDA, 1, "cuda:1"),
        (" CUDA:0 ", DeviceKind.CUDA, 0, "cuda:0"),
        ("GPU.1", DeviceKind.GPU, 1, "gpu:1"),
        ("tensorrt:0", DeviceKind.TENSORRT, 0, "tensorrt:0"),
        ("npu", DeviceKind.NPU, None, "npu"),
        ("auto", DeviceKind.AUTO, None, "auto"),
    ],
)
def test_a_device_is_named_as_torch_or_openvino_name_it(name, kind, index, shown):
    device = Device.parse(name)
    assert device == Device(kind, index)
    assert str(device) == shown


@pytest.mark.parametrize("name", ["tpu", "", "cuda:", "cuda:x", "cuda:-1", "0", "cuda 1"])
def test_an_unknown_device_names_the_known_ones(name):
    with pytest.raises(SegfitError, match=r"unknown device .*choose auto, cpu, cuda, .*cuda:1"):
        Device.parse(name)


@pytest.mark.parametrize("name", ["cpu:0", "mps:1", "npu.0", "auto:1"])
def test_what_there_is_one_of_has_no_number(name):
    with pytest.raises(SegfitError, match="has no numbers, give"):
        Device.parse(name)


def test_a_number_is_settled_or_the_cards_are_named():
    names = ["NVIDIA H100", "NVIDIA T4"]
    assert settle_number(Device.parse("cuda"), names) == Device(DeviceKind.CUDA, 0)
    assert settle_number(Device.parse("cuda:1"), names) == Device(DeviceKind.CUDA, 1)
    with pytest.raises(SegfitError, match=r"cuda:2 cannot be used: there is cuda:0 \(NVIDIA H100"):
        settle_number(Device.parse("cuda:2"), names)
    with pytest.raises(SegfitError, match="there is none; or give --device cpu"):
        settle_number(Device.parse("xpu"), [])


@pytest.mark.skipif(torch.version.cuda is not None, reason="torch here has CUDA")
def test_a_torch_without_cuda_is_told_from_a_machine_without_a_card():
    with pytest.raises(SegfitError, match=r"torch .* was built without CUDA; install a build"):
        find_torch_device(Device.parse("cuda"))
    assert choose_torch_device() == (torch.device("cpu"), "")


def test_a_driver_too_old_is_said_in_torchs_first_line(a_card_that_fails):
    a_card_that_fails(TOO_OLD)
    with pytest.raises(
        SegfitError, match=r"driver on your system is too old \(found version"
    ) as it:
        find_torch_device(Device.parse("cuda"))
    assert "pytorch.org" not in str(it.value)
    device, why = choose_torch_device()
    assert device == torch.device("cpu")
    assert why == str(it.value)
    with pytest.raises(SegfitError, match="driver on your system is too old"):
        choose_torch_device(1)  # a process that computed elsewhere than the others


def test_a_card_that_does_not_compute_is_said(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA K80")

    def fail(*shape, device):
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with …")

    monkeypatch.setattr(torch, "ones", fail)
    with pytest.raises(SegfitError, match=r"cuda:0 .* does not compute: CUDA error: no kernel im"):
        find_torch_device(Device.parse("cuda"))


@pytest.mark.parametrize(("name", "is_there"), [("xpu", torch.xpu.is_available()), ("mps", False)])
def test_other_cards_that_torch_does_not_find_are_refused(name, is_there, monkeypatch):
    if is_there:
        pytest.skip("there is such a card")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SegfitError, match=rf"device {name} cannot be used: torch .* finds none"):
        find_torch_device(Device.parse(name))


def test_openvinos_devices_are_not_torchs():
    with pytest.raises(SegfitError, match="gpu is not one of torch's: choose cpu, cuda, mps, xpu"):
        find_torch_device(Device.parse("gpu"))


@pytest.mark.parametrize(
    ("name", "available", "found"),
    [
        ("cpu", ["CPU"], "CPU"),
        ("gpu", ["CPU", "GPU"], "GPU"),
        ("gpu", ["CPU", "GPU.0", "GPU.1"], "GPU"),
        ("gpu:0", ["CPU", "GPU"], "GPU.0"),
        ("gpu:1", ["CPU", "GPU.0", "GPU.1"], "GPU.1"),
        ("npu", ["CPU", "NPU"], "NPU"),
        ("gpu", ["CPU"], None),
        ("gpu:1", ["CPU", "GPU"], None),
        ("npu", ["CPU", "GPU"], None),
    ],
)
def test_openvinos_devices_are_those_that_it_finds(name, available, found):
    if found is None:
        with pytest.raises(SegfitError, match=rf"OpenVINO finds {', '.join(available)} here"):
            find_device(Device.parse(name), available)
    else:
        assert find_device(Device.parse(name), available) == found


@pytest.mark.parametrize(
    ("backend", "device", "suitable"),
    [
        ("openvino", "cuda", "onnxruntime or torch"),
        ("onnxruntime", "gpu", "openvino"),
        ("torch", "tensorrt", "onnxruntime"),
        ("onnxruntime", "mps", "torch"),
    ],
)
def test_a_backend_that_does_not_compute_there_names_those_that_do(
    model, backend, device, suitable
):
    message = (
        f"backend {backend} does not compute on {device}: leave --backend out, or give {suitable}$"
    )
    with pytest.raises(SegfitError, match=message):
        open_sessions(model, backend=backend, device=device)


@pytest.mark.parametrize(
    ("device", "providers", "backend"),
    [
        ("cpu", ["CUDAExecutionProvider"], Backend.OPENVINO),
        ("gpu", [], Backend.OPENVINO),
        ("cuda", ["CUDAExecutionProvider", "CPUExecutionProvider"], Backend.ONNXRUNTIME),
        ("cuda", ["CPUExecutionProvider"], Backend.TORCH),
        ("tensorrt", ["CPUExecutionProvider"], Backend.ONNXRUNTIME),
        ("mps", [], Backend.TORCH),
    ],
)
def test_without_a_backend_the_device_chooses(monkeypatch, device, providers, backend):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    assert choose_backend(Device.parse(device)) is backend


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_an_onnxruntime_without_the_provider_is_told(model, monkeypatch, device):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(
        SegfitError, match=r"onnxruntime here has CPUExecutionProvider and no .*onnxruntime-gpu"
    ):
        open_sessions(model, backend="onnxruntime", device=device)


def test_an_onnxruntime_that_takes_the_processor_instead_is_refused(model, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    asked = []
    real = onnxruntime.InferenceSession

    def open_on_processor(path, options, *, providers, enable_fallback):
        """As it does where libraries are missing, whatever it was asked for."""
        asked.append((providers, enable_fallback))
        return real(path, options, providers=["CPUExecutionProvider"])

    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    monkeypatch.setattr(onnxruntime, "InferenceSession", open_on_processor)
    with pytest.raises(SegfitError, match=r"cuda:1 .*could not load .* and took CPUExecutionProv"):
        open_sessions(model, device="cuda:1")
    ((((provider, settings),), falls_back),) = asked
    assert provider == "CUDAExecutionProvider"
    assert settings == {"device_id": "1", "use_tf32": "0"}, "10 binary digits change labels"
    assert not falls_back


def test_auto_takes_the_processor_where_there_is_no_card(model):
    if torch.cuda.is_available() or torch.xpu.is_available():
        pytest.skip("there is a card")
    session = open_sessions(model, device="auto", threads=1)["classifier"]
    assert repr(session) == "openvino with 1 thread"
    session = open_sessions(model, device="auto", backend="torch", threads=1)["classifier"]
    assert repr(session) == "torch with 1 thread"


def test_an_npu_has_the_classifier_by_sizes_and_leaves_the_rest_to_the_processor(monkeypatch):
    compiled = []
    compile_it = openvino.Core.compile_model

    def compile_model(core, graph, device, settings):
        compiled.append((device, isinstance(graph, openvino.Model)))
        used = {key: value for key, value in settings.items() if key != "PERFORMANCE_HINT"}
        if device == "NPU":
            assert "INFERENCE_NUM_THREADS" not in settings
            assert "INFERENCE_PRECISION_HINT" not in settings
        return compile_it(core, graph, "CPU", used)

    monkeypatch.setattr(openvino.Core, "compile_model", compile_model)
    monkeypatch.setattr(openvino.Core, "available_devices", ["CPU", "NPU"])
    face = read_model(find_model("face"))
    sessions = open_sessions(face, device="npu", threads=1)
    assert repr(sessions["classifier"]) == "openvino on npu"
    assert {device for device, _ in compiled} == {"CPU"}
    assert len(compiled) == len(sessions) - 1
    single = open_sessions(face, threads=1, precision="single")["classifier"]
    expected = single.run({"images": IMAGE})[0]
    del compiled[:]
    for _ in range(2):
        logits = sessions["classifier"].run({"images": IMAGE})[0]
        assert compiled == [("NPU", True)], "once for a size"
        np.testing.assert_allclose(logits, expected, atol=0.3)


def test_the_processor_is_the_usual_one():
    assert CPU.is_cpu
    assert not Device.parse("gpu").is_cpu


def test_a_card_with_too_little_memory_for_an_image_says_what_helps(model, monkeypatch):
    session = open_sessions(model, backend="torch", threads=1)["classifier"]

    def fail(inputs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0 …")

    monkeypatch.setattr(session._module, "run", fail)
    with pytest.raises(SegfitError, match=r"too little memory .*\(CUDA out .* 2 GiB\).*device cpu"):
        session.run({"images": IMAGE})


def test_without_openvino_nothing_is_faster_than_single(monkeypatch):
    from segfit.runtime.precision import list_fast

    monkeypatch.setitem(sys.modules, "openvino", None)
    assert list_fast.__wrapped__() == ()
