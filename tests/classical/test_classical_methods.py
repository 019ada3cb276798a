"""What holds for every classical method, and what each is for."""

import numpy as np
import pytest
from skimage.metrics import adapted_rand_error

from segfit.classical import METHODS, HintedMethod
from segfit.classical.auto import Auto, choose_method
from segfit.classical.entropy import Entropy
from segfit.classical.felzenszwalb import Felzenszwalb
from segfit.classical.gabor import Gabor
from segfit.classical.gaussian_mixture import GaussianMixture
from segfit.classical.grabcut import GrabCut
from segfit.classical.kmeans import KMeans
from segfit.classical.lines import Lines
from segfit.classical.local_patterns import LocalPatterns
from segfit.classical.local_threshold import LocalThreshold
from segfit.classical.mean_shift import MeanShift
from segfit.classical.multi_otsu import MultiOtsu
from segfit.classical.normalized_cut import NormalizedCut
from segfit.classical.otsu import Otsu
from segfit.classical.random_walker import RandomWalker
from segfit.classical.shared.hint_text import parse_hint, parse_points
from segfit.classical.slic import Slic
from segfit.classical.watershed import Watershed
from segfit.errors import SegfitError
from segfit.partition import rasterize
from segfit.result.method import Method

every_method = pytest.mark.parametrize("name", METHODS)


def make(name):
    """A method with a hint where it needs one, for images of 60×80."""
    kind = METHODS[name]
    return kind(rectangle=(15, 10, 65, 50)) if issubclass(kind, HintedMethod) else kind()


def draw_disc(shape=(60, 80), low=70, high=190, sigma=4.0):
    """A bright disc on a dark background, with some noise; and the disc."""
    rows, columns = np.indices(shape)
    disc = np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) < 16
    grey = np.where(disc, high, low) + np.random.default_rng(0).normal(0, sigma, shape)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), disc


def draw_colors():
    """Three vertical bands of color, and which is which."""
    bands = np.repeat(np.arange(3), 30)[None].repeat(60, axis=0)
    colors = np.array([(200, 60, 60), (60, 160, 60), (60, 60, 200)])
    noise = np.random.default_rng(0).normal(0, 6, (*bands.shape, 3))
    return (colors[bands] + noise).clip(0, 255).astype(np.uint8), bands


def draw_textures():
    """Stripes along x on the left, along y on the right, of the same brightness."""
    rows, columns = np.indices((80, 120))
    right = columns >= 60
    wave = np.where(right, np.sin(columns * 2 * np.pi / 6), np.sin(rows * 2 * np.pi / 6))
    grey = (128 + 60 * wave).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2), right


def iou(found, truth):
    return (found & truth).sum() / (found | truth).sum()


def agreement(labels, truth):
    """Rand F of two divisions of an image: 1 is the same one."""
    return 1 - adapted_rand_error(truth.astype(int) + 1, labels.astype(int) + 1)[0]


@every_method
def test_is_a_method_whose_result_is_whole(name):
    image, _ = draw_disc()
    before = image.copy()
    method: Method = make(name)
    found = method(image)
    np.testing.assert_array_equal(image, before)
    assert found.classes == method.classes
    assert found.labels.shape == image.shape[:2]
    assert found.labels.max() < len(method.classes)
    regions = rasterize(found.partition)
    np.testing.assert_array_equal(found.partition.labels[regions], found.labels)
    if found.grid.objects is not None:
        assert len(np.unique(regions)) == len(np.unique(found.objects))


@every_method
def test_same_image_gives_the_same_result(name):
    image, _ = draw_disc()
    first, second = make(name)(image), make(name)(image)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.objects, second.objects)


