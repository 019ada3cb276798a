"""Load a model, and follow a picture along its path."""

from __future__ import annotations

from pathlib import Path

from segfit.classes import ClassTable
from segfit.classify import ScoreNetwork, classify
from segfit.errors import SegfitError
from segfit.images import PictureSource, check_size, read_picture
from segfit.model_file import SUFFIX, ModelCard, read_model
from segfit.runtime import Backend, open_network
from segfit.segmentation import Segmentation

SHIPPED_MODELS = Path(__file__).parent / "models"


class Segmenter:
    """A trained model, ready to segment pictures.

    >>> import segfit
    >>> segmenter = segfit.load("face")
    >>> segmenter.classes.names
    ('background', 'hair', 'skin', 'nose', 'eyes', 'mouth')
    """

    def __init__(self, card: ModelCard, *, network: ScoreNetwork) -> None:
        self.card = card
        self._network = network

    @property
    def classes(self) -> ClassTable:
        """The classes that the model tells apart."""
        return self.card.classes

    def __call__(
        self, source: PictureSource, *, threshold: float | None = None, reject: float = 0.0
    ) -> Segmentation:
        """Segment a picture: a path, an array (H, W), (H, W, 3) or (H, W, 4), or a PIL image.

        ``threshold``, for background/foreground models: the probability from which on a pixel is
        foreground, instead of the model's own. ``reject``, for the others: pixels whose best class
        has a lower probability become background. Raises ``SegfitError`` for a picture that cannot
        be read, and for one with a side under 8 px.
        """
        picture = read_picture(source)
        check_size(picture, _name_source(source))
        scores = classify(picture, network=self._network, scaling=self.card.scaling)
        # The regression network moves the outlines of these labels to where they really are.
        labels = scores.to_labels(
            threshold=self.card.threshold if threshold is None else threshold,
            reject=reject,
            background=self.classes.background,
        )
        return Segmentation(picture=picture, labels=labels, classes=self.classes, scores=scores)


def load(
    model: str | Path, *, backend: Backend = "openvino", threads: int | None = None
) -> Segmenter:
    """Load a shipped model by its name ("face", "nuclei"), or a ``.segfit`` file by its path.

    ``backend``: openvino, onnxruntime or torch. ``threads``: None for all cores. Raises
    ``SegfitError`` for a name that does not exist and a file that is not a good model.
    """
    contents = read_model(find_model(model))
    return Segmenter(
        contents.card, network=open_network(contents, backend=backend, threads=threads)
    )


def find_model(model: str | Path) -> Path:
    """Path of a shipped model by its name, or the path itself."""
    shipped = {path.stem: path for path in sorted(SHIPPED_MODELS.glob(f"*{SUFFIX}"))}
    path = Path(model)
    if not path.exists() and str(model) in shipped:
        return shipped[str(model)]
    if not path.exists():
        raise SegfitError(
            f"{model}: neither a file nor a shipped model; shipped are: {', '.join(shipped)}"
        )
    return path


def _name_source(source: PictureSource) -> str:
    return str(source) if isinstance(source, str | Path) else "the picture"
