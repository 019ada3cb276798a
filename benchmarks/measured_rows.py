"""What the result files say, in words: rows of the table of figures, by result file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from statistics import mean
from typing import Any

from segfit.basics.text import count_noun

Figures = dict[str, Any]
Row = tuple[str, str]
"""What was measured, and what came out."""
Describe = Callable[[Figures], list[Row]]
"""The figures of a result file → its rows."""


BESIDE_UNET = {"mean_iou": "mean IoU", "boundary_f_1px": "boundary F at 1 px"}
"""The figures beside a U-Net, by what the result file calls them."""


def format_score(figures: Figures) -> str:
    boundary = figures["boundary_f"]
    return (
        f"mean IoU {figures['mean_iou']:.3f}, pixel accuracy {figures['pixel_accuracy']:.3f}, "
        f"boundary F at 1 / 2 px {boundary['1']:.3f} / {boundary['2']:.3f}"
    )


def describe_faces(figures: Figures) -> list[Row]:
    what = f"20 faces of FASSEG, trained in {figures['wall_seconds'] / 60:.1f} min"
    return [(what, format_score(figures["validation"]))]


def describe_refined_face(figures: Figures) -> list[Row]:
    without, refined = (figures["validation"][key] for key in ("without", "with"))
    outlines = figures["outlines"]
    return [
        ("the shipped face model, FASSEG frontal", format_score(refined)),
        (
            "the same without its regression network",
            f"mean IoU {without['mean_iou']:.3f}, boundary F at 1 / 2 px "
            f"{without['boundary_f']['1']:.3f} / {without['boundary_f']['2']:.3f}",
        ),
        (
            "the same: points within 1 and 2 of their standard errors",
            f"{outlines['within_1']:.0%} and {outlines['within_2']:.0%}",
        ),
    ]


def describe_refined_nuclei(figures: Figures) -> list[Row]:
    without, refined = (figures["validation"][key] for key in ("without", "with"))
    kinds = ", ".join(
        f"{name_kind(name)} {group['classes']['nucleus']['iou']:.3f}"
        for name, group in refined["groups"].items()
    )
    iou = [report["classes"]["nucleus"]["iou"] for report in (refined, without)]
    boundary = [report["boundary_f"]["1"] for report in (refined, without)]
    return [
        (
            "the shipped nuclei model, DSB2018",
            f"nucleus IoU {iou[0]:.3f} ({kinds}), boundary F at 1 px {boundary[0]:.3f}; without "
            f"its regression network {iou[1]:.3f} and {boundary[1]:.3f}",
        )
    ]


def name_kind(name: str) -> str:
    """A kind of images as the documents spell it: the data set's names are British."""
    return name.replace("colour", "color")


IOUS = ("0.5", "0.7", "0.8", "0.9")


def format_precision(instances: Figures) -> str:
    values = " / ".join(f"{instances['average_precision'][iou]:.3f}" for iou in IOUS)
    return f"{values}, mean {instances['mean_average_precision']:.3f}"


def describe_instances(figures: Figures) -> list[Row]:
    reports = {name: report["groups"] for name, report in figures["validation"].items()}
    kind = "fluorescence"
    refined, without = (reports[name][kind]["instances"] for name in ("with", "without"))
    others = "; ".join(
        f"{name_kind(name)} {format_precision(group['instances'])}"
        for name, group in reports["with"].items()
        if name != kind
    )
    return [
        (
            f"nuclei told apart, DSB2018 {kind}: AP at IoU {' / '.join(IOUS)}",
            f"{format_precision(refined)}; without its regression network "
            f"{format_precision(without)}",
        ),
        ("the same, the other kinds of images", others),
    ]


def describe_peer(figures: Figures) -> list[Row]:
    of_all = {name: by_kind["all"] for name, by_kind in figures["validation"].items()}
    return [
        (
            f"the same images, all kinds, {figures['minutes']:g} min of training: ours beside "
            "the StarDist way on our encoder",
            "; ".join(
                f"{name} {format_precision(instances)}" for name, instances in of_all.items()
            ),
        )
    ]


