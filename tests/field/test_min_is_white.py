"""TIFF masks whose zeros are shown white hold what they store, at every depth."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from mask_sets import draw_objects, open_set, read_labels
from PIL import Image

DISC = (draw_objects() == 1).astype(np.uint8)


def encode_tiff(values, photometric, **options):
    data = io.BytesIO()
    tifffile.imwrite(data, values, photometric=photometric, **options)
    return data.getvalue()


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.uint16])
def test_stored_values_count(tmp_path, photometric, compression, kind):
    mask = encode_tiff(DISC.astype(kind), photometric, compression=compression)
    data = open_set(tmp_path, {"a.tif": mask, "b.tif": mask})
    assert data.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(read_labels(data)["a"], DISC)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "group4"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_compressions_of_other_writers(tmp_path, compression, photometric):
    """Of one bit; Pillow writes what is shown, so that the stored values are the others."""
    file = io.BytesIO()
    image = Image.fromarray(DISC * np.uint8(255)).convert("1")
    image.save(file, "TIFF", compression=compression, tiffinfo={262: photometric})
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        stored = DISC if tiff.pages[0].photometric == 1 else 1 - DISC
    data = open_set(tmp_path, {"a.tif": file.getvalue(), "b.tif": file.getvalue()})
    np.testing.assert_array_equal(read_labels(data)["a"], stored)


def test_classes_keep_their_numbers(tmp_path):
    mask = encode_tiff(draw_objects(), "miniswhite")
    data = open_set(tmp_path, {"a.tif": mask, "b.tif": mask})
    assert data.classes.names == ("class_0", "class_1", "class_2")
    np.testing.assert_array_equal(read_labels(data)["b"], draw_objects())
