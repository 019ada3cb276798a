"""What ``segfit demo --train`` does: a training on two dozen images, compared with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from segfit.basics.files import write_file
from segfit.cli.comparison import draw_comparison
from segfit.cli.display.terminal import print_line
from segfit.cli.display.training_panel import TrainingDisplay
from segfit.cli.display.training_tables import render_result
from segfit.cli.exhibits import NUCLEI, prepare_output, show_path
from segfit.cli.follow import Follower
from segfit.datasets import open_labelled
from segfit.evaluation.regions import evaluate
from segfit.formats.draw import encode_image
from segfit.segmenter import load

# Many small steps suit a minute, and nuclei look alike from every side.
TRAINING_PLAN: Mapping[str, Any] = {
    "batch": 2,
    "augmentation": {"flip_vertical": True, "rotation_deg": 180},
}
MODEL_NAME = "nuclei_demo.segfit"
COMPARISON_NAME = "comparison.png"


def run_training_demo(
    output: Path,
    *,
    minutes: float,
    force: bool,
    console: Console,
    plan: Mapping[str, Any] = TRAINING_PLAN,
) -> None:
    """Train on the two dozen nuclei images, and compare the model with the truth of six more.

    Raises ``SegfitError`` where results exist (unless ``force``) or training is not installed.
    """
    from segfit.training import train

    prepare_output(output, [MODEL_NAME, COMPARISON_NAME], force=force)
    display = TrainingDisplay(console, title="training on 24 images of nuclei")
    with Follower(display) as follower:
        result = train(
            NUCLEI,
            output / MODEL_NAME,
            minutes=minutes,
            plan=plan,
            force=force,
            on_data=follower.show_data,
            on_prepared=follower.take_preparation,
            on_event=follower.take_event,
        )
    console.print(render_result(result))
    if result.failure:
        print_line(console, result.failure)
    unseen = open_labelled(NUCLEI).splits["val"]
    segmenter = load(result.path)
    report = evaluate(segmenter, unseen)
    comparison = draw_comparison(segmenter, unseen)
    path = output / COMPARISON_NAME
    write_file(path, encode_image(comparison, path), force=force)
    print_line(
        console,
        f"mean IoU on {len(unseen)} images that it never trained on: {report.mean_iou:.3f}, "
        f"{1000 * report.seconds_per_image:.0f} ms each",
    )
    if report.instances is not None:
        objects = report.instances.objects
        print_line(
            console,
            f"nuclei: {objects.matched} of {objects.true} found with an IoU of 0.5, and "
            f"{objects.predicted - objects.matched} more that are not nuclei",
        )
    print_line(console, f"the predictions beside the truth: {path}")
    print_line(console, "\nwhat to try next:")
    for command in (
        f"segfit info {result.path}",
        f"segfit predict {result.path} {show_path(NUCLEI / 'val' / 'images')} -o nuclei-output",
        "segfit train YOUR_IMAGES -o mine.segfit",
    ):
        print_line(console, f"  {command}")
