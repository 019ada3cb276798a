"""The commands. What is heavy is imported inside them, so that ``segfit --help`` comes at once."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from segfit.errors import SegfitError
from segfit.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from segfit.batch.predict import FailedImage, PredictionReport
    from segfit.cli.display.training_panel import TrainingDisplay
    from segfit.datasets import Dataset, LabelledData
    from segfit.evaluation.edges import EdgeReport
    from segfit.evaluation.outlines import OutlineReport
    from segfit.evaluation.report import Report
    from segfit.progress import OnProgress
    from segfit.refiner import Refiner
    from segfit.result.method import Method
    from segfit.segmenter import Segmenter

SOME_FAILED, USER_MISTAKE, INTERRUPTED = 1, 2, 130
"""Exit statuses, beside 0."""


class Commands(TyperGroup):
    """All commands; a user's mistake becomes one message, whichever of them it was."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except SegfitError as error:
            print(f"segfit: {error}", file=sys.stderr)
            raise typer.Exit(USER_MISTAKE) from error
        except KeyboardInterrupt as interrupt:
            print("\nsegfit: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from interrupt


app = typer.Typer(
    name="segfit",
    cls=Commands,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 some images failed, 2 a mistake in what was given, "
    "130 interrupted.",
)

_LEARN, _USE, _CLASSICAL = "Learn from images", "Use a model", "Without training"
_NETWORK, _VIEWS = "Network", "Augmentation"
_LENGTH, _FILES, _MACHINE, _ANSWER = "Length", "Files", "Machine", "What counts as what"

SPECK_PX = 16.0
"""Regions of fewer pixels are noise, where a method that has learned nothing found them."""

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A .segfit file, or a shipped model's name: see [bold]segfit models[/]",
    ),
]
Images = Annotated[
    list[str], typer.Argument(metavar="PATHS", help="Images, folders, or 'scans/*.png'")
]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Labelled images: images/ and masks/, train/ and val/ with these, COCO, YOLO or "
        "LabelMe",
    ),
]
SplitObjects = Annotated[
    bool,
    typer.Option(
        "--split-objects", help="Make each piece of an object that lies in several one of its own"
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite files that exist", rich_help_panel=_FILES)
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Processor threads; all, if not given", rich_help_panel=_MACHINE),
]
Backend = Annotated[
    str,
    typer.Option(
        help="What runs the network: openvino, onnxruntime or torch", rich_help_panel=_MACHINE
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Background/foreground models: probability from which on a pixel is foreground, "
        "instead of the model's own",
        rich_help_panel=_ANSWER,
    ),
]
Reject = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Models of several classes: pixels whose best class is less probable become "
        "background",
        rich_help_panel=_ANSWER,
    ),
]
Results = Annotated[
    Path,
    typer.Option("-o", "--output", help="Folder that the results go to", rich_help_panel=_FILES),
]
Formats = Annotated[
    str,
    typer.Option(
        "--format",
        help="What to write, joined by commas: mask, instances (numbers of objects), overlay, json "
        "(a summary), polygons (with errors), coco, geojson, svg, yolo",
        rich_help_panel=_FILES,
    ),
]
KeepFolders = Annotated[
    bool,
    typer.Option(
        "--keep-folders",
        help="Give results the subfolders that the images have",
        rich_help_panel=_FILES,
    ),
]
MinArea = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="PX",
        help="Regions and holes of fewer pixels go to a neighbour first",
        rich_help_panel=_ANSWER,
    ),
]
Smooth = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="ROUNDS",
        help="Smooth outlines so often, without shrinking them; neighbours keep one border",
        rich_help_panel=_ANSWER,
    ),
]
MethodSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting of a method; may be repeated"),
]
Simplify = Annotated[
    float | None,
    typer.Option(
        metavar="PX",
        min=0,
        help="Leave out points of outlines so that none moves by more than this; neighbours "
        "keep one border",
        rich_help_panel=_ANSWER,
    ),
]


