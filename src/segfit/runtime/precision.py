"""Which precision a network is computed in: what is wanted, what was measured, what there is."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2

from segfit.errors import SegfitError
from segfit.model.card import NetworkCard
from segfit.model.precision import FASTER, Precision
from segfit.runtime.devices import CPU, Device

AVX512_VNNI = 23
"""OpenCV's number of it (``CV_CPU_AVX_512VNNI``), for which its Python has no name."""


def choose_precision(
    wanted: Precision, card: NetworkCard[Any], *, backend: str, device: Device = CPU
) -> Precision:
    """The precision that a network is computed in.

    Only a network whose architecture may be rough is ever computed in less than single.
    ``Precision.AUTO``: the fastest that the card says costs little, among those that this
    processor is fast in; single with other backends and on other devices, where bfloat16 can be
    asked for (ONNX Runtime then computes in TF32 or float16). Raises ``SegfitError`` for a
    precision that was asked for by name and that there is not.
    """
    if not card.architecture.MAY_BE_ROUGH:
        return Precision.SINGLE
    if wanted is not Precision.AUTO:
        _check(wanted, card, backend=backend, device=device)
        return wanted
    known = card.faster
    if known is None or backend != "openvino" or not device.is_cpu:
        return Precision.SINGLE
    fast = list_fast()
    little = (one for one in FASTER if one in fast and known.costs_little(one))
    return next(little, Precision.SINGLE)


@cache
def list_fast() -> tuple[Precision, ...]:
    """The precisions faster than single that this processor has instructions for.

    OpenVINO says which processors have bfloat16; it computes int8 on all of them. Without the
    instructions of VNNI, though, it adds products in 16 bits, which overflow: then the losses that
    were measured mean nothing. Without OpenVINO, which alone computes them, there are none.
    """
    try:
        import openvino  # here, since help texts and other backends do without it
    except ImportError:
        return ()

    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    has = {
        Precision.INT8: cv2.checkHardwareSupport(AVX512_VNNI),
        Precision.BFLOAT16: "BF16" in capabilities,
    }
    return tuple(precision for precision in FASTER if has[precision])


def _check(wanted: Precision, card: NetworkCard[Any], *, backend: str, device: Device) -> None:
    if wanted is Precision.SINGLE:
        return
    if device.is_cpu and backend != "openvino":
        raise SegfitError(
            f"{backend} computes in single precision only: leave out the precision {wanted}, or "
            "take the backend openvino"
        )
    if wanted is Precision.INT8:
        if not device.is_cpu:
            raise SegfitError(
                f"int8 is for processors, and the device is {device}: take the precision bfloat16"
            )
        if card.faster is None or not card.faster.ranges:
            raise SegfitError(
                "this model has no int8 form: train it again, or take the precision auto"
            )
    if wanted is Precision.BFLOAT16 and device.is_cpu and wanted not in list_fast():
        raise SegfitError(
            "this processor has no instructions for bfloat16: take the precision auto or single"
        )
