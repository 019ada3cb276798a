"""Loading a model, and the path of an image through it."""

import copy
import pickle
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfit
from segfit.classes import ClassTable
from segfit.classification.decision import Decision
from segfit.errors import SegfitError
from segfit.metrics.instances import IOU_THRESHOLDS, count_instances
from segfit.model.architecture import (
    BoxArchitecture,
    ClassifierArchitecture,
    OutlineArchitecture,
)
from segfit.model.archive import read_model
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.model.shipped import find_model
from segfit.partition import partition_of, rasterize
from segfit.result.regions import Known
from segfit.segmenter import Segmenter, load

RAMP = np.repeat(np.linspace(0, 255, 256).astype(np.uint8)[None, :, None], 64, axis=0)
RAMP = np.repeat(RAMP, 3, axis=2)
"""An image (64, 256, 3) that goes from black to white."""
STRIDE = 4


@pytest.fixture(scope="module")
def segmenter(tiny_model, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGFIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load(tiny_model, threads=1)


class FakeSession:
    """A function of a network's inputs as a session."""

    def __init__(self, answer):
        self.answer = answer

    def run(self, inputs):
        return self.answer(inputs)

    def release(self):
        """It computes in no memory of its own."""

    def __repr__(self):
        return "a test"


def run_by(network):
    """Sessions of a classifier that is a function of images."""
    return {"classifier": FakeSession(lambda inputs: (network(inputs["images"]),))}


def brightness_network(images):
    """One logit per cell: above 0 where the cell's mean is above 127.5; purely local."""
    count, height, width, channels = images.shape
    blocks = images.reshape(
        count, height // STRIDE, STRIDE, width // STRIDE, STRIDE, channels
    ).astype(np.float32)
    return ((blocks.mean(axis=(2, 4, 5)) - 127.5) / 32)[:, None]


def three_shades_network(images):
    """Three logits per cell: dark, middle, bright; sure at 0, 127.5, 255."""
    bright = brightness_network(images)
    return np.concatenate([-bright, 2 - np.abs(bright), bright], axis=1)


def make_segmenter(network, *, names=("background", "bright"), background=0, scaling=None):
    classes = ClassTable.from_names(names, background=background)
    architecture = ClassifierArchitecture(outputs=1 if classes.is_binary else len(names))
    card = ModelCard(
        name="shades",
        classes=classes,
        scaling=scaling or Scaling("field"),
        networks=list_networks(NetworkCard(architecture)),
        segfit_version=segfit.__version__,
        created="2026-01-02",
    )
    return Segmenter(card, run_by(network))


@pytest.mark.parametrize("size", [(8, 8), (9, 500), (500, 9), (97, 131), (33, 32), (257, 64)])
def test_any_size_gives_labels_of_that_size(segmenter, size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    before = image.copy()
    result = segmenter(image)
    assert result.labels.shape == size
    assert result.labels.dtype == np.uint8
    assert set(np.unique(result.labels)) <= {0, 1}
    np.testing.assert_array_equal(image, before)


def test_large_image_gives_labels_of_its_size(segmenter):
    image = np.zeros((3000, 2000, 3), np.uint8)
    assert segmenter(image).labels.shape == (3000, 2000)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (7, 100), (100, 7)])
def test_image_without_room_is_refused(segmenter, size):
    with pytest.raises(SegfitError, match=f"is {size[0]}×{size[1]} px; segfit needs at least 8"):
        segmenter(np.zeros((*size, 3), np.uint8))


def test_array_pillow_image_and_file_give_the_same(segmenter, tmp_path):
    image = np.random.default_rng(1).integers(0, 255, (70, 90, 3), np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(image).save(path)
    expected = segmenter(image)
    assert expected.image_name is None
    for source in (Image.fromarray(image), path, str(path)):
        result = segmenter(source)
        np.testing.assert_array_equal(result.labels, expected.labels)
        np.testing.assert_array_equal(result.image, image)
        assert result.model_name == "tiny"
    assert result.image_name == "noise.png"


def test_read_only_and_backward_arrays_are_taken(segmenter):
    image = np.random.default_rng(2).integers(0, 255, (64, 96, 3), np.uint8)
    image.flags.writeable = False
    forward = segmenter(image).labels
    np.testing.assert_array_equal(segmenter(image.copy()[::-1][::-1]).labels, forward)


def test_threshold_lowers_the_foreground_step_by_step(segmenter):
    image = np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)
    masks = [segmenter(image, decision=Decision(t)).labels == 1 for t in (0, 0.2, 0.5, 0.8, 1)]
    assert masks[0].all()
    assert not masks[-1].any()
    assert all((lower >= higher).all() for lower, higher in pairwise(masks))


