"""Labelled images in, a model file out; and whatever comes between."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import cv2
import numpy as np
import pytest
import torch

import segfit
from segfit.basics.files import write_file
from segfit.datasets import LabelledData
from segfit.errors import SegfitError
from segfit.model.archive import ModelCard, read_model
from segfit.networks.classifier import Classifier
from segfit.networks.export import restore_network
from segfit.training.checkpoint import checkpoint_path, read_checkpoint
from segfit.training.events import ClassifierRound, SmallerBatch
from segfit.training.plan.plan import make_plan

PLAN = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "batch": 2,
    "steps": 6,
}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "squares.segfit"


@pytest.fixture(scope="session")
def squares_folder(squares, tmp_path_factory):
    """The squares as files, for another process."""
    root = tmp_path_factory.mktemp("squares")
    for split, dataset in squares.splits.items():
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for example in dataset:
            name = f"{example.name}.png"
            cv2.imwrite(str(root / split / "images" / name), example.image[..., ::-1])
            cv2.imwrite(str(root / split / "masks" / name), example.labels)
    return root


def train(data, output, **options):
    return segfit.train(
        data, output, **{"component": "classifier", "plan": PLAN, "threads": 1, **options}
    )


def weights_of(path):
    model = read_model(path)
    weights = model.networks["classifier"].weights
    return restore_network(model.card.architecture, weights).state_dict()


def assert_same_weights(first, second, *, atol):
    first, second = weights_of(first), weights_of(second)
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=atol, rtol=0)


def test_model_says_what_it_is(squares, output):
    result = train(
        squares,
        output,
        description={"licence": "CC0-1.0", "data": "drawn", "description": "Squares"},
    )
    card = read_model(output).card
    assert result.path == output
    assert result.card == card
    assert card.name == "squares"
    assert card.classes == squares.classes
    assert (card.licence, card.data, card.description) == ("CC0-1.0", "drawn", "Squares")
    assert card.plan["steps"] == card.plan["trained_steps"] == 6
    assert card.plan["seed"] == 0
    assert 0 <= card.metrics["mean_iou"] <= 1
    assert card.metrics["iou"].keys() == {"background", "square"}
    assert card.metrics["measured_on"] == "4 validation images"
    assert card.format_version == ModelCard.model_fields["format_version"].default
    assert 0 < card.threshold < 1
    assert [done.step for done in result.rounds] == [1, 2, 3, 4, 5, 6]
    assert not checkpoint_path(output).exists()
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_plan_of_a_card_can_be_trained_again(squares, output):
    train(squares, output)
    kept = read_model(output).card.plan
    again = {name: value for name, value in kept.items() if name not in ("seed", "trained_steps")}
    plan, _ = make_plan(squares.splits["train"], overrides=again)
    assert plan.model_dump(mode="json") == again


def test_learns_and_predicts(squares, output, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGFIT_CACHE", str(tmp_path / "cache"))
    plan = {**PLAN, "steps": 80, "batch": 4, "learning_rate": 1e-2}
    segfit.train(squares, output, component="classifier", plan=plan, threads=1)
    example = squares.splits["val"][0]
    labels = segfit.load(output, threads=1)(example.image).labels
    known = example.labels != 255
    assert (labels == example.labels)[known].mean() > 0.96
    assert 0.1 < read_model(output).card.threshold < 0.9


def test_same_seed_gives_the_same_file(squares, tmp_path):
    paths = [tmp_path / str(n) / "squares.segfit" for n in range(3)]
    for path, seed in zip(paths, (5, 5, 6), strict=True):
        path.parent.mkdir()
        train(squares, path, seed=seed)
    first, again, other = (read_model(path).networks["classifier"] for path in paths)
    assert first == again
    assert first.weights != other.weights


KILLED = """
    import sys
    import segfit
    plan = {plan}
    def wait(event):
        if event.kind == "round":
            print("round", event.step, flush=True)
            import time; time.sleep(0.3)
    options = dict(component="classifier", plan=plan, threads=1, seed=3)
    segfit.train(sys.argv[1], sys.argv[2], on_event=wait, **options)