def describe_field(figures: Figures) -> list[Row]:
    small, large = figures["field_1024"], figures["field_2048"]
    windows = large["windows"][0]
    return [
        (
            f"1024×1024 px with {small['nuclei']} nuclei, image to refined objects",
            f"{small['median_ms']['whole']:.0f} ms",
        ),
        (
            f"2048×2048 px with {large['nuclei']} nuclei, in windows of {windows['window_px']} px "
            "and whole",
            f"{windows['share']:.1%} of the objects alike at IoU 0.9",
        ),
    ]


def describe_meltpools(figures: Figures) -> list[Row]:
    def average(of_seeds: list[Figures], *keys: str) -> str:
        values = [reduce(lambda inner, key: inner[key], keys, one) for one in of_seeds]
        spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
        return f"{mean(values):.3f}{spread}"

    rows = "; ".join(
        f"{name} AP {average(of_seeds, 'average_precision', '0.5')} / "
        f"{average(of_seeds, 'average_precision', '0.75')}, COCO mask AP "
        f"{average(of_seeds, 'coco', 'ap')}"
        for name, of_seeds in figures["validation"].items()
    )
    seeds = len(next(iter(figures["validation"].values())))
    title = f"melt pools, 5 folds of {figures['minutes']:g} min: AP at IoU 0.5 / 0.75"
    return [(f"{title}, {seeds} seeds" if seeds > 1 else title, rows)]


def describe_branches(data: str, figures: Figures) -> list[Row]:
    rows = "mean IoU " + "; ".join(
        f"{name} {report['mean_iou']:.3f} in {figures['network_ms'][name]:.1f} ms"
        for name, report in figures["validation"].items()
    )
    title = f"{data}, {figures['minutes']:g} min each: decoder in branches beside plain ones"
    return [(title, rows)]


def describe_outlines(figures: Figures) -> list[Row]:
    reports, plan = figures["validation"], figures["plan"]
    rows = {
        "classifier": reports["without"],
        "with regressor": reports["with"],
        "full resolution": reports["full resolution"],
    }
    scores = "; ".join(
        f"{name} {report['mean_iou']:.3f}, {report['boundary_f']['1']:.3f} / "
        f"{report['boundary_f']['2']:.3f}"
        for name, report in rows.items()
    )
    ms = figures["network_ms"]
    side = plan["scaling"]["long_side_px"]
    stride = plan.get("output_stride", 4)  # what older result files were made with
    return [
        (
            f"20 faces at {side} px, output stride {stride}, beside 512 px in the same "
            f"{plan['minutes']:g} min",
            f"mean IoU, boundary F at 1 / 2 px: {scores}; classifiers {ms['coarse']:.1f} and "
            f"{ms['full']:.1f} ms",
        )
    ]


def describe_alternatives(figures: Figures) -> list[Row]:
    ms = {name: row["seconds_per_image"] * 1000 for name, row in figures["validation"].items()}
    scores = "; ".join(
        f"{name} {report['boundary_f']['1']:.3f} / {report['boundary_f']['2']:.3f} in "
        f"{ms[name]:.0f} ms"
        for name, report in figures["validation"].items()
    )
    side = figures["plan"]["scaling"]["long_side_px"]
    return [(f"the same scores at {side} px refined in other ways: boundary F at 1 / 2 px", scores)]


