"""Encoder, decoder and the fully connected layer at every position, as one network."""

import dataclasses

import pytest
import torch

from segfit.classification.classify import OBJECT_MAPS
from segfit.errors import SegfitError
from segfit.model.architecture import Branch, ClassifierArchitecture
from segfit.networks.classifier import Classifier
from segfit.networks.decoders import PyramidDecoder
from segfit.networks.encoders.plain import PlainEncoder

PLAIN = ClassifierArchitecture(outputs=3, encoder="plain", widths=((4,), (8,), (8,), (8, 8), (8,)))
ARCHITECTURES = [
    PLAIN,
    dataclasses.replace(PLAIN, outputs=1, decoder_width=16, feature_width=8),
    ClassifierArchitecture(outputs=6),
    ClassifierArchitecture(outputs=6, output_stride=2),
    dataclasses.replace(PLAIN, has_objects=True),
    dataclasses.replace(PLAIN, output_stride=2, branches=(Branch((2,), 2, 8), Branch((1,), 4, 6))),
    dataclasses.replace(PLAIN, has_objects=True, branches=(Branch((1,), 4, 8), Branch((2,), 8, 6))),
]


def name_architecture(architecture):
    parts = [architecture.encoder, architecture.outputs, architecture.output_stride]
    parts += ["objects"] * architecture.has_objects
    return "-".join(map(str, [*parts, *(f"1/{branch.stride}" for branch in architecture.branches)]))


@pytest.fixture(params=ARCHITECTURES, ids=name_architecture)
def network(request):
    torch.manual_seed(0)
    return Classifier(request.param)


def random_images(*shape):
    return torch.randint(0, 256, (*shape, 3), dtype=torch.uint8)


@pytest.mark.parametrize("size", [(32, 32), (64, 160)])
def test_one_logit_per_output_and_cell(network, size):
    height, width = size
    images = random_images(2, height, width)
    before = images.clone()
    with torch.inference_mode():
        logits = network.eval()(images)
        assert torch.equal(network(images), logits)
    outputs = network.architecture.outputs + (
        OBJECT_MAPS if network.architecture.has_objects else 0
    )
    stride = network.architecture.output_stride
    assert logits.shape == (2, outputs, height // stride, width // stride)
    assert logits.dtype == torch.float32
    assert torch.equal(images, before)


def test_encoder_without_the_stride_says_what_to_set(monkeypatch):
    monkeypatch.setattr(PlainEncoder, "strides", (4, 8, 16, 32))
    with pytest.raises(SegfitError, match="plain has no features at stride 2: set output_stride=4"):
        Classifier(dataclasses.replace(PLAIN, output_stride=2))


def test_gradient_reaches_every_parameter(network):
    logits = network.train()(random_images(2, 64, 64))
    logits.square().mean().backward()
    unreached = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert unreached == []


def test_image_is_normalised_by_the_network_itself(network):
    encoder = network.encoder
    level = round(encoder.mean[0])
    seen = []
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.full((1, 32, 64, 3), level, dtype=torch.uint8)
    images[..., 1] += 1
    with torch.inference_mode():
        network.eval()(images)
    (x,) = seen
    assert x.shape == (1, 3, 32, 64)
    levels = zip((level, level + 1, level), encoder.mean, encoder.std, strict=True)
    expected = [(given - mean) / std for given, mean, std in levels]
    torch.testing.assert_close(x[0, :, 0, 0], torch.tensor(expected))


def test_one_image_does_not_change_another(network):
    images = random_images(2, 64, 64)
    with torch.inference_mode():
        both = network.eval()(images)
        alone = network(images[1:])
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=1e-4)


def test_context_lets_a_far_corner_count():
    """The mean over the whole image reaches every cell, however far away."""
    torch.manual_seed(0)
    decoder = PyramidDecoder((4, 4, 4, 4), width=8, features=6).eval()
    taps = [torch.rand(1, 4, 8 * 2**level, 64 * 2**level) for level in (3, 2, 1, 0)]
    lit = [*taps[:3], taps[3].clone()]
    lit[3][..., -1] += 10
    with torch.inference_mode():
        change = (decoder(lit) - decoder(taps))[..., :8]
    assert change.abs().max() > 1e-4


def test_features_come_behind_the_rest_where_they_are_asked_for(network):
    given = Classifier(dataclasses.replace(network.architecture, gives_features=True)).eval()
    given.load_state_dict(network.state_dict())
    images = random_images(1, 64, 64)
    with torch.inference_mode():
        alone, with_features = network.eval()(images), given(images)
        *_, features = network.score(images)
    torch.testing.assert_close(with_features, torch.cat([alone, features], dim=1))


def test_dropout_acts_in_training_only(network):
    images = random_images(2, 64, 64)
    network.train()
    assert not torch.equal(network(images), network(images))


def test_a_branch_speaks_for_its_own_classes_only():
    """What a branch's own scorer says moves the scores of its classes, and no other."""
    branches = (Branch((2,), 2, 8), Branch((1,), 4, 6))
    network = Classifier(dataclasses.replace(PLAIN, output_stride=2, branches=branches)).eval()
    images = random_images(1, 64, 64)
    with torch.inference_mode():
        before = network(images)
        network.decoder.scorers[1].bias += 5
        change = network(images) - before
    torch.testing.assert_close(change[:, 1], torch.full_like(change[:, 1], 5.0))
    torch.testing.assert_close(change[:, [0, 2]], torch.zeros_like(change[:, [0, 2]]))
