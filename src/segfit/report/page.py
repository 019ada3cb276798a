"""A report as one file of HTML that needs nothing else: no network, no fonts, no other file."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from segfit.basics.files import FilePath, write_file
from segfit.report.confusion import describe_confusion
from segfit.report.content import ReportContent
from segfit.report.gallery import describe_worst
from segfit.report.markup import text
from segfit.report.outlines import describe_outlines
from segfit.report.sections import (
    describe_calibration,
    describe_classes,
    describe_learning,
    describe_method,
    describe_objects,
    describe_summary,
)

STYLE, SCRIPT = (
    Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
)


def _allow(source: str) -> str:
    """How a policy names a text that a page may hold."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; img-src data:; style-src {_allow(STYLE)}; script-src {_allow(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'"
)
"""The Content-Security-Policy of every report, which the page holds, too: nothing is fetched, and
no script or style but its own counts. A server adds ``sandbox allow-scripts``."""


def render_html(content: ReportContent) -> str:
    """The page. Names are shown as they are, whatever they hold."""
    title = text(f"{content.model.name} – segfit report")
    against = (
        f' <span class="against">against {text(content.against.name)}</span>'
        if content.against is not None
        else ""
    )
    sections = {
        "Classes": describe_classes(content),
        "Objects": describe_objects(content),
        "Outlines": describe_outlines(content),
        "Confusion": describe_confusion(content),
        "Calibration": describe_calibration(content),
        "More images": describe_learning(content.learning, content.hints.learning),
        "Worst images": describe_worst(content),
        "How": describe_method(content),
    }
    names = (
        "classes",
        "objects",
        "outlines",
        "confusion",
        "calibration",
        "learning",
        "worst",
        "how",
    )
    links = "".join(
        f'<a href="#{name}">{heading}</a>'
        for name, (heading, section) in zip(names, sections.items(), strict=True)
        if section
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
        f'<header><p class="eyebrow">segfit report</p><h1>{text(content.model.name)}{against}</h1>'
        f'<p class="data">{text(content.data)}</p><nav aria-label="Sections">{links}</nav></header>'
        f"<main>{describe_summary(content)}{''.join(sections.values())}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def write_report(content: ReportContent, path: FilePath, *, force: bool = False) -> None:
    """Write the page; an existing file is replaced only with ``force``."""
    write_file(path, render_html(content).encode(), force=force)
