"""Load a model, and follow an image along its path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from textwrap import shorten

import numpy as np

from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.classes import NAMES_SHOWN, ClassTable
from segfit.classification.classify import classify, list_network_sizes
from segfit.classification.decision import Decision, decide, decide_partition
from segfit.classification.surprise import measure_surprise
from segfit.errors import SegfitError
from segfit.formats.format import Content
from segfit.imaging.channel_names import choose_trained
from segfit.imaging.channels import AS_READ, Channels
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.read import check_size, read_chosen
from segfit.imaging.source import ImageSource, file_name, name_source
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import read_model
from segfit.model.card import ModelCard, ScribbleCard
from segfit.model.precision import Precision
from segfit.model.shipped import find_model
from segfit.partition import LabelGrid, Partition
from segfit.refinement.boxes import BoxNetwork, regress_boxes
from segfit.refinement.outlines import (
    OutlineNetwork,
    check_given,
    refine_outlines,
)
from segfit.result.method import Method
from segfit.result.regions import FindBoxes, Known, OrientedBox
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation
from segfit.runtime.devices import DeviceKind
from segfit.runtime.mirrored import MirroredSession
from segfit.runtime.session import Session
from segfit.runtime.sessions import describe_networks, open_sessions

KEPT_EVIDENCE_BYTES_PER_PX = 5
"""Of an image; more of it is not kept in a result until a box is asked for."""
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
        sessions: Mapping[str, Session],
    ) -> None:
        """``sessions``: of the card's networks, by their names there."""
        self.card = card
        self._sessions = dict(sessions)

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
        channels: Channels | None = None,
    ) -> Segmentation:
        """Segment an image: a path, an array or whatever else ``read_image`` reads.

        ``decision``: what counts as what, instead of the model's own. ``refine``: False for the
        classifier's outlines, even where the model has a regression network to move them.
        ``channels``: of the image, see ``read_image``; those of the model, if not given. Raises
        ``SegfitError`` for an image that cannot be read, for one with a side under 8 px, and for a
        setting that the model has no use for.
        """
        decision = self.complete(decision)
        image, chosen_note = read_chosen(
            source, channels=choose_trained(channels, self.card.own_channels)
        )
        check_size(image, name_source(source))
        pyramid = Pyramid(image)
        scores = self.score(pyramid)
        domain = self.card.domain
        surprise = None if domain is None else measure_surprise(scores, domain)
        found: LabelGrid | Partition
        network = self.outline_network if refine else None
        if network is not None:
            first = decide_partition(scores, decision, self.classes)
            find_boxes = self._prepare_boxes(first, pyramid, scores)
            found, put_back = refine_outlines(first, pyramid, network=network, scores=scores)
        else:
            found, find_boxes, put_back = decide(scores, decision, self.classes), None, 0
        return Segmentation(
            image=image,
            source=found,
            classes=self.classes,
            scores=scores.for_result(),
            points_put_back=put_back,
            find_boxes=find_boxes,
            image_name=file_name(source),
            model_name=self.card.name,
            surprise=surprise,
            note="; ".join(filter(None, (chosen_note, describe_surprise(surprise, self.card)))),
        )

    def prepare(self, size: tuple[int, int]) -> None:
        """Compile the classifier for images of one size beforehand, which makes it faster.

        ``size``: height and width in pixels, as in ``image.shape[:2]``. For a service or a long run
        over such images: with OpenVINO it takes seconds, and memory as long as the segmenter is
        there; within a call nothing is compiled. Scores may then differ in their last digits. With
        other backends nothing changes. Raises ``SegfitError`` for a side under 8 px, and for what
        is no height and width.
        """
        if len(sides := np.atleast_1d(size)) != 2 or sides.dtype.kind not in "iu":
            raise SegfitError(
                f"the size to prepare for is {size}; expected height and width in whole pixels, "
                "such as image.shape[:2]"
            )
        height, width = sides.tolist()
        check_size(np.empty((max(height, 0), max(width, 0), 0)), "the size to prepare for")
        for shape in list_network_sizes(self.card.scaling, height=height, width=width):
            self._sessions[ClassifierArchitecture.NAME].prepare({"images": (1, *shape, 3)})

    def adjust(
        self, decision: Decision = BY_THE_MODEL, *, refine: bool = True
    ) -> AdjustedSegmenter:
        """The same with settings of a prediction, for what calls it with an image alone.

        ``decision``, ``refine``: as a call takes them. Raises ``SegfitError`` for a setting that
        the model has no use for.
        """
        return AdjustedSegmenter(self, decision, refine)

    def look_twice(self) -> Segmenter:
        """The same, whose classifier looks at each image as it is and mirrored, and takes the mean.

        Its answers are a little better, and the classifier takes twice the time.
        """
        architecture = self.card.architecture
        offsets = architecture.outputs + 1 if architecture.has_objects else None
        session = MirroredSession(self._sessions[architecture.NAME], offsets)
        return Segmenter(self.card, {**self._sessions, architecture.NAME: session})

    def refine(self, partition: Partition, image: UInt8Array, *, cell_px: float) -> Partition:
        """Move outlines that came from elsewhere, by the model's regression network.

        ``partition``: of the image's shape, its labels indices into ``classes``. ``image``:
        (H, W, 3) uint8 RGB. ``cell_px``: how far off the outlines may be, about; above 0 and at
        most 64. Raises ``SegfitError`` for a model without a regression network, another distance,
        a partition of another shape or with labels of no class, and one whose borders cross.
        """
        check_given(partition, image, cell_px=cell_px)
        if partition.labels.max() >= len(self.classes):
            raise SegfitError(
                f"the partition has the label {partition.labels.max()}, but {self.card.name} has "
                f"the classes 0 to {len(self.classes) - 1}: give indices into segmenter.classes"
            )
        network = self.outline_network
        if network is None:
            raise SegfitError(
                f"{self.card.name} has no regression network: train one for it by segfit train "
                "DATA -o NAME.segfit --component regressor --from MODEL"
            )
        pyramid = Pyramid(image)
        scores = self.score(pyramid)
        refined, _ = refine_outlines(
            partition, pyramid, network=network, scores=scores, cell_px=cell_px
        )
        return refined

    @property
    def outline_network(self) -> OutlineNetwork | None:
        """The network that moves outlines, ready to run; None for a model without one."""
        card = self.card.regressor
        if card is None:
            return None
        session = self._sessions[card.architecture.NAME]
        return OutlineNetwork(session.run, card.architecture, card.temperature)

    def _prepare_boxes(
        self, first: Partition, pyramid: Pyramid, scores: Scores
    ) -> FindBoxes | None:
        """What moves the boxes of first outlines when one is needed, where the model can."""
        card = self.card.boxes
        if card is None:
            return None
        session = self._sessions[card.architecture.NAME]
        network = BoxNetwork(session.run, card.architecture, card.temperature)
        regions = np.flatnonzero(first.labels != self.classes.background).tolist()

        @cache
        def find_boxes() -> dict[int, OrientedBox]:
            boxes = regress_boxes(first, regions, pyramid, network=network, scores=scores)
            return dict(zip(regions, boxes, strict=True))

        # What a portrait's boxes are moved by is small, and waits; a field's would fill memory.
        is_small = scores.nbytes <= KEPT_EVIDENCE_BYTES_PER_PX * math.prod(first.shape)
        return find_boxes if is_small else Known(find_boxes())

    def score(self, image: UInt8Array | Pyramid) -> Scores:
        """What the classifier says of an image, (H, W, 3) uint8 RGB, before any region."""
        scores = classify(
            image,
            network=self.run_classifier,
            scaling=self.card.scaling,
            architecture=self.card.architecture,
        )
        if scores.in_windows:  # what comes after them needs the memory that they were computed in
            self._sessions[ClassifierArchitecture.NAME].release()
        return scores

    def complete(self, decision: Decision) -> Decision:
        """The decision with the model's own threshold and certainty, where none are given.

        Raises ``SegfitError`` for a setting that the model has no use for.
        """
        card = self.card
        decision.check_use(
            self.classes, tells_objects_apart=card.tells_objects_apart, model=card.name
        )
        if not self.classes.is_binary:
            return decision
        own: dict[str, float] = {}
        if decision.threshold is None:
            own["threshold"] = card.threshold
        if decision.certainty is None and card.tells_objects_apart:
            own["certainty"] = card.certainty
        return replace(decision, **own)

    def run_classifier(self, images: UInt8Array) -> tuple[Float32Array, ...]:
        """What the segmentation network answers, see ``ScoreNetwork``."""
        return self._sessions[ClassifierArchitecture.NAME].run({"images": images})

    def __repr__(self) -> str:
        """What it tells apart, how it works and what its results hold, on a few lines."""
        names = shorten(", ".join(self.classes.names), NAMES_SHOWN, placeholder=" …")
        lines = [
            f"<Segmenter {self.card.name}",
            f"{len(self.classes)} classes: {names}",
            f"resolution: {self.card.scaling}",
            f"results have labels, {', '.join(sorted(self.provides))}",
            *describe_networks(self.card, self._sessions),
        ]
        return "\n  ".join(lines) + ">"