"""


def test_killed_training_resumes_to_the_same_model(squares_folder, tmp_path):
    straight, killed = tmp_path / "straight.segfit", tmp_path / "killed.segfit"
    train(squares_folder, straight, seed=3)
    script = textwrap.dedent(KILLED.format(plan=PLAN))
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(squares_folder), str(killed)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with process:
        for line in process.stdout:
            # When the third validation is done, the second checkpoint lies there.
            if line.split() == ["round", "3"]:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not killed.exists()
    assert read_checkpoint(checkpoint_path(killed)).states["classifier"]["step"] in (2, 3)
    # The seed, too, is the one that it began with.
    result = segfit.train(squares_folder, killed, resume=True, threads=1)
    assert [done.step for done in result.rounds] == [1, 2, 3, 4, 5, 6]
    assert read_model(killed).card.plan["seed"] == 3
    assert_same_weights(straight, killed, atol=1e-5)
    assert not checkpoint_path(killed).exists()


class InterruptionError(Exception):
    pass


def interrupt_after(rounds):
    """An event handler that stops the training when that many rounds have been saved."""
    seen = []

    def on_event(event):
        if isinstance(event, ClassifierRound):
            seen.append(event)
        elif len(seen) >= rounds:
            raise InterruptionError

    return on_event


@pytest.fixture
def interrupted(squares, output):
    """Path of a model whose training stopped after two rounds."""
    with pytest.raises(InterruptionError):
        train(squares, output, on_event=interrupt_after(2))
    assert checkpoint_path(output).exists()
    assert not output.exists()
    return output


def test_interrupted_training_resumes_with_the_same_figures(squares, interrupted, tmp_path):
    straight = train(squares, tmp_path / "straight.segfit")
    resumed = segfit.train(squares, interrupted, resume=True, threads=1)
    assert_same_weights(straight.path, interrupted, atol=1e-6)
    found, expected = ([done.mean_iou for done in r.rounds] for r in (resumed, straight))
    assert found == pytest.approx(expected)


def test_interrupted_training_is_not_begun_anew_unasked(squares, interrupted):
    before = checkpoint_path(interrupted).read_bytes()
    with pytest.raises(SegfitError, match=r"left from an interrupted training.*--resume"):
        train(squares, interrupted)
    assert checkpoint_path(interrupted).read_bytes() == before
    train(squares, interrupted, force=True)
    assert interrupted.exists()


def test_other_data_is_refused(make_squares, interrupted):
    with pytest.raises(SegfitError, match="made on 8 training images, and these 5 are not the sa"):
        segfit.train(make_squares(training=5), interrupted, resume=True)


def test_other_classes_are_refused(squares, make_dataset, interrupted):
    splits = {
        split: make_dataset(
            [(example.image, example.labels) for example in dataset], ("sky", "earth", "sea")
        )
        for split, dataset in squares.splits.items()
    }
    other = LabelledData(splits["train"].classes, splits, ())
    with pytest.raises(
        SegfitError, match="classes background, square, and the data has sky, earth"
    ):
        segfit.train(other, interrupted, resume=True)


@pytest.mark.parametrize("settings", [{"plan": {"steps": 3}}, {"minutes": 1}, {"minutes": 0}])
def test_settings_are_refused_when_resuming(squares, interrupted, settings):
    with pytest.raises(SegfitError, match="keeps its plan: leave the settings out"):
        segfit.train(squares, interrupted, resume=True, **settings)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"seed": 7}, "--seed is 7, and the training that is resumed has 0"),
        ({"component": "both"}, "--component is both, and .* has classifier"),
        ({"base": "face"}, "--from is face, and .* has none"),
        ({"split_objects": True}, "--split-objects is True, and .* has False"),
    ],
)
def test_what_contradicts_a_resumed_training_is_refused(squares, interrupted, asked, said):
    with pytest.raises(SegfitError, match=f"{said}: leave .* out, or begin anew with --force"):
        segfit.train(squares, interrupted, resume=True, **asked)
    assert checkpoint_path(interrupted).exists()


def test_what_a_resumed_training_has_may_be_said_again(squares, interrupted):
    segfit.train(squares, interrupted, resume=True, component="classifier", seed=0)
    assert interrupted.exists()


def test_damaged_checkpoint_is_explained(squares, interrupted):
    path = checkpoint_path(interrupted)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(
        SegfitError, match="is not a checkpoint, or it is damaged: train without --resume"
    ):
        segfit.train(squares, interrupted, resume=True)


def test_nothing_to_resume_is_explained(squares, output):
    with pytest.raises(SegfitError, match="no such checkpoint; train without --resume"):
        segfit.train(squares, output, resume=True)


def fill_disk_at(monkeypatch, module, *, call):
    """Let a module's ``call``-th write, counted from 1, meet a full disk."""
    real, calls = write_file, []

    def write(path, data, *, force=False, durable=False):
        calls.append(path)
        if len(calls) == call:
            raise SegfitError(f"cannot write {path}: the disk is full: free some space")
        real(path, data, force=force, durable=durable)

    monkeypatch.setattr(f"{module}.write_file", write)


