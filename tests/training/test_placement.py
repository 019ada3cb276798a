"""Trainings on another device than the processor: torch's "meta", which has shapes and no numbers.

It refuses what mixes devices, as a card does.
"""

import pytest
import torch

from segfit.errors import SegfitError
from segfit.training import placement as module
from segfit.training.boxes import BoxTraining
from segfit.training.classifier import ClassifierTraining
from segfit.training.data.views import LabelledViews
from segfit.training.engine import Engine
from segfit.training.outlines import OutlineTraining
from segfit.training.placement import (
    ON_CPU,
    Placement,
    find_placement,
    is_out_of_memory,
)
from segfit.training.plan.plan import make_plan
from segfit.training.torch_state import CPU

META = Placement(torch.device("meta"), loaders=1)
PLAN = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "batch": 2,
    "steps": 4,
}


@pytest.mark.parametrize(
    "settings",
    [
        {"l2": 1e-3, "class_weights": {"square": 2.0}},
        {"loss": "cross_entropy + symmetric_cross_entropy + dice + focal"},
        {"branches": "auto"},
        {"objects": "grouped"},
    ],
    ids=["weights", "losses", "branches", "objects"],
)
def test_a_classifier_learns_where_it_is_put(squares, pairs_of_cells, settings):
    data = pairs_of_cells if "objects" in settings else squares
    plan, _ = make_plan(data.splits["train"], overrides={**PLAN, **settings})
    training = ClassifierTraining(data, plan, seed=0, budget_seconds=None, placement=META)
    training.network.train()
    for coarse in (True, False):
        (loss,) = training.losses(0, coarse=coarse)
        assert loss.device == META.device
        loss.backward()
    assert {p.grad.device for p in training.network.parameters()} == {META.device}


@pytest.mark.parametrize("kind", [OutlineTraining, BoxTraining])
def test_regressors_learn_where_they_are_put(squares, kind):
    plan, _ = make_plan(squares.splits["train"], overrides={**PLAN, "regressor_width": 8})
    views = LabelledViews(squares.splits["train"], plan.augmentation, seed=0)
    training = kind(views, squares.splits["val"], plan, seed=0, budget_seconds=None, placement=META)
    loss = next(training.losses(0, coarse=False))
    assert loss.device == META.device
    loss.backward()


def test_batches_made_ahead_teach_the_same(squares):
    plan, _ = make_plan(squares.splits["train"], overrides={**PLAN, "coarse_share": 0.5})
    weights = []
    for loaders in (0, 2):
        training = ClassifierTraining(
            squares, plan, seed=0, budget_seconds=None, placement=Placement(loaders=loaders)
        )
        Engine(training).run(on_event=lambda event: None, save=lambda state: None)
        weights.append(training.network.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(weights[1][name], value), name


def test_the_processor_is_left_as_it_is():
    assert find_placement("cpu") == (ON_CPU, "")
    assert not ON_CPU.is_card
    with ON_CPU.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    tensor = torch.ones(2)
    assert ON_CPU.send(tensor) is ON_CPU.pin(tensor) is tensor


def test_auto_is_the_processor_where_there_is_no_card_and_says_why(monkeypatch):
    missing = (torch.device("cpu"), "device cuda cannot be used: the driver is too old")
    monkeypatch.setattr(module, "choose_torch_device", lambda index: missing)
    placement, place = find_placement("auto")
    assert placement == ON_CPU
    assert place == "trains on the processor: device cuda cannot be used: the driver is too old"


@pytest.mark.parametrize(
    ("capability", "has_bfloat16", "said"),
    [((9, 0), True, "with bfloat16"), ((7, 5), False, "in single precision, for want of bfloat16")],
)
def test_a_card_is_named_and_computes_in_what_it_has(monkeypatch, capability, has_bfloat16, said):
    card = torch.device("cuda:1")
    monkeypatch.setattr(module, "find_torch_device", lambda device: card)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA X")
    placement, place = find_placement("cuda:1", threads=3)
    assert placement == Placement(card, has_bfloat16, loaders=3)
    assert place == f"trains on cuda:1 (NVIDIA X) {said}"


def test_each_of_several_processes_takes_the_card_of_its_number(monkeypatch):
    asked = []
    monkeypatch.setattr(
        module, "find_torch_device", lambda device: asked.append(str(device)) or CPU
    )
    for device in ("cuda", "cpu"):
        find_placement(device, number=2)
    assert asked == ["cuda:2", "cpu"]
    with pytest.raises(SegfitError, match=r"cuda:1 is one card, for several .*give --device cuda,"):
        find_placement("cuda:1", number=0)


@pytest.mark.parametrize("device", ["gpu", "npu", "tensorrt"])
def test_what_only_predicts_is_refused(device):
    with pytest.raises(SegfitError, match=rf"{device} is not one of torch's: choose cpu, cuda"):
        find_placement(device)


def test_too_little_memory_is_told_from_other_mistakes():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@pytest.mark.filterwarnings("ignore:.*which is a no-op:UserWarning")  # there are no numbers
def test_a_training_resumes_on_another_device_than_it_was_saved_on(squares):
    plan, _ = make_plan(squares.splits["train"], overrides=PLAN)

    def begin(placement):
        return Engine(
            ClassifierTraining(squares, plan, seed=0, budget_seconds=None, placement=placement)
        )

    states = []
    whole = begin(ON_CPU)
    whole.run(on_event=lambda event: None, save=states.append)
    resumed = begin(META)
    resumed.restore(states[-1])
    assert resumed.step == 4
    moments = [
        tensor
        for state in resumed.training.optimizer.state.values()
        for tensor in state.values()
        if tensor.ndim > 0
    ]
    tensors = [*resumed.network.parameters(), *resumed.averaged.parameters(), *moments]
    assert {tensor.device for tensor in tensors} == {META.device}
    assert len(moments) == 2 * len(list(whole.network.parameters()))
