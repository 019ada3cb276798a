"""Drawings of several people, as BSDS500 keeps them."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from region_edges import draw_edges
from segfit.datasets.drawn import open_drawn, read_drawings
from segfit.errors import SegfitError


def write_split(folder, people=2, shape=(10, 12), truth_shape=None):
    (folder / "images").mkdir(parents=True)
    (folder / "truth").mkdir()
    Image.fromarray(np.zeros((*shape, 3), np.uint8)).save(folder / "images" / "a.png")
    regions = np.ones(truth_shape or shape, np.uint16)
    regions[:, 6:] = 7
    cells = np.empty((1, people), object)
    for person in range(people):
        cells[0, person] = {"Segmentation": regions, "Boundaries": draw_edges(regions)}
    savemat(folder / "truth" / "a.mat", {"groundTruth": cells})
    return folder


def test_reads_what_each_person_drew(tmp_path):
    write_split(tmp_path / "val")
    (drawn,) = open_drawn(tmp_path, "val")
    assert (drawn.name, len(drawn.drawings)) == ("a", 2)
    regions = drawn.drawings[0].regions
    assert np.unique(regions).tolist() == [0, 1]
    assert drawn.drawings[0].edges[:, 5].all()
    assert drawn.drawings[0].edges.sum() == 10


def test_a_folder_without_splits_is_one(tmp_path):
    write_split(tmp_path)
    assert len(open_drawn(tmp_path, "val")) == 1


def test_what_does_not_fit_is_named(tmp_path):
    with pytest.raises(SegfitError, match="folders images/ and truth/ are needed"):
        open_drawn(tmp_path, "val")
    write_split(tmp_path / "val", truth_shape=(5, 5))
    with pytest.raises(SegfitError, match=r"a\.mat is 5×5 but a\.png is 10×12"):
        list(open_drawn(tmp_path, "val"))
    (tmp_path / "val" / "truth" / "a.mat").unlink()
    with pytest.raises(SegfitError, match=r"no drawings of 1 image, such as a\.png"):
        open_drawn(tmp_path, "val")


def test_other_files_are_refused(tmp_path):
    text = tmp_path / "a.mat"
    text.write_text("no matlab")
    with pytest.raises(SegfitError, match="not a MATLAB file with drawings"):
        read_drawings(text)
    savemat(text, {"other": np.eye(3)})
    with pytest.raises(SegfitError, match="groundTruth"):
        read_drawings(text)
