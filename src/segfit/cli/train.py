"""``segfit train``."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segfit.cli.choices import complete, list_components, parse_choice
from segfit.cli.opening import open_console, parse_channel_option
from segfit.cli.options import (
    AUGMENTATION,
    FILES,
    LENGTH,
    NETWORK,
    Data,
    Force,
    ImageChannels,
    SplitObjects,
    Threads,
    TrainingDevice,
)
from segfit.cli.status import INTERRUPTED, SOME_FAILED
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from rich.console import Console

    from segfit.cli.display.training_panel import TrainingDisplay
    from segfit.training.checkpoint import Request


def train(
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The model to write, NAME.segfit", rich_help_panel=FILES
        ),
    ] = None,
    component: Annotated[
        str | None,
        typer.Option(
            help="Which network to train: {components}. A regressor moves outlines: those of the "
            "classifier of --from, or else those of any mask, for [bold]segfit refine[/]",
            show_default="both",
            autocompletion=complete("components"),
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Go on from this model, with its network and resolution; classes are matched by "
            "name. With [bold]--component regressor[/]: train one for its classifier",
            autocompletion=complete("segmenters", files=True),
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Time from now to the written model, validation included",
            rich_help_panel=LENGTH,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Train for this many steps, however long they take", rich_help_panel=LENGTH
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file of settings, as [bold]segfit info MODEL --plan[/] prints it"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting of the plan, such as augmentation.noise=0; may be repeated",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="{encoders}", rich_help_panel=NETWORK, autocompletion=complete("encoders")
        ),
    ] = None,
    branches: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help='Branches of the decoder for different classes, such as "eyes,mouth@1/2; '
            'hair,skin@1/4"; auto chooses them by the size of the objects',
            rich_help_panel=NETWORK,
        ),
    ] = None,
    long_side: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Scale images so that their longer side has this many pixels",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help='{losses}, or a sum of them: "focal + 0.5 dice"',
            rich_help_panel=NETWORK,
            autocompletion=complete("losses"),
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            help="{optimizers}", rich_help_panel=NETWORK, autocompletion=complete("optimizers")
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate", rich_help_panel=NETWORK)
    ] = None,
    l2: Annotated[
        float | None, typer.Option(help="α of the term α‖W‖² in the loss", rich_help_panel=NETWORK)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Crops per step", rich_help_panel=NETWORK)
    ] = None,
    flip_horizontal: Annotated[
        bool | None,
        typer.Option(
            help="Mirror left and right; switch it off where left and right differ in meaning",
            rich_help_panel=AUGMENTATION,
        ),
    ] = None,
    flip_vertical: Annotated[
        bool | None,
        typer.Option(help="Mirror up and down", rich_help_panel=AUGMENTATION),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed", show_default="0")] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue after an interruption", rich_help_panel=FILES),
    ] = False,
    force: Force = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a damaged image instead of leaving it out")
    ] = False,
    split_objects: SplitObjects = False,
    channels: ImageChannels = None,
    threads: Threads = None,
    device: TrainingDevice = "auto",
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Write all figures to this file, line by line",
            rich_help_panel=FILES,
        ),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.segfit",
            help="Keep the best model so far in this file, to look at while it is trained",
            rich_help_panel=FILES,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the data and the plan without training")
    ] = False,
) -> None:
    """Train a segmenter on labelled images.

    It looks at the data, makes a plan, shows the plan and trains.
    Every setting of the plan can be changed.
    Ctrl-C loses no more than the current round: --resume continues from there.
    While it is stopped (Ctrl-Z), its minutes do not run.

    [dim]segfit train scans/ -o scans.segfit[/]

    [dim]segfit train scans/ -o scans.segfit --minutes 10 --no-flip-horizontal --log scans.jsonl[/]

    [dim]segfit train scans/ --dry-run --set scaling.kind=field --set scaling.factor=0.5[/]
    """
    if component is not None:
        component = parse_choice(component, list_components(), "component")
    check_training_options(output, resume=resume, force=force, dry_run=dry_run)
    from segfit.basics.text import merge_settings, parse_settings
    from segfit.cli.display.terminal import print_line
    from segfit.cli.display.training_panel import TrainingDisplay
    from segfit.cli.display.training_tables import render_result
    from segfit.cli.follow import Follower
    from segfit.model.card import ModelCard
    from segfit.training import train as run_training
    from segfit.training.clock import notice_pauses
    from segfit.training.distributed import is_leading_process
    from segfit.training.log import TrainingLog
    from segfit.training.plan.plan import read_plan
    from segfit.training.preparation import settle_request

    if log is not None:
        TrainingLog(log, resume=resume, force=force)
    named = {
        "steps": steps,
        "encoder": encoder,
        "branches": branches,
        "scaling": long_side and {"kind": "frame", "long_side_px": long_side},
        "loss": loss,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "l2": l2,
        "batch": batch,
    }
    flips = {"flip_horizontal": flip_horizontal, "flip_vertical": flip_vertical}
    chosen = {key: value for key, value in named.items() if value is not None}
    augmentation = {key: value for key, value in flips.items() if value is not None}
    overrides = merge_settings(
        [
            read_plan(plan) if plan else {},
            chosen,
            {"augmentation": augmentation} if augmentation else {},
            parse_settings(settings),
        ]
    )
    leads = is_leading_process()
    console = open_console(quiet=not leads)
    if dry_run:
        request = settle_request(
            None,
            component=component,
            base=base,
            seed=seed,
            split_objects=split_objects,
            channels=parse_channel_option(channels),
        )
        show_plan(console, data, request, strict=strict, plan=overrides, minutes=minutes)
        return
    assert output is not None
    opened_log = TrainingLog(log, resume=resume, force=force) if log and leads else nullcontext()
    display = TrainingDisplay(console, title=f"training {output.name}")
    notice_pauses()
    try:
        with opened_log as training_log:
            follower = Follower(display, training_log, seed=None if resume else seed or 0)
            with follower:
                result = run_training(
                    data,
                    output,
                    component=component,
                    base=base,
                    minutes=minutes,
                    plan=overrides,
                    seed=seed,
                    resume=resume,
                    force=force,
                    strict=strict,
                    split_objects=split_objects,
                    channels=parse_channel_option(channels),
                    threads=threads,
                    device=device,
                    preview=preview,
                    on_data=follower.show_data,
                    on_prepared=follower.take_preparation,
                    on_event=follower.take_event,
                )
            follower.take_result(result)
    except KeyboardInterrupt as interrupt:
        options = [*(["--force"] if force else []), *(["--strict"] if strict else [])]
        options += ["--log", str(log)] if log else []
        options += ["--preview", str(preview)] if preview else []
        options += ["--device", device] if device != "auto" else []
        command = ["segfit", "train", str(data), "-o", str(output), "--resume", *options]
        print(f"\n{describe_interruption(display, output, command)}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from interrupt
    console.print(render_result(result))
    if result.failure:
        print(f"segfit: {result.failure}", file=sys.stderr)
        raise typer.Exit(SOME_FAILED)
    name, use = shlex.quote(str(output)), "predict {} IMAGES"
    if not isinstance(result.card, ModelCard):
        use = "refine MASKS --images FOLDER --model {}"
    print_line(console, f"next: segfit {use.format(name)} -o results")


def check_training_options(
    output: Path | None, *, resume: bool, force: bool, dry_run: bool
) -> None:
    """Refuse, before any work, an output that cannot be, and options that contradict each other."""
    from segfit.basics.files import check_writable

    if dry_run and resume:
        raise SegfitError("a resumed training keeps its plan: leave --dry-run out")
    if output is None:
        if dry_run:
            return
        raise SegfitError("no output given: name the model to write, -o NAME.segfit")
    if output.suffix != ".segfit":
        raise SegfitError(f"{output}: a model's name ends in .segfit, such as {output.stem}.segfit")
    if not dry_run:
        check_writable(output, force=force)


def show_plan(
    console: Console,
    data: Path,
    request: Request,
    *,
    strict: bool,
    plan: dict[str, Any],
    minutes: float | None,
) -> None:
    """Print what a training would begin with."""
    from segfit.cli.display.terminal import show_bar
    from segfit.cli.display.training_tables import render_preparation
    from segfit.training.preparation import (
        Component,
        open_training_data,
        prepare,
        read_base,
        require_classes,
    )

    given = read_base(request)
    with show_bar(console, "reading the data") as on_progress:
        labelled = open_training_data(data, request, given, strict=strict, on_progress=on_progress)
    require_classes(labelled, request, given)
    initial = given.card if given and request.component != Component.REGRESSOR else None
    prepared = prepare(labelled, initial=initial, plan=plan, minutes=minutes)
    console.print(render_preparation(prepared))


def describe_interruption(display: TrainingDisplay, output: Path, command: list[str]) -> str:
    """Say what an interrupted training has left, and how it is resumed."""
    from segfit.training.checkpoint import checkpoint_path

    step = display.progress.step
    if not checkpoint_path(output).exists():
        return f"interrupted after step {step}, before the end of the first round: nothing was kept"
    return f"interrupted after step {step}; resume it with:\n  {shlex.join(command)}"