def main() -> None:
    """Run the command that ``sys.argv`` names, and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ×, – or █ shows ?
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has seen enough; the interpreter must not complain when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(SOME_FAILED)


def print_version(wanted: bool) -> None:
    """Print the version and leave, where that is wanted."""
    if wanted:
        print(f"segfit {__version__}")
        raise typer.Exit


@app.callback()
def _segfit(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version"),
    ] = False,
) -> None:
    """Image segmentation that trains in minutes on a CPU."""


@app.command(rich_help_panel=_LEARN)
def train(
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The model to write, NAME.segfit", rich_help_panel=_FILES
        ),
    ] = None,
    component: Annotated[
        str,
        typer.Option(
            help="Which network to train: classifier, regressor (which moves outlines: of the "
            "classifier of --from, or else of any mask, for segfit refine), or both"
        ),
    ] = "both",
    base: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="MODEL", help="The model whose classifier a regressor is trained for"
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Wall clock from here to the written model, validation included",
            rich_help_panel=_LENGTH,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Train this many steps, however long", rich_help_panel=_LENGTH),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Settings from a TOML file, as [bold]segfit info MODEL --plan[/] prints one"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any value of the plan, such as augmentation.noise=0; may be repeated",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="efficientnet-lite0, plain or timm:NAME", rich_help_panel=_NETWORK),
    ] = None,
    branches: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help='Branches of the decoder for different classes, such as "eyes,mouth@1/2; '
            'hair,skin@1/4", or auto, by the size of objects',
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    long_side: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Work on images whose longer side is this many pixels",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help="cross_entropy, symmetric_cross_entropy, dice, focal, or a sum of them: "
            '"focal + 0.5 dice"',
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adamw, adam or rmsprop", rich_help_panel=_NETWORK)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate", rich_help_panel=_NETWORK)
    ] = None,
    l2: Annotated[
        float | None, typer.Option(help="α of the term α‖W‖²", rich_help_panel=_NETWORK)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Crops per step", rich_help_panel=_NETWORK)
    ] = None,
    flip_horizontal: Annotated[
        bool | None,
        typer.Option(
            help="Mirror left and right; switch it off where they mean something",
            rich_help_panel=_VIEWS,
        ),
    ] = None,
    flip_vertical: Annotated[
        bool | None,
        typer.Option(help="Mirror up and down", rich_help_panel=_VIEWS),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed")] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue after an interruption", rich_help_panel=_FILES),
    ] = False,
    force: Force = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a damaged image, do not leave it out")
    ] = False,
    split_objects: SplitObjects = False,
    threads: Threads = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help="Write every figure", rich_help_panel=_FILES),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the data and the plan, and stop")
    ] = False,
) -> None:
    """Train a segmenter on labelled images.

    It looks at the data, makes a plan, prints it and trains.
    Every value of the plan can be set by hand.
    Ctrl-C loses nothing but the current round: continue with --resume.

    [dim]segfit train scans/ -o scans.segfit[/]

    [dim]segfit train scans/ -o scans.segfit --minutes 10 --no-flip-horizontal --log scans.jsonl[/]

    [dim]segfit train scans/ --dry-run --set scaling.kind=field --set scaling.factor=0.5[/]
    """
    check_training_options(output, resume=resume, force=force, dry_run=dry_run)
    from segfit.cli.display.terminal import print_line
    from segfit.cli.display.training_panel import TrainingDisplay
    from segfit.cli.display.training_tables import render_result
    from segfit.cli.follow import follow_training
    from segfit.model.card import ModelCard
    from segfit.text import merge_settings, parse_settings
    from segfit.training.log import TrainingLog
    from segfit.training.plan.plan import read_plan

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
    console = open_console()
    if dry_run:
        labelled = open_data(console, data, seed=seed, strict=strict, split_objects=split_objects)
        show_plan(console, labelled, plan=overrides, minutes=minutes)
        return
    assert output is not None
    display = TrainingDisplay(console, title=f"training {output.name}")
    try:
        with TrainingLog(log, resume=resume, force=force) if log else nullcontext() as training_log:
            result = follow_training(
                display,
                data,
                output,
                log=training_log,
                component=component,
                base=base,
                minutes=minutes,
                plan=overrides,
                seed=seed,
                resume=resume,
                force=force,
                strict=strict,
                split_objects=split_objects,
                threads=threads,
            )
    except KeyboardInterrupt as interrupt:
        options = [*(["--force"] if force else []), *(["--strict"] if strict else [])]
        options += ["--log", str(log)] if log else []
        command = ["segfit", "train", str(data), "-o", str(output), "--resume", *options]
        print(f"\n{describe_interruption(display, output, command)}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from interrupt
    console.print(render_result(result))
    name, use = shlex.quote(str(output)), "predict {} IMAGES"
    if not isinstance(result.card, ModelCard):
        use = "refine MASKS --images FOLDER --model {}"
    print_line(console, f"next: segfit {use.format(name)} -o results")


@app.command(rich_help_panel=_USE)
def predict(
    model: Model,
    paths: Images,
    output: Results,
    formats: Formats = "mask,overlay,json",
    threshold: Threshold = None,
    reject: Reject = 0.0,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine/--no-refine",
            help="Move outlines by the model's regression network, where it has one",
            rich_help_panel=_ANSWER,
        ),
    ] = True,
    min_area: MinArea = 0.0,
    simplify: Simplify = None,
    probabilities: Annotated[
        str | None,
        typer.Option(
            metavar="png|npz",
            help="Write every class's probability, too: 16-bit PNGs, or NumPy archives",
            rich_help_panel=_FILES,
        ),
    ] = None,
    keep_folders: KeepFolders = False,
    backend: Backend = "openvino",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Segment images.

    Results are named by their images: photo.png is a mask, photo_overlay.jpg, photo.json.
    A bad image is left out and reported at the end; the exit status is then 1.

    [dim]segfit predict face holiday.jpg -o results[/]

    [dim]segfit predict nuclei 'plates/**/*.tif' -o results --keep-folders --format mask,json[/]

    [dim]segfit predict face holiday.jpg -o results --format geojson,svg --simplify 0.7[/]
    """
    from segfit.batch.predict import AdjustedSegmenter, check_formats
    from segfit.classification.decision import Decision

    names = split_names(formats)
    if probabilities is not None:
        if probabilities not in ("png", "npz"):
            raise SegfitError(f"--probabilities {probabilities}: choose png or npz")
        names.append(f"probabilities-{probabilities}")
    check_formats(names)
    decision = Decision(threshold=threshold, reject=reject, min_area_px=min_area)
    segmenter = load_segmenter(model, backend=backend, threads=threads)
    run_method(
        AdjustedSegmenter(segmenter, decision, refine=refine),
        paths,
        output,
        names,
        title="segmenting",
        simplify_px=simplify,
        keep_folders=keep_folders,
        force=force,
    )


