"""The section of a report on outlines: how far off they are, and whether they know."""

from __future__ import annotations

from segfit.evaluation.coverage import GroupCoverage
from segfit.report.charts import name_class
from segfit.report.content import ReportContent
from segfit.report.intervals import WITHIN_ONE, WITHIN_TWO
from segfit.report.markup import make_section, make_table, paragraph, show_percents, text

GOOD_SHARE, TOLERATED = 0.68, 0.05
"""Of the points, within one standard error; what is farther from it is said."""
FEWEST_POINTS = 200
"""Of a group, below which its share says nothing."""


def describe_outlines(content: ReportContent) -> str:
    """Distances and claims by class and by kind of border; nothing for outlines without errors."""
    counts, estimates = content.model.figures.coverage, content.model.estimates
    if counts is None or not counts.all.points:
        return ""
    colors = zip(content.classes.names, content.classes.colors, strict=True)
    names = [
        "all",
        *(name_class(name, color) for name, color in colors),
        *(text(kind.value) for kind in counts.kinds),
    ]
    groups = list(zip(names, counts.groups, strict=True))
    rows = [
        (
            name,
            [
                f"{one.off_px:.2f}&nbsp;px",
                f"{one.claimed_px:.2f}&nbsp;px",
                f"<b>{one.within_one:.1%}</b>{show_percents(estimates[WITHIN_ONE, group])}",
                f"<b>{one.within_two:.1%}</b>{show_percents(estimates[WITHIN_TWO, group])}",
                f"{one.points:,}",
            ],
        )
        for group, (name, one) in enumerate(groups)
        if one.points
    ]
    heads = ["points beside", "off by", "standard error", "within 1", "within 2", "points"]
    return make_section(
        "outlines",
        "Outlines",
        paragraph(_summarise(counts.all), _list_wrong(groups[1:])),
        make_table("How far off outlines are", heads, [*rows[1:], rows[0]], kind="figures"),
        paragraph(
            "Every point of an outline comes with its standard error: of all points 68 % should be "
            "within one and 95 % within two of it. What kind of border a point lies on is what the "
            "image shows there. Points without a true border of their two classes within 16 px "
            "are not counted.",
            kind="note",
        ),
    )


def _summarise(whole: GroupCoverage) -> str:
    return (
        f"Outlines are <b>{whole.off_px:.2f} px</b> off on average. "
        f"{whole.within_one:.0%} of their points are within one standard error, "
        f"{whole.within_two:.0%} within two."
    )


def _list_wrong(groups: list[tuple[str, GroupCoverage]]) -> str:
    """Where errors are said to be smaller or larger than they are."""
    said = []
    for verdict, sign in (("too small", -1), ("too large", 1)):
        names = [
            name
            for name, one in groups
            if one.points >= FEWEST_POINTS and sign * (one.within_one - GOOD_SHARE) > TOLERATED
        ]
        if names:
            said.append(f"Standard errors are {verdict} beside {', '.join(names)}.")
    return " ".join(said)