def describe_refinement(figures: Figures) -> list[Row]:
    rows = []
    for row in figures["sizes"]:
        ms = row["median_ms"]
        rows.append(
            (
                f"{row['height']}×{row['width']}: classifier at half resolution and regressor, "
                "array to labels, beside a U-Net's network",
                f"{ms['end_to_end']:.0f} ms beside {ms['unet_network']:.0f} ms, "
                f"{row['times_faster']:.1f} times faster; refinement alone "
                f"{ms['refinement']:.1f} ms",
            )
        )
    for name, row in figures["photographs"].items():
        ms = row["median_ms"]
        rows.append(
            (
                f"4000×3000, {name}: beside the same classifier at full resolution",
                f"{ms['end_to_end']:.0f} ms beside {ms['full_resolution']:.0f} ms, "
                f"{row['times_faster']:.0f} times faster; peak "
                f"{figures['peak']['peak_mb']:.0f} MB",
            )
        )
    return rows


def describe_camvid(figures: Figures) -> list[Row]:
    minutes = figures["plan"]["minutes"]
    return [(f"CamVid, 11 classes, {minutes:g} min", format_score(figures["validation"]))]


def describe_superalloy(figures: Figures) -> list[Row]:
    what = f"10 micrographs of superalloys, {figures['wall_seconds'] / 60:.1f} min"
    return [(what, format_score(figures["validation"]))]


def describe_unet(figures: Figures) -> list[Row]:
    rows = []
    for speed in figures["speed"]:
        median = speed["median_ms"]
        rows.append(
            (
                f"{speed['height']}×{speed['width']}: our network beside a U-Net's, same encoder",
                f"{median['our_network']:.0f} ms beside {median['peer_network']:.0f} ms, "
                f"{speed['network_speedup']:.1f} times faster; from array to labels "
                f"{speed['end_to_end_per_network']:.2f} times the network alone",
            )
        )
    accuracy = figures.get("accuracy")
    if accuracy:
        ours, peer = accuracy["ours"], accuracy["unet"]
        reached = [
            f"{run['seconds_to_target']:.0f} s" if run["seconds_to_target"] else "not reached"
            for run in (ours, peer)
        ]
        rows.append(
            (
                "FASSEG frontal, ours beside the U-Net, same minutes",
                f"mean IoU {ours['mean_iou']:.3f} beside {peer['mean_iou']:.3f}; 0.86 after "
                f"{reached[0]} beside {reached[1]}",
            )
        )
    return rows


def describe_noise(figures: Figures) -> list[Row]:
    wrong = figures["summary"]["corrupted"]
    seeds = len({training["seed"] for training in figures["trainings"]})
    return [
        (
            f"30 % of the label pixels wrong ({figures['set']}, {figures['noise']}, {seeds} seed)",
            f"mean IoU {wrong['symmetric_cross_entropy']['mean_iou']:.3f} with symmetric, "
            f"{wrong['cross_entropy']['mean_iou']:.3f} with plain cross-entropy",
        )
    ]


def describe_other_networks(figures: Figures) -> list[Row]:
    rows = []
    fastest = {key: row for key, row in figures["rows"].items() if key.endswith(" auto")}
    ours = fastest["ours auto"]
    for key, row in fastest.items():
        reached = figures["trained"][key.removesuffix(" auto")]["seconds_to_0.86"]
        boundary = " / ".join(f"{row['boundary_f'][px]:.3f}" for px in ("1", "2"))
        times = ", ".join(
            f"{ms:.0f} ms at {size}"
            + ("" if row is ours else f" ({ms / ours['median_ms'][size]:.1f} times ours)")
            for size, ms in row["median_ms"].items()
        )
        rows.append(
            (
                f"20 faces, {figures['minutes']:g} min each: {row['title']}"
                + ("" if row["pretrained"] else ", not pretrained"),
                f"mean IoU {row['mean_iou']:.3f}, boundary F at 1 / 2 px {boundary}; {times}; 0.86 "
                + ("not reached" if reached is None else f"after {reached:.0f} s"),
            )
        )
    return rows


