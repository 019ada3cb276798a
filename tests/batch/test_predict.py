from __future__ import annotations

import copy
import json
import pickle
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segfit.batch.predict
from segfit.batch.predict import apply_method
from segfit.batch.run import READ_AHEAD
from segfit.classes import ClassTable
from segfit.classification.decision import Decision
from segfit.errors import SegfitError
from segfit.formats import FORMATS, Content
from segfit.imaging.read import read_stored
from segfit.model.archive import read_model
from segfit.model.card import ModelCard
from segfit.segmenter import AdjustedSegmenter, Segmenter

ALL_FORMATS = tuple(name for name, format in FORMATS.items() if Content.EDGES not in format.needs)


@pytest.fixture(scope="module")
def card(tiny_model: Path) -> ModelCard:
    card = read_model(tiny_model).card
    return card.model_copy(update={"classes": replace(card.classes, object_classes=(1,))})


def brightness(images):
    return (images[:, None, ::4, ::4, 0].astype(np.float32) - 127) / 16


class FunctionSession:
    def __init__(self, network):
        self.network = network

    def run(self, inputs):
        return (self.network(inputs["images"]),)

    def release(self):
        """It computes in no memory of its own."""


def make_segmenter(card: ModelCard, network=None) -> Segmenter:
    """A segmenter that calls the brighter pixels nuclei."""
    session = FunctionSession(network or brightness)
    return Segmenter(card.model_copy(update={"threshold": 0.5}), {"classifier": session})


def predict_images(segmenter: Segmenter, images, output, formats, **options):
    return apply_method(AdjustedSegmenter(segmenter), images, output, formats, **options)


