"""The sections of a report: figures, diagrams and what they mean in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping

from segfit.basics.text import count_noun, show_share
from segfit.metrics.figures import format_figure
from segfit.report.charts import (
    choose_floor,
    draw_difference,
    draw_interval,
    draw_learning,
    draw_reliability,
    name_class,
)
from segfit.report.confusion import list_confusions
from segfit.report.content import Measured, ReportContent
from segfit.report.intervals import (
    ACCURACY,
    CALIBRATION_ERROR,
    FEWEST_IMAGES,
    MEAN_IOU,
    OVERCONFIDENCE,
    RIGHT,
    Estimate,
    Key,
)
from segfit.report.learning import FEWEST_POINTS, LearningCurve
from segfit.report.markup import (
    BETTER,
    NOT_TOLD_APART,
    SAME,
    WORSE,
    judge,
    make_section,
    make_table,
    paragraph,
    show_difference,
    show_estimate,
    show_interval,
    show_percents,
    sign,
    text,
)

BOUNDARY_TITLES = ("F@1 px", "F@2 px")
OF_CLASSES = ("IoU", *BOUNDARY_TITLES)
WELL_CALIBRATED = 0.01
LEAST_GAIN = 0.05
"""In points of mean IoU; what is below it would be shown as none."""
BAR = '<span class="unseen">as a bar</span>'
"""Head of a column of bars, for those who do not see them."""
NOTHING = Estimate(math.nan, None, 0)


def describe_summary(content: ReportContent) -> str:
    """The figures that matter most, as cards, and what they say."""
    report, estimates = content.model.figures, content.model.estimates
    cards = [
        ("mean IoU", MEAN_IOU, "regions: shared area over united area, mean of the classes"),
        ("pixel accuracy", ACCURACY, "share of the pixels whose class is right"),
        ("boundary F, 1 px", ("F@1 px", None), "borders that lie within 1 px of the true ones"),
        ("boundary F, 2 px", ("F@2 px", None), "borders that lie within 2 px of the true ones"),
    ]
    if report.instances is not None:
        cards += [
            ("AP at IoU 0.5", ("AP@0.5", None), "objects: right ones over right, false and missed"),
            ("PQ", ("PQ", None), "panoptic quality: objects found, and how well they fit"),
        ]
    shown = []
    for title, key, meaning in cards:
        inside = show_estimate(estimates[key])
        if content.differences is not None and key in content.differences:
            inside += f'<span class="difference">{show_difference(content.differences[key])}</span>'
        shown.append(f"<li><h2>{title}</h2>{inside}<p>{meaning}</p></li>")
    return f'<ul class="cards">{"".join(shown)}</ul>{_summarise(content)}'


def _summarise(content: ReportContent) -> str:
    """What stands out, in sentences."""
    report = content.model.figures
    said = []
    if report.images < FEWEST_IMAGES:
        said.append(
            f"<b>{count_noun(report.images, 'image')}: too few for intervals</b>, which need "
            f"{FEWEST_IMAGES}; figures from so few may be far from those of other images."
        )
    if content.differences is not None and content.against is not None:
        said.append(_compare(content.differences[MEAN_IOU], content.model, content.against))
    known = [
        (iou, name) for iou, name in zip(report.iou, report.class_names, strict=True) if iou >= 0
    ]
    if len(known) > 1:
        worst, name = min(known)
        said.append(f"The weakest class is <b>{text(name)}</b>, IoU {format_figure(worst)}.")
    for share, true, taken in list_confusions(report.confusion, report.class_names)[:1]:
        said.append(
            f"Most often mixed up: {show_share(share)} of <b>{text(true)}</b> is taken for "
            f"<b>{text(taken)}</b>."
        )
    if report.unlike:
        said.append(
            f"{count_noun(report.unlike, 'image')} of {report.images} "
            f"{'is' if report.unlike == 1 else 'are'} unlike those that the model learned from."
        )
    said += [text(report.describe_not_counted())]
    return paragraph(*said, kind="lead")


def _compare(difference: Estimate, model: Measured, against: Measured) -> str:
    """Which of two models is better, where the images tell."""
    first, second = f"<b>{text(model.name)}</b>", f"<b>{text(against.name)}</b>"
    interval = difference.interval
    if interval is None:
        return f"Too few images to tell whether {first} or {second} is better."
    low, high = sign(interval.low), sign(interval.high)
    bounds = f"mean IoU {sign(difference.value)}, 95 % interval {low} to {high}"
    return {
        BETTER: f"{first} is better than {second} on such images: {bounds}.",
        WORSE: f"{first} is worse than {second} on such images: {bounds}.",
        SAME: f"{first} and {second} do equally well on these images.",
        NOT_TOLD_APART: f"These images do not tell whether {first} or {second} is better: "
        f"{bounds}.",
    }[judge(difference)]


def describe_classes(content: ReportContent) -> str:
    """Figures of every class with their intervals."""
    report, estimates = content.model.figures, content.model.estimates
    shares = report.confusion.sum(axis=1) / max(1, report.confusion.sum())
    places: list[tuple[str, int | None, str]] = [
        (name_class(name, color), index, f"{shares[index]:.1%}")
        for index, (name, color) in enumerate(
            zip(content.classes.names, content.classes.colors, strict=True)
        )
    ]
    places.append(("mean", None, ""))
    floor = choose_floor(estimates[OF_CLASSES[0], index] for _, index, _ in places)
    heads = ["class", "share of truth", "IoU", BAR]
    heads += [f"boundary F, {px}&nbsp;px" for px in (1, 2)]
    if content.against is not None:
        heads += [f"IoU of {text(content.against.name)}", "difference", BAR]
    rows = []
    for name, index, share in places:
        iou = estimates["IoU", index]
        cells = [
            share,
            show_estimate(iou),
            draw_interval(iou, floor=floor),
            *(show_estimate(estimates[title, index]) for title in BOUNDARY_TITLES),
        ]
        rows.append((name, cells + _list_differences(content, ("IoU", index))))
    rare = [
        text(name)
        for index, name in enumerate(content.classes.names)
        if 0 < estimates["IoU", index].images < FEWEST_IMAGES <= report.images
    ]
    return make_section(
        "classes",
        "Classes",
        make_table("Figures of every class", heads, rows, kind="figures"),
        paragraph(
            "Small figures are 95 % intervals: where the figure of all such images would lie, "
            "found by drawing these images anew. They know nothing of kinds of images that are not "
            "among these.",
            f"In fewer than {FEWEST_IMAGES} images, and so without an interval: {', '.join(rare)}."
            if rare
            else "",
            kind="note",
        ),
    )


def _list_differences(content: ReportContent, key: Key) -> list[str]:
    """Cells of the other model's figure and of the difference, where there is another one."""
    if content.against is None or content.differences is None:
        return []
    difference = content.differences.get(key, NOTHING)
    reach = _reach(content.differences)
    return [
        show_estimate(content.against.estimates.get(key, NOTHING)),
        show_difference(difference),
        draw_difference(difference, reach=reach),
    ]