def describe_exported(figures: Figures) -> list[Row]:
    worst = {
        runtime: max(one[runtime]["worst_share"] for one in figures["labels"].values())
        for runtime in ("ONNX Runtime", "OpenVINO")
    }
    said = ", ".join(f"{runtime} {share:.3%}" for runtime, share in worst.items())
    large = figures["large"][0]
    size = f"{large['width']}×{large['height']} px"
    return [
        ("exported graphs: pixels with another label, in the worst of all validation images", said),
        (
            f"the exported face model on {size}, in ONNX Runtime",
            f"peak {large['peak_mb']:,.0f} MB",
        ),
    ]


def describe_footprint(figures: Figures) -> list[Row]:
    seconds = figures["seconds"]
    return [
        (
            f"the {figures['model']} model on a 512×384 image; `import segfit`; `segfit --help`",
            f"peak {figures['peak_mb']['second_start']:.0f} MB; {seconds['import segfit']:.2f} s; "
            f"{seconds['segfit --help']:.2f} s",
        )
    ]


def describe_memory(figures: Figures) -> list[Row]:
    return [
        (
            "peak memory of a process that segments one image, and what the result keeps of it",
            "; ".join(
                f"{case['model']} {case['height']}×{case['width']} px {case['peak_mb']:.0f} MB, "
                f"{case['kept_bytes_per_px']:.1f} bytes a pixel"
                for case in figures["cases"]
            ),
        )
    ]


def describe_costs(figures: Figures) -> list[Row]:
    steps = "; ".join(
        f"{step['what']} {step['now']:.3g} ms beside {step['reference']:.3g} ms"
        for step in figures["steps"].values()
    )
    plan, report = figures["plan"], figures["report"]
    return [
        ("work that nobody needs left out, beside the plain form", steps),
        (
            f"a batch of fitted masks: planning {2 * plan['masks']} beside {plan['masks']}; kept "
            f"of a mask with {report['regions']} regions",
            f"{plan['growth']:.1f} times as long; {report['kb_per_mask']:.1f} kB",
        ),
    ]


def describe_threads(figures: Figures) -> list[Row]:
    rows = figures["threads"]
    calls, wrong = rows[0]["calls"], sum(row["wrong"] for row in rows)
    backends = {row["backend"] for row in rows}
    shipped = [row for row in figures["memory_mb"] if row["kept_primitives"] == 0]
    return [
        (
            f"{calls} calls in {figures['callers']} threads of every kind of model and "
            f"{len(backends)} backends: answers that are not those of one thread",
            f"{wrong} of {calls * len(rows):,}",
        ),
        (
            f"memory over {shipped[0]['images']} images of different sizes, at the middle and end",
            "; ".join(
                f"{row['model']} {row['held'][3]:.0f}, {row['held'][-1]:.0f} MB" for row in shipped
            ),
        ),
    ]


def describe_precisions(figures: Figures) -> list[Row]:
    rows = []
    for name, found in figures["models"].items():
        losses = found["losses"]
        times = [
            f"{row['what']}: {list_by_precision(row['ratio'], losses)}" for row in found["times"]
        ]
        rows.append((f"the shipped {name} model, of single precision's time", "; ".join(times)))
        lost = [
            f"{precision} {', '.join(f'{key} {format_loss(one)}' for key, one in of_each.items())}"
            for precision, of_each in losses.items()
        ]
        what = f"the same, points lost on {found['images']} validation images (95 % interval)"
        rows.append((what, "; ".join(lost)))
    return rows


def list_by_precision(ratios: Mapping[str, float], precisions: Iterable[str]) -> str:
    return ", ".join(f"{precision} {ratios[precision]:.2f}" for precision in precisions)


def format_loss(loss: Mapping[str, float]) -> str:
    """A loss in points with its interval."""
    low, high = 100 * loss["low"], 100 * loss["high"]
    return f"{100 * loss['loss']:.2f} ({low:.2f} to {high:.2f})"


