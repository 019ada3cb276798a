"""The page: one file that holds all it needs, and shows names as names."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser

import numpy as np
import pytest

import segfit
from segfit.classes import IGNORE, ClassTable
from segfit.datasets import Dataset
from segfit.datasets.labelled import ImageStats, Reading, Source
from segfit.errors import SegfitError
from segfit.partition import LabelGrid, partition_of
from segfit.refinement.outlines import start_walk
from segfit.report import (
    POLICY,
    Candidate,
    EarlierModel,
    Hints,
    LearningPoint,
    build_report,
    render_html,
    write_report,
)
from segfit.report.build import describe_method
from segfit.report.intervals import MEAN_IOU, Interval
from segfit.report.page import SCRIPT, STYLE
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

NASTY = "<script>alert(1)</script>"
NAMES = ("background", NASTY, 'Ζελλ "α" & β')
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads the truth from an image's red channel, and errs below a row."""

    classes: ClassTable
    blind_below: int = 99
    sure: bool = False
    error_px: float | None = None
    provides: frozenset = frozenset()

    def __call__(self, image, /):
        labels = image[..., 0].copy()
        labels[labels == IGNORE] = 0
        labels[self.blind_below :] = 0
        scores = None
        if self.sure:
            planes = [np.where(labels == k, 3, 0) for k in range(len(self.classes))]
            scores = Scores(np.stack(planes).astype(np.float32), labels.shape, labels.shape)
        source = LabelGrid(labels)
        if self.error_px is not None:
            outlines = start_walk(partition_of(source), 1.0).partition
            errors = np.full(len(outlines.points), self.error_px)
            source = replace(outlines, error_px=errors)
        return Segmentation(image, source, self.classes, scores)


def make_data(
    classes: ClassTable,
    *,
    count: int = 6,
    names=None,
    drawn: tuple[int, int] = (1, 2),
    scale: int = 1,
) -> Dataset:
    """Images of 8×8 times ``scale`` px with a square of each of two classes."""

    def read(number: int) -> Reading:
        labels = np.zeros((8, 8), np.uint8)
        labels[1:4, 1 : 4 + number % 3], labels[5:7, 2:6] = drawn
        labels[0, 0] = IGNORE
        labels = np.kron(labels, np.ones((scale, scale), np.uint8))
        objects = None
        if classes.object_classes:
            objects = np.where(labels == 1, 4, np.where(labels == 2, 7, 0)).astype(np.int32)
        return Reading(np.repeat(labels[..., None], 3, axis=2), labels, objects)

    names = names or [f"image_{number}" for number in range(count)]
    sources = [
        Source(name, lambda number=number: read(number)) for number, name in enumerate(names)
    ]
    side = 8 * scale
    stats = [ImageStats(side, side, (0,) * len(classes), ((),) * len(classes)) for _ in names]
    return Dataset(classes, sources, stats=stats)


CLASSES = ClassTable.from_names(NAMES)
OBJECTS = ClassTable.from_names(NAMES, object_classes=(1, 2))


def build(classes=CLASSES, *, count=6, names=None, drawn=(1, 2), **options):
    model = Candidate("model", Reader(classes, blind_below=6, sure=True))
    data = make_data(classes, count=count, names=names, drawn=drawn)
    return build_report(model, data, data="squares, val", resamples=300, **options)


