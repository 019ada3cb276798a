"""Widgets of the plugin, made by magicgui from the functions' arguments."""

# No annotations from __future__: magicgui makes the widgets by what they are, and finds napari's
# types, which are not imported here, by their names.
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segfit.model.archive import read_archive
from segfit.model.card import ModelCard
from segfit.model.shipped import list_shipped
from segfit.napari.layers import refine_layer, segment_layer
from segfit.refiner import Refiner, load_refiner
from segfit.segmenter import Segmenter, load

if TYPE_CHECKING:
    import napari.layers
    import napari.types

REFINER = "outlines"


def segment(
    image: "napari.layers.Image",
    model: str = "nuclei",
    own_model: Path = Path(),
    link: bool = False,
) -> "napari.types.LayerDataTuple":
    """Segment the image layer by a model: a shipped one, or a file of your own."""
    chosen = own_model if own_model.is_file() else model
    return segment_layer(_open_segmenter(chosen), image, link=link)


def refine(
    labels: "napari.layers.Labels",
    image: "napari.layers.Image",
) -> "napari.types.LayerDataTuple":
    """Move the outlines of the labels layer to where the image has its edges."""
    return refine_layer(_open_refiner(), labels, image)


def list_models(widget: Any = None) -> list[str]:
    """The shipped models that segment; magicgui gives the widget that asks."""
    shipped = ((name, read_archive(path).card) for name, path in list_shipped().items())
    return [name for name, card in shipped if isinstance(card, ModelCard)]


@cache
def _open_segmenter(model: str | Path) -> Segmenter:
    return load(model)


@cache
def _open_refiner() -> Refiner:
    return load_refiner(REFINER)


def make_segment_widget() -> Any:
    """The widget that segments an image layer."""
    from magicgui import magicgui

    return magicgui(
        segment,
        call_button="Segment",
        model={"choices": list_models},
        own_model={"label": "or a file", "filter": "*.segfit"},
        link={"label": "link planes"},
    )


def make_refine_widget() -> Any:
    """The widget that refines the outlines of a labels layer."""
    from magicgui import magicgui

    return magicgui(refine, call_button="Refine")