def describe_large_images(figures: Figures) -> list[Row]:
    trainings = figures["trainings"]
    sizes = sorted({one["megapixels"] for one in trainings})
    told = []
    for size in sizes:
        chosen = [one for one in trainings if one["megapixels"] == size]
        told.append(
            f"{size:.1f} megapixels {mean(one['seconds'] for one in chosen):.0f} s, mean IoU "
            + " and ".join(f"{one['mean_iou']:.3f}" for one in chosen)
        )
    return [
        (
            f"{figures['images']} portraits, `--minutes {trainings[0]['minutes']:g}`, the whole "
            "command",
            "; ".join(told),
        )
    ]


def describe_edges(figures: Figures) -> list[Row]:
    rows, others = [], []
    for name, one in figures["validation"].items():
        edges, regions = one["edges"], one["regions"]
        if name not in ("learned", "canny"):
            others.append(f"{name} {edges['ods']:.3f} / {edges['ois']:.3f}")
            continue
        rows.append(
            (
                f"edges, BSDS500 validation split: {name}",
                f"ODS / OIS / AP {edges['ods']:.3f} / {edges['ois']:.3f} / {edges['ap']:.3f}; "
                f"regions: covering {regions['covering']:.3f}; "
                f"{1000 * one['seconds_per_image']:.0f} ms, linking and hierarchy included",
            )
        )
    rows.append(("the same, other detectors: ODS / OIS", ", ".join(others)))
    return rows


def describe_hints(figures: Figures) -> list[Row]:
    rows = []
    for kind in ("faces", "nuclei"):
        shown = [
            f"{name} {one['mean_iou']:.3f}"
            for name, one in figures[kind].items()
            if isinstance(one, dict)
        ]
        rows.append((f"{kind} from a rectangle, without training: mean IoU", ", ".join(shown)))
    return rows


def describe_shape_errors(figures: Figures) -> list[Row]:
    rows = []
    for noise in ("across", "in x and y"):
        shown = [
            f"{name.partition(',')[0]} {one['within_2']:.1%} and {one['within_3']:.1%}"
            for name, one in figures["kinds"].items()
            if name.endswith(f", noise {noise}, errors from their spread")
        ]
        what = (
            f"fits with 1 px noise {noise}, {figures['shapes']} of each: within 2 and 3 standard "
            "errors"
        )
        rows.append((what, ", ".join(shown)))
    return rows


def describe_gpu(figures: Figures) -> list[Row]:
    card = figures["card"].partition("(")[2].partition(")")[0]
    return [
        *describe_card_training(figures["training"], figures["device"], card),
        *describe_card_target(figures["to_target"], card),
        *describe_card_prediction(figures["prediction"], card),
    ]


def describe_card_training(rows: list[Figures], device: str, card: str) -> list[Row]:
    on_card = [row for row in rows if row["device"] == device]
    on_processor = [row for row in rows if row["device"] != device]
    found = []
    for batch in dict.fromkeys(row["batch"] for row in on_card):
        speeds = [
            f"{row['network']} {row['images_per_second']:.0f}"
            for row in on_card
            if row["batch"] == batch
        ]
        beside = [
            f"; {row['network']} on its processor {row['images_per_second']:.1f}"
            for row in on_processor
            if row["batch"] == batch and row["network"] == "ours"
        ]
        high, wide = on_card[0]["crop_px"]
        what = f"training on an {card}, batch {batch}, crops of {wide}×{high} px: images a second"
        found.append((what, ", ".join(speeds) + "".join(beside)))
    return found


def describe_card_target(rows: list[Figures], card: str) -> list[Row]:
    reached = [row for row in rows if row["mean_iou"] >= 0.86]
    if not reached:
        return []
    best = min(reached, key=lambda row: float(row["seconds"]))
    how = f"{best['seconds']:.0f} s, batch {best['batch']}, {best['steps']} steps"
    return [(f"20 faces of FASSEG to a mean IoU of 0.86 on an {card}", how)]