def _reach(differences: Mapping[Key, Estimate]) -> float:
    """The largest end of an interval of IoU, by which bars of differences are scaled."""
    ends = [
        abs(end)
        for (title, _), one in differences.items()
        if title == "IoU" and one.interval is not None
        for end in (one.interval.low, one.interval.high)
    ]
    return max(ends, default=0.0) or 0.01


def describe_objects(content: ReportContent) -> str:
    """How well objects are found; nothing where there are none."""
    figures, estimates = content.model.figures.instances, content.model.estimates
    if figures is None:
        return ""
    meanings = {
        "AP@0.5": "AP at IoU 0.5: right objects over right, false and missed ones",
        "AP@0.75": "AP at IoU 0.75",
        "mean AP": "mean AP over IoU 0.5 to 0.9",
        "PQ": "panoptic quality, PQ",
        "AJI": "aggregated Jaccard index, AJI",
    }
    heads = ["objects", text(content.model.name), BAR]
    if content.against is not None:
        heads += [text(content.against.name), "difference", BAR]
    rows = []
    floor = choose_floor(estimates[title, None] for title in meanings)
    for title, meaning in meanings.items():
        estimate = estimates[title, None]
        cells = [show_estimate(estimate), draw_interval(estimate, floor=floor)]
        rows.append((meaning, cells + _list_differences(content, (title, None))))
    named = ", ".join(content.classes.names[index] for index in figures.object_classes)
    counts = figures.objects
    coco = figures.coco
    return make_section(
        "objects",
        "Objects",
        paragraph(
            f"Objects of {text(named)}: {counts.true:,} in the truth, {counts.predicted:,} found, "
            f"{counts.matched:,} of them right (IoU 0.5 or more).",
            ""
            if coco is None
            else f"COCO's mask AP: {format_figure(coco['ap'])}, at IoU 0.5 "
            f"{format_figure(coco['ap50'])}, at 0.75 {format_figure(coco['ap75'])}.",
        ),
        make_table("Figures of objects", heads, rows, kind="figures"),
    )


