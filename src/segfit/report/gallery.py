"""The worst images of a report, each with pictures that lie upon one another."""

from __future__ import annotations

import base64

from segfit.basics.text import count_noun
from segfit.metrics.figures import format_figure
from segfit.report.build import ANSWERS
from segfit.report.charts import name_class
from segfit.report.content import ReportContent, WorstImage
from segfit.report.markup import make_section, paragraph, text
from segfit.report.pictures import IMAGE, MISTAKES, TRUTH

CLASSES_SHOWN = 3
"""The worst of an image."""
MOST_COLORS = 24
"""Classes that a legend names."""


def describe_worst(content: ReportContent) -> str:
    """The images in which most is wrong; nothing where none are shown."""
    if not content.worst:
        return ""
    count = len(content.worst)
    images = content.model.figures.images
    said = (
        "All images, the worst first."
        if count == images
        else f"The worst {count} of {count_noun(images, 'image')}, the worst first."
    )
    entries = "".join(
        _show_image(content, number, worst) for number, worst in enumerate(content.worst, start=1)
    )
    is_tall = all(height > width for width, height in (one.size_px for one in content.worst))
    return make_section(
        "worst",
        "Worst images",
        paragraph(
            said,
            '<span class="scripted">The slider blends the truth into what is shown.</span>',
            kind="note",
        ),
        _list_colors(content),
        f'<div class="gallery{" tall" if is_tall else ""}">{entries}</div>',
    )


def _list_colors(content: ReportContent) -> str:
    """What the colors in the pictures mean."""
    classes = content.classes
    if len(classes) > MOST_COLORS:
        return ""
    methods = filter(None, (content.model, content.against))
    has_objects = all(one.figures.instances is not None for one in methods)
    by_themselves = classes.object_classes if has_objects else ()
    named = [
        name_class(classes.names[index], classes.colors[index])
        for index in classes.foreground
        if index not in by_themselves
    ]
    said = "".join(f"<li>{one}</li>" for one in named)
    if by_themselves:
        said += "<li>each object has a color of its own, the same in truth and answer</li>"
    return f'<ul class="line colors">{said}</ul>'


def _show_image(content: ReportContent, number: int, worst: WorstImage) -> str:
    name = text(worst.row.name)
    titles = _title_pictures(content)
    width, height = worst.size_px
    layers = "".join(
        f'<figure class="layer" data-layer="{kind.replace(" ", "-")}">'
        f'<img src="data:image/webp;base64,{base64.b64encode(worst.pictures[kind]).decode()}" '
        f'width="{width}" height="{height}" alt="{text(title)} – {name}">'
        f"<figcaption>{text(title)}</figcaption></figure>"
        for kind, title in titles.items()
        if kind in worst.pictures
    )
    choices = "".join(
        f'<label><input type="radio" name="shown-{number}" value="{kind.replace(" ", "-")}"'
        f"{' checked' if kind == ANSWERS[0] else ''}>{text(title)}</label>"
        for kind, title in titles.items()
        if kind in worst.pictures and kind != TRUTH
    )
    return (
        f'<article class="worst" aria-labelledby="worst-{number}">'
        f'<h3 id="worst-{number}">{name}</h3>'
        f'<div class="stack">{layers}</div>'
        f'<div class="controls scripted"><label class="blend"><span>truth</span>'
        f'<input type="range" min="0" max="100" value="50" '
        f'aria-label="blend of the truth and what is chosen below, in {name}">'
        f'<span class="chosen">{text(titles[ANSWERS[0]])}</span></label>'
        f'<div class="choices" role="radiogroup" aria-label="what the truth is blended with">'
        f"{choices}</div></div>"
        f"{_list_figures(worst)}</article>"
    )


def _title_pictures(content: ReportContent) -> dict[str, str]:
    """What every picture shows, in the order in which they lie upon one another."""
    own = content.model.name
    if content.against is None:
        return {TRUTH: "truth", ANSWERS[0]: "answer", MISTAKES: "mistakes", IMAGE: "image alone"}
    answers = {ANSWERS[0]: own, ANSWERS[1]: content.against.name}
    return {TRUTH: "truth", **answers, MISTAKES: f"mistakes of {own}", IMAGE: "image alone"}


def _list_figures(worst: WorstImage) -> str:
    """The figures of an image, on a line or two."""
    row, figures = worst.row, worst.figures
    said = [
        f"mean IoU <b>{format_figure(row.mean_iou)}</b>",
        f"pixel accuracy {format_figure(row.pixel_accuracy)}",
    ]
    if row.instances is not None:
        counts = row.instances
        said.append(
            f"objects: {counts.true} true, {counts.predicted} found, {counts.matched} right"
        )
    known = sorted(
        (iou, name)
        for iou, name in zip(figures.iou.tolist(), figures.class_names, strict=True)
        if iou >= 0
    )
    said += [f"{text(name)} {format_figure(iou)}" for iou, name in known[:CLASSES_SHOWN]]
    if row.surprise is not None and row.surprise > 1:
        said.append("<b>unlike what the model learned from</b>")
    return f'<ul class="line">{"".join(f"<li>{one}</li>" for one in said)}</ul>'