def describe_card_prediction(rows: list[Figures], card: str) -> list[Row]:
    found = []
    for model in dict.fromkeys(row["model"] for row in rows):
        refined = [row for row in rows if row["model"] == model and row["refine"]]
        speeds = [
            f"{row['way']} {row['median_ms']:.0f} ms"
            + (f" ({row['differing']:.3%} other labels)" if row is not refined[0] else "")
            for row in refined
        ]
        high, wide = refined[0]["size_px"]
        what = f"the shipped {model} model, {wide}×{high} px, array to refined labels, {card}"
        found.append((what, "; ".join(speeds)))
    return found


def describe_story(figures: Figures) -> list[Row]:
    seconds = figures["seconds"]
    return [
        (
            f"the studio, {figures['images']} nuclei images without labels to a model, by a "
            "scripted user in a browser",
            f"{figures['strokes']} strokes, {max(seconds.values()) / 60:.1f} min with training; "
            f"nucleus IoU on held-out images {figures['nucleus_iou_on_held_out_images']:.3f}",
        )
    ]


def describe_waits(figures: Figures) -> list[Row]:
    ms = figures["ms"]
    return [
        (
            "the studio: a stroke on 12 megapixels beside a training, p95; a proposal after it, "
            "1 MP, 12 MP near it and whole",
            f"{ms['stroke, p95']:.0f} ms; "
            f"{ms['proposal of 1 MP after a stroke'] / 1000:.2f}, "
            f"{ms['proposal of 12 MP after a stroke, near it'] / 1000:.2f} and "
            f"{ms['proposal of 12 MP after a stroke, whole'] / 1000:.2f} s",
        ),
        (
            "the same: region under the pointer, snapping an outline, p95; next image; the address",
            f"{ms['region under the pointer, p95']:.0f} and "
            f"{ms['snapping an outline, p95']:.0f} ms; "
            f"{ms['next image to its first tiles']:.0f} ms; "
            f"{ms['command to address'] / 1000:.1f} s",
        ),
    ]


def describe_strokes_needed(figures: Figures) -> list[Row]:
    rows = []
    for name in ("dsb2018", "superalloy", "fasseg-frontal", "camvid"):
        runs = figures[name]
        counts = " and ".join(
            ", ".join(_or_never(run[method]["strokes_until_forest_is_near"]) for run in runs)
            for method in ("ours", "forest")
        )
        last = [
            mean([run[method]["curve"][-1]["mean_iou"] for run in runs])
            for method in ("ours", "forest")
        ]
        rows.append(
            (
                f"strokes an image on {figures['images']} images, {name}: until 2 points below a "
                "random forest with every label, ours and the forest; one figure a seed",
                f"{counts}; mean IoU after {figures['strokes']}: {last[0]:.3f} and {last[1]:.3f}",
            )
        )
    return rows


def _or_never(count: float | None) -> str:
    return "never" if count is None else f"{count:g}"


def describe_order(figures: Figures) -> list[Row]:
    rows = []
    for name in ("nuclei", "faces"):
        orders = {order["order"]: order["needed"]["0.95"] for order in figures[name]["orders"]}
        drawn, ours = (mean(orders[o]) for o in ("random", "like many, unsure every third"))
        rows.append(
            (
                f"images to label until 95 % of the final mean IoU, {name}: in the studio's order "
                "and at random, 5 seeds",
                f"{ours:.1f} and {drawn:.1f}, {1 - ours / drawn:.0%} fewer",
            )
        )
    return rows


def describe_correcting(figures: Figures) -> list[Row]:
    found = {name: figures[name] for name in ("model", "strokes", "nothing")}
    counts = ", ".join(
        f"{name} {one['mean_strokes']:g} ({one['images_that_got_there']} of "
        f"{len(one['strokes'])} images got there)"
        for name, one in found.items()
    )
    return [
        (
            f"strokes to {figures['wanted_mean_iou']} mean IoU of a face, at most "
            f"{figures['most']}: from a model's proposal, from strokes alone, without help",
            counts,
        )
    ]


