"""Load a model, and follow an image along its path."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from segfit.arrays import UInt8Array
from segfit.classes import ClassTable
from segfit.classification.classify import ScoreNetwork, classify
from segfit.classification.decision import Decision, decide, decide_partition
from segfit.errors import SegfitError
from segfit.formats.format import Content
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.read import check_size, read_image
from segfit.imaging.source import ImageSource, file_name, name_source
from segfit.model.archive import SUFFIX, ModelCard, read_model
from segfit.partition import LabelGrid, Partition
from segfit.refinement.boxes import BoxNetwork, regress_boxes
from segfit.refinement.outlines import OutlineNetwork, refine_outlines
from segfit.result.regions import FindBoxes, OrientedBox
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation
from segfit.runtime.sessions import (
    Backend,
    Precision,
    open_box_regressor,
    open_network,
    open_regressor,
)

SHIPPED_MODELS = Path(__file__).parent / "models"
BY_THE_MODEL = Decision()
"""Everything as the model's card has it."""


class Segmenter:
    """A trained model, ready to segment images.

    >>> import segfit
    >>> segmenter = segfit.load("face")
    >>> segmenter.classes.names
    ('background', 'hair', 'skin', 'nose', 'eyes', 'mouth')
    """

    def __init__(
        self,
        card: ModelCard,
        *,
        network: ScoreNetwork,
        regressor: OutlineNetwork | None = None,
        box_regressor: BoxNetwork | None = None,
    ) -> None:
        self.card = card
        self._network, self._regressor = network, regressor
        self._box_regressor = box_regressor

    @property
    def classes(self) -> ClassTable:
        """The classes that the model tells apart."""
        return self.card.classes

    @property
    def provides(self) -> frozenset[Content]:
        """Probabilities, and objects where a class has any."""
        return frozenset(
            {Content.SCORES, *([Content.OBJECTS] if self.classes.object_classes else [])}
        )

    def __call__(
        self,
        source: ImageSource,
        *,
        decision: Decision = BY_THE_MODEL,
        refine: bool = True,
    ) -> Segmentation:
        """Segment an image: a path, an array or whatever else ``read_image`` reads.

        ``decision``: what counts as what, instead of the model's own. ``refine``: False for the
        classifier's outlines, even where the model has a regression network to move them. Raises
        ``SegfitError`` for an image that cannot be read, for one with a side under 8 px, and for a
        setting that the model has no use for.
        """
        decision = self._complete(decision)
        image = read_image(source)
        check_size(image, name_source(source))
        pyramid = Pyramid(image)
        scores = self.score(pyramid)
        found: LabelGrid | Partition
        if refine and self._regressor is not None and self.card.regressor is not None:
            first = decide_partition(scores, decision, self.classes)
            find_boxes = self._prepare_boxes(first, pyramid, scores)
            found, put_back = refine_outlines(
                first,
                pyramid,
                network=self._regressor,
                scores=scores,
                temperature=self.card.regressor.temperature,
            )
        else:
            found, find_boxes, put_back = decide(scores, decision, self.classes), None, 0
        return Segmentation(
            image=image,
            source=found,
            classes=self.classes,
            scores=scores,
            points_put_back=put_back,
            find_boxes=find_boxes,
            image_name=file_name(source),
            model_name=self.card.name,
        )

    def refine(self, partition: Partition, image: UInt8Array, *, cell_px: float) -> Partition:
        """Move outlines that came from elsewhere, by the model's regression network.

        ``partition``: of the image's shape, its labels indices into ``classes``. ``image``:
        (H, W, 3) uint8 RGB. ``cell_px``: how far off the outlines may be, about. Raises
        ``SegfitError`` for a model without a regression network.
        """
        if self._regressor is None or self.card.regressor is None:
            raise SegfitError(
                f"{self.card.name} has no regression network: train one for it by segfit train "
                "DATA -o NAME.segfit --component regressor --from MODEL"
            )
        pyramid = Pyramid(image)
        refined, _ = refine_outlines(
            partition,
            pyramid,
            network=self._regressor,
            scores=self.score(pyramid),
            cell_px=cell_px,
            temperature=self.card.regressor.temperature,
        )
        return refined

    def _prepare_boxes(
        self, first: Partition, pyramid: Pyramid, scores: Scores
    ) -> FindBoxes | None:
        """What moves the rectangles of first outlines when one is needed, where the model can."""
        network, card = self._box_regressor, self.card.boxes
        if network is None or card is None:
            return None
        regions = np.flatnonzero(first.labels != self.classes.background).tolist()

        @cache
        def find_boxes() -> dict[int, OrientedBox]:
            temperature = card.temperature
            boxes = regress_boxes(
                first, regions, pyramid, network=network, scores=scores, temperature=temperature
            )
            return dict(zip(regions, boxes, strict=True))

        return find_boxes

    def score(self, image: UInt8Array | Pyramid) -> Scores:
        """What the classifier says of an image, (H, W, 3) uint8 RGB, before any region."""
        return classify(
            image,
            network=self._network,
            scaling=self.card.scaling,
            architecture=self.card.architecture,
        )

    def _complete(self, decision: Decision) -> Decision:
        """The decision with the model's own threshold, where none is given."""
        decision.check_use(self.classes, model=self.card.name)
        if decision.threshold is not None or not self.classes.is_binary:
            return decision
        return replace(decision, threshold=self.card.threshold)


def load(
    model: str | Path,
    *,
    backend: Backend = "openvino",
    threads: int | None = None,
    precision: Precision = "single",
) -> Segmenter:
    """Load a shipped model by its name ("face", "nuclei"), or a ``.segfit`` file by its path.

    ``backend``: openvino, onnxruntime or torch. ``threads``: None for all cores. ``precision``:
    "fastest" for a classifier in bfloat16 where the processor has it, see ``open_network``. Raises
    ``SegfitError`` for a name that does not exist and a file that is not a good model.
    """
    contents = read_model(find_model(model))
    return Segmenter(
        contents.card,
        network=open_network(contents, backend=backend, threads=threads, precision=precision),
        regressor=open_regressor(contents, backend=backend, threads=threads),
        box_regressor=open_box_regressor(contents, backend=backend, threads=threads),
    )


def find_model(model: str | os.PathLike[str]) -> Path:
    """Path of a shipped model by its name, or the path itself."""
    shipped = {path.stem: path for path in sorted(SHIPPED_MODELS.glob(f"*{SUFFIX}"))}
    path = Path(model)
    # A folder of data may well be called like a model.
    if not path.is_file() and str(model) in shipped:
        return shipped[str(model)]
    if not path.exists():
        raise SegfitError(
            f"{model}: neither a file nor a shipped model; shipped are: "
            f"{', '.join(shipped) or 'none'}"
        )
    return path
