"""What users get wrong: one message each, and exit status 2."""

from __future__ import annotations

import sys

import pytest
from commands import NUCLEI, UNSEEN, run


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("predict {model} {image}.gone -o {out}", "no such file or folder"),
        ("segment {image} -o {out} --method grabcut", "begins with a hint: give --foreground"),
        (
            "segment {image} -o {out} --method grabcut --background 2,2",
            "begins with a hint: give --foreground",
        ),
        (
            "segment {image} -o {out} --method kmeans --set clusters=x",
            "kmeans, clusters: expected an integer, given 'x'",
        ),
        ("train {data} --dry-run --encoder resnet", "unknown encoder 'resnet': choose"),
        ("train {data} --dry-run --learning-rate -1", "expected greater than 0, given -1"),
        ("predict {model} {empty} -o {out}", "no image in this folder"),
        ("predict nobody {image} -o {out}", "neither a file nor a shipped model"),
        ("predict {image} {image} -o {out}", "damaged or not a segfit model"),
        ("predict {model} {image} -o {image}/out", "cannot make the folder"),
        ("predict {model} {image} -o {out}.png", "looks like a file"),
        ("predict {model} {image} -o {out} --format mask,gif", "unknown format gif"),
        ("predict {model} {image} -o {out} --format ,", "no format given"),
        (
            "predict {model} {image} -o {out} --probabilities jpg",
            "unknown kind of probabilities 'jpg': choose npz or png",
        ),
        ("predict {model} {image} -o {out} --backend cuda", "unknown backend 'cuda'"),
        ("predict {model} {image} -o {out} --precision fp16", "unknown precision 'fp16'"),
        (
            "predict {model} {image} -o {out} --precision int8",
            "this model has no int8 form: train it again, or take the precision auto",
        ),
        (
            "predict {model} {image} -o {out} --backend torch --precision bfloat16",
            "torch computes in single precision only",
        ),
        ("predict {model} {image} -o {out} --reject 0.5", "give threshold instead"),
        (
            "predict {model} {image} -o {out} --threshold 2",
            "threshold is a probability from 0 to 1, given 2",
        ),
        ("predict {model} {image} -o {out} --simplify -1", "Invalid value for '--simplify'"),
        ("predict {refiner} {image} -o {out}", "is a refiner: it moves the outlines of masks"),
        ("refine {image}.gone --images {empty} -o {out}", "no such file or folder"),
        ("refine {image} --images {image}.gone -o {out}", "is not a folder"),
        ("refine {image} --images {empty} -o {out}", "has an image of the same name in"),
        ("refine {masks} --images {images} -o {out} --format gif", "unknown format gif"),
        ("refine {masks} --images {images} -o {out} --model {model}", "give a refiner"),
        (
            "refine {masks} --images {images} -o {out} --model {refiner} --off-by 0",
            "expected a distance above 0",
        ),
        ("evaluate {model} {data} --component regressor", "are not the data's"),
        ("evaluate {model} {nuclei} --component regressor", "has no regression network"),
        ("evaluate {refiner} {nuclei}", "is a refiner"),
        (
            "evaluate {model} {nuclei} --component edges",
            "unknown component 'edges': choose both, classifier or regressor",
        ),
        ("evaluate {refiner} {nuclei} --component regressor --reject 0.5", "leave it out"),
        ("evaluate sobel {data} --task edges --min-area 9", "leave it out with --task edges"),
        ("evaluate sobel {data} --task edges --split-objects", "--split-objects: only for regions"),
        ("evaluate sobel {data} --task edges --component regressor", "--component is for models"),
        ("evaluate {model} {empty}", "is an empty folder"),
        ("evaluate {model} {nuclei} --split test", "has no split 'test': choose train, val"),
        ("evaluate {model} {data}", "the model's classes (background, nucleus) are not the data's"),
        ("evaluate {model} {nuclei} --json {image}", "exists already"),
        ("evaluate {model} {nuclei} --json {image}/e.json", "is not a folder"),
        ("info {image}.gone", "neither a file nor a shipped model"),
        ("info {model} --json --plan", "choose one"),
        ("train {data}", "no output given"),
        ("train {data} -o {model}", "exists already"),
        ("train {data} -o {out}.png", "a model's name ends in .segfit"),
        ("train {data} -o {out}/x.segfit", "does not exist: create it"),
        ("train {data} -o {image}/x.segfit", "is not a folder"),
        ("train {data} -o {new} --log {image}", "exists already"),
        ("train {data} -o {new} --resume", "no such checkpoint"),
        ("train {data} -o {new} --resume --dry-run", "leave --dry-run out"),
        (
            "train {data} -o {new} --component decoder",
            "unknown component 'decoder': choose both, classifier",
        ),
        ("train {data} -o {new} --from outlines", "is a refiner: it moves the outlines of masks"),
        ("train {empty} -o {new}", "is an empty folder"),
        ("train {data} --dry-run --plan {out}.toml", "there is no such plan"),
        ("train {data} --dry-run --plan {image}", "is not TOML"),
        ("train {data} --dry-run --set steps", "write it as KEY=VALUE"),
        ("train {data} --dry-run --set stebs=4", "plan, stebs: no such setting; there are"),
        ("train {data} --dry-run --set augmentation.fog=1", "plan, augmentation.fog: no such"),
        ("train {data} --dry-run --set batch=0", "plan, batch:"),
        ("train {data} --dry-run --set scaling.kind=field --set scaling.factor=0", "above 0"),
        ("train {data} --dry-run --set class_weights.circle=2", "no class circle"),
        ("train {data} --dry-run --loss dise", "terms are cross_entropy"),
        ("train {data} --dry-run --branches square@1/2", "square is the only one beside"),
        ("train {data} --dry-run --set objects=grouped", "no class of the data has objects"),
        ("train {data} --dry-run --set objects=some", "plan, objects: expected"),
        (
            "predict {model} {image} -o {out} --format instances",
            "format instances needs objects, and no class has any",
        ),
        ("train {data} --dry-run --optimizer sgd", "plan, optimizer:"),
        ("demo -o {image}", "cannot make the folder"),
        ("segment {image} -o {out} --method magic", "unknown method 'magic': choose auto, otsu"),
        ("segment {image} -o {out} --method kmeans --set k=3", "kmeans has no setting k"),
        (
            "segment {image} -o {out} --method otsu --foreground 1,2,30,40",
            "hints for grabcut",
        ),
        ("segment {image} -o {out} --method grabcut --foreground 1,2,3", "give a rectangle as"),
        (
            "segment {image} -o {out} --format edges",
            "is for edges: use segfit edges",
        ),
        ("segment {image} -o {out} --min-area -1", "min_area_px is 0 px or more, given -1"),
        ("fit {masks} -o {out} --min-area -1", "min_area_px is 0 px or more, given -1"),
        ("segment {image}.gone -o {out}", "no such file or folder"),
        ("edges {image} -o {out} --detector prewitt", "unknown detector 'prewitt': choose"),
        (
            "edges {image} -o {out} --detector {model}",
            "finds no edges: give a model",
        ),
        ("edges {image} -o {out} --detector canny --strength 0", "above 0 and up to 1, given 0"),
        ("edges {image} -o {out} --format probabilities-npz", "needs the probabilities"),
        ("evaluate canny {data} --task edges", "folders images/ and truth/ are needed"),
        ("evaluate canny {data} --task borders", "unknown task 'borders': choose regions or edges"),
        ("evaluate otsu {nuclei} --set sigma=2", "otsu has no setting sigma; its settings are"),
        ("evaluate otsu {nuclei} --threshold 0.5", "are for models, and otsu is a method"),
        ("evaluate kmeans {nuclei}", "choose otsu, local-threshold, or a model"),
        ("evaluate grabcut {nuclei}", "choose otsu, local-threshold, or a model"),
        ("evaluate {model} {nuclei} --set blur_px=2", "--set is for methods without training"),
        ("evaluate canny {data} --task edges --set blur_px=2", "leave it out with --task edges"),
        ("fit {masks} -o {out} --shape hexagon", "unknown shape 'hexagon': choose auto"),
        ("fit {masks} -o {out} --shape circle --corners 4", "circle has no setting corners"),
        ("fit {masks} -o {out} --scale 3", "such as 0.65um/px"),
        ("fit {masks} -o {out} --refine", "give their folder with --images"),
        ("fit {masks} -o {out} --format xlsx", "unknown format xlsx: choose from csv"),
        ("fit {image}.gone -o {out}", "no such file or folder"),
    ],
)
def test_a_mistake_gets_one_message_and_status_2(
    arguments, complaint, tiny_model, tiny_refiner, data, tmp_path_factory
):
    folder = tmp_path_factory.getbasetemp() / "mistakes"
    (folder / "empty").mkdir(parents=True, exist_ok=True)
    places = {
        "model": tiny_model, "image": UNSEEN[0], "empty": folder / "empty", "out": folder / "out",
        "new": folder / "new.segfit", "nuclei": NUCLEI, "data": data, "refiner": tiny_refiner,
        "masks": NUCLEI / "val" / "masks", "images": NUCLEI / "val" / "images",
    }  # fmt: skip
    result = run(*(word.format(**places) for word in arguments.split()))
    assert result.exit_code == 2, result.output
    assert complaint in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert [path.name for path in folder.iterdir()] == ["empty"]


def test_ray_that_is_not_there_and_processes_beside_it_are_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    options = ("segment", UNSEEN[0], "-o", tmp_path / "out", "--ray", "auto")
    result = run(*options)
    assert result.exit_code == 2
    assert 'pip install "segfit[ray]"' in result.output
    assert "leave --workers out" in run(*options, "--workers", 2).output
    assert "a number from 1, or auto" in run(*options[:4], "--workers", "many").output
    assert not (tmp_path / "out").exists()
