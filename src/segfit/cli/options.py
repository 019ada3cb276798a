"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from segfit.cli.choices import complete, complete_list

LENGTH, FILES, MACHINE, RESULT = "Length", "Files", "Machine", "Result"
STACKS = "Stacks"
NETWORK, AUGMENTATION = "Network", "Augmentation"
"""Panels of a command's help."""

SPECK_PX = 16.0
"""Regions of fewer pixels are noise, where a method that has learned nothing found them."""

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A .segfit file, or the name of a shipped model: {models}",
        autocompletion=complete("models", files=True),
    ),
]
SegmenterModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A .segfit file, or the name of a shipped model: {segmenters}",
        autocompletion=complete("segmenters", files=True),
    ),
]
Images = Annotated[
    list[str],
    typer.Argument(
        metavar="PATHS",
        help="Images, folders, 'scans/*.png', or addresses: 's3://bucket/scans/*.png'",
    ),
]
Masks = Annotated[
    list[str],
    typer.Argument(
        metavar="MASKS",
        help="Masks, folders, or 'masks/*.png': images of class numbers, palette colors, grey "
        "levels or colors, or 16-bit images of object numbers",
    ),
]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Labelled images: a folder with images/ and masks/, or with train/ and val/ that "
        "hold these; COCO, YOLO or LabelMe; slides and maps with a layer of polygons beside them",
    ),
]
Refine = Annotated[
    bool,
    typer.Option(
        "--refine/--no-refine",
        help="Move the outlines by the model's regression network, if it has one",
        rich_help_panel=RESULT,
    ),
]
Quality = Annotated[
    str,
    typer.Option(
        help="{qualities}: best looks at the mirror image of each image, too, and takes the "
        "classifier twice the time",
        rich_help_panel=RESULT,
        autocompletion=complete("qualities"),
    ),
]
SplitObjects = Annotated[
    bool,
    typer.Option(
        "--split-objects",
        help="Where an object lies in several pieces, make each piece an object of its own",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite existing files", rich_help_panel=FILES)
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a run that was stopped or had failures: do only what manifest.jsonl in "
        "the folder of the results does not have as done with the same model and settings",
        rich_help_panel=FILES,
    ),
]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="Leave out files whose results are all there, whatever made them",
        rich_help_panel=FILES,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="NUMBER/COUNT",
        help="Do one share of the files, such as 3/16: each machine or job does another one, all "
        "of them into the same folder",
        rich_help_panel=FILES,
    ),
]
WorkerCount = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar="NUMBER",
        help="Processes that do files beside each other; auto is one a processor, where there are "
        "enough files and memory for them",
        rich_help_panel=MACHINE,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Do the files on a Ray cluster that has them at the same paths: its address, auto for "
        "the one that this machine is in, or local for one of this machine alone",
        rich_help_panel=MACHINE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Processor threads, of each process where there are several; all if not given",
        rich_help_panel=MACHINE,
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(
        help="What runs the network: {backends}; what suits the device, if not given",
        rich_help_panel=MACHINE,
        autocompletion=complete("backends"),
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="Where the network runs: {devices}; cuda:1 is the second of several cards",
        rich_help_panel=MACHINE,
        autocompletion=complete("devices"),
    ),
]
TrainingDevice = Annotated[
    str,
    typer.Option(
        help="Where networks learn: {training_devices}; cuda:1 is the second of several cards, and "
        "auto a card if torch can use one",
        rich_help_panel=MACHINE,
        autocompletion=complete("training_devices"),
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help="How exactly a classifier is computed: {precisions}",
        rich_help_panel=MACHINE,
        autocompletion=complete("precisions"),
    ),
]
Results = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        help="Folder for the results; s3://bucket/folder, too",
        rich_help_panel=FILES,
    ),
]


ImageChannels = Annotated[
    str | None,
    typer.Option(
        "--channels",
        metavar="NUMBERS",
        help="Which channels of the images to take, counted from 0: one, shown grey, or three as "
        "red, green and blue, such as 0,2,1; a model's own, if not given",
    ),
]
Planes = Annotated[
    str | None,
    typer.Option(
        "--planes",
        metavar="PLANES",
        help="Go through stacks plane by plane: all, or counted from 0 along z, t or pages, such "
        "as z=3:10,t=0, which is z 3 to 9; formats are then labels, numbers, table and parquet",
        rich_help_panel=STACKS,
    ),
]
Link = Annotated[
    str | None,
    typer.Option(
        "--link",
        metavar="AXIS",
        help="Join the objects of neighbouring planes along z or t, one to one, so that an object "
        "has the same number in all of them",
        rich_help_panel=STACKS,
    ),
]
LeastOverlap = Annotated[
    float,
    typer.Option(
        "--link-iou",
        metavar="SHARE",
        help="How much two regions overlap at least that --link joins: what they share of what "
        "they cover together",
        rich_help_panel=STACKS,
    ),
]
PixelScale = Annotated[
    str | None,
    typer.Option(
        "--scale",
        metavar="SIZE",
        help="Size of a pixel, such as 0.65um/px, for tables in this unit; if not given, what OME, "
        "ImageJ or the resolution of a TIFF says, or else pixels",
    ),
]


def _formats(table: str) -> Any:
    return typer.Option(
        "--format",
        metavar="NAMES",
        help=f"What to write, separated by commas:\n\n{{{table}:lines}}\n\n",
        rich_help_panel=FILES,
        autocompletion=complete_list(table),
    )


ModelFormats = Annotated[str, _formats("model_formats")]
MaskFormats = Annotated[str, _formats("mask_formats")]
EdgeFormats = Annotated[str, _formats("edge_formats")]
FitFormats = Annotated[str, _formats("fit_formats")]
ExportFormats = Annotated[str, _formats("export_formats")]
KeepFolders = Annotated[
    bool,
    typer.Option(
        "--keep-folders",
        help="Put the results into the same subfolders as the images",
        rich_help_panel=FILES,
    ),
]
MinArea = Annotated[
    float,
    typer.Option(
        metavar="PX",
        help="Merge regions and holes of fewer pixels into a neighbour first",
        rich_help_panel=RESULT,
    ),
]
Smooth = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="ROUNDS",
        help="Rounds of smoothing of the outlines, which do not shrink; neighbours keep a shared "
        "border",
        rich_help_panel=RESULT,
    ),
]
MethodSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting of the method, see [bold]segfit methods[/]; may be repeated",
    ),
]
Simplify = Annotated[
    float | None,
    typer.Option(
        metavar="PX",
        min=0,
        help="Leave out points of the outlines, as long as no outline moves by more than this; "
        "neighbours keep a shared border",
        rich_help_panel=RESULT,
    ),
]