@dataclass(frozen=True)
class AdjustedSegmenter:
    """A segmenter with the settings of a prediction: a ``Method``, as evaluation takes one.

    Raises ``SegfitError`` for a setting that the model has no use for.
    """

    segmenter: Segmenter
    decision: Decision = BY_THE_MODEL
    refine: bool = True

    def __post_init__(self) -> None:
        card = self.segmenter.card
        self.decision.check_use(
            self.classes, tells_objects_apart=card.tells_objects_apart, model=card.name
        )

    @property
    def classes(self) -> ClassTable:
        """The classes that the segmenter tells apart."""
        return self.segmenter.classes

    @property
    def provides(self) -> frozenset[Content]:
        """What the segmenter provides."""
        return self.segmenter.provides

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image, (H, W, 3) uint8 RGB."""
        return self.segmenter(image, decision=self.decision, refine=self.refine, channels=AS_READ)


def take_read_images(method: Method) -> Method:
    """The method for images (H, W, 3) whose channels were chosen when they were read.

    A segmenter would choose them once more.
    """
    return method.adjust() if isinstance(method, Segmenter) else method


def describe_surprise(surprise: float | None, card: ModelCard) -> str:
    """What to tell of an image that is unlike a model's own; nothing of one that is like them."""
    if surprise is None or surprise <= 1:
        return ""
    remedy = "cut out the part that is like them, or " if card.scaling.kind == "frame" else ""
    return (
        f"unlike the images that {card.name} has learned from ({surprise:.1f} times as far from "
        "them as 99 of 100 like them): do not rely on the result without looking at it; "
        f"{remedy}train on such images, too"
    )


def load(
    model: str | Path,
    *,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> Segmenter:
    """Load a shipped model by its name ("face", "nuclei"), or a ``.segfit`` file by its path.

    One that was fitted to strokes is a ``ScribbleSegmenter``.

    ``backend``: openvino, onnxruntime or torch; None for the one that suits the ``device``, which
    is the processor, a card such as "cuda", "cuda:1" or OpenVINO's "gpu", or "auto". ``threads``:
    None for all that there are to use. ``precision``: of the classifier, single, bfloat16, int8, or
    auto for the fastest of them that the processor has instructions for and that costs less than
    0.1 point of any figure, as measured in training. Raises ``SegfitError`` for a name that does
    not exist, a file that is not a good model, and a device or a precision that there is not.
    """
    contents = read_model(find_model(model))
    if isinstance(contents.card, ScribbleCard):
        from segfit.scribbles.segmenter import open_scribbles

        return open_scribbles(
            contents.card, backend=backend, device=device, threads=threads, precision=precision
        )
    sessions = open_sessions(
        contents, backend=backend, device=device, threads=threads, precision=precision
    )
    return Segmenter(contents.card, sessions)
