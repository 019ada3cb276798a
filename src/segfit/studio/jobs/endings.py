"""How a training ended, in words."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from pathlib import Path

from segfit.studio.jobs.models import KeptModel

REMEDIES: Mapping[str, str] = {
    "--minutes": "Choose more minutes, or label more, and train again.",
    "--resume": "Continue the training; if that fails, train again.",
    "--batch": "Close other programs, or use smaller images, and train again.",
    "--from": "Delete that model, or take another one into use, and train again.",
    "--channels": "Save these images with one channel or as RGB, and train again.",
    "--device": "Close other programs, and train again.",
}
"""What to do in the page where ``segfit train`` would have one give an option."""
ELSE = "Look at the labels, and train again."
OPTION = re.compile(r"--[a-z][a-z-]*")
CLAUSE_ENDS = (": ", "; ", ". ")


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
    return say_for_page(" ".join(lines[starts[-1] :]).removeprefix("segfit: ")[:1000])


def say_for_page(complaint: str) -> str:
    """What is wrong, and what to do about it in the page, where there are no options to give.

    >>> say_for_page("1 minute is too little: give it more --minutes")
    '1 minute is too little. Choose more minutes, or label more, and train again.'
    """
    option = OPTION.search(complaint)
    if option is None:
        return complaint
    before = complaint[: option.start()]
    wrong = before[: max(before.rfind(end) for end in CLAUSE_ENDS)]
    return f"{wrong.rstrip(' .')}. {REMEDIES.get(option[0], ELSE)}"