def describe_kills(figures: Figures) -> list[Row]:
    whom = [figures[f"killed_{one}"] for one in ("server", "training", "both")]
    return [
        (
            f"the studio killed {figures['kills']} times under a scripted user, the server "
            f"{whom[0]} times, its training {whom[1]}, both {whom[2]}: operations answered, lost; "
            "files that do not open; models made, all of which open",
            f"{figures['operations_answered']}, {figures['operations_lost']}; "
            f"{figures['files_broken'] + figures['files_that_differ']}; "
            f"{figures['models_that_open']}",
        )
    ]


def describe_huge(figures: Figures) -> list[Row]:
    side = f"{figures['side_px']:,}"
    return [
        (
            f"the studio on {side}×{side} px: memory of its server, at most",
            f"{figures['peak_mb'] / 1000:.1f} GB",
        )
    ]


def describe_load(figures: Figures) -> list[Row]:
    memory = figures["memory"]["quarters_mb"]
    return [
        (
            f"`segfit serve` for {figures['minutes']:g} minutes under {figures['users']} scripted "
            f"users, other programs using {figures['processors_used_by_others']:.1f} of "
            f"{figures['processors']} processors: answers, errors but 429; memory by quarter; "
            "answered within, of 95 of 100",
            f"{figures['answers']:,}, {figures['errors']}; "
            f"{' → '.join(f'{one:.0f}' for one in memory)} MB; "
            f"{figures['ms']['/predict']['p95'] / 1000:.1f} s",
        )
    ]


def describe_slides(figures: Figures) -> list[Row]:
    slides, windows = figures["slides"], figures["windows"]
    sizes = " / ".join(f"{one['side_px'] // 1000}k²" for one in slides)
    seconds = " / ".join(f"{one['seconds']:.0f}" for one in slides)
    rows = [
        (
            f"slides of {sizes} px, a fifth of them tissue: seconds; megapixels of tissue a second "
            "of the largest; memory at most",
            f"{seconds}; {slides[-1]['tissue_mp_per_s']:.2f}; "
            f"{max(one['peak_mb'] for one in slides) * 1e6 / 2**30:.2f} GiB",
        ),
        (
            f"{windows['side_px']:,}² px in windows and as a whole: nuclei alike at IoU 0.9, all "
            "and those at the cuts",
            f"{windows['alike']:.2%} of {windows['objects_whole']:,}, "
            f"{windows['alike_at_cuts']:.2%} of {windows['at_cuts']:,}",
        ),
    ]
    if "map" in figures:
        drawn = figures["map"]
        largest = max(abs(one) for one in drawn["area_error_share"])
        rows.append(
            (
                f"a map of {drawn['side_px']:,}² px in UTM: largest error of a class's area in m²; "
                "invalid regions; overlap of all; memory",
                f"{largest:.3%}; {drawn['invalid']} of {drawn['regions']:,}; "
                f"{drawn['overlap_px']:.3g} px; {drawn['peak_mb'] * 1e6 / 2**30:.2f} GiB",
            )
        )
    return rows


def describe_folders(figures: Figures) -> list[Row]:
    rows = []
    for name, one in figures.items():
        rates, ratios = one["images_per_second"], one["ratios"]
        told = [rates["one_core"], rates["two_cores"], rates["one_process_two_threads"]]
        ray = ratios.get("ray_to_one_process")
        rows.append(
            (
                f"a folder of {one['images']} {name}, start included: images a second on one core, "
                "on two, in one process of two threads; two Ray nodes to that process",
                f"{' / '.join(f'{rate:.1f}' for rate in told)}; "
                + ("–" if ray is None else f"× {ray:.2f}"),
            )
        )
    return rows