def test_full_disk_leaves_the_round_before_whole(squares, output, monkeypatch):
    fill_disk_at(monkeypatch, "segfit.training.checkpoint", call=2)
    with pytest.raises(SegfitError, match="disk is full") as caught:
        train(squares, output)
    assert "The one of the round before is whole: --resume continues from it" in str(caught.value)
    assert read_checkpoint(checkpoint_path(output)).states["classifier"]["step"] == 1
    segfit.train(squares, output, resume=True, threads=1)
    assert output.exists()


def test_full_disk_at_the_first_round_promises_nothing(squares, output, monkeypatch):
    fill_disk_at(monkeypatch, "segfit.training.checkpoint", call=1)
    with pytest.raises(SegfitError, match="disk is full") as caught:
        train(squares, output)
    assert "is whole" not in str(caught.value)


def test_full_disk_at_the_very_end_loses_nothing(squares, output, tmp_path, monkeypatch):
    straight = train(squares, tmp_path / "straight.segfit")
    with monkeypatch.context() as patch:
        fill_disk_at(patch, "segfit.model.archive", call=1)
        with pytest.raises(SegfitError, match="disk is full"):
            train(squares, output)
    assert not output.exists()
    result = segfit.train(squares, output, resume=True, threads=1)
    assert result.card.metrics == straight.card.metrics
    assert_same_weights(straight.path, output, atol=0)


def test_torch_is_afterwards_as_it_was(squares, output):
    threads = torch.get_num_threads()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(squares, output, threads=threads + 1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(3), expected)


def test_torch_is_as_it_was_after_a_training_that_failed(squares, output):
    threads = torch.get_num_threads()
    state = torch.get_rng_state()
    with pytest.raises(InterruptionError):
        train(squares, output, threads=threads + 1, on_event=interrupt_after(1))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_minutes_are_kept(squares, output):
    began = time.perf_counter()
    plan = {name: value for name, value in PLAN.items() if name != "steps"}
    result = segfit.train(
        squares, output, component="classifier", plan=plan, minutes=0.2, threads=1
    )
    assert time.perf_counter() - began < 12 + 3
    assert result.card.plan["minutes"] == 0.2
    assert result.card.plan["trained_steps"] > 5


def test_the_best_classifier_so_far_can_be_looked_at(squares, output, tmp_path):
    preview, seen = tmp_path / "now.segfit", []

    def look(event):
        if isinstance(event, ClassifierRound):
            seen.append((event, read_model(preview).card.metrics if preview.exists() else None))

    result = train(squares, output, preview=preview, on_event=look)
    assert not preview.exists()
    done = [earlier for earlier, _ in seen]
    for number, (_, kept) in enumerate(seen[1:], start=1):
        best = max(done[:number], key=lambda one: (one.mean_iou, one.step))
        assert kept["mean_iou"] == best.mean_iou
        assert kept["iou"] == dict(zip(squares.classes.names, best.iou, strict=True))
    assert len(seen) == len(result.rounds) > 1


def test_what_an_interruption_leaves_to_look_at_segments(squares, output, tmp_path):
    preview = tmp_path / "now.segfit"
    with pytest.raises(InterruptionError):
        train(squares, output, preview=preview, on_event=interrupt_after(3))
    segmenter = segfit.load(preview)
    image = squares.splits["val"][0].image
    assert segmenter(image).labels.shape == image.shape[:2]


