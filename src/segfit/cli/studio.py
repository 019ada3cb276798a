"""``segfit studio``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segfit.errors import SegfitError

INSTALL = 'pip install "segfit[studio]"'


def studio(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of your images")],
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port; a free one from 7860 up, if not given"),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this computer need a token")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the page in the browser")] = True,
) -> None:
    """Label images, train and correct a model in the browser.

    Nothing leaves the computer; labels are written to masks/ and classes.json in the folder.

    [dim]segfit studio photos[/]
    """
    try:
        import uvicorn

        from segfit.studio.app import make_app
    except ImportError as error:
        raise SegfitError(f"the studio needs {error.name}: {INSTALL}") from error
    from segfit.studio.project import Studio

    opened = Studio(folder)
    try:
        uvicorn.run(make_app(opened), host=host, port=port or 7860)
    finally:
        opened.close()