def describe_folder_kills(figures: Figures) -> list[Row]:
    return [
        (
            f"a folder of {figures['files']:,} small files, its run killed {figures['kills']} "
            "times and resumed: done once, more than once, never; results as without",
            f"{figures['done_exactly_once']:,}, {figures['done_more_than_once']}, "
            f"{figures['never_done']}; "
            + ("yes" if figures["table_is_the_same"] and figures["masks_are_the_same"] else "no"),
        )
    ]


def describe_beside_unet(figures: Figures) -> list[Row]:
    rows = []
    for name, one in list_compared(figures):
        compared = one["difference"]
        scores = [
            f"{title} {compared[key]['ours']:.3f}, {describe_other(compared[key]['unet'])} and "
            f"{describe_other(compared[key]['unet-hurried'])}"
            for key, title in BESIDE_UNET.items()
        ]
        rows.append(
            (
                f"{name}, {find_minutes(one):g} minutes each: ours and a U-Net by its "
                f"documentation, {count_seeds(compared, 'unet')}, and one at five times its rate "
                f"and a quarter of its batch, {count_seeds(compared, 'unet-hurried')} (means over "
                "the seeds; by how much ours is higher)",
                "; ".join(scores),
            )
        )
    return rows


def list_compared(figures: Figures) -> list[tuple[str, Figures]]:
    """Those sets, by name, of which all that was asked for is there."""
    return [(name, one) for name, one in figures["sets"].items() if one["difference"]]


def find_minutes(of_set: Figures) -> float:
    """What each training of a set had."""
    minutes: float = next(iter(of_set["runs"]["ours"].values()))["minutes"]
    return minutes


def count_seeds(compared: Figures, peer: str) -> str:
    """By how many seeds a peer was compared with ours."""
    return count_noun(len(compared["mean_iou"][peer]["of_seeds"]), "seed")


def describe_other(figure: Figures) -> str:
    interval = " ({:+.3f} to {:+.3f})".format(*figure["interval"]) if figure["interval"] else ""
    return f"{figure['value']:.3f}{interval}"


ALL_ROWS: dict[str, Describe] = {
    "accuracy-fasseg-frontal": describe_faces,
    "refined-face-fasseg-frontal": describe_refined_face,
    "refined-nuclei-dsb2018": describe_refined_nuclei,
    "instances-nuclei-dsb2018": describe_instances,
    "instance-peer": describe_peer,
    "field": describe_field,
    "meltpools": describe_meltpools,
    "branches-fasseg-frontal": partial(describe_branches, "20 faces of FASSEG"),
    "branches-camvid": partial(describe_branches, "CamVid"),
    "edges": describe_edges,
    "hints": describe_hints,
    "shape-errors": describe_shape_errors,
    "outlines-fasseg-frontal-128": describe_outlines,
    "outlines-fasseg-frontal-256": describe_outlines,
    "alternatives-fasseg-frontal-128": describe_alternatives,
    "refinement": describe_refinement,
    "accuracy-camvid": describe_camvid,
    "accuracy-superalloy": describe_superalloy,
    "unet": describe_unet,
    "peers": describe_other_networks,
    "beside-unet": describe_beside_unet,
    "label-noise-superalloy-pixels": describe_noise,
    "label-noise-superalloy-blobs": describe_noise,
    "footprint": describe_footprint,
    "memory": describe_memory,
    "exported": describe_exported,
    "costs": describe_costs,
    "threads": describe_threads,
    "precision": describe_precisions,
    "large_images": describe_large_images,
    "gpu": describe_gpu,
    "studio-story": describe_story,
    "studio-latency": describe_waits,
    "label-efficiency": describe_strokes_needed,
    "choosing_next": describe_order,
    "correcting": describe_correcting,
    "studio-kill": describe_kills,
    "studio-huge": describe_huge,
    "serve-load": describe_load,
    "huge-images": describe_slides,
    "folders": describe_folders,
    "folder-kills": describe_folder_kills,
}
