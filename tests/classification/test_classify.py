import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segfit.classification.classify import WINDOW_PX, classify, list_network_sizes, pad_image
from segfit.classification.decision import Decision, decide_labels
from segfit.model.scaling import Scaling

KEEP = Scaling("field")


class MeanNetwork:
    """Scores every cell with its mean grey value, and its inverse; remembers what it was shown."""

    def __init__(self, stride=4):
        self.stride = stride
        self.shapes = []

    def __call__(self, images):
        self.shapes.append(images.shape)
        count, height, width, channels = images.shape
        side = self.stride
        cells = images.reshape(count, height // side, side, width // side, side, channels).mean(
            axis=(2, 4, 5)
        )
        return (np.stack([cells, 255 - cells], axis=1).astype(np.float32),)


def grey(values):
    return np.repeat(np.uint8(values)[..., None], 3, axis=2)


def test_every_cell_of_the_grid_lies_over_its_pixels():
    values = np.random.default_rng(0).integers(0, 255, (32, 64))
    network = MeanNetwork()
    scores = classify(grey(values), network=network, scaling=KEEP)
    assert network.shapes == [(1, 32, 64, 3)]
    assert scores.logits.dtype == np.float32
    expected = values.reshape(8, 4, 16, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(scores.logits[0], expected, rtol=1e-6)
    assert scores.image_shape == scores.covered_shape == (32, 64)


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 2, 4]))
def test_any_size_is_padded_for_the_network_and_cut_again(height, width, stride):
    network = MeanNetwork(stride)
    scores = classify(grey(np.full((height, width), 7)), network=network, scaling=KEEP)
    assert all(side % 32 == 0 for side in network.shapes[0][1:3])
    rows, columns = -(-height // stride), -(-width // stride)
    assert scores.logits.shape == (2, rows, columns)
    assert scores.covered_shape == (stride * rows, stride * columns)
    assert decide_labels(scores, Decision()).shape == (height, width)
    assert (scores.logits[0] == 7).all()


@given(
    st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([96, 128, 512]),
    st.sampled_from([0.25, 0.5, 1.0, 1.03]),
)  # fmt: skip
def test_grid_covers_the_image_at_any_scaling(height, width, long_side_px, factor):
    for scaling in (Scaling("frame", long_side_px=long_side_px), Scaling("field", factor=factor)):
        working_height, working_width = scaling.working_size(height, width)
        kept = (working_height, working_width) == (height, width)
        assert kept or (working_height % 4 == 0 and working_width % 4 == 0)
        assert working_height > 0
        assert working_width > 0


@pytest.mark.parametrize(
    ("scaling", "size", "working"),
    [
        (Scaling("frame", long_side_px=512), (4000, 3000), (512, 384)),
        (Scaling("frame", long_side_px=512), (500, 300), (500, 300)),  # 2 % off: kept
        (Scaling("frame", long_side_px=512), (1, 5000), (4, 512)),
        (Scaling("field", factor=0.5), (1000, 602), (500, 300)),
        (Scaling("field", factor=2.0), (1, 1), (4, 4)),
    ],
)
def test_working_size(scaling, size, working):
    assert scaling.working_size(*size) == working


def test_smaller_working_size_covers_the_whole_image():
    image = grey(np.zeros((400, 300)))
    scores = classify(image, network=MeanNetwork(), scaling=Scaling("frame", long_side_px=100))
    assert scores.logits.shape == (2, 25, 19)
    assert scores.covered_shape == (400, 300)


@pytest.mark.parametrize("stride", [2, 4])
def test_windows_join_to_the_grid_of_the_whole_image(stride):
    height, width = 1300, 2 * WINDOW_PX + 77
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 255, (height // stride, -(-width // stride)))
    values = np.kron(cells, np.ones((stride, stride), np.int64))[:, :width]
    network = MeanNetwork(stride)
    scores = classify(grey(values), network=network, scaling=KEEP)
    assert len(network.shapes) > 1
    assert all(max(shape[1:3]) <= WINDOW_PX for shape in network.shapes)
    np.testing.assert_allclose(scores.logits[0], cells, atol=1e-3)
    assert scores.covered_shape == (1300, stride * cells.shape[1])


def test_large_frame_is_never_cut_into_windows():
    network = MeanNetwork()
    scaling = Scaling("frame", long_side_px=2 * WINDOW_PX + 64)
    classify(grey(np.zeros((64, 3000))), network=network, scaling=scaling)
    assert len(network.shapes) == 1


def test_padding_repeats_the_last_row_and_column():
    padded = pad_image(grey([[1, 2], [3, 4]]))
    assert padded.shape == (32, 32, 3)
    assert padded[:2, :2, 0].tolist() == [[1, 2], [3, 4]]
    assert padded[31, 0].tolist() == [3, 3, 3]
    assert padded[31, 31].tolist() == [4, 4, 4]


def test_cells_without_numbers_are_of_no_class_and_leave_their_neighbours_alone():
    def broken(images):
        logits = np.zeros((1, 2, 8, 8), np.float32)
        logits[0, 1] = 3.0
        logits[0, :, 2, 5] = np.nan, np.inf
        return (logits,)

    image = np.zeros((32, 32, 3), np.uint8)
    scores = classify(image, network=broken, scaling=Scaling(kind="field"))
    assert np.isfinite(scores.logits).all()
    labels = decide_labels(scores, Decision())
    assert labels[10, 22] == 1, "plus infinity is as sure as can be"
    assert (labels == 1).all()


@pytest.mark.parametrize("size", [(40, 96), (100, 2048), (70, 2100), (2304, 1100)])
@pytest.mark.parametrize(
    "scaling", [KEEP, Scaling("frame", long_side_px=96)], ids=["field", "frame"]
)
def test_the_sizes_that_are_listed_are_those_that_the_network_is_shown(size, scaling):
    network = MeanNetwork()
    classify(np.zeros((*size, 3), np.uint8), network=network, scaling=scaling)
    height, width = size
    listed = list_network_sizes(scaling, height=height, width=width)
    assert listed == sorted({shape[1:3] for shape in network.shapes})
