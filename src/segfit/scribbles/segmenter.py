"""What was fitted to strokes as a segmenter: fitted to labelled pixels, saved, opened, used.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.basics.progress import OnProgress
from segfit.basics.text import count_noun
from segfit.classes import ClassTable
from segfit.datasets import LabelledImage
from segfit.errors import SegfitError
from segfit.imaging.channels import Channels
from segfit.imaging.pyramid import Pyramid, as_pyramid
from segfit.model.archive import SUFFIX, ModelFile, write_model
from segfit.model.card import ScribbleCard
from segfit.model.precision import Precision
from segfit.partition import Partition
from segfit.result.scores import Scores
from segfit.runtime.devices import DeviceKind
from segfit.scribbles.classifier import PixelClassifier
from segfit.scribbles.drawn import draw_pixels
from segfit.scribbles.features import FeatureExtractor, open_features
from segfit.scribbles.fitting import choose_marks, fit_samples, thin_marks
from segfit.scribbles.marks import Marks
from segfit.segmenter import Segmenter
from segfit.version import __version__

DIGITS = 6
"""Of the numbers in a file."""


class ScribbleSegmenter(Segmenter):
    """A segmenter that was fitted to strokes, in a blink; ``fit_scribbles`` makes one.

    Objects of classes that have any are connected regions.
    """

    card: ScribbleCard

    def __init__(self, card: ScribbleCard, extractor: FeatureExtractor) -> None:
        """Raises ``SegfitError`` for features that the card's numbers are not for."""
        super().__init__(card, {})
        if card.features != extractor.digest:
            raise SegfitError(
                f"{card.name} was fitted to other features than this version of segfit has: fit it "
                "again by segfit scribble DATA -o NAME.segfit"
            )
        self._extractor = extractor
        weights, biases = (np.array(part, np.float32) for part in (card.weights, card.biases))
        self.classifier = PixelClassifier(weights, biases, card.classes)

    def score(self, image: UInt8Array | Pyramid) -> Scores:
        """What the classifier says of an image: see ``Segmenter``; cells are 1, 2 or 4 px wide."""
        features = self._extractor.describe(as_pyramid(image).image)
        scores = self.classifier.score(features)
        if self.classes.is_binary:  # as a network with one output has it, for thresholds
            scores = replace(scores, logits=scores.logits[1:] - scores.logits[:1])
        return scores

    def prepare(self, size: tuple[int, int]) -> None:
        """Nothing: no image's size makes it faster."""

    def look_twice(self) -> Segmenter:
        """Raise ``SegfitError``: it has no network of its own that could."""
        raise SegfitError(
            f"{self.card.name} was fitted to strokes, and looks at an image once: leave out "
            "--quality best"
        )

    def refine(self, partition: Partition, image: UInt8Array, *, cell_px: float) -> Partition:
        """Raise ``SegfitError``: it has no regression network, and can be given none."""
        raise SegfitError(
            f"{self.card.name} was fitted to strokes and has no regression network: refine masks "
            "by the shipped refiner (in Python: segfit.load_refiner('outlines'))"
        )

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write it to a ``.segfit`` file, named after it; an existing one only with ``force``."""
        target = Path(path)
        check_name(target)
        card = self.card.model_copy(update={"name": target.stem})
        write_model(ModelFile(card, {}), target, force=force)
        return target

    def __repr__(self) -> str:
        """What it tells apart and what it was fitted to."""
        marks = ", ".join(f"{name} {count:,}" for name, count in self.card.marks.items())
        return f"<ScribbleSegmenter {self.card.name}, fitted to pixels of {marks}>"


def fit_scribbles(
    stroked: Sequence[LabelledImage],
    classes: ClassTable,
    *,
    name: str = "scribbles",
    channels: Channels | None = None,
    seed: int = 0,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> ScribbleSegmenter:
    """Fit a segmenter to the labelled pixels of images, such as a ``Dataset``, one after another.

    ``stroked``: their labels are indices into ``classes``, 255 where nobody said anything.
    ``channels``: of an image, as they were chosen when it was read. ``seed``: of the choice among
    very many labelled pixels. Raises ``SegfitError`` for labels of another size than their image,
    of no class, or of fewer than two classes.

    >>> import numpy as np
    >>> import segfit
    >>> from segfit.classes import ClassTable
    >>> from segfit.datasets import LabelledImage
    >>> image = np.zeros((32, 32, 3), np.uint8)
    >>> image[:, 16:] = 255
    >>> strokes = np.full((32, 32), 255, np.uint8)
    >>> strokes[8:24, 4], strokes[8:24, 28] = 0, 1
    >>> found = segfit.fit_scribbles(
    ...     [LabelledImage("steps", image, strokes, None)],
    ...     ClassTable.from_names(("dark", "bright")),
    ... )
    >>> found(image).labels[:, [2, 30]].mean(axis=0).tolist()
    [0.0, 1.0]
    """
    random = np.random.default_rng(seed)
    counts = np.zeros(len(classes), np.int64)
    marks = []
    for one in stroked:
        own = _read_marks(one, classes)
        counts += np.bincount(own.classes, minlength=len(classes))
        marks.append(thin_marks(own, random))
    chosen = choose_marks(marks, classes, random)
    extractor = open_features(backend=backend, device=device, threads=threads)
    rows, drawn, worth = [], [], None
    for number, own in enumerate(chosen):
        if len(own):
            features = extractor.describe(stroked[number].image)
            rows.append(features.sample(own.points))
            drawn.append(draw_pixels(features).mark(Marks.from_labels(stroked[number].labels)))
            worth = features.worths
        if on_progress is not None:
            on_progress(number + 1, len(chosen))
    assert worth is not None  # there are marks of two classes
    labels = np.concatenate([own.classes for own in chosen])
    classifier = fit_samples(
        np.concatenate(rows), labels, classes, drawn=drawn, counts=counts, worth=worth
    )
    card = ScribbleCard(
        name=name,
        description=f"Fitted to strokes on {count_noun(len(rows), 'image')}.",
        classes=classes,
        channels=channels,
        features=extractor.digest,
        weights=_round(classifier.weights),
        biases=_round(classifier.biases[None])[0],
        marks=dict(zip(classes.names, counts.tolist(), strict=True)),
        segfit_version=__version__,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
    )
    return ScribbleSegmenter(card, extractor)


def _read_marks(stroked: LabelledImage, classes: ClassTable) -> Marks:
    height, width = stroked.image.shape[:2]
    if stroked.labels.shape != (height, width):
        shown = "×".join(map(str, stroked.labels.shape[::-1]))
        raise SegfitError(
            f"{stroked.name}: its labels are {shown} px and the image is {width}×{height} px: "
            "resize one of them"
        )
    marks = Marks.from_labels(stroked.labels)
    marks.check((height, width), len(classes))
    return marks


def _round(rows: Float32Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{value:.{DIGITS}g}") for value in row) for row in rows.tolist())


def check_name(path: Path) -> None:
    """Raise ``SegfitError`` for the path of a file that is not named like a model."""
    if path.suffix != SUFFIX:
        raise SegfitError(f"{path}: a model is a file that ends in {SUFFIX}; name it so")


def open_scribbles(
    card: ScribbleCard,
    *,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> ScribbleSegmenter:
    """Open what was fitted to strokes; ``backend``, ``device``, …: as ``load`` takes them."""
    extractor = open_features(backend=backend, device=device, threads=threads, precision=precision)
    return ScribbleSegmenter(card, extractor)