@app.command(rich_help_panel=_USE)
def refine(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="MASKS",
            help="Masks, folders, or 'masks/*.png': index, palette, grey or color images",
        ),
    ],
    images: Annotated[
        Path,
        typer.Option(
            help="Folder of the images, named like the masks but for the suffix",
            rich_help_panel=_FILES,
        ),
    ],
    output: Results,
    model: Annotated[
        str,
        typer.Option(
            help="A refiner: a .segfit file, or a shipped one's name", rich_help_panel=_FILES
        ),
    ] = "outlines",
    formats: Formats = "mask,overlay,json",
    off_by: Annotated[
        float,
        typer.Option(
            metavar="PX",
            help="How far off the masks' outlines may be, about",
            rich_help_panel=_ANSWER,
        ),
    ] = 4.0,
    simplify: Simplify = None,
    backend: Backend = "openvino",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Move the outlines of masks to where the images have their edges.

    The masks may come from anywhere: another network, a hand, a threshold. Their classes are those
    of a classes.json beside them, or else their values. Results are named by the images.
    A bad mask is left out and reported at the end; the exit status is then 1.

    [dim]segfit refine masks/ --images photos/ -o refined --format mask,polygons[/]
    """
    from segfit.batch.predict import check_formats
    from segfit.batch.refine import find_mask_classes, pair_masks, refine_masks
    from segfit.cli.display.tables import render_predictions
    from segfit.cli.display.terminal import print_line, show_bar
    from segfit.imaging.find import find_images

    names = split_names(formats)
    check_formats(names)
    masks = find_images(paths)
    paired = pair_masks(masks, images)
    refiner = open_refiner(model, backend=backend, threads=threads)
    console = open_console()
    with show_bar(console, "finding the classes") as on_progress:
        classes = find_mask_classes(masks, on_progress=on_progress)
    print_line(console, classes.note)
    with show_bar(console, "refining") as on_progress:
        report = refine_masks(
            refiner,
            paired,
            classes,
            output,
            names,
            off_by_px=off_by,
            simplify_px=simplify,
            force=force,
            on_done=count_outcomes(on_progress, len(paired.masks)),
        )
    console.print(render_predictions(report, classes.table, output))
    report_failures(report)


@app.command(rich_help_panel=_CLASSICAL)
def segment(
    paths: Images,
    output: Results,
    method: Annotated[
        str,
        typer.Option(
            help="auto, otsu, kmeans, gabor, slic, grabcut, …: see [bold]segfit methods[/]"
        ),
    ] = "auto",
    settings: MethodSettings = None,
    foreground: Annotated[
        str | None,
        typer.Option(
            metavar="HINT",
            help="For grabcut and random-walker: a rectangle left,top,right,bottom around the "
            "foreground, points 'x,y x,y' in it, or the path of a rough mask",
        ),
    ] = None,
    background: Annotated[
        str | None, typer.Option(metavar="POINTS", help="Points 'x,y x,y' that are not foreground")
    ] = None,
    min_area: MinArea = SPECK_PX,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine/--no-refine",
            help="Move outlines to where the image has its edges, by the shipped refiner",
            rich_help_panel=_ANSWER,
        ),
    ] = False,
    smooth: Smooth = 0,
    formats: Formats = "mask,overlay,json",
    simplify: Simplify = None,
    keep_folders: KeepFolders = False,
    backend: Backend = "openvino",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Segment images by a classical method, which needs no training.

    Results are named by their images: photo.png is a mask, photo_overlay.jpg, photo.json.

    [dim]segfit segment photo.jpg -o results --method kmeans --set clusters=3[/]

    [dim]segfit segment photo.jpg -o results --method grabcut --foreground 40,20,300,280[/]
    """
    from segfit.batch.finishing import FinishedMethod
    from segfit.classical.make import list_hinted, make_method, parse_hint, parse_points
    from segfit.text import parse_settings

    given = parse_settings(settings)
    if (foreground or background) and method not in list_hinted():
        raise SegfitError(
            f"--foreground and --background are hints for {' and '.join(list_hinted())}; {method} "
            "takes none"
        )
    if foreground is not None:
        given |= parse_hint(foreground)
    if background is not None:
        given["background_points"] = parse_points(background)
    refiner = open_refiner("outlines", backend=backend, threads=threads) if refine else None
    run_method(
        FinishedMethod(
            make_method(method, given), min_area_px=min_area, smoothing=smooth, refiner=refiner
        ),
        paths,
        output,
        split_names(formats),
        title="segmenting",
        simplify_px=simplify,
        keep_folders=keep_folders,
        force=force,
    )


