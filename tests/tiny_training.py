"""Arguments of ``segfit train`` for a network that learns a step in milliseconds, and nothing."""

from __future__ import annotations

TINY = [
    *("--threads", "1", "--component", "classifier", "--batch", "1"),
    *("--set", "encoder=plain", "--set", "widths=[[8],[16],[16],[24],[32]]"),
    *("--set", "crop_px=[64,64]", "--set", "scaling.kind=field"),
]
