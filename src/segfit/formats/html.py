"""A result as HTML for a notebook: its overlay and a table of its classes."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import cv2
import numpy as np

from segfit.basics.text import encode_text
from segfit.formats.draw import encode_image
from segfit.formats.format import Result

LONGEST_SIDE_PX = 640
CLASSES_SHOWN = 20
"""The largest; a notebook's page is not for hundreds."""


def show_html(result: Result) -> str:
    """Overlay, at most 640 px wide or high, and area, share and numbers of the largest classes."""
    drawn = result.overlay()
    shrink = min(1.0, LONGEST_SIDE_PX / max(drawn.shape[:2]))
    size = tuple(max(1, round(side * shrink)) for side in drawn.shape[1::-1])
    shown = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
    data = base64.b64encode(encode_image(shown, Path("overlay.png"))).decode()
    named = " by ".join(filter(None, [result.image_name, result.model_name]))
    title = escape(encode_text(named).decode())
    return (
        f'<figure style="margin:0"><img src="data:image/png;base64,{data}" '
        f'alt="overlay of the classes"><figcaption>{title}</figcaption></figure>'
        f"{_show_classes(result)}"
    )


def _show_classes(result: Result) -> str:
    """A table of the classes, the largest first, each with its color in the overlay."""
    colors = dict(zip(result.classes.names, result.classes.colors, strict=True))
    entries = sorted(result.summary(), key=lambda entry: -entry.area_px)
    rows = []
    for entry in entries[:CLASSES_SHOWN]:
        sure, objects = entry.mean_probability, entry.objects
        figures = [
            f"{entry.area_px:,} px",
            f"{entry.share:.1%}",
            f"{entry.regions:,}",
            "–" if objects is None else f"{objects:,}",
            "–" if sure is None else f"{sure:.2f}",
        ]
        swatch = f'<span style="color:rgb{colors[entry.name]}">■</span>'
        name = f'<td style="text-align:left">{swatch} {escape(entry.name)}</td>'
        rows.append(f"<tr>{name}{''.join(f'<td>{figure}</td>' for figure in figures)}</tr>")
    heads = ["area", "share", "regions", "objects", "probability"]
    head = "".join(f"<th>{title}</th>" for title in heads)
    more = len(entries) - CLASSES_SHOWN
    left_out = f"<p>and {more} more {'class' if more == 1 else 'classes'}</p>" if more > 0 else ""
    return (
        f'<table><thead><tr><th style="text-align:left">class</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>{left_out}"
    )