@app.command(rich_help_panel=_CLASSICAL)
def methods() -> None:
    """List the methods of segfit segment: what each is for, when it fails, its settings."""
    from segfit.cli.display.tables import render_methods

    open_console().print(render_methods())


@app.command(rich_help_panel=_CLASSICAL)
def fit(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="MASKS",
            help="Masks, folders, or 'masks/*.png': index, palette, grey or color images, or "
            "numbers of objects",
        ),
    ],
    output: Results,
    shape: Annotated[
        str,
        typer.Option(
            help="auto, smallest-rectangle, rectangle, circle, ellipse, hull, polygon, orthogonal, "
            "spline or alpha"
        ),
    ] = "auto",
    corners: Annotated[
        int | None, typer.Option(min=3, help="polygon: at most so many corners")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="PX", help="polygon, orthogonal: within so much of the outline"),
    ] = None,
    smoothing: Annotated[
        float | None,
        typer.Option(metavar="PX", help="spline: how far off the outline's points may be"),
    ] = None,
    radius: Annotated[
        float | None, typer.Option(metavar="PX", help="alpha: bays narrower than twice that close")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Size of a pixel for the tables, such as 0.65um/px; else pixels"
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the images, named like the masks: for colors, overlays and --refine",
            rich_help_panel=_FILES,
        ),
    ] = None,
    min_area: MinArea = 0.0,
    smooth: Smooth = 5,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine/--no-refine",
            help="Move outlines to where the images have their edges first; parameters then have "
            "errors that come from the image",
            rich_help_panel=_ANSWER,
        ),
    ] = False,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="What to write, joined by commas: csv, json, parquet (tables), geojson (the "
            "shapes), overlay",
            rich_help_panel=_FILES,
        ),
    ] = "csv,overlay",
    backend: Backend = "openvino",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Fit shapes to the regions of masks, and measure them.

    Each region gets the shape's fitting error, its parameters with standard errors, and its own
    measures. A region that cannot be fitted says why. Results are named by the masks:
    cells_shapes.csv, cells_shapes.jpg.

    [dim]segfit fit masks/ -o shapes --shape ellipse --scale 0.65um/px[/]

    [dim]segfit fit masks/ -o shapes --shape polygon --corners 4 --images photos/ --refine[/]
    """
    from segfit.batch.fit import FitJob, fit_masks
    from segfit.batch.refine import find_mask_classes
    from segfit.cli.display.tables import render_fits
    from segfit.cli.display.terminal import print_line, show_bar
    from segfit.imaging.find import find_images
    from segfit.shapes.make import make_fit
    from segfit.shapes.rows import Scale

    if refine and images is None:
        raise SegfitError("--refine goes by the images: give their folder with --images")
    job = FitJob(
        make_fit(
            shape,
            {
                "corners": corners,
                "tolerance_px": tolerance,
                "smoothing_px": smoothing,
                "alpha_px": radius,
            },
        ),
        scale=Scale() if scale is None else Scale.parse(scale),
        min_area_px=min_area,
        smoothing=smooth,
        refiner=open_refiner("outlines", backend=backend, threads=threads) if refine else None,
    )
    masks = find_images(paths)
    console = open_console()
    with show_bar(console, "finding the classes") as on_progress:
        classes = find_mask_classes(masks, on_progress=on_progress)
    print_line(console, classes.note)
    with show_bar(console, "fitting") as on_progress:
        report = fit_masks(
            job,
            masks,
            classes,
            output,
            split_names(formats),
            images=images,
            force=force,
            on_done=count_outcomes(on_progress, len(masks)),
        )
    console.print(render_fits(report, job.scale, output))
    list_failures(report.failed, len(masks))


@app.command(rich_help_panel=_CLASSICAL)
def edges(
    paths: Images,
    output: Results,
    detector: Annotated[
        str,
        typer.Option(
            help="learned, sobel, scharr, laplacian or canny; or a .segfit file of an edge model"
        ),
    ] = "learned",
    strength: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="What edges must have to be linked and to separate regions; learned edges: the share "
            "of people who would draw them",
            rich_help_panel=_ANSWER,
        ),
    ] = None,
    gap: Annotated[
        float,
        typer.Option(
            metavar="PX", min=0, help="Close gaps up to this length", rich_help_panel=_ANSWER
        ),
    ] = 8.0,
    shortest: Annotated[
        float,
        typer.Option(
            metavar="PX", min=0, help="Leave out lines that are shorter", rich_help_panel=_ANSWER
        ),
    ] = 5.0,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="What to write, joined by commas: edges (lines a pixel wide), strength, lines "
            "(GeoJSON, to a fraction of a pixel), and of the regions that edges separate: overlay, "
            "instances, json, polygons, coco, geojson, svg, yolo",
            rich_help_panel=_FILES,
        ),
    ] = "edges,overlay,lines",
    simplify: Simplify = None,
    keep_folders: KeepFolders = False,
    backend: Backend = "openvino",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Find edges, link them to lines, and close them into regions.

    Results are named by their images: photo_edges.png, photo_overlay.jpg, photo_lines.geojson.

    [dim]segfit edges photo.jpg -o results[/]

    [dim]segfit edges photo.jpg -o results --strength 0.5 --format instances,geojson[/]
    """
    from segfit.edges.finder import USUAL_STRENGTHS, EdgeFinder, open_detector

    found = open_detector(detector, backend=backend, threads=threads)  # type: ignore[arg-type]
    usual = USUAL_STRENGTHS.get(detector, USUAL_STRENGTHS["learned"])
    finder = EdgeFinder(
        found, strength=usual if strength is None else strength, gap_px=gap, shortest_px=shortest
    )
    run_method(
        finder,
        paths,
        output,
        split_names(formats),
        title="finding edges",
        simplify_px=simplify,
        keep_folders=keep_folders,
        force=force,
    )