def test_threshold_is_the_cards_unless_given():
    segmenter = make_segmenter(brightness_network)
    strict = Segmenter(
        segmenter.card.model_copy(update={"threshold": 0.9}), run_by(brightness_network)
    )
    half, high = (one(RAMP).labels[0].tolist().index(1) for one in (segmenter, strict))
    assert abs(half - 128) <= STRIDE
    assert high > half + 2 * STRIDE
    np.testing.assert_array_equal(
        strict(RAMP, decision=Decision(0.5)).labels, segmenter(RAMP).labels
    )
    np.testing.assert_array_equal(
        segmenter(RAMP, decision=Decision(0.9)).labels, strict(RAMP).labels
    )


@pytest.mark.parametrize("background", [0, 1])
def test_reject_gives_unsure_pixels_to_the_background(background):
    segmenter = make_segmenter(
        three_shades_network, names=("dark", "middle", "bright"), background=background
    )
    everything = segmenter(RAMP)
    sure = segmenter(RAMP, decision=Decision(reject=0.7))
    unsure = everything.probabilities.max(axis=0) < 0.7
    assert unsure.any()
    expected = np.where(unsure, background, everything.labels)
    np.testing.assert_array_equal(sure.labels, expected)
    np.testing.assert_array_equal(
        segmenter(RAMP, decision=Decision(reject=1.0)).labels, np.full(RAMP.shape[:2], background)
    )


@pytest.mark.parametrize("name", ["threshold", "reject"])
@pytest.mark.parametrize("value", [-0.1, 1.5, 50, float("nan")])
def test_setting_that_is_no_probability_is_refused(segmenter, name, value):
    with pytest.raises(SegfitError, match=f"{name} is a probability from 0 to 1, given {value}"):
        segmenter(RAMP, decision=Decision(**{name: value}))


def test_setting_that_the_model_has_no_use_for_is_refused():
    names = ("dark", "middle", "bright")
    several = make_segmenter(three_shades_network, names=names)
    with pytest.raises(SegfitError, match=r"tells 3 classes apart.*give reject instead"):
        several(RAMP, decision=Decision(0.5))
    with pytest.raises(SegfitError, match=r"no use for reject.*give threshold instead"):
        make_segmenter(brightness_network)(RAMP, decision=Decision(reject=0.5))
    street = make_segmenter(three_shades_network, names=names, background=None)
    with pytest.raises(SegfitError, match=r"no use for reject.*it has no background class"):
        street(RAMP, decision=Decision(reject=0.5))


