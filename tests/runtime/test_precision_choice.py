"""Which precision a network is computed in."""

import pytest

from segfit.errors import SegfitError
from segfit.model.architecture import ClassifierArchitecture, OutlineArchitecture
from segfit.model.card import NetworkCard
from segfit.model.precision import FasterPrecisions, Precision
from segfit.runtime import precision as choosing
from segfit.runtime.precision import choose_precision, list_fast
from segfit.runtime.session import Backend

AUTO, SINGLE, BFLOAT16, INT8 = Precision
RANGES = {"image": (0.0, 1.0)}
LITTLE, MUCH = {"mean IoU": 0.0002}, {"mean IoU": 0.003}


def make_card(losses, ranges=RANGES):
    return NetworkCard(
        ClassifierArchitecture(outputs=1), faster=FasterPrecisions(ranges, losses, "9 images")
    )


@pytest.fixture
def processor(monkeypatch):
    """A processor with these faster precisions."""

    def pretend(*fast):
        monkeypatch.setattr(choosing, "list_fast", lambda: fast)

    return pretend


@pytest.mark.parametrize(
    ("fast", "losses", "chosen"),
    [
        ((INT8, BFLOAT16), {INT8: LITTLE, BFLOAT16: LITTLE}, INT8),
        ((INT8, BFLOAT16), {INT8: MUCH, BFLOAT16: LITTLE}, BFLOAT16),
        ((INT8, BFLOAT16), {INT8: MUCH, BFLOAT16: MUCH}, SINGLE),
        ((INT8, BFLOAT16), {BFLOAT16: LITTLE}, BFLOAT16),
        ((BFLOAT16,), {INT8: LITTLE, BFLOAT16: LITTLE}, BFLOAT16),
        ((), {INT8: LITTLE, BFLOAT16: LITTLE}, SINGLE),
    ],
)
def test_auto_is_the_fastest_that_costs_little(processor, fast, losses, chosen):
    processor(*fast)
    assert choose_precision(AUTO, make_card(losses), backend=Backend.OPENVINO) is chosen


def test_auto_is_single_where_nobody_measured(processor):
    processor(INT8, BFLOAT16)
    card = NetworkCard(ClassifierArchitecture(outputs=1))
    assert choose_precision(AUTO, card, backend=Backend.OPENVINO) is SINGLE


@pytest.mark.parametrize("backend", [Backend.ONNXRUNTIME, Backend.TORCH])
def test_other_backends_compute_in_single(processor, backend):
    processor(INT8, BFLOAT16)
    card = make_card({INT8: LITTLE})
    assert choose_precision(AUTO, card, backend=backend) is SINGLE
    with pytest.raises(SegfitError, match=f"{backend} computes in single precision only"):
        choose_precision(INT8, card, backend=backend)


@pytest.mark.parametrize("wanted", list(Precision))
def test_a_regressor_is_computed_in_single(processor, wanted):
    processor(INT8, BFLOAT16)
    card = NetworkCard(OutlineArchitecture())
    assert choose_precision(wanted, card, backend=Backend.OPENVINO) is SINGLE


def test_what_was_asked_for_by_name_is_done_whatever_it_costs(processor):
    processor(INT8, BFLOAT16)
    card = make_card({INT8: MUCH})
    for wanted in (SINGLE, BFLOAT16, INT8):
        assert choose_precision(wanted, card, backend=Backend.OPENVINO) is wanted


def test_what_there_is_not_is_refused(processor):
    processor()
    with pytest.raises(SegfitError, match="no instructions for bfloat16: take the precision auto"):
        choose_precision(BFLOAT16, make_card({}), backend=Backend.OPENVINO)
    with pytest.raises(SegfitError, match="has no int8 form: train it again"):
        choose_precision(INT8, make_card({}, ranges={}), backend=Backend.OPENVINO)


def test_the_processor_is_asked():
    """Linux names the instructions, where this is Linux."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = file.read()
    except OSError:
        pytest.skip("no /proc/cpuinfo")
    assert (INT8 in list_fast()) is ("avx512_vnni" in flags)
    if "avx512_bf16" in flags:
        assert BFLOAT16 in list_fast()
