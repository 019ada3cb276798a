"""ImageJ and Fiji: regions as a set of ROIs, which their ROI Manager opens.

Its coordinates of areas are corners of pixels, too: nothing needs a shift.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np

from segfit.basics.arrays import Float32Array
from segfit.basics.files import FilePath, write_file
from segfit.classes import Color
from segfit.errors import SegfitError
from segfit.formats.format import Format, Result
from segfit.formats.json_text import round_figure
from segfit.result.regions import Region

MOVE_TO, LINE_TO, CLOSE = 0, 1, 4
"""Parts of a path, as Java names them (``java.awt.geom.PathIterator``)."""


def write_rois(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write a zip of a ROI for every region but the background's, named "1 roof", "2 roof".

    A region with holes is a composite selection. Class, object, score and the outline's error are
    properties of the ROI. Raises ``SegfitError`` where roifile is not installed.
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, region in enumerate(result.regions, start=1):
            roi = make_roi(region, number, result.classes.colors[region.label])
            # A fixed date, so that the same regions give the same bytes.
            info = zipfile.ZipInfo(f"{roi.name.replace('/', '_')}.roi", (2020, 1, 1, 0, 0, 0))
            archive.writestr(info, roi.tobytes(), zipfile.ZIP_DEFLATED)
    write_file(path, data.getvalue(), force=force)


def make_roi(region: Region, number: int, color: Color) -> Any:
    """A region as roifile has it."""
    roifile = import_roifile()
    roi = roifile.ImagejRoi.frompoints(region.polygon[0].astype(np.float32))
    if len(region.polygon) > 1:
        path = trace_path(region)
        roi.roitype = roifile.ROI_TYPE.RECT  # of the box around a composite one
        roi.options &= ~roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.multi_coordinates, roi.shape_roi_size = path, len(path)
        roi.integer_coordinates = roi.subpixel_coordinates = None
        roi.n_coordinates = 0
        left, top, right, bottom = region.bounds_xyxy
        roi.left, roi.top = math.floor(left), math.floor(top)
        roi.right, roi.bottom = math.ceil(right), math.ceil(bottom)
    roi.name = f"{number} {region.name}"
    roi.stroke_color = bytes((255, *color))
    known = {
        "class": region.name,
        "object": region.object_number,
        "score": round_figure(region.score),
        "error_px": round_figure(region.error_px_mean),
    }
    roi.props = "".join(f"{name}: {value}\n" for name, value in known.items() if value is not None)
    return roi


def trace_path(region: Region) -> Float32Array:
    """A region's rings as one path: what to do, x and y for each point, and where rings close."""
    parts: list[float] = []
    for ring in region.polygon:
        for place, (x, y) in enumerate(ring.tolist()):
            parts += [LINE_TO if place else MOVE_TO, x, y]
        parts.append(CLOSE)
    return np.array(parts, np.float32)


def import_roifile() -> Any:
    """The module roifile, or an error that says how to install it."""
    try:
        import roifile
    except ImportError as error:
        raise SegfitError('imagej needs roifile: pip install "segfit[imagej]"') from error
    return roifile


FORMAT = Format("imagej", "ROIs for ImageJ and Fiji", "_rois.zip", write_rois, check=import_roifile)
