"""A method by its name: a model, a classical method, an edge detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from segfit.basics.text import say_mistake
from segfit.batch.finishing import FinishedMethod
from segfit.classical import METHODS, ClassicalMethod, HintedMethod
from segfit.classical.shared.method import ForegroundMethod
from segfit.classification.decision import Decision
from segfit.edges.detectors import DETECTORS, Detector
from segfit.edges.finder import GAP_PX, SHORTEST_PX, EdgeFinder
from segfit.edges.learned import LearnedDetector
from segfit.errors import SegfitError
from segfit.model.archive import SUFFIX
from segfit.model.precision import Precision
from segfit.result.method import Method
from segfit.runtime.devices import DeviceKind
from segfit.segmenter import BY_THE_MODEL, AdjustedSegmenter, load

LEARNED, LEARNED_PURPOSE, LEARNED_STRENGTH = "learned", "what people would draw", 0.2
"""The detector that is a network, as ``DETECTORS`` has the others."""
EDGE_MODEL = "edges"
"""The shipped model that it runs."""


def open_method(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    decision: Decision = BY_THE_MODEL,
    refine: bool = True,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> Method:
    """A classical method or an edge detector by its name, else a model that decides as wanted.

    A file of that name comes first. ``settings``: a classical method's. ``decision``, ``refine``:
    a model's, see ``Segmenter``. Raises ``SegfitError`` for a name that does not exist, and for
    what the method has no use for.
    """
    is_file = Path(name).exists()
    if name in METHODS and not is_file:
        _check_no_decision(name, decision, refine=refine)
        return make_method(name, settings)
    if settings:
        raise SegfitError(
            f"--set is for methods without training, and {name} is a model or an edge detector: "
            "leave it out"
        )
    if (name == LEARNED or name in DETECTORS) and not is_file:
        _check_no_decision(name, decision, refine=refine)
        return open_edge_finder(
            name, backend=backend, device=device, threads=threads, precision=precision
        )
    segmenter = load(name, backend=backend, device=device, threads=threads, precision=precision)
    decision.check_use(
        segmenter.classes, tells_objects_apart=segmenter.card.tells_objects_apart, model=name
    )
    return AdjustedSegmenter(segmenter, decision, refine=refine)


def open_comparable(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    decision: Decision = BY_THE_MODEL,
    refine: bool = True,
    min_area_px: float = 0.0,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> Method:
    """A method whose answers labels can be compared with: a model, or one that finds foreground.

    ``min_area_px``: of what a method without training finds, smaller regions go to a neighbour. The
    others, and the errors raised, are as for ``open_method``; other methods are refused.
    """
    method = open_method(
        name,
        settings,
        decision=decision,
        refine=refine,
        backend=backend,
        device=device,
        threads=threads,
        precision=precision,
    )
    if isinstance(method, AdjustedSegmenter):
        return method
    if name not in list_comparable():
        raise SegfitError(
            f"{name} does not find foreground by itself, so labels cannot be compared with what "
            f"it finds: choose {', '.join(list_comparable())}, or a model"
        )
    return FinishedMethod(method, min_area_px=min_area_px)


def make_method(name: str, settings: Mapping[str, Any] | None = None) -> ClassicalMethod:
    """A classical method with settings. Raises ``SegfitError`` for a name or setting unknown."""
    if name not in METHODS:
        raise SegfitError(f"unknown method {name!r}: choose {', '.join(METHODS)}")
    kind = METHODS[name]
    try:
        return kind(**(settings or {}))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        there_are = ", ".join(kind.model_fields) or "none"
        if first["type"] == "extra_forbidden":
            raise SegfitError(
                f"{name} has no setting {place}; its settings are {there_are}"
            ) from error
        mistake = f"{say_mistake(first['msg'])}, given {first['input']!r}"
        raise SegfitError(f"{name}, {place}: {mistake}") from error


def list_hinted() -> list[str]:
    """Names of the classical methods that begin with a hint."""
    return [name for name, kind in METHODS.items() if issubclass(kind, HintedMethod)]


def list_comparable() -> list[str]:
    """Names of the classical methods that find foreground, and need no hint for it."""
    return [
        name
        for name, kind in METHODS.items()
        if issubclass(kind, ForegroundMethod) and not issubclass(kind, HintedMethod)
    ]


def open_edge_finder(
    name: str,
    *,
    strength: float | None = None,
    gap_px: float = GAP_PX,
    shortest_px: float = SHORTEST_PX,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> EdgeFinder:
    """What finds edges and regions by a detector: see ``open_detector`` and ``EdgeFinder``.

    ``strength``: the detector's usual one, if not given.
    """
    detector = open_detector(
        name, backend=backend, device=device, threads=threads, precision=precision
    )
    return EdgeFinder(
        detector,
        strength=detector.usual_strength if strength is None else strength,
        gap_px=gap_px,
        shortest_px=shortest_px,
        threads=threads,
    )


def open_detector(
    name: str,
    *,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> Detector:
    """A detector by its name, "learned", or a model of edges by its path.

    ``backend``, ``device``, ``threads``, ``precision``: of a model's network, as ``load`` takes
    them. Raises ``SegfitError`` for another name, and for a model that does not find edges.
    """
    if name in DETECTORS:
        return DETECTORS[name]
    if name != LEARNED and not name.endswith(SUFFIX):
        raise SegfitError(
            f"unknown detector {name!r}: choose {LEARNED}, {', '.join(DETECTORS)}, or give a "
            f"{SUFFIX} file"
        )
    model = EDGE_MODEL if name == LEARNED else name
    segmenter = load(model, backend=backend, device=device, threads=threads, precision=precision)
    if segmenter.classes.names != ("background", "edge"):
        raise SegfitError(
            f"{name} tells {', '.join(segmenter.classes.names)} apart and finds no edges: give a "
            "model of background and edge"
        )
    return Detector(
        name,
        LEARNED_PURPOSE,
        LearnedDetector(segmenter.score),
        LEARNED_STRENGTH,
        segmenter.card.channels,
    )


def _check_no_decision(name: str, decision: Decision, *, refine: bool) -> None:
    if decision != BY_THE_MODEL or not refine:
        raise SegfitError(
            f"{', '.join(one.name for one in fields(Decision))} and the component are for models, "
            f"and {name} is a method without training: leave them out, or give its settings with "
            "--set"
        )