def test_windows_of_a_large_field_leave_no_seam():
    """A purely local network cannot see windows; what is left would be a fault of joining them."""
    rng = np.random.default_rng(4)
    cells = rng.integers(0, 255, (2300 // 20, 2100 // 20), np.uint8)
    image = np.repeat(np.repeat(cells, 20, axis=0), 20, axis=1)[..., None].repeat(3, axis=2)
    shapes = []

    def network(images):
        shapes.append(images.shape)
        return brightness_network(images)

    windowed = make_segmenter(network)(image)
    assert len(shapes) > 4
    whole = make_segmenter(network, scaling=Scaling("frame", long_side_px=2300))(image)
    assert shapes[-1][1:3] == (2304, 2112)
    assert windowed.labels.shape == (2300, 2100)
    np.testing.assert_array_equal(windowed.labels, whole.labels)
    np.testing.assert_array_equal(windowed.scores.logits, whole.scores.logits)


def test_classes_are_the_cards(segmenter, tiny_model):
    assert segmenter.classes == read_model(tiny_model).card.classes
    assert segmenter.card.name == "tiny"


def test_unknown_name_lists_the_shipped_models():
    with pytest.raises(SegfitError, match="no-such: neither a file nor a shipped model; shipped"):
        load("no-such")


def test_shipped_model_wins_over_a_folder_of_its_name(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr("segfit.model.shipped.SHIPPED_MODELS", tiny_model.parent)
    monkeypatch.chdir(tmp_path)
    assert find_model("tiny") == tiny_model
    Path("tiny").mkdir()
    assert find_model("tiny") == tiny_model
    Path("tiny").rmdir()
    Path("tiny").write_bytes(b"a file of one's own")
    assert find_model("tiny") == Path("tiny")


def test_folder_is_no_model(tmp_path):
    with pytest.raises(SegfitError, match="is a folder"):
        load(tmp_path)


def test_result_remembers_the_scores(segmenter):
    result = segmenter(RAMP)
    assert result.scores is not None
    assert result.probabilities.shape == (2, 64, 256)
    assert replace(result, scores=None).probabilities is None


def find_dark_half(inputs):
    """A regression network for images that are dark on one side: one step towards the dark."""
    grey = inputs["image"].mean(axis=2)
    brighter_right = np.sign(grey[:, -1] - grey[:, 0])
    return -brighter_right.astype(np.float32), np.full(len(grey), 0.25, np.float32)


def make_refining_segmenter():
    segmenter = make_segmenter(brightness_network)
    regressor = NetworkCard(OutlineArchitecture(), temperature=2.0)
    card = segmenter.card.with_networks(segmenter.card.classifier, regressor)
    return Segmenter(card, {**run_by(brightness_network), "regressor": FakeSession(find_dark_half)})


@pytest.mark.parametrize(("kept_bytes_per_px", "asked_at_once"), [(5, []), (0, [1])])
def test_boxes_wait_where_what_moves_them_is_small(monkeypatch, kept_bytes_per_px, asked_at_once):
    """A portrait's wait until one is asked for; a field's features would fill memory until then."""
    monkeypatch.setattr("segfit.segmenter.KEPT_EVIDENCE_BYTES_PER_PX", kept_bytes_per_px)
    asked = []

    def widen(inputs):
        asked.append(len(inputs["image"]))
        return np.full((2, len(inputs["image"]), 4), 0.125, np.float32)

    card = make_refining_segmenter().card
    boxes = NetworkCard(BoxArchitecture(), temperature=2.0)
    card = card.with_networks(card.classifier, card.regressor, boxes)
    sessions = {"regressor": FakeSession(find_dark_half), "box_regressor": FakeSession(widen)}
    result = Segmenter(card, {**run_by(brightness_network), **sessions})(RAMP)
    assert asked == asked_at_once
    assert isinstance(result.find_boxes, Known) == bool(asked_at_once)
    (region,) = result.regions
    assert region.box.width == pytest.approx(128 * 1.25), "an eighth on either side"
    np.testing.assert_allclose(region.box.error_px, [16, 32, 16, 32])
    assert asked == [1]


def test_regression_network_moves_the_outlines_and_says_how_far_off_they_may_be():
    segmenter = make_refining_segmenter()
    plain, refined = segmenter(RAMP, refine=False), segmenter(RAMP)
    assert plain.labels[32].sum() == 128
    assert refined.labels[32].sum() == 130, "a pixel by each of two passes: the edge is sharp"
    assert plain.refined is None
    (region,) = refined.regions
    assert region.area_px == pytest.approx(130 * 64, abs=20)
    assert region.error_px_mean is not None
    assert region.error_px_worst == pytest.approx(0.5, abs=0.01), "0.25 steps, times temperature"


def test_outlines_from_elsewhere_are_moved_by_its_regression_network():
    labels = np.zeros(RAMP.shape[:2], np.uint8)
    labels[:, 100:] = 1
    first = partition_of(labels)
    refined = make_refining_segmenter().refine(first, RAMP, cell_px=4.0)
    assert refined.labels[rasterize(refined)][32].sum() == 158, "from 156, towards the dark"
    assert refined.error_px is not None
    with pytest.raises(SegfitError, match="has no regression network: train one for it"):
        make_segmenter(brightness_network).refine(first, RAMP, cell_px=4.0)
    unknown = replace(first, labels=first.labels * 7)
    with pytest.raises(SegfitError, match=r"has the label 7, but .* the classes 0 to 1"):
        make_refining_segmenter().refine(unknown, RAMP, cell_px=4.0)
    with pytest.raises(SegfitError, match=r"the partition is .* but the image is"):
        make_refining_segmenter().refine(first, RAMP[:-1], cell_px=4.0)


def test_small_regions_go_to_their_neighbour():
    image = np.zeros((64, 64, 3), np.uint8)
    image[8:16, 8:16] = 255
    segmenter = make_segmenter(brightness_network)
    assert 0 < np.count_nonzero(segmenter(image).labels) < 200
    assert not segmenter(image, decision=Decision(min_area_px=200)).labels.any()


def draw_cells(*, shape=(96, 160), pitch=16, seed=0):
    """Image and numbers of crowded round cells, some of which touch; the centres are jittered."""
    rng = np.random.default_rng(seed)
    height, width = shape
    rows, columns = np.indices(shape) + 0.5
    grid = np.stack(np.meshgrid(np.arange(8, width, pitch), np.arange(8, height, pitch)), axis=-1)
    centres = grid.reshape(-1, 2) + rng.uniform(-2, 2, (grid.size // 2, 2))
    objects = np.zeros(shape, np.int32)
    best = np.full(shape, 8.2)
    for number, (x, y) in enumerate(centres, start=1):
        distance = np.hypot(columns - x, rows - y)
        objects[distance < best] = number
        best = np.minimum(best, distance)
    # Where an object's centre is stands in the image: its number in green and blue.
    image = np.stack([200 * (objects > 0), objects // 256, objects % 256], axis=-1)
    return image.astype(np.uint8), objects


def read_objects_network(images):
    """Reads an object image at every second pixel: foreground, and where each centre is."""
    image = images[0].astype(np.int64)
    objects = image[..., 1] * 256 + image[..., 2]
    sizes = np.bincount(objects.ravel())
    rows, columns = np.indices(objects.shape) + 0.5
    sums = [np.bincount(objects.ravel(), weights=part.ravel()) for part in (columns, rows)]
    centre = np.stack(sums) / np.maximum(sizes, 1) / 2
    cells = objects[1::2, 1::2]
    down, right = np.indices(cells.shape) + 0.5
    offsets = (centre[:, cells] - np.stack([right, down])) * (cells > 0)
    logits = np.where(cells > 0, 9.0, -9.0)
    return np.concatenate([logits[None], logits[None], offsets])[None].astype(np.float32)


def make_object_segmenter():
    card = ModelCard(
        name="cells",
        classes=ClassTable.from_names(("background", "cell"), object_classes=(1,)),
        scaling=Scaling("field"),
        networks=list_networks(
            NetworkCard(ClassifierArchitecture(outputs=1, output_stride=2, has_objects=True))
        ),
        segfit_version=segfit.__version__,
        created="2026-01-02",
    )
    return Segmenter(card, run_by(read_objects_network))


def match_share(true, found, *, iou):
    """Share of true objects that are found with at least this IoU."""
    counts = count_instances(
        (true > 0).astype(np.uint8), true, (found > 0).astype(np.uint8), found,
        class_count=2, object_classes=(1,), background=0,
    )  # fmt: skip
    return counts.matched[1, IOU_THRESHOLDS.index(iou)] / counts.true[1]


def test_instances_that_touch_are_regions_that_share_their_border():
    image, objects = draw_cells()
    result = make_object_segmenter()(image)
    assert result.objects.dtype == np.int32
    assert match_share(objects, result.objects, iou=0.8) == 1
    numbers = [region.object_number for region in result.regions]
    assert numbers == list(range(1, len(numbers) + 1))
    for region in result.regions[:10]:
        assert region.area_px == (result.objects == region.object_number).sum()
    sides = result.partition.labels[result.partition.sides[~result.partition.is_edge]]
    assert (sides == 1).all(axis=1).any()  # an arc between two cells
    assert result.summary()[1].objects == len(numbers)


def test_without_a_head_for_objects_regions_are_objects():
    labels = make_segmenter(brightness_network)(RAMP).labels
    segmenter = make_segmenter(brightness_network)
    object_classes = replace(segmenter.card.classes, object_classes=(1,))
    segmenter.card = segmenter.card.model_copy(update={"classes": object_classes})
    result = segmenter(RAMP)
    np.testing.assert_array_equal(result.labels, labels)
    np.testing.assert_array_equal(result.objects, labels)


def test_classes_without_instances_have_none():
    result = make_segmenter(brightness_network)(RAMP)
    assert not result.objects.any()
    assert [region.object_number for region in result.regions] == [None]


def test_small_instances_go_to_a_neighbour():
    image, objects = draw_cells()
    areas = np.bincount(objects.ravel())[1:]
    least = float(np.median(areas))
    result = make_object_segmenter()(image, decision=Decision(min_area_px=least))
    assert min(region.area_px for region in result.regions) >= least
    assert 0 < len(result.regions) < len(areas)


def test_a_models_own_certainty_counts_at_any_threshold():
    segmenter = make_object_segmenter()
    segmenter.card = segmenter.card.model_copy(update={"threshold": 0.4, "certainty": 0.5})
    assert segmenter.complete(Decision()) == Decision(0.4, certainty=0.5)
    assert segmenter.complete(Decision(0.7)) == Decision(0.7, certainty=0.5)
    assert segmenter.complete(Decision(certainty=0)) == Decision(0.4, certainty=0)
    with pytest.raises(SegfitError, match="has no use for certainty"):
        make_segmenter(brightness_network)(RAMP, decision=Decision(certainty=0.5))


def test_an_empty_image_has_no_objects():
    result = make_object_segmenter()(np.zeros((64, 96, 3), np.uint8))
    assert result.regions == ()
    assert not result.objects.any()


def test_a_field_gives_the_same_objects_whole_or_in_windows(monkeypatch):
    image, _ = draw_cells(shape=(700, 820))
    segmenter = make_object_segmenter()
    whole = segmenter(image).objects
    monkeypatch.setattr("segfit.classification.classify.WINDOW_PX", 256)
    joined = segmenter(image).objects
    assert whole.max() > 2000
    # The drawn network sees an object's part in a window as a whole one: only there do they differ.
    assert match_share(whole, joined, iou=0.9) > 0.995


COPIES = {
    "copied": copy.copy,
    "deep-copied": copy.deepcopy,
    "pickled": lambda one: pickle.loads(pickle.dumps(one)),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_a_segmenter_can_be_copied_and_pickled(tiny_model, copied, backend):
    segmenter = load(tiny_model, backend=backend, threads=1)
    again = copied(segmenter)
    assert again.card == segmenter.card
    image = np.random.default_rng(5).integers(0, 255, (64, 96, 3), np.uint8)
    np.testing.assert_array_equal(again(image).scores.logits, segmenter(image).scores.logits)


def test_the_shipped_face_model_can_be_pickled_with_what_it_gives():
    segmenter = load("face", threads=1)
    again = pickle.loads(pickle.dumps(segmenter))
    image = np.random.default_rng(6).integers(0, 255, (96, 80, 3), np.uint8)
    image[30:70, 20:60] = (230, 180, 150)
    result, same = segmenter(image), again(image)
    np.testing.assert_array_equal(result.labels, same.labels)
    np.testing.assert_array_equal(result.partition.points, same.partition.points)
    kept = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(kept.labels, result.labels)
    assert repr(kept) == repr(result)


def test_what_is_printed_of_a_segmenter_says_what_one_wants_to_know():
    assert repr(make_refining_segmenter()).splitlines() == [
        "<Segmenter shades",
        "  2 classes: background, bright",
        "  resolution: images keep their size",
        "  results have labels, scores",
        "  classifier: efficientnet-lite0, scores every 4 px",
        "  regressor: 17 points across outlines",
        "  run by a test>",
    ]
    face = repr(load("face", threads=2))
    assert "background, hair, skin, nose, eyes, mouth" in face
    assert "longer side of 256 px" in face
    assert "run by openvino with 2 threads" in face
    names = [f"class_{number}" for number in range(255)]
    many = repr(make_segmenter(brightness_network, names=names))
    assert len(many.splitlines()) <= 10
    assert "255 classes: class_0, " in many
    assert max(map(len, many.splitlines())) < 240


def test_a_size_is_prepared_as_the_network_sees_it(segmenter, monkeypatch):
    prepared = []
    session = segmenter._sessions["classifier"]
    monkeypatch.setattr(type(session), "prepare", lambda _, shapes: prepared.append(shapes))
    segmenter.prepare((150, 200))  # 96 px long and padded: 72×96 px → 96×96 px
    assert prepared == [{"images": (1, 96, 96, 3)}]
    with pytest.raises(SegfitError, match="the size to prepare for is 7×90 px"):
        segmenter.prepare((7, 90))


@pytest.mark.parametrize("size", [256, "256", (256.0, 256.0), (256, 256, 3), (256, -1), ()])
def test_a_size_that_is_none_is_not_prepared(segmenter, size):
    with pytest.raises(SegfitError, match="the size to prepare for is "):
        segmenter.prepare(size)


def test_a_mask_that_is_given_for_a_partition_is_refused(segmenter):
    image = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(SegfitError, match="expected a partition, such as"):
        segmenter.refine(image[..., 0], image, cell_px=4)
