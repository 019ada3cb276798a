"""TIFF files made by hand, as other programs write them."""

import io

import numpy as np
import tifffile

RED_RAMP = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)
COLORS = np.dstack([RED_RAMP, RED_RAMP[::-1], np.full((3, 4), 7, np.uint8)])
"""(3, 4, 3): red rises along the rows, green falls from row to row, blue is 7."""
FIVE = np.stack([np.full((3, 4), level, np.uint8) for level in (10, 20, 30, 40, 50)])
"""(5, 3, 4): five channels of one level each."""


def encode_tiff(values, **settings):
    """Bytes of a file by tifffile, see ``tifffile.imwrite``."""
    data = io.BytesIO()
    tifffile.imwrite(data, values, **settings)
    return data.getvalue()


def encode_pages(*pages, **settings):
    """Bytes of a file of several pages, each (values, settings)."""
    data = io.BytesIO()
    with tifffile.TiffWriter(data, **settings) as file:
        for values, own in pages:
            file.write(values, **own)
    return data.getvalue()
