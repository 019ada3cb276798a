from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import segfit
from segfit.cli.app import app

NUCLEI = Path(segfit.__file__).parent / "demo_data" / "nuclei"
UNSEEN = sorted((NUCLEI / "val" / "images").iterdir())
RUN = "from segfit.cli.app import main; main()"


def run(*arguments: object):
    """Run a command in this process; its ``output`` has what it prints and what it complains."""
    return CliRunner().invoke(
        app, [str(argument) for argument in arguments], env={"COLUMNS": "200"}
    )


def run_process(*arguments: object, before: str = "", **options):
    """Run a command in a process of its own, after the statements ``before``."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{before}\n{RUN}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled images, two for each part: a square of class 1 on nothing."""
    root = tmp_path_factory.mktemp("data")
    image = np.zeros((64, 64), np.uint8)
    image[16:48, 16:48] = 200
    for part in ("train", "val"):
        for name in ("1", "2"):
            for kind, values in (("images", image), ("masks", image // 200)):
                path = root / part / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
    names = {"classes": [{"name": "nothing", "value": 0}, {"name": "square", "value": 1}]}
    (root / "classes.json").write_text(json.dumps(names))
    return root


TINY = (
    "--encoder", "plain", "--set", "widths=[[8],[16],[16],[24],[32]]", "--long-side", 64,
    "--set", "crop_px=[64,64]", "--batch", 1, "--threads", 1,
)  # fmt: skip


def test_version():
    assert run("--version").output.strip() == f"segfit {segfit.__version__}"


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "predict",
        "refine",
        "evaluate",
        "info",
        "models",
        "demo",
        "segment",
        "methods",
        "edges",
        "fit",
    ],
)
def test_every_command_explains_itself(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"segfit {command}" in result.output or command in ("models", "methods")
    assert command in run("--help").output


def test_help_imports_nothing_heavy():
    heavy = "{'torch', 'openvino', 'cv2', 'numpy', 'pydantic', 'PIL'}"
    result = run_process(
        "--help",
        before=f"import atexit, sys\natexit.register(lambda: print({heavy} & set(sys.modules)))",
    )
    assert result.returncode == 0
    assert result.stdout.rstrip().endswith("set()")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("predict {model} {image}.gone -o {out}", "no such file or folder"),
        ("predict {model} {empty} -o {out}", "no image in this folder"),
        ("predict nobody {image} -o {out}", "neither a file nor a shipped model"),
        ("predict {image} {image} -o {out}", "damaged or not a segfit model"),
        ("predict {model} {image} -o {image}/out", "cannot make the folder"),
        ("predict {model} {image} -o {out}.png", "looks like a file"),
        ("predict {model} {image} -o {out} --format mask,gif", "unknown format gif"),
        ("predict {model} {image} -o {out} --format ,", "no format given"),
        ("predict {model} {image} -o {out} --probabilities jpg", "choose png or npz"),
        ("predict {model} {image} -o {out} --backend cuda", "unknown backend 'cuda'"),
        ("predict {model} {image} -o {out} --reject 0.5", "use --threshold"),
        ("predict {model} {image} -o {out} --threshold 2", "Invalid value for '--threshold'"),
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
        ("evaluate {model} {nuclei} --component edges", "unknown part 'edges'"),
        ("evaluate {refiner} {nuclei} --component regressor --reject 0.5", "leave them out"),
        ("evaluate {model} {empty}", "is an empty folder"),
        ("evaluate {model} {nuclei} --split test", "has no part 'test': choose train, val"),
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
            "unknown part 'decoder': choose both, classifier",
        ),
        ("train {data} -o {new} --from face", "train the part regressor, or leave the model out"),
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
        ("train {data} --dry-run --set instances=grouped", "no class of the data has instances"),
        ("train {data} --dry-run --set instances=some", "plan, instances: Input should be"),
        ("predict {model} {image} -o {out} --format instances", "tells no instances apart"),
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