def describe_calibration(content: ReportContent) -> str:
    """Whether the model's probabilities mean what they say."""
    counts, estimates = content.model.figures.calibration, content.model.estimates
    if counts is None:
        said = paragraph(f"{text(content.model.name)} gives no probabilities: nothing to compare.")
        return make_section("calibration", "Calibration", said)
    rows = [
        (
            f"{row.low:.0%} to {row.high:.0%}",
            [
                f"{row.confidence:.1%}",
                f"<b>{row.accuracy:.1%}</b>{show_percents(estimates[RIGHT, index])}",
                f"{row.count:,}",
            ],
        )
        for index, row in enumerate(counts.rows())
        if row.count
    ]
    table = make_table(
        "Calibration", ["the model says", "on average", "is right in", "pixels"], rows
    )
    bins = [estimates[RIGHT, index] for index in range(len(counts.count))]
    return make_section(
        "calibration",
        "Calibration",
        f'<div class="beside"><figure>{draw_reliability(counts.rows(), bins)}</figure><div>',
        paragraph(_judge_calibration(content.model)),
        paragraph(_judge_other(content.against)),
        paragraph(
            "On the dashed line, what the model is 90 % sure of is right nine times in ten. Below "
            "it, the model is surer than it should be; above it, less sure.",
            "The band is the 95 % interval, from drawing the images anew; there is none where "
            f"fewer than {FEWEST_IMAGES} images have such pixels.",
            kind="note",
        ),
        f"<details><summary>The figures</summary>{table}</details></div></div>",
    )


def _judge_other(against: Measured | None) -> str:
    """The same of another model, where it gives probabilities."""
    if against is None or against.figures.calibration is None:
        return ""
    return f"{text(against.name)}: {_judge_calibration(against)}"


def _judge_calibration(model: Measured) -> str:
    """The expected error in a sentence, and to which side it goes."""
    error, over = (model.estimates[key] for key in (CALIBRATION_ERROR, OVERCONFIDENCE))
    if math.isnan(error.value):
        return "No pixel counts: nothing to compare."
    interval = "" if error.interval is None else f" (95 % interval {show_interval(error)})"
    return (
        f"Expected calibration error <b>{error.value:.3f}</b>{interval}: {_tell_lean(error, over)}."
    )


def _tell_lean(error: Estimate, over: Estimate) -> str:
    """To which side probabilities are off, and whether other images may show another one."""
    if error.value < WELL_CALIBRATED:
        return "its probabilities mean what they say"
    if abs(over.value) <= error.value / 2:
        return "it is too sure in places and not sure enough in others"
    lean = "surer than it should be" if over.value > 0 else "less sure than it could be"
    bounds = over.interval
    if bounds is not None and bounds.low <= 0 <= bounds.high:
        return f"on these images it is {lean}, on others it may be the other way round"
    return f"it is {lean}"


def describe_learning(curve: LearningCurve, hint: str) -> str:
    """What more labelled images would bring; ``hint``: what to do where nobody can tell yet."""
    parts = []
    if len(curve.points) > 1:
        parts.append(f"<figure>{draw_learning(curve)}</figure>")
    if curve.missing:
        parts += [paragraph(text(curve.missing)), paragraph(text(hint), kind="note")]
    else:
        parts.append(paragraph(_foretell(curve)))
        parts.append(
            paragraph(
                "The dashed line goes on where nobody has looked yet, by a power law "
                "(a · n<sup>−b</sup> + c) through the points. It takes for granted that more "
                "images never harm, and knows nothing of images that are unlike those so far.",
                kind="note",
            )
        )
    return make_section("learning", "More labelled images", *parts)


def _foretell(curve: LearningCurve) -> str:
    """So many more images would bring so many points."""
    gain, more = 100 * curve.gain, f"{curve.more} more"
    much = f"about {gain:.1f} points of mean IoU" if gain >= LEAST_GAIN else "next to nothing"
    if curve.gain_interval is None:
        return (
            f"<b>{more} might bring {much}</b>. Nothing tells how sure that is: some curve goes "
            f"through any {FEWEST_POINTS} points; a model of another number of images would show."
        )
    low, high = 100 * curve.gain_interval.low, 100 * curve.gain_interval.high
    interval = f"95 % interval {low:.1f} to {high:.1f} points"
    if gain < LEAST_GAIN <= high:
        return f"<b>{more} may bring {much}</b>, but the points leave room for more: {interval}."
    return f"<b>{more} would bring {much}</b> ({interval})."


def describe_method(content: ReportContent) -> str:
    """How all of this was made, and what is known of the models."""
    parts = []
    for one in filter(None, (content.model, content.against)):
        facts = {**one.facts, "time per image": f"{1000 * one.figures.seconds_per_image:.0f} ms"}
        parts.append(f"<h3>{text(one.name)}</h3>{_list_facts(facts)}")
    parts.append(f"<h3>This report</h3>{_list_facts(content.settings)}")
    return make_section("how", "How this was measured", *parts)


def _list_facts(facts: Mapping[str, str]) -> str:
    listed = "".join(
        f"<div><dt>{text(title)}</dt><dd>{text(said)}</dd></div>" for title, said in facts.items()
    )
    return f"<dl>{listed}</dl>"
