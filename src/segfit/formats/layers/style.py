"""Styles of QGIS: each class in its color."""

from __future__ import annotations

from xml.etree import ElementTree

from segfit.classes import ClassTable, Color

FILL_OPACITY = 110
"""Of 255: the image below stays visible."""


def make_qml(classes: ClassTable) -> str:
    """A style of polygons by their attribute ``class``, every class but the background."""
    root = ElementTree.Element("qgis", version="3.22", styleCategories="Symbology")
    renderer = ElementTree.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="class", symbollevels="0",
        forceraster="0", enableorderby="0",
    )  # fmt: skip
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for place, index in enumerate(classes.foreground):
        name = classes.names[index]
        ElementTree.SubElement(
            categories, "category", symbol=str(place), value=name, label=name, render="true",
            type="string",
        )  # fmt: skip
        _add_symbol(symbols, str(place), classes.colors[index])
    ElementTree.indent(root)
    header = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return header + ElementTree.tostring(root, encoding="unicode")


def _add_symbol(symbols: ElementTree.Element, name: str, color: Color) -> None:
    """A fill through which the image is seen, and an outline of the full color."""
    symbol = ElementTree.SubElement(
        symbols, "symbol", type="fill", name=name, alpha="1", clip_to_extent="1", force_rhr="0"
    )
    layer = ElementTree.SubElement(
        symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0"
    )
    rgb = ",".join(map(str, color))
    settings = {
        "color": f"{rgb},{FILL_OPACITY}",
        "outline_color": f"{rgb},255",
        "outline_style": "solid",
        "outline_width": "0.3",
        "outline_width_unit": "MM",
        "joinstyle": "bevel",
        "style": "solid",
    }
    for key, value in settings.items():
        ElementTree.SubElement(layer, "prop", k=key, v=value)