def draw_images(folder: Path, *names: str, size: tuple[int, int] = (32, 48)) -> list[Path]:
    """Images that are black in their left half and white in their right half."""
    values = np.zeros(size, np.uint8)
    values[:, size[1] // 2 :] = 255
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    return paths


def list_files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_format_of_every_image_is_written(card, tmp_path):
    images = draw_images(tmp_path, "a.png", "b.jpg")
    report = predict_images(make_segmenter(card), images, tmp_path / "out", ALL_FORMATS)
    assert [row.path for row in report.done] == images
    assert report.failed == ()
    of_images = {
        folder + stem + ending
        for stem in "ab"
        for folder, ending in (
            ("", ".png"),
            ("", "_instances.png"),
            ("", "_overlay.jpg"),
            ("", ".json"),
            ("", "_polygons.json"),
            ("", ".geojson"),
            ("", "_qupath.geojson"),
            ("", "_rois.zip"),
            ("", ".svg"),
            ("yolo/labels/", ".txt"),
            ("labelme/", ".json"),
            ("cvat/SegmentationClass/", ".png"),
            ("cvat/SegmentationObject/", ".png"),
            ("", "_background.png"),
            ("", "_nucleus.png"),
            ("", ".npz"),
        )
    }
    of_the_run = {
        "coco.json",
        "yolo/data.yaml",
        "label_studio.json",
        "label_studio.xml",
        "cvat/labelmap.txt",
        "cvat/ImageSets/Segmentation/default.txt",
    }
    assert list_files(tmp_path / "out") == of_images | of_the_run
    named = {
        file.relative_to(tmp_path / "out").as_posix() for row in report.done for file in row.files
    }
    assert named == of_images
    assert report.done[0].shares == pytest.approx((0.5, 0.5), abs=0.1)
    mask = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert mask.shape == (32, 48)
    assert mask[0, 0] == 0
    assert mask[0, -1] == 1


def test_a_further_run_leaves_what_the_classes_alone_say(card, tmp_path):
    """data.yaml is the same for both; a file of all images would lose those of the first."""
    segmenter, out = make_segmenter(card), tmp_path / "out"
    for name in ("a.png", "b.png"):
        predict_images(segmenter, draw_images(tmp_path, name), out, ["yolo"])
    assert list_files(out) == {"yolo/data.yaml", "yolo/labels/a.txt", "yolo/labels/b.txt"}
    (out / "yolo" / "data.yaml").write_text("names: [mine]\n")
    with pytest.raises(SegfitError, match=r"result files exist already .*data\.yaml"):
        predict_images(segmenter, draw_images(tmp_path, "c.png"), out, ["yolo"])
    predict_images(segmenter, draw_images(tmp_path, "d.png"), out, ["coco"])
    with pytest.raises(SegfitError, match=r"result files exist already .*coco\.json"):
        predict_images(segmenter, draw_images(tmp_path, "e.png"), out, ["coco"])


def test_one_file_of_all_images_names_them_from_the_folder_that_they_share(card, tmp_path):
    images = draw_images(tmp_path, "left/a.png", "right/b.png")
    bad = tmp_path / "right" / "bad.png"
    bad.write_bytes(b"no image")
    names = ["coco", "label-studio", "cvat"]
    report = predict_images(
        make_segmenter(card), [*images, bad], tmp_path / "out", names, keep_folders=True
    )
    assert [failed.path for failed in report.failed] == [bad]
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [(one["id"], one["file_name"]) for one in content["images"]] == [
        (1, "left/a.png"),
        (2, "right/b.png"),
    ]
    assert [(one["id"], one["image_id"]) for one in content["annotations"]] == [(1, 1), (2, 2)]
    tasks = json.loads((tmp_path / "out" / "label_studio.json").read_text())
    assert [task["data"]["image"] for task in tasks] == [
        "/data/local-files/?d=left/a.png",
        "/data/local-files/?d=right/b.png",
    ]
    listed = (tmp_path / "out/cvat/ImageSets/Segmentation/default.txt").read_text()
    assert listed == "left/a\nright/b\n"


def test_no_image_done_gives_no_file_of_all_images(card, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    predict_images(make_segmenter(card), [bad], tmp_path / "out", ["coco"])
    assert list_files(tmp_path / "out") == set()


def test_summary_names_image_and_model(card, tmp_path):
    images = draw_images(tmp_path, "a.png")
    predict_images(make_segmenter(card), images, tmp_path / "out", ["json"])
    text = (tmp_path / "out" / "a.json").read_text()
    assert '"image": "a.png"' in text
    assert f'"model": "{card.name}"' in text


def test_simplified_outlines_have_fewer_points_in_every_format(card, tmp_path):
    disc = np.hypot(*(np.indices((64, 64)) - 32)) < 20
    Image.fromarray(disc.view(np.uint8) * 255).save(tmp_path / "a.png")
    counts, masks = [], []
    for name, simplify_px in (("plain", None), ("simple", 1.5)):
        folder = tmp_path / name
        predict_images(
            make_segmenter(card),
            [tmp_path / "a.png"],
            folder,
            ["mask", "polygons"],
            simplify_px=simplify_px,
        )
        (region,) = json.loads((folder / "a_polygons.json").read_text())["regions"]
        counts.append(len(region["polygon"][0]))
        masks.append(np.asarray(Image.open(folder / "a.png")))
        assert masks[-1].sum() == pytest.approx(region["area_px"], rel=0.02)
    assert counts[1] < counts[0] / 2
    assert (masks[0] != masks[1]).any()


def test_a_bad_image_is_reported_and_the_others_are_done(card, tmp_path):
    images = draw_images(tmp_path, "a.png", "b.png", "c.png", "d.png", "e.png")
    images[1].write_bytes(images[1].read_bytes()[:60])
    draw_images(tmp_path, "d.png", size=(4, 6))
    report = predict_images(make_segmenter(card), images, tmp_path / "out", ["mask"])
    assert [row.path.stem for row in report.done] == ["a", "c", "e"]
    assert [row.path.stem for row in report.failed] == ["b", "d"]
    assert str(images[1]) in report.failed[0].reason
    assert "at least 8 px" in report.failed[1].reason
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.png", "c.png", "e.png",
    ]  # fmt: skip


def test_a_result_that_cannot_be_written_is_that_image_s_failure(card, tmp_path, monkeypatch):
    def refuse(segmentation, path, *, force=False):
        raise SegfitError(f"cannot write {path}: the disk is full")

    monkeypatch.setitem(FORMATS, "mask", replace(FORMATS["mask"], write=refuse))
    images = draw_images(tmp_path, "a.png")
    report = predict_images(make_segmenter(card), images, tmp_path / "out", ["mask"])
    assert "the disk is full" in report.failed[0].reason


def test_no_images_give_an_empty_report(card, tmp_path):
    report = predict_images(make_segmenter(card), [], tmp_path / "out", ["mask"])
    assert (report.done, report.failed) == ((), ())


def test_existing_results_are_refused_before_any_work(card, tmp_path):
    def fail(images):
        raise AssertionError("segmented")

    images = draw_images(tmp_path, "a.png", "b.png")
    output = tmp_path / "out"
    output.mkdir()
    (output / "b.json").write_text("mine")
    with pytest.raises(SegfitError, match=r"1 of 4 result files exist.*b\.json.*--force"):
        predict_images(make_segmenter(card, fail), images, output, ["mask", "json"])
    assert [path.name for path in output.iterdir()] == ["b.json"]
    predict_images(make_segmenter(card), images, output, ["mask", "json"], force=True)
    assert (output / "b.json").read_text() != "mine"


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        (("a/1.png", "b/1.png"), "write them to different folders, or keep .*--keep-folders"),
        (("1.png", "1.jpg"), "rename one of them, or give them one at a time"),
        (("x/A.png", "y/a.png"), "write them to different folders, or keep .*--keep-folders"),
    ],
)
def test_results_of_the_same_name_are_refused_with_what_helps(card, tmp_path, names, remedy):
    images = draw_images(tmp_path, *names)
    with pytest.raises(SegfitError, match=f"would both be written to [^:]*: {remedy}") as refusal:
        predict_images(make_segmenter(card), images, tmp_path / "out", ["mask"], force=True)
    assert ("keep" in str(refusal.value)) == ("keep" in remedy)
    assert not (tmp_path / "out").exists()