def test_output_that_exists_is_refused_before_the_data_is_read(tmp_path, output):
    output.write_bytes(b"precious")
    with pytest.raises(SegfitError, match=r"squares\.segfit exists already"):
        segfit.train(tmp_path / "there is no data", output)
    assert output.read_bytes() == b"precious"
    with pytest.raises(SegfitError, match="there is no data"):
        segfit.train(tmp_path / "there is no data", output, force=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"component": "decoder"},
            "unknown component 'decoder': choose both, classifier, regressor",
        ),
        ({"seed": -1}, "seed is a number from 0 to"),
        ({"seed": 1 << 40}, "seed is a number from 0 to"),
        ({"description": {"author": "me"}}, "no author: it has description, data, licence"),
        ({"minutes": 0}, "plan, minutes: expected greater than 0"),
        ({"minutes": -1}, "plan, minutes: "),
        ({"plan": {"encoder": "resnet"}}, "unknown encoder 'resnet'"),
        ({"plan": {"loss": "hinge"}}, "'hinge' is unknown"),
    ],
)
def test_settings_that_cannot_be_are_refused(squares, output, options, message):
    with pytest.raises(SegfitError) as caught:
        segfit.train(squares, output, **options)
    assert message in str(caught.value)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("lost", ["train", "val"])
def test_split_that_is_missing_is_named(squares, output, lost):
    splits = {split: dataset for split, dataset in squares.splits.items() if split != lost}
    with pytest.raises(SegfitError, match=f"no images in its {lost} split"):
        train(LabelledData(squares.classes, splits, ()), output)


def test_several_classes_have_an_output_each(squares, make_dataset, output):
    names = ("background", "square", "corner")
    splits = {}
    for split, dataset in squares.splits.items():
        pairs = [(one.image, np.where(one.labels == 255, 2, one.labels)) for one in dataset]
        splits[split] = make_dataset([(p, labels.astype(np.uint8)) for p, labels in pairs], names)
    result = train(LabelledData(splits["train"].classes, splits, ()), output)
    assert result.card.architecture.outputs == 3
    assert result.card.threshold == 0.5
    assert result.card.metrics["iou"].keys() == set(names)


def test_a_decoder_in_branches_trains_like_a_plain_one(squares, make_dataset, output):
    side = 1 + (np.indices((96, 96))[1] > 48)
    three = [
        (example.image, np.where(example.labels == 1, side, 0).astype(np.uint8))
        for example in squares.splits["train"]
    ]
    data = make_dataset(three, names=("background", "left", "right"))
    labelled = LabelledData(data.classes, {"train": data, "val": data.subset([0])}, ())
    plan = {**PLAN, "branches": "left@1/2x8; right@1/4x12"}
    card = train(labelled, output, plan=plan).card
    assert [branch.stride for branch in card.architecture.branches] == [2, 4]
    assert card.architecture.output_stride == 2
    assert card.plan["branches"] == "left@1/2x8; right@1/4x12"
    assert read_model(output).card == card


def fill_memory(monkeypatch, *, crops):
    """Let a network look at so many crops at once in training, and no more, as a card would."""
    score = Classifier.score

    def score_what_fits(network, images):
        if network.training and len(images) > crops:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return score(network, images)

    monkeypatch.setattr(Classifier, "score", score_what_fits)


def test_a_batch_too_large_for_the_memory_is_halved_and_said(squares, output, monkeypatch):
    fill_memory(monkeypatch, crops=2)
    events, batches = [], []

    def note(event):
        events.append(event)
        if checkpoint_path(output).exists():
            batches.append(read_checkpoint(checkpoint_path(output)).plan["batch"])

    plan = {**PLAN, "batch": 8, "coarse_share": 0.0}
    result = train(squares, output, plan=plan, on_event=note)
    smaller = [event for event in events if isinstance(event, SmallerBatch)]
    assert [(event.step, event.batch) for event in smaller] == [(0, 4), (0, 2)]
    assert "its batch is 2 from now on" in smaller[-1].describe()
    assert set(batches) == {2}, "a resumed training begins with what fits"
    assert result.card.plan["batch"] == 2
    assert result.rounds[-1].step == 6


def test_a_memory_too_small_for_one_crop_ends_the_training(squares, output, monkeypatch):
    fill_memory(monkeypatch, crops=0)
    with pytest.raises(
        SegfitError, match=r"cpu has too little memory .*\(CUDA out of memory.*smaller --batch"
    ):
        train(squares, output, plan={**PLAN, "coarse_share": 0.0})
    assert not output.exists()
