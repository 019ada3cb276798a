"""Pieces of HTML: text that cannot become markup, figures, tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from segfit.basics.text import encode_text
from segfit.metrics.figures import format_figure
from segfit.report.intervals import Estimate

NO_FIGURE = "–"
BETTER, WORSE, SAME = "better", "worse", "the same"
NOT_TOLD_APART, UNKNOWN = "not told apart", "too few images to tell"


def text(given: object) -> str:
    """Anything as text: no markup, and no half of a character."""
    return escape(encode_text(str(given)).decode())


def show_interval(estimate: Estimate) -> str:
    """The interval of a figure, or a dash."""
    if estimate.interval is None:
        return NO_FIGURE
    return f"{estimate.interval.low:.3f}–{estimate.interval.high:.3f}"


def show_estimate(estimate: Estimate) -> str:
    """A figure, and its interval below it."""
    if estimate.interval is None:
        return f"<b>{format_figure(estimate.value)}</b>"
    return (
        f"<b>{format_figure(estimate.value)}</b>"
        f'<span class="interval">{show_interval(estimate)}</span>'
    )


def show_percents(estimate: Estimate) -> str:
    """An interval below its figure, where there is one."""
    if estimate.interval is None:
        return ""
    low, high = estimate.interval.low, estimate.interval.high
    return f'<span class="interval">{low:.1%}–{high:.1%}</span>'


def show_difference(estimate: Estimate) -> str:
    """A difference with its sign, its interval, and what that means."""
    if math.isnan(estimate.value):
        return NO_FIGURE
    verdict = judge(estimate)
    interval = ""
    if estimate.interval is not None:
        low, high = estimate.interval.low, estimate.interval.high
        interval = f'<span class="interval">{sign(low)} to {sign(high)}</span>'
    kind = {BETTER: " good", WORSE: " bad"}.get(verdict, "")
    return f'<b>{sign(estimate.value)}</b>{interval} <span class="verdict{kind}">{verdict}</span>'


def judge(difference: Estimate) -> str:
    """What an interval of a difference says, by its digits that are shown."""
    if difference.interval is None:
        return UNKNOWN
    low, high = round(difference.interval.low, 3), round(difference.interval.high, 3)
    if low > 0:
        return BETTER
    if high < 0:
        return WORSE
    return SAME if low == high == 0 else NOT_TOLD_APART


def sign(value: float) -> str:
    """A difference, with its sign.

    >>> sign(0.0123), sign(-0.5), sign(0.0)
    ('+0.012', '−0.500', '0.000')
    """
    shown = f"{abs(value):.3f}"
    return shown if float(shown) == 0 else f"{'+' if value > 0 else '−'}{shown}"


def make_table(
    caption: str, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, kind: str = ""
) -> str:
    """A table that scrolls where it is too wide: a head of each row, then its cells; all markup."""
    head = "".join(f'<th scope="col">{title}</th>' for title in heads)
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for name, cells in rows
    )
    return (
        f'<div class="wide" role="region" aria-label="{caption}" tabindex="0">'
        f'<table class="{kind}"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def make_section(name: str, title: str, *parts: str) -> str:
    """A section with its heading; ``name`` is what links name."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">'
        f'<h2 id="{name}-title">{title}</h2>{"".join(parts)}</section>'
    )


def paragraph(*sentences: str, kind: str = "") -> str:
    """Sentences as a paragraph; nothing where there are none."""
    said = " ".join(filter(None, sentences))
    return f'<p class="{kind}">{said}</p>' if said else ""