def test_results_of_two_formats_of_two_images_are_told_apart(card, tmp_path):
    images = draw_images(tmp_path, "a.png", "a_nucleus.png")
    with pytest.raises(SegfitError, match="would both be written"):
        predict_images(
            make_segmenter(card), images, tmp_path / "out", ["mask", "probabilities-png"]
        )


def test_keep_folders_keeps_results_apart(card, tmp_path):
    images = draw_images(tmp_path, "in/a/1.png", "in/b/deep/1.png")
    output = tmp_path / "out"
    predict_images(make_segmenter(card), images, output, ["mask"], keep_folders=True)
    assert (output / "a" / "1.png").is_file()
    assert (output / "b" / "deep" / "1.png").is_file()


def test_an_image_is_never_overwritten_even_with_force(card, tmp_path):
    images = draw_images(tmp_path, "a.png")
    before = images[0].read_bytes()
    with pytest.raises(
        SegfitError, match=r"a\.png is an image to be read, and a result would overwrite it"
    ):
        predict_images(make_segmenter(card), images, tmp_path, ["mask"], force=True)
    assert images[0].read_bytes() == before


@pytest.mark.parametrize(
    ("output", "message"),
    [("a.png/out", "cannot make the folder"), ("fresh.png", "looks like a file")],
)
def test_an_output_that_cannot_be_is_refused(card, tmp_path, output, message):
    images = draw_images(tmp_path, "a.png")
    with pytest.raises(SegfitError, match=message):
        predict_images(make_segmenter(card), images, tmp_path / output, ["json"])


@pytest.mark.parametrize(
    ("formats", "given"), [(["mask", "gif"], "unknown format gif"), ([], "no format")]
)
def test_unknown_formats_are_refused(card, tmp_path, formats, given):
    with pytest.raises(SegfitError, match=f"{given}.*choose from .*mask"):
        predict_images(make_segmenter(card), [], tmp_path / "out", formats)


def test_the_next_image_is_decoded_while_one_is_segmented(card, tmp_path, monkeypatch):
    """Either step waits for the other one: one after the other, they would wait for ever."""
    second_is_read, waited = threading.Event(), []

    def read(path, **settings):
        if Path(path).stem == "b":
            second_is_read.set()
        return read_stored(path, **settings)

    def wait(images):
        waited.append(second_is_read.wait(timeout=20))
        return np.zeros((1, 1, images.shape[1] // 4, images.shape[2] // 4), np.float32)

    monkeypatch.setattr(segfit.batch.predict, "read_stored", read)
    images = draw_images(tmp_path, "a.png", "b.png")
    predict_images(make_segmenter(card, wait), images, tmp_path / "out", ["mask"])
    assert waited == [True, True]


def test_decoding_and_writing_do_not_run_away_from_the_network(card, tmp_path, monkeypatch):
    read_names: list[str] = []

    def read(path, **settings):
        read_names.append(Path(path).stem)
        return read_stored(path, **settings)

    seen_ahead = []

    def network(images):
        seen_ahead.append(len(read_names) - len(seen_ahead))
        return np.zeros((1, 1, images.shape[1] // 4, images.shape[2] // 4), np.float32)

    monkeypatch.setattr(segfit.batch.predict, "read_stored", read)
    images = draw_images(tmp_path, *(f"{index}.png" for index in range(8)))
    predict_images(make_segmenter(card, network), images, tmp_path / "out", ["mask"])
    assert max(seen_ahead) <= 1 + READ_AHEAD


def test_an_adjusted_segmenter_uses_its_threshold(card):
    segmenter = make_segmenter(card)
    image = np.full((32, 32, 3), 120, np.uint8)
    assert AdjustedSegmenter(segmenter)(image).labels.max() == 0
    adjusted = AdjustedSegmenter(segmenter, Decision(threshold=0.1))
    assert adjusted(image).labels.min() == 1
    assert isinstance(adjusted.classes, ClassTable)


def test_an_adjusted_segmenter_is_pickled_copied_and_shown(card):
    image = np.full((32, 32, 3), 120, np.uint8)
    method = AdjustedSegmenter(make_segmenter(card), Decision(threshold=0.1), refine=False)
    for twin in (pickle.loads(pickle.dumps(method)), copy.deepcopy(method)):
        assert (twin.decision, twin.refine) == (method.decision, False)
        assert twin.provides == method.provides
        assert twin(image).labels.min() == 1
    assert "threshold=0.1" in repr(method)
    assert repr(method).count("\n") < 10


def test_a_setting_that_the_model_has_no_use_for_is_refused_before_any_image(card):
    with pytest.raises(SegfitError, match="has no use for reject"):
        AdjustedSegmenter(make_segmenter(card), Decision(reject=0.5))


def test_a_format_whose_library_is_missing_is_refused_before_the_first_image(
    card, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "roifile", None)
    images = draw_images(tmp_path, "a.png")
    with pytest.raises(SegfitError, match=r'imagej needs roifile: pip install "segfit\[imagej\]"'):
        predict_images(make_segmenter(card), images, tmp_path / "out", ["mask", "imagej"])
    assert not (tmp_path / "out").exists()
