"""A result as HTML for a notebook: its overlay and a table of its classes."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import cv2
import numpy as np

from segfit.formats.draw import encode_image
from segfit.formats.format import Result

LONGEST_SIDE_PX = 640


def show_html(result: Result) -> str:
    """Overlay, at most 640 px wide or high, and area, share and numbers of every class."""
    drawn = result.overlay()
    shrink = min(1.0, LONGEST_SIDE_PX / max(drawn.shape[:2]))
    size = tuple(max(1, round(side * shrink)) for side in drawn.shape[1::-1])
    shown = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
    data = base64.b64encode(encode_image(shown, Path("overlay.png"))).decode()
    heads, rows = ["class", "area", "share", "regions", "objects", "probability"], []
    for entry in result.summary():
        sure, objects = entry.mean_probability, entry.objects
        cells = [
            entry.name,
            f"{entry.area_px} px",
            f"{entry.share:.1%}",
            str(entry.regions),
            "–" if objects is None else str(objects),
            "–" if sure is None else f"{sure:.2f}",
        ]
        rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
    head = "".join(f"<th>{title}</th>" for title in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    title = escape(" by ".join(filter(None, [result.image_name, result.model_name])))
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="overlay of the classes">'
        f"<figcaption>{title}</figcaption></figure>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
