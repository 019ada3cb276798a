"""The exported graph computes what the trained module computes, and holds each number once."""

import dataclasses
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import safetensors.torch
import skimage.data
import torch

import segfit
from segfit.classes import ClassTable
from segfit.classification.classify import OBJECT_MAPS, classify
from segfit.errors import SegfitError
from segfit.model.architecture import Branch, ClassifierArchitecture
from segfit.model.archive import ModelFile, write_model
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.networks.blocks import ConvNorm
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network, restore_network, round_weights
from segfit.runtime.session import Backend
from segfit.runtime.sessions import open_sessions

NUCLEI = Path(segfit.__file__).parent / "demo_data" / "nuclei" / "val" / "images"
CLASSES = ClassTable.from_names(("background", "cup", "table"))
KEEP = Scaling("field")
SMALL = ClassifierArchitecture(outputs=2, encoder="plain", widths=((4,), (4,), (4,), (4,), (4,)))


BRANCHES = (Branch((2,), 2, 16), Branch((1,), 4, 12))
KINDS = {
    "plain": ClassifierArchitecture(outputs=3, encoder="plain", output_stride=2),
    "lite0": ClassifierArchitecture(outputs=3),
    "objects and branches": ClassifierArchitecture(
        outputs=3, encoder="plain", output_stride=2, has_objects=True, branches=BRANCHES
    ),
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def network(request):
    """A network none of whose normalisations is the identity; Lite0 with its ImageNet weights."""
    torch.manual_seed(0)
    encoder = request.param.encoder
    made = Classifier(request.param, pretrained=encoder != "plain")
    decoder_and_plain = [made] if encoder == "plain" else [made.decoder]
    with torch.no_grad():
        for module in (inner for part in decoder_and_plain for inner in part.modules()):
            if isinstance(module, ConvNorm):
                module.norm.weight.uniform_(0.5, 1.5)
                module.norm.bias.uniform_(-0.2, 0.4)
                module.norm.running_mean.uniform_(-0.2, 0.2)
                module.norm.running_var.uniform_(0.5, 1.5)
    return made.eval()


@pytest.fixture(scope="module")
def model(network):
    card = ModelCard(
        name="cups",
        classes=CLASSES,
        scaling=KEEP,
        networks=list_networks(NetworkCard(network.architecture)),
        segfit_version=segfit.__version__,
        created="2026-01-02",
    )
    return ModelFile(card, {"classifier": export_network(network)})


@pytest.fixture(scope="module")
def networks(model, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGFIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        sessions = {
            backend: open_sessions(model, backend=backend, threads=1)["classifier"]
            for backend in Backend
        }
    return {backend: as_function(session) for backend, session in sessions.items()}


def as_function(session):
    return lambda images: session.run({"images": images})


def real_images():
    nucleus = cv2.imread(str(sorted(NUCLEI.iterdir())[0]))
    astronaut, coffee = skimage.data.astronaut(), skimage.data.coffee()
    return {
        "astronaut": astronaut,
        "coffee": coffee,
        "nuclei": nucleus,
        "97×131": astronaut[100:197, 150:281],
        "131×97": coffee[100:231, 150:247],
        "32×32": astronaut[100:132, 200:232],
        "8×300": coffee[200:208, :300],
        "a view that runs backwards": astronaut[:200:-1, 64:0:-1],
    }


@pytest.mark.parametrize("name", real_images())
def test_backends_agree_on_real_images(networks, name):
    image = real_images()[name]
    before = image.copy()
    logits = {
        backend: classify(image, network=network, scaling=KEEP).logits
        for backend, network in networks.items()
    }
    reference = logits.pop("torch")
    assert reference.std() > 0.01
    scale = max(1.0, float(np.abs(reference).max()))
    for backend, found in logits.items():
        np.testing.assert_allclose(found / scale, reference / scale, atol=1e-3, err_msg=backend)
    np.testing.assert_array_equal(image, before)


def test_backends_take_a_read_only_image(network, networks):
    image = skimage.data.astronaut()[:64, :96].copy()
    image.flags.writeable = False
    logits = [run(image[None])[0] for run in networks.values()]
    stride = network.architecture.output_stride
    planes = 3 + (OBJECT_MAPS if network.architecture.has_objects else 0)
    assert [found.shape for found in logits] == [(1, planes, 64 // stride, 96 // stride)] * 3


def test_a_result_is_not_overwritten_by_the_next(networks):
    for network in networks.values():
        (first,) = network(np.zeros((1, 64, 64, 3), np.uint8))
        kept = first.copy()
        network(np.full((1, 64, 64, 3), 255, np.uint8))
        np.testing.assert_array_equal(first, kept)


def test_export_rounds_to_16_bits_and_changes_little_else(network, model):
    restored = restore_network(model.card.architecture, model.networks["classifier"].weights)
    image = torch.from_numpy(skimage.data.coffee()[:384, :576])[None]
    with torch.inference_mode():
        before, after = network(image), restored(image)
    torch.testing.assert_close(after, before, atol=0.02 * float(before.abs().max()), rtol=0)
    for name, value in restored.state_dict().items():
        if value.ndim > 1 and name not in ("mean", "std"):
            assert torch.equal(value, value.half().float())


def test_every_number_is_stored_once(network, model):
    assert len(model.networks["classifier"].graph) < 300_000
    graph = onnx.load_model_from_string(model.networks["classifier"].graph).graph
    inside = sum(
        int(np.prod(tensor.dims))
        for tensor in graph.initializer
        if tensor.data_location != onnx.TensorProto.EXTERNAL
    )
    assert inside < 200  # shapes, the normalisation of the image
    outside = [t for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    places = [{entry.key: entry.value for entry in tensor.external_data} for tensor in outside]
    assert {place["location"] for place in places} == {"classifier.safetensors"}
    offsets = [int(place["offset"]) for place in places]
    assert len(set(offsets)) == len(offsets)
    numbers = sum(tensor.numel() for tensor in round_weights(network.state_dict()).values())
    assert sum(int(np.prod(tensor.dims)) for tensor in outside) == numbers


def test_weights_are_a_safetensors_file_of_the_network(network, model):
    loaded = safetensors.torch.load(model.networks["classifier"].weights)
    expected = network.state_dict()
    assert loaded.keys() == {name for name in expected if "num_batches" not in name}
    for name, value in loaded.items():
        assert value.dtype == (torch.float16 if value.ndim > 1 else torch.float32)
        torch.testing.assert_close(value.float(), expected[name], atol=1e-3, rtol=1e-3)


def test_restored_weights_that_lack_something_are_refused(model):
    tensors = safetensors.torch.load(model.networks["classifier"].weights)
    del tensors["head.weight"]
    with pytest.raises(SegfitError, match=r"1 are missing \(head\.weight\), 0 are unknown"):
        restore_network(model.card.architecture, safetensors.torch.save(tensors))


def test_archive_is_small(network, model, tmp_path):
    path = tmp_path / "cups.segfit"
    write_model(model, path)
    assert path.stat().st_size < 8_000_000
    if network.architecture.encoder == "efficientnet-lite0":
        assert path.stat().st_size > 4_000_000  # it is the whole network
    with zipfile.ZipFile(path) as archive:
        assert {info.filename for info in archive.infolist()} >= set(model.members)


def test_exporting_changes_nothing_and_gives_the_same_bytes_again():
    torch.manual_seed(1)
    network = Classifier(SMALL).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first, second = (export_network(network) for _ in range(2))
    assert first == second
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_equal_weights_are_not_confused():
    """The tracer keeps equal tensors once; fresh normalisations are all equal."""
    torch.manual_seed(1)
    for architecture in (SMALL, dataclasses.replace(SMALL, outputs=1)):
        exported = export_network(Classifier(architecture))
        graph = onnx.load_model_from_string(exported.graph).graph
        made = {name for node in graph.node for name in node.output}
        known = made | {tensor.name for tensor in graph.initializer} | {"images"}
        needed = {name for node in graph.node for name in node.input if name}
        assert needed <= known