@app.command(rich_help_panel=_USE)
def evaluate(
    model: Model,
    data: Data,
    split: Annotated[str, typer.Option(help="Part of the data: train, val or test")] = "val",
    task: Annotated[
        str,
        typer.Option(
            help="regions, or edges: of images that people drew (images/ and truth/ of BSDS500); "
            "MODEL is then learned, canny, …, or a .segfit file"
        ),
    ] = "regions",
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all figures", rich_help_panel=_FILES),
    ] = None,
    component: Annotated[
        str,
        typer.Option(
            help="What to measure: classifier, regressor (which begins with the truth's outlines "
            "made coarse), or both together"
        ),
    ] = "both",
    settings: MethodSettings = None,
    threshold: Threshold = None,
    reject: Reject = 0.0,
    group_by_prefix: Annotated[
        bool,
        typer.Option(
            "--group-by-prefix", help="Figures by what precedes the first _ of images' names, too"
        ),
    ] = False,
    split_objects: SplitObjects = False,
    backend: Backend = "openvino",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Compare the answers of a model, or of a method that separates foreground and background, or the
    outlines that a model refines, with labelled images.

    [dim]segfit evaluate face portraits/ --json face.json[/]

    [dim]segfit evaluate otsu cells/[/]

    [dim]segfit evaluate outlines portraits/ --component regressor[/]

    [dim]segfit evaluate learned bsds500/ --task edges[/]
    """
    from segfit.cli.display.reports import render_report
    from segfit.files import check_writable, write_file

    if task not in ("regions", "edges"):
        raise SegfitError(f"unknown task {task!r}: choose regions or edges")
    if component not in ("both", "classifier", "regressor"):
        raise SegfitError(f"unknown component {component!r}: choose both, classifier or regressor")
    if component == "regressor" and (threshold is not None or reject > 0 or group_by_prefix):
        raise SegfitError(
            "--threshold, --reject and --group-by-prefix say how a classifier's answers count, and "
            "--component regressor begins with the truth: leave them out"
        )
    if settings and (task == "edges" or component == "regressor"):
        raise SegfitError(
            "--set is for methods that separate foreground and background: leave it out with --task "
            "edges and --component regressor"
        )
    if json_file is not None:
        check_writable(json_file, force=force)
    console = open_console()
    report: Report | OutlineReport | EdgeReport
    if task == "edges":
        report = compare_edges(console, model, data, split=split, backend=backend, threads=threads)
    elif component == "regressor":
        report = compare_outlines(
            console, model, data, split=split, backend=backend, threads=threads
        )
    else:
        report = compare_segmentations(
            console,
            open_method(
                model,
                settings,
                threshold=threshold,
                reject=reject,
                refine=component == "both",
                backend=backend,
                threads=threads,
            ),
            data,
            split=split,
            group_by_prefix=group_by_prefix,
            split_objects=split_objects,
        )
    console.print(render_report(report))
    if json_file is not None:
        given = {
            "model": model,
            "data": str(data),
            "split": split,
            "task": task,
            "component": component,
        }
        choice = {
            "settings": settings or [],
            "threshold": threshold,
            "reject": reject,
            "backend": backend,
        }
        figures = {**given, **choice, "segfit_version": __version__, **report.to_dict()}
        write_file(json_file, (json.dumps(figures, indent=1) + "\n").encode(), force=force)


@app.command(rich_help_panel=_USE)
def info(
    model: Model,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print the plan of its training, for train --plan")
    ] = False,
) -> None:
    """Show a model's card: classes, resolution, figures, where it comes from.

    [dim]segfit info face[/]

    [dim]segfit info face --plan > plan.toml[/]
    """
    from segfit.model.archive import read_archive
    from segfit.model.shipped import find_model
    from segfit.text import format_toml

    if as_json and plan:
        raise SegfitError("--json and --plan are two forms of output: choose one (JSON has both)")
    path = find_model(model)
    card = read_archive(path).card
    if as_json:
        print(json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False))
    elif plan:
        if not card.plan:
            raise SegfitError(f"{path}: this model does not say how it was trained")
        # What it came to is not a setting.
        settings = {k: v for k, v in card.plan.items() if k not in ("seed", "trained_steps")}
        seed, steps = card.plan.get("seed"), card.plan.get("trained_steps")
        print(f"# {card.name}: trained for {steps} steps with seed {seed}")
        print(format_toml(settings))
    else:
        from segfit.cli.display.tables import render_card

        open_console().print(render_card(card, path))


@app.command(rich_help_panel=_USE)
def models() -> None:
    """List the models that ship with segfit."""
    from segfit.cli.display.tables import render_models
    from segfit.model.archive import read_archive
    from segfit.model.shipped import list_shipped

    shipped = list_shipped().values()
    if not shipped:
        raise SegfitError("no models ship with this installation: install segfit anew")
    open_console().print(render_models([(path, read_archive(path).card) for path in shipped]))


@app.command(rich_help_panel=_LEARN)
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder that the results go to")
    ] = Path("demo-output"),
    with_training: Annotated[
        bool, typer.Option("--train", help="Train a segmenter of nuclei first, in a minute")
    ] = False,
    minutes: Annotated[float, typer.Option(min=0.3, help="With --train: how long")] = 0.8,
    force: Force = False,
) -> None:
    """Segment a face and nuclei with the shipped models, or train a model on two dozen images.

    [dim]segfit demo[/]

    [dim]segfit demo --train[/]
    """
    from segfit.cli.demo import run_demo, run_training_demo

    if with_training:
        run_training_demo(output, minutes=minutes, force=force, console=open_console())
    else:
        run_demo(output, force=force, console=open_console())


def check_training_options(
    output: Path | None, *, resume: bool, force: bool, dry_run: bool
) -> None:
    """Refuse, before any work, an output that cannot be, and options that contradict each other."""
    from segfit.files import check_writable

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


def open_data(
    console: Console,
    data: Path,
    *,
    seed: int = 0,
    strict: bool = False,
    split_objects: bool = False,
) -> LabelledData:
    """Open labelled data under a progress bar."""
    from segfit.cli.display.terminal import show_bar
    from segfit.datasets import open_labelled

    with show_bar(console, "reading the data") as on_progress:
        return open_labelled(
            data, strict=strict, seed=seed, split_objects=split_objects, on_progress=on_progress
        )


def show_plan(
    console: Console, labelled: LabelledData, *, plan: dict[str, Any], minutes: float | None
) -> None:
    """Print what a training would begin with."""
    from segfit.cli.display.training_tables import render_preparation
    from segfit.training.preparation import prepare, require_splits

    require_splits(labelled)
    prepared = prepare(labelled, plan=plan, minutes=minutes)
    console.print(render_preparation(prepared))


def open_split(console: Console, data: Path, split: str, *, split_objects: bool = False) -> Dataset:
    """Open labelled data and choose a split of it."""
    from segfit.cli.display.terminal import print_line

    labelled = open_data(console, data, split_objects=split_objects)
    for note in labelled.notes:
        print_line(console, note)
    if split not in labelled.splits:
        raise SegfitError(f"{data} has no split {split!r}: choose {', '.join(labelled.splits)}")
    return labelled.splits[split]


def compare_segmentations(
    console: Console,
    method: Method,
    data: Path,
    *,
    split: str,
    group_by_prefix: bool,
    split_objects: bool,
) -> Report:
    """Segment labelled images and compare the result with their truth."""
    from segfit.cli.display.terminal import show_bar
    from segfit.evaluation.regions import evaluate, prefix_of

    dataset = open_split(console, data, split, split_objects=split_objects)
    with show_bar(console, "comparing") as on_progress:
        return evaluate(
            method,
            dataset,
            group_of=prefix_of if group_by_prefix else None,
            on_progress=on_progress,
        )


def open_method(
    model: str,
    settings: Sequence[str] | None,
    *,
    threshold: float | None,
    reject: float,
    refine: bool,
    backend: str,
    threads: int | None,
) -> Method:
    """A classical method by its name, else a model that answers as the options say."""
    from segfit.batch.finishing import FinishedMethod
    from segfit.batch.predict import AdjustedSegmenter
    from segfit.classical import METHODS
    from segfit.classical.make import list_comparable, make_method
    from segfit.classification.decision import Decision
    from segfit.text import parse_settings

    if model not in METHODS or Path(model).exists():
        if settings:
            raise SegfitError(f"--set is for methods without training, and {model} is a model")
        segmenter = load_segmenter(model, backend=backend, threads=threads)
        decision = Decision(threshold=threshold, reject=reject)
        decision.check_use(segmenter.classes, model=model)
        return AdjustedSegmenter(segmenter, decision, refine=refine)
    if threshold is not None or reject > 0 or not refine:
        raise SegfitError(
            f"--threshold, --reject and --component are for models, and {model} is a method: "
            "leave them out, or give its settings with --set"
        )
    if model not in list_comparable():
        raise SegfitError(
            f"{model} finds no foreground without a hint, so that labels can't be compared with "
            f"what it finds: choose {', '.join(list_comparable())}, or a model"
        )
    return FinishedMethod(make_method(model, parse_settings(settings)), min_area_px=SPECK_PX)


def compare_outlines(
    console: Console, model: str, data: Path, *, split: str, backend: str, threads: int | None
) -> OutlineReport:
    """Refine outlines that are made coarse from the truth, and compare them with it."""
    from segfit.cli.display.terminal import show_bar
    from segfit.evaluation.outlines import evaluate_outlines
    from segfit.model.archive import read_archive
    from segfit.model.card import RefinerCard
    from segfit.model.shipped import find_model

    method: Segmenter | Refiner
    classes = None
    if isinstance(read_archive(find_model(model)).card, RefinerCard):
        method = open_refiner(model, backend=backend, threads=threads)
    else:
        method = load_segmenter(model, backend=backend, threads=threads)
        classes = method.classes
    dataset = open_split(console, data, split)
    with show_bar(console, "comparing") as on_progress:
        return evaluate_outlines(method, dataset, classes=classes, on_progress=on_progress)


def compare_edges(
    console: Console, model: str, data: Path, *, split: str, backend: str, threads: int | None
) -> EdgeReport:
    """Find edges in images that people drew, and compare them."""
    from segfit.cli.display.terminal import show_bar
    from segfit.datasets.drawn import open_drawn
    from segfit.edges.finder import USUAL_STRENGTHS, EdgeFinder, open_detector
    from segfit.evaluation.edges import evaluate_edges

    detect = open_detector(model, backend=backend, threads=threads)  # type: ignore[arg-type]
    strength = USUAL_STRENGTHS.get(model, USUAL_STRENGTHS["learned"])
    images = open_drawn(data, split)
    with show_bar(console, "comparing") as on_progress:
        return evaluate_edges(
            EdgeFinder(detect, strength=strength), images, on_progress=on_progress
        )


def describe_interruption(display: TrainingDisplay, output: Path, command: list[str]) -> str:
    """Say what an interrupted training has left, and how it is resumed."""
    from segfit.training.checkpoint import checkpoint_path

    step = display.progress.step
    if not checkpoint_path(output).exists():
        return f"interrupted after step {step}, before the first round's end: nothing is kept"
    return f"interrupted after step {step}; resume it with:\n  {shlex.join(command)}"


def load_segmenter(model: str, *, backend: str, threads: int | None) -> Segmenter:
    """Load a model by its path or its shipped name."""
    from segfit.segmenter import load

    return load(model, backend=backend, threads=threads)


def open_refiner(model: str, *, backend: str, threads: int | None) -> Refiner:
    """Load a refiner by its path or its shipped name."""
    from segfit.refiner import load_refiner

    return load_refiner(model, backend=backend, threads=threads)


def split_names(text: str) -> list[str]:
    """Names that are joined by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def run_method(
    method: Method,
    paths: list[str],
    output: Path,
    formats: list[str],
    *,
    title: str,
    simplify_px: float | None,
    keep_folders: bool,
    force: bool,
) -> None:
    """Apply a method to images under a progress bar, and print what was found."""
    from segfit.batch.predict import apply_method
    from segfit.cli.display.tables import render_predictions
    from segfit.cli.display.terminal import show_bar
    from segfit.imaging.find import find_images

    images = find_images(paths)
    console = open_console()
    with show_bar(console, title) as on_progress:
        report = apply_method(
            method,
            images,
            output,
            formats,
            simplify_px=simplify_px,
            keep_folders=keep_folders,
            force=force,
            on_done=count_outcomes(on_progress, len(images)),
        )
    console.print(render_predictions(report, method.classes, output))
    report_failures(report)


def count_outcomes(on_progress: OnProgress, total: int) -> Callable[[object], None]:
    """Turn "this one is done" into "so many are done"."""
    numbers = itertools.count(1)
    return lambda outcome: on_progress(next(numbers), total)


def report_failures(report: PredictionReport) -> None:
    """Say which images failed and why, and leave with status 1; do nothing where none did."""
    list_failures(report.failed, len(report.failed) + len(report.predicted))


def list_failures(failed: Sequence[FailedImage], total: int) -> None:
    """The same, for so many images in all."""
    if not failed:
        return
    print(f"segfit: {len(failed)} of {total} images failed", file=sys.stderr)
    for failure in failed:
        named = "" if str(failure.path) in failure.reason else f"{failure.path}: "
        print(f"  {named}{failure.reason}", file=sys.stderr)
    raise typer.Exit(SOME_FAILED)


def open_console() -> Console:
    """The console that results are printed to."""
    from rich.console import Console

    return Console()


if __name__ == "__main__":
    main()