def test_few_small_objects_on_a_dark_background_are_not_flat():
    image = np.full((300, 400, 3), 6, np.uint8)
    truth = np.zeros(image.shape[:2], bool)
    truth[100:112, 200:212] = True
    image[truth] = 60
    found = Otsu()(image)
    assert iou(found.labels == 1, truth) > 0.75
    assert found.objects.max() == 1
    noise = np.random.default_rng(0).normal(90, 3, image.shape[:2])
    grainy = np.repeat(noise.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert "flat" in Otsu()(grainy).note


@every_method
def test_flat_image_is_one_region_and_says_so(name):
    flat = np.full((60, 80, 3), 90, np.uint8)
    found = make(name)(flat)
    assert len(np.unique(found.labels)) == 1
    assert found.partition.region_count == 1
    assert "flat" in found.note


@every_method
def test_noise_alone_survives(name):
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    assert make(name)(noise).labels.shape == (60, 80)


@pytest.mark.parametrize(
    "method",
    [
        Otsu(),
        LocalThreshold(window_px=61),
        GrabCut(rectangle=(15, 5, 65, 55)),
        RandomWalker(rectangle=(20, 10, 60, 50)),
    ],
    ids=lambda method: type(method).__name__,
)
def test_foreground_methods_find_a_disc(method):
    image, disc = draw_disc()
    assert iou(method(image).labels == 1, disc) > 0.93


@pytest.mark.parametrize(
    "method",
    [
        MultiOtsu(classes_wanted=2),
        KMeans(clusters=2),
        GaussianMixture(clusters=2),
        MeanShift(clusters=2),
    ],
    ids=lambda method: type(method).__name__,
)
def test_cluster_methods_find_a_disc(method):
    image, disc = draw_disc()
    assert iou(method(image).labels == 1, disc) > 0.95  # the background is larger, and first


@pytest.mark.parametrize(
    "method",
    [Felzenszwalb(), Slic(superpixels=100), NormalizedCut(superpixels=100), Watershed(depth=0.3)],
    ids=lambda method: type(method).__name__,
)
def test_region_methods_divide_bands_of_color(method):
    image, bands = draw_colors()
    assert agreement(method(image).objects, bands) > 0.9


@pytest.mark.parametrize("method", [KMeans(), GaussianMixture(), MeanShift()], ids=repr)
def test_number_of_colors_is_found(method):
    image, bands = draw_colors()
    found = method(image)
    assert len(np.unique(found.labels)) == 3
    assert found.note.startswith("3 clusters")
    assert agreement(found.labels, bands) > 0.95


def test_gabor_separates_stripes_by_their_direction():
    image, right = draw_textures()
    assert agreement(Gabor(clusters=2, window_px=4)(image).labels, right) > 0.85


@pytest.mark.parametrize("method", [LocalPatterns(clusters=2), Entropy(clusters=2)], ids=repr)
def test_rough_is_told_from_smooth(method):
    rng = np.random.default_rng(0)
    grey = np.full((80, 120), 128.0)
    grey[:, 60:] += rng.normal(0, 25, (80, 60))
    grey[:, :60] += rng.normal(0, 1.5, (80, 60))
    image = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    right = np.indices((80, 120))[1] >= 60
    assert agreement(method(image).labels, right) > 0.75


@pytest.mark.parametrize("detector", ["lsd", "hough"])
def test_lines_divide_a_facade(detector):
    panes = np.zeros((120, 160), np.uint8)
    panes[20:100, 20:80], panes[20:100, 80:140] = 120, 220
    image = np.repeat(panes[..., None], 3, axis=2)
    found = Lines(detector=detector)(image)
    truth = np.searchsorted([60, 200], panes)
    assert agreement(found.objects, truth) > 0.9
    assert "line segments" in found.note


def test_lines_without_any_are_one_region():
    image, _ = draw_disc(sigma=0)
    assert Lines(shortest_px=50)(image).partition.region_count == 1


def test_more_clusters_than_colors_says_so():
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 255
    for method in (KMeans(clusters=8, blur_px=0), MultiOtsu(classes_wanted=5, blur_px=0)):
        found = method(image)
        assert len(np.unique(found.labels)) == 2
        assert "no more colors" in found.note or "only 2 levels" in found.note


@pytest.mark.parametrize(
    ("draw", "name"),
    [(draw_disc, "otsu"), (draw_colors, "kmeans"), (draw_textures, "gabor")],
)
def test_auto_chooses_by_the_image_and_says_why(draw, name):
    image, _ = draw()
    method, reason = choose_method(image)
    assert isinstance(method, METHODS[name])
    assert reason.startswith(f"{name}: ")
    assert Auto()(image).note.startswith(f"{name}: ")


def test_dark_objects_are_foreground_too():
    image, disc = draw_disc(low=190, high=70)
    assert iou(Otsu()(image).labels == 1, disc) > 0.95
    assert iou(Otsu(foreground="bright")(image).labels == 1, ~disc) > 0.95


@pytest.mark.parametrize("kind", [GrabCut, RandomWalker])
class TestHints:
    def test_rough_mask(self, kind):
        image, disc = draw_disc()
        rough = np.roll(disc, 4, axis=1)
        assert iou(kind(rough_mask=rough)(image).labels == 1, disc) > 0.93

    def test_points_of_both_kinds(self, kind):
        image, disc = draw_disc()
        hint = {"points": ((40, 30),), "background_points": ((5, 5), (75, 55), (5, 55), (75, 5))}
        assert iou(kind(**hint)(image).labels == 1, disc) > 0.9

    @pytest.mark.parametrize(
        ("hint", "message"),
        [
            ({}, "a hint is needed"),
            ({"rectangle": (100, 10, 150, 50)}, "lies outside the image, which is 80 px wide"),
            ({"rectangle": (30, 10, 20, 50)}, "is empty: give left, top, right, bottom"),
            ({"rectangle": (0, 0, 80, 60)}, "covers the whole image"),
            ({"points": ((200, 3),)}, "the point 200, 3 lies outside"),
            ({"rough_mask": np.zeros((60, 80), bool)}, "the rough mask is empty"),
            ({"rough_mask": np.ones((9, 9), bool)}, "9×9 but the image is 60×80"),
        ],
    )
    def test_impossible_hints_say_what_to_do(self, kind, hint, message):
        with pytest.raises(SegfitError, match=message):
            kind(**hint)(draw_disc()[0])


def test_hints_as_text(tmp_path):
    assert parse_hint("1,2,3.5,4") == {"rectangle": (1, 2, 3.5, 4)}
    assert parse_hint("1,2 3,4") == {"points": ((1, 2), (3, 4))}
    assert parse_points("1,2") == ((1, 2),)
    for text in ("1,2,3", "nobody.png", "1;2"):
        with pytest.raises(SegfitError, match="give a rectangle as left,top,right,bottom"):
            parse_hint(text)
    with pytest.raises(SegfitError, match="is not a list of points"):
        parse_points("1,2,3")


def test_an_image_too_small_is_refused():
    with pytest.raises(SegfitError, match="at least 8 px"):
        Otsu()(np.zeros((4, 40, 3), np.uint8))
