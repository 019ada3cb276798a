"""Images, their truth and what a segmenter finds, drawn beside one another."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segfit.basics.arrays import UInt8Array
from segfit.datasets import Dataset
from segfit.imaging.channels import AS_READ
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation
from segfit.segmenter import Segmenter

TILE_PX = 240
GAP_PX = 8
LABEL_PX = 96
FOOT_PX = 30
PAPER = (250, 250, 248)
INK = (40, 40, 44)


def draw_comparison(segmenter: Segmenter, dataset: Dataset) -> UInt8Array:
    """Draw a column for each image: itself, its truth, and what the segmenter found.

    Returns (H, W, 3) uint8.
    """
    rows = ("image", "truth", "prediction")
    width = LABEL_PX + len(dataset) * (TILE_PX + GAP_PX) + GAP_PX
    height = GAP_PX + len(rows) * (TILE_PX + GAP_PX) + FOOT_PX
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for row, title in enumerate(rows):
        middle = GAP_PX + row * (TILE_PX + GAP_PX) + TILE_PX // 2
        draw.text((LABEL_PX - GAP_PX, middle), title, fill=INK, font=font, anchor="rm")
    for column, example in enumerate(dataset):
        left = LABEL_PX + column * (TILE_PX + GAP_PX)
        result = segmenter(example.image, channels=AS_READ)
        truth = Segmentation(
            example.image, LabelGrid(example.labels, example.objects), dataset.classes
        )
        for row, drawn in enumerate((example.image, truth.overlay(), result.overlay())):
            tile = cut_tile(drawn)
            sheet.paste(Image.fromarray(tile), (left, GAP_PX + row * (TILE_PX + GAP_PX)))
        confusion = confusion_matrix(example.labels, result.labels, len(dataset.classes))
        caption = f"mean IoU {mean_iou(confusion):.3f}"
        at = (left + TILE_PX // 2, height - FOOT_PX // 2 - GAP_PX // 2)
        draw.text(at, caption, fill=INK, font=font, anchor="mm")
    return np.asarray(sheet, dtype=np.uint8)


def cut_tile(drawn: UInt8Array) -> UInt8Array:
    """The middle square of an image, brought to a tile's size."""
    side = min(drawn.shape[:2])
    top, left = ((length - side) // 2 for length in drawn.shape[:2])
    square = Image.fromarray(np.ascontiguousarray(drawn[top : top + side, left : left + side]))
    return np.asarray(square.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS), dtype=np.uint8)
