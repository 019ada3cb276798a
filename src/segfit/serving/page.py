"""The first page of ``segfit serve``: its OpenAPI description to read, and a form to try it.

No script, nothing from elsewhere: it works without a network, and under a strict policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from segfit.serving.described import IMAGE_FIELD
from segfit.serving.guard import SECURITY_HEADERS

_POLICY = "content-security-policy"
PAGE_HEADERS = {
    _POLICY: SECURITY_HEADERS[_POLICY].replace("form-action 'none'", "form-action 'self'"),
    # Without an origin, the page's own form would look like that of another site.
    "referrer-policy": "same-origin",
}
STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; font-size: 1.15rem; }
h2 code { font-size: 1.15rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; }
tr { border-bottom: 1px solid #8884; }
form { border: 1px solid #8886; border-radius: .5rem; padding: 1rem; }
button { font: inherit; margin: .6rem .3rem 0 0; padding: .2rem .7rem; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>{title}</h1>
<p>{text} For programs: <a href="/openapi.json">openapi.json</a>.</p>
<form method="post" action="/predict" enctype="multipart/form-data">
<label for="image">Try it with an image:</label>
<input id="image" type="file" name="{field}" accept="image/*" required>
<div>{buttons}</div>
</form>
{operations}
</body>
</html>
"""


def render_page(described: Mapping[str, Any], formats: Sequence[str]) -> str:
    """An OpenAPI description as a page; ``formats``: a button each sends an image for one."""
    buttons = "\n".join(
        f'<button formaction="/predict?format={escape(name)}">{escape(name)}</button>'
        for name in formats
    )
    return _PAGE.format(
        title=escape(described["info"]["title"]),
        text=escape(described["info"]["description"]),
        field=IMAGE_FIELD,
        buttons=buttons,
        operations="\n".join(_render_operations(described["paths"])),
    )


def _render_operations(paths: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(operation['summary'])}.</p>"
            body = operation.get("requestBody")
            if body is not None:
                kinds = ", ".join(body["content"])
                yield f"<p>Body: {escape(body['description'])} ({escape(kinds)}).</p>"
            if operation.get("parameters"):
                rows = [_describe_parameter(one) for one in operation["parameters"]]
                yield _render_table(("parameter", "kind", "meaning"), rows)
            rows = [
                (status, ", ".join(answer.get("content", {})), answer["description"])
                for status, answer in operation["responses"].items()
            ]
            yield _render_table(("status", "content", "meaning"), rows)


def _describe_parameter(parameter: Mapping[str, Any]) -> tuple[str, str, str]:
    schema = parameter["schema"]
    kind = schema.get("type", "")
    items = schema.get("items", {})
    choices = items.get("enum") or [items["const"]] if "const" in items else items.get("enum")
    if choices:
        kind = "any of " + ", ".join(choices)
    default = schema.get("default")
    shown = ", ".join(default) if isinstance(default, list) else default
    usual = "" if shown in (None, "") else f"; {shown} if not given"
    return parameter["name"], f"{kind}{usual}", parameter.get("description", "")


def _render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [
        "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for tag, row in [("th", head), *(("td", row) for row in rows)]
    ]
    return "<table>\n" + "\n".join(lines) + "\n</table>"
