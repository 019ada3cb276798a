"""SVG: every region as a path in its class's color, over a canvas of the image's size."""

from __future__ import annotations

from xml.etree import ElementTree

from segfit.basics.files import FilePath, write_file
from segfit.basics.geometry import Ring
from segfit.classes import Color
from segfit.formats.format import Format, Result
from segfit.formats.json_text import describe_region, round_points
from segfit.result.regions import Region

NAMESPACE = "http://www.w3.org/2000/svg"


def write_svg(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write a path for each region but the background's, one user unit a pixel.

    A path's title is its class; ``data-score``, ``data-area_px`` and so on hold what is known of
    it.
    """
    height, width = result.labels.shape
    size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}"}
    root = ElementTree.Element("svg", {"xmlns": NAMESPACE, **size})
    for region in result.regions:
        root.append(_draw(region, result.classes.colors[region.label]))
    ElementTree.indent(root)
    data = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    write_file(path, data + b"\n", force=force)


def _draw(region: Region, color: Color) -> ElementTree.Element:
    known = {key: value for key, value in describe_region(region).items() if value is not None}
    red, green, blue = color
    path = ElementTree.Element(
        "path",
        {
            **{f"data-{key}": str(value) for key, value in known.items()},
            "fill": f"#{red:02x}{green:02x}{blue:02x}",
            "fill-rule": "evenodd",
            "d": "".join(_trace(ring) for ring in region.polygon),
        },
    )
    ElementTree.SubElement(path, "title").text = region.name
    return path


def _trace(ring: Ring) -> str:
    points = " ".join(f"{x:.10g},{y:.10g}" for x, y in round_points(ring))
    return f"M{points}Z"


FORMAT = Format("svg", "outlines as SVG", ".svg", write_svg, saved_as=(".svg",))