class Checker(HTMLParser):
    """Notes what is open, what is referred to, and what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.text: list[str] = []
        self.without_alt = 0

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attrs)
        self.without_alt += tag == "img" and not given.get("alt")
        self.ids += [given["id"]] if "id" in given else []
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        names = ("src", "href", "srcset", "action", "data", "poster", "xlink:href")
        self.links += [given[name] for name in names if name in given]

    def handle_endtag(self, tag):
        assert self.open, f"{tag} is closed and was not open"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.text.append(data)


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    return checker


def test_the_page_is_whole_and_refers_to_nothing_outside():
    page = render_html(build(OBJECTS, against=Candidate("other", Reader(OBJECTS))))
    checker = check(page)
    assert checker.links
    for link in checker.links:
        assert link.startswith(("data:image/webp;base64,", "#")), link[:80]
        assert not link.startswith("#") or link[1:] in checker.ids
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert not {"link", "iframe", "object", "embed", "form", "base"} & set(checker.tags)
    assert checker.without_alt == 0


def test_only_its_own_script_and_style_may_run():
    page = render_html(build())
    for kind, source in (("script", SCRIPT), ("style", STYLE)):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in POLICY
        (inside,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert inside == source
    assert "unsafe" not in POLICY
    checker = check(page)
    assert checker.handlers == []
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_names_are_shown_and_never_obeyed():
    names = [NASTY, '"><img src=x onerror=alert(1)>', "日本語 ☃", "naïve &amp;", "caf\udce9", "‮abc"]
    other = Candidate(NASTY, Reader(CLASSES))
    page = render_html(build(names=names, against=other, settings={NASTY: NASTY}))
    checker = check(page)
    assert checker.tags.count("script") == 1
    assert not checker.handlers
    shown = "".join(checker.text)
    for name in names[:4]:
        assert name in shown
    assert "caf\N{REPLACEMENT CHARACTER}" in shown
    assert page.encode()


def test_figures_are_those_of_the_evaluation():
    content = build()
    page = render_html(content)
    report = content.model.figures
    assert content.model.estimates[MEAN_IOU].value == report.mean_iou
    assert f"<b>{report.mean_iou:.3f}</b>" in page
    assert f"Expected calibration error <b>{report.expected_calibration_error:.3f}</b>" in page
    assert "6 images" not in content.data
    assert [one.row for one in content.worst] == list(report.rows)


def test_outlines_that_claim_errors_have_a_section():
    data, model = make_data(CLASSES, scale=8), Candidate("model", Reader(CLASSES, error_px=2.0))
    content = build_report(model, data, data="squares", resamples=100)
    coverage = content.model.figures.coverage
    assert coverage.all.points > 0
    text = "".join(check(render_html(content)).text)
    assert f"{coverage.all.within_one:.0%} of their points are within one standard error" in text
    assert "sharp borders" in text
    assert 'id="outlines"' not in render_html(build())


def test_only_so_many_worst_images_are_shown():
    content = build(worst=2)
    assert [one.row for one in content.worst] == list(content.model.figures.rows[:2])
    page = render_html(content)
    assert "The worst 2 of 6 images" in page
    assert page.count("<article") == 2
    assert 'id="worst"' not in render_html(build(worst=0))


def test_two_models_are_compared_on_the_same_images():
    against = Candidate("sharp", Reader(CLASSES))
    content = build(against=against)
    difference = content.differences[MEAN_IOU]
    assert difference.value < 0
    assert difference.interval.high < 0
    shown = " ".join("".join(check(render_html(content)).text).split())
    assert "model is worse than sharp on such images" in shown


def test_a_model_against_itself_differs_by_exactly_nothing():
    against = Candidate("twin", Reader(CLASSES, blind_below=6, sure=True))
    content = build(OBJECTS, against=replace(against, method=Reader(OBJECTS, blind_below=6)))
    for one in content.differences.values():
        assert one.value == 0 or np.isnan(one.value)
        assert one.interval in (None, Interval(0.0, 0.0))
    assert "do equally well" in render_html(content)


def test_one_image_has_no_interval_and_the_page_says_so():
    page = render_html(build(count=1))
    assert "1 image: too few for intervals" in page
    assert 'class="interval"' not in page
    check(page)


def test_absent_classes_are_named():
    three = ClassTable.from_names(("background", "a", "b", "never"))
    content = build(three, drawn=(1, 2))
    page = render_html(content)
    check(page)
    assert "No pixel of never in these images" in page
    assert np.isnan(content.model.estimates["IoU", 3].value)
    assert content.model.estimates[MEAN_IOU].value > 0


def test_calibration_has_intervals_in_sentence_table_and_diagram():
    model = Candidate("m", Reader(CLASSES, blind_below=6, sure=True))
    page = render_html(build_report(model, make_data(CLASSES), data="x", resamples=300))
    check(page)
    calibration = page.partition('id="calibration"')[2].partition("</section>")[0]
    assert re.search(r"error <b>0\.\d{3}</b> \(95 % interval 0\.\d{3}–0\.\d{3}\):", calibration)
    assert re.search(r'<b>[\d.]+%</b><span class="interval">[\d.]+%–[\d.]+%</span>', calibration)
    assert calibration.count('class="band"') == 1
    few = render_html(build_report(model, make_data(CLASSES, count=4), data="x", resamples=300))
    assert 'class="band"' not in few
    assert "Expected calibration error <b>" in few


def test_a_method_without_probabilities_has_no_calibration():
    data = make_data(CLASSES)
    content = build_report(Candidate("m", Reader(CLASSES)), data, data="x", resamples=300)
    assert "gives no probabilities" in render_html(content)


def test_what_is_missing_comes_with_what_to_do_in_the_words_of_where_it_was_asked_for():
    many = ClassTable.from_names(tuple(f"class {number}" for number in range(30)))
    hints = Hints(learning="Label more & train again.", matrix="Ask <the matrix>.")
    model = Candidate("m", Reader(many))
    history = [EarlierModel("m", 20, model.method)]
    content = build_report(
        model, make_data(many), data="x", history=history, hints=hints, resamples=300
    )
    page = render_html(content)
    check(page)
    assert "one is known, and nothing is guessed from that" in page
    assert "Label more &amp; train again." in page
    assert "Ask &lt;the matrix&gt;." in page
    assert "Learning curve: " not in page  # a diagram of one point says nothing
    assert "segfit evaluate" not in render_html(build(many)) + page
    assert "--history" not in page


def test_three_points_and_a_flat_curve_promise_nothing():
    three = [LearningPoint(5, 0.6), LearningPoint(10, 0.7), LearningPoint(20, 0.75)]
    page = render_html(build(history=three))
    assert "10 more might bring about" in page
    assert "Nothing tells how sure that is" in page
    scattered = [LearningPoint(n, v) for n, v in ((5, 0.8), (10, 0.6), (20, 0.8), (40, 0.65))]
    page = render_html(build(history=scattered))
    assert "20 more may bring next to nothing</b>, but the points leave room for more" in page


def test_a_hundred_classes_are_listed_and_their_matrix_is_not():
    many = ClassTable.from_names(tuple(f"class {number}" for number in range(100)))
    page = render_html(build(many))
    check(page)
    assert "does not fit a page" in page
    assert "is taken for" in page


def test_the_curve_has_models_measured_here_and_figures_from_elsewhere():
    model = Candidate("model", Reader(CLASSES, blind_below=7))
    history = [
        LearningPoint(5, 0.4),
        EarlierModel("ten", 10, Reader(CLASSES, blind_below=5)),
        EarlierModel("twenty", 20, Reader(CLASSES, blind_below=6)),
        EarlierModel("model", 40, model.method),
    ]
    seen = []
    content = build_report(
        model,
        make_data(CLASSES),
        data="x",
        history=history,
        worst=1,
        resamples=300,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 19) for done in range(1, 20)]  # three models, 6 images, one worst
    points = content.learning.points
    assert [point.images for point in points] == [5, 10, 20, 40]
    assert points[-1].mean_iou == content.model.figures.mean_iou
    assert "20 more would bring about" in render_html(content)


def test_without_points_the_page_says_what_is_missing():
    assert "needs models that learned from 3 different numbers" in render_html(build())


def test_other_classes_are_refused_by_name():
    other = Candidate("other", Reader(ClassTable.from_names(("background", "cell", NAMES[2]))))
    with pytest.raises(SegfitError, match=r"only other has cell and only the data has <script>"):
        build(against=other)
    earlier = EarlierModel("old", 4, other.method)
    with pytest.raises(SegfitError, match="old and the data have other classes"):
        build(history=[earlier])


def test_pictures_are_bounded_and_small_ones_enlarged():
    content = build(OBJECTS)
    assert {one.size_px for one in content.worst} == {(32, 32)}
    assert set(content.worst[0].pictures) == {"image", "truth", "answer", "mistakes"}
    for picture in content.worst[0].pictures.values():
        assert picture[:4] == b"RIFF"
        assert picture[8:12] == b"WEBP"


def test_a_page_is_written_once(tmp_path):
    content = build(worst=0)
    path = tmp_path / "report.html"
    write_report(content, path)
    with pytest.raises(SegfitError, match="exists already"):
        write_report(content, path)
    write_report(content, path, force=True)
    assert path.read_text(encoding="utf-8") == render_html(content)


def test_the_same_images_and_seed_make_the_same_page():
    assert render_html(build()) == render_html(build())


def test_what_is_given_of_a_model_goes_before_its_card():
    segmenter = segfit.load("face")
    said = describe_method(Candidate("x", segmenter, {"learned from": "40 images"}))
    assert said["learned from"] == "40 images"
    assert said["networks"] == "classifier, regressor, box regressor"
    assert said["made"].startswith("20")


def test_objects_have_colors_only_where_all_answers_tell_them_apart():
    said = "each object has a color of its own"
    assert said in render_html(build(OBJECTS))
    bare = replace(OBJECTS, object_classes=())
    page = render_html(build(OBJECTS, against=Candidate("bare", Reader(bare))))
    assert said not in page
    with_objects, without = build(OBJECTS, count=1).worst[0], build(count=1).worst[0]
    assert with_objects.pictures["truth"] != without.pictures["truth"]
    against = build(OBJECTS, count=1, against=Candidate("bare", Reader(bare))).worst[0]
    assert against.pictures["truth"] == without.pictures["truth"]


def test_a_flat_curve_promises_nothing():
    flat = [LearningPoint(images, 0.8) for images in (5, 10, 20, 40)]
    assert "20 more would bring next to nothing" in render_html(build(history=flat))
