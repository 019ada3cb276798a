"""How a training ended, in words."""

from __future__ import annotations

import signal
from pathlib import Path

from segfit.studio.jobs.models import KeptModel


def describe_end(model: KeptModel) -> str:
    """What to say of a model that is ready."""
    figure = (
        "" if model.mean_iou is None else f" Mean IoU on held-out images: {model.mean_iou:.2f}."
    )
    return f"{model.name} is ready.{figure}"


def describe_kill(code: int | None) -> str:
    """Why a process ended that did not say so itself."""
    if code is not None and -code == getattr(signal, "SIGKILL", 9):
        return (
            "The system ended the training, most likely because memory ran out: close other "
            "programs, or train with smaller images."
        )
    return "The training was ended from outside."


def read_complaint(output: Path) -> str:
    """What ``segfit train`` said at last, if it was a mistake or a failure."""
    try:
        lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    starts = [place for place, line in enumerate(lines) if line.startswith("segfit: ")]
    if not starts:
        return lines[-1][:500] if lines and "Error" in lines[-1] else ""
    return " ".join(lines[starts[-1] :]).removeprefix("segfit: ")[:1000]
