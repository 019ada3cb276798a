"""Segmentation that needs no training: each module one method, an image to a ``Segmentation``.

A module of this folder that has a ``METHOD`` is a method: to add one is to add its file. What
several of them share is in ``shared``.

>>> METHODS["kmeans"](clusters=3)
KMeans(clusters=3, blur_px=1.0)
"""

from __future__ import annotations

from segfit.basics.discovery import collect
from segfit.classical.shared.hints import HintedMethod
from segfit.classical.shared.method import ClassicalMethod, put_in_order

METHODS: dict[str, type[ClassicalMethod]] = {
    kind.name: kind for kind in put_in_order(collect(__name__, "METHOD", type))
}
"""What ``segfit segment --method`` can name; a method is made by calling it with its settings."""

__all__ = ["METHODS", "ClassicalMethod", "HintedMethod"]