def test_predict_writes_what_is_asked_for(tiny_model, tmp_path):
    result = run("predict", tiny_model, *UNSEEN[:2], "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    stems = [path.stem for path in UNSEEN[:2]]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        stem + ending for stem in stems for ending in (".png", "_overlay.jpg", ".json")
    )
    for part in (*stems, "nucleus", "ms", "2 images in"):
        assert part in result.output
    again = run("predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out")
    assert again.exit_code == 2
    assert "3 of 3 result files exist already" in again.output
    assert run("predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out", "--force").exit_code == 0


def test_predict_takes_patterns_and_writes_probabilities(tiny_model, tmp_path):
    pattern = NUCLEI / "val" / "images" / "*_5*.png"
    options = ("--format", "mask", "--probabilities", "npz", "--threshold", 0)
    result = run("predict", tiny_model, pattern, "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    written = sorted((tmp_path / "out").iterdir())
    assert [path.suffix for path in written] == [".npz", ".png"] * 2
    assert np.asarray(Image.open(written[1])).min() == 1  # all above a threshold of 0


def test_predict_writes_every_format_of_regions(tiny_model, tmp_path):
    names = "polygons,coco,geojson,svg,yolo"
    options = ("--format", names, "--simplify", 0.7)
    result = run("predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    endings = sorted(path.name[len(UNSEEN[0].stem) :] for path in (tmp_path / "out").iterdir())
    assert endings == [".geojson", ".svg", ".txt", "_coco.json", "_polygons.json"]
    for name in names.split(","):
        assert name in run("predict", "--help").output


def test_predict_reports_a_bad_image_and_does_the_others(tiny_model, tmp_path):
    bad = tmp_path / "[red]bad.png"
    bad.write_bytes(UNSEEN[0].read_bytes()[:200])
    options = ("-o", tmp_path / "out", "--format", "mask")
    result = run("predict", tiny_model, bad, *UNSEEN[:2], *options)
    assert result.exit_code == 1
    assert "1 of 3 images failed" in result.output
    assert f"  {bad}" in result.output
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_predict_needs_no_torch(tiny_model, tmp_path):
    result = run_process(
        "predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out",
        before="import sys\nsys.modules['torch'] = None",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_training_without_torch_says_what_to_install(data, tmp_path):
    result = run_process(
        "train", data, "-o", tmp_path / "x.segfit", before="import sys\nsys.modules['torch'] = None"
    )
    assert result.returncode == 2
    assert result.stderr.strip() == (
        'segfit: training needs torch, not installed here: pip install "segfit[train]"'
    )


def test_a_reader_that_has_seen_enough_is_no_error(tiny_model):
    command = f"{sys.executable} -c '{RUN}' info {tiny_model} --json | head -c 1"
    shell = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60
    )
    assert shell.stdout == "{"
    assert shell.stderr == ""


def test_refine_reports_what_fails_at_the_end(tiny_refiner, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    first, second = sorted((NUCLEI / "val" / "masks").iterdir())[:2]
    shutil.copy(first, masks)
    shutil.copy(second, masks / "lonely.png")
    shutil.copy(NUCLEI / "classes.json", masks)
    result = run(
        "refine", masks, "--images", NUCLEI / "val" / "images", "-o", tmp_path / "out",
        "--model", tiny_refiner, "--format", "mask,geojson", "--threads", 1,
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    for part in ("2 classes: background, nucleus", first.name, "1 of 2 images failed"):
        assert part in result.output
    assert "no image of the name lonely" in result.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"{first.stem}.geojson", f"{first.stem}.png"]


def test_evaluate_prints_and_writes_figures(tiny_model, tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", tiny_model, NUCLEI, "--json", path, "--group-by-prefix")
    assert result.exit_code == 0, result.output
    assert "pixel accuracy" in result.output
    figures = json.loads(path.read_text())
    assert figures["images"] == 6
    assert 0 <= figures["mean_iou"] <= 1
    assert set(figures["classes"]["nucleus"]) >= {"iou", "dice"}
    assert list(figures["groups"]) == ["fluorescence"]
    assert (figures["split"], figures["threshold"]) == ("val", None)


def test_a_method_without_training_is_evaluated_as_a_model_is(tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", "otsu", NUCLEI, "--set", "blur_px=2", "--json", path)
    assert result.exit_code == 0, result.output
    figures = json.loads(path.read_text())
    assert list(figures["classes"]) == ["background", "nucleus"]
    assert figures["settings"] == ["blur_px=2"]
    assert figures["classes"]["nucleus"]["iou"] > 0.6
    assert figures["instances"]["predicted"] > 0


def test_evaluate_measures_outlines_alone(tiny_refiner, tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", tiny_refiner, NUCLEI, "--component", "regressor", "--json", path)
    assert result.exit_code == 0, result.output
    for part in ("mean distance, px", "within 2 standard errors", "F@3 px", "mean IoU"):
        assert part in result.output
    figures = json.loads(path.read_text())
    assert (figures["component"], figures["images"]) == ("regressor", 6)
    assert set(figures["before"]) == set(figures["after"])
    assert figures["before"]["error_px_mean"] > 0


def test_evaluate_takes_a_threshold(tiny_model, tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", tiny_model, NUCLEI, "--json", path, "--threshold", 0)
    assert result.exit_code == 0, result.output
    assert json.loads(path.read_text())["classes"]["background"]["iou"] == 0


def test_info_shows_the_card(tiny_model):
    output = run("info", tiny_model).output
    for part in ("background", "nucleus", "threshold", "96 px", "plain", "4 steps with seed 0"):
        assert part in output
    card = json.loads(run("info", tiny_model, "--json").output)
    assert card["classes"]["names"] == ["background", "nucleus"]


def test_info_and_models_show_a_refiner(tiny_refiner, monkeypatch):
    output = run("info", tiny_refiner).output
    assert "refiner: moves the outlines of masks, by segfit refine" in output
    assert json.loads(run("info", tiny_refiner, "--json").output)["kind"] == "refiner"
    monkeypatch.setattr("segfit.segmenter.SHIPPED_MODELS", tiny_refiner.parent)
    assert "any: a refiner" in run("models").output


def test_the_plan_of_a_model_is_a_plan_of_training(tiny_model, tmp_path):
    text = run("info", tiny_model, "--plan").output
    (tmp_path / "plan.toml").write_text(text)
    assert tomllib.loads(text)["steps"] == 4
    result = run("train", NUCLEI, "--dry-run", "--plan", tmp_path / "plan.toml", "--batch", 3)
    assert result.exit_code == 0, result.output
    rows = [line.split("│")[1:3] for line in result.output.splitlines() if "│" in line]
    plan = {key.strip(): value.strip() for key, value in rows}
    assert plan["widths"] == "[[8], [16], [16], [24], [32]]"
    assert plan["batch"] == "3"


def test_dry_run_shows_classes_and_plan_and_writes_nothing(data, tmp_path):
    output = tmp_path / "x.segfit"
    options = ("--no-flip-horizontal", "--set", "augmentation.noise=0")
    result = run("train", data, "-o", output, "--dry-run", *options)
    assert result.exit_code == 0, result.output
    for part in ("2 in train, 2 in val", "nothing", "square", "learning_rate"):
        assert part in result.output
    rows = dict(line.split("│")[1:3] for line in result.output.splitlines() if "augm" in line)
    plan = {key.strip(): value.strip() for key, value in rows.items()}
    assert plan["augmentation.flip_horizontal"] == "False"
    assert plan["augmentation.noise"] == "0.0"
    assert not any(tmp_path.iterdir())


def test_train_writes_a_model_and_every_figure(data, tmp_path):
    output, log = tmp_path / "x.segfit", tmp_path / "x.jsonl"
    result = run("train", data, "-o", output, "--steps", 3, *TINY, "--log", log)
    assert result.exit_code == 0, result.output
    for part in ("round 3, step 3 of 3", "square", "pixel accuracy", f"segfit predict {output}"):
        assert part in result.output
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    rounds = [*["step", "round"] * 3, *["step", "outlines"] * 3, *["step", "boxes"] * 3]
    assert [line["event"] for line in lines] == ["plan", *rounds, "end"]
    assert "px off" in result.output, "what the regressor won is told, even if it is nothing"
    assert lines[0]["plan"]["batch"] == 1
    assert set(lines[2]["iou"]) == {"nothing", "square"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jsonl", "x.segfit"]


def test_an_interrupted_training_says_how_it_goes_on(data, tmp_path):
    output, log = tmp_path / "x.segfit", tmp_path / "x.jsonl"
    arguments = ["train", data, "-o", output, "--steps", 20, *TINY, "--log", log]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", RUN, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have had the signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    checkpoint = tmp_path / "x.segfit.checkpoint"
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert "interrupted after step" in complaint
    assert "Traceback" not in complaint
    assert not output.exists()
    anew = run("train", data, "-o", output)
    assert anew.exit_code == 2
    assert "left from an interrupted training" in anew.output
    command = complaint.strip().splitlines()[-1].split()
    assert command == [
        "segfit", "train", str(data), "-o", str(output), "--resume", "--log", str(log),
    ]  # fmt: skip
    result = run(*command[1:])
    assert result.exit_code == 0, result.output
    rounds = [json.loads(line) for line in log.read_text().splitlines() if '"round"' in line]
    assert rounds[-1]["step"] == 20
    assert output.exists()
    assert not checkpoint.exists()


def test_ctrl_c_elsewhere_is_status_130(monkeypatch, tmp_path):
    def interrupt(paths):
        raise KeyboardInterrupt

    monkeypatch.setattr("segfit.imaging.find.find_images", interrupt)
    result = run("predict", "face", "x", "-o", tmp_path)
    assert result.exit_code == 130
    assert "interrupted" in result.output


def test_models_are_listed(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr("segfit.segmenter.SHIPPED_MODELS", tiny_model.parent)
    output = run("models").output
    assert "tiny" in output
    assert "background, nucleus" in output
    monkeypatch.setattr("segfit.segmenter.SHIPPED_MODELS", tmp_path)
    assert run("models").exit_code == 2


def test_a_terminal_without_signs_gets_question_marks(tiny_model):
    result = run_process(
        "info", tiny_model, env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "100"}
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with 16-bit masks of objects: two that touch, and one in two pieces."""
    root = tmp_path_factory.mktemp("plates")
    numbers = np.zeros((64, 64), np.uint16)
    numbers[8:20, 8:20], numbers[8:20, 20:32] = 1, 2
    numbers[40:50, 8:18], numbers[40:50, 40:50] = 3, 3
    for part in ("train", "val"):
        for name in ("1", "2"):
            shown = (numbers > 0).astype(np.uint8) * 200
            for kind, values in (("images", shown), ("masks", numbers)):
                path = root / part / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
    return root


def test_objects_are_counted_and_split_on_demand(plates):
    whole = run("train", plates, "--dry-run")
    assert whole.exit_code == 0, whole.output
    assert "16 bits and 4 values" in whole.output
    assert "4 of 12 objects lie in several pieces" in whole.output
    assert "4 of 6 objects touch another" in whole.output
    split = run("train", plates, "--dry-run", "--split-objects")
    assert "several pieces" not in split.output
    assert "4 of 8 objects touch another" in split.output


def test_objects_are_trained_predicted_and_evaluated(plates, tmp_path):
    model, out = tmp_path / "cells.segfit", tmp_path / "out"
    trained = run("train", plates, "-o", model, *TINY, "--steps", 2, "--component", "classifier")
    assert trained.exit_code == 0, trained.output
    assert "told apart by a head of their own" in run("info", model).output
    image = plates / "val" / "images" / "1.png"
    predicted = run("predict", model, image, "-o", out, "--format", "instances,coco,yolo")
    assert predicted.exit_code == 0, predicted.output
    with Image.open(out / "1_instances.png") as mask:
        numbers = np.unique(np.asarray(mask))
    assert len((out / "1.txt").read_text().splitlines()) == np.count_nonzero(numbers)
    figures = tmp_path / "figures.json"
    evaluated = run("evaluate", model, plates, "--json", figures)
    assert evaluated.exit_code == 0, evaluated.output
    written = json.loads(figures.read_text())["instances"]
    assert written["true"] == 6
    assert written["average_precision"].keys() >= {"0.5", "0.95"}
    assert json.loads(figures.read_text())["per_image"][0]["instances"]["true"] == 3


def test_segment_finds_nuclei_without_a_model_and_says_how(tmp_path):
    options = ("--method", "otsu", "--format", "mask,polygons", "--refine")
    result = run("segment", UNSEEN[0], "-o", tmp_path, *options)
    assert result.exit_code == 0, result.output
    truth = np.asarray(Image.open(NUCLEI / "val" / "masks" / UNSEEN[0].name)) > 0
    found = np.asarray(Image.open(tmp_path / f"{UNSEEN[0].stem}.png")) > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.7
    regions = json.loads((tmp_path / f"{UNSEEN[0].stem}_polygons.json").read_text())["regions"]
    assert regions[0]["error_px_mean"] > 0
    assert "is foreground" in result.output


def test_segment_goes_by_a_hint(tmp_path):
    image = np.full((60, 80, 3), (40, 90, 40), np.uint8)
    image[20:40, 30:60] = (200, 80, 60)
    image += np.random.default_rng(0).integers(0, 9, image.shape, dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "box.png")
    hint = ("--method", "grabcut", "--foreground", "25,15,66,46", "--format", "mask")
    result = run("segment", tmp_path / "box.png", "-o", tmp_path / "out", *hint)
    assert result.exit_code == 0, result.output
    mask = np.asarray(Image.open(tmp_path / "out" / "box.png"))
    assert mask[20:40, 30:60].mean() > 0.98
    assert mask.sum() < 620


def test_methods_are_listed():
    output = run("methods").output
    for name in ("felzenszwalb", "random-walker", "blur_px"):
        assert name in output


def test_edges_writes_lines_and_regions(tmp_path):
    options = ("--detector", "canny", "--format", "edges,strength,lines,instances")
    result = run("edges", UNSEEN[0], "-o", tmp_path, *options)
    assert result.exit_code == 0, result.output
    stem = UNSEEN[0].stem
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{stem}{end}"
        for end in (
            "_edges.png",
            "_strength.png",
            "_lines.geojson",
            "_instances.png",
        )
    }
    assert np.asarray(Image.open(tmp_path / f"{stem}_instances.png")).max() > 3


def test_a_flat_image_gets_a_note_not_a_crash(tmp_path):
    Image.fromarray(np.full((50, 60, 3), 90, np.uint8)).save(tmp_path / "flat.png")
    for command, *options in (("segment",), ("edges", "--detector", "canny")):
        result = run(command, tmp_path / "flat.png", "-o", tmp_path / command, *options)
        assert result.exit_code == 0, result.output
        assert "flat.png: one region" in result.output


def test_fit_prints_shapes_with_errors_and_writes_a_table(tmp_path):
    masks = NUCLEI / "val" / "masks"
    options = ("--shape", "ellipse", "--scale", "0.65um/px", "--min-area", 20)
    result = run("fit", masks, "-o", tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert "±" in result.output
    assert "rms um" in result.output
    tables = sorted(tmp_path.glob("*.csv"))
    assert len(tables) == len(UNSEEN)
    assert "fit_major_radius_um_se" in tables[0].read_text().splitlines()[0]
