"""``segfit studio``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def studio(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of your images")],
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; a free one from 7860 up, if not given"),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other computers in")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(help="What whoever opens the page has to know; a new one, if not given"),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A further name that the page is reached by; may be repeated"
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser")] = True,
) -> None:
    """Label images, train and correct a model in the browser.

    Nothing leaves the computer; labels are written to masks/ and classes.json in the folder.

    [dim]segfit studio photos[/]
    """
    from segfit.serving.installed import check_installed

    check_installed("studio")
    from segfit.serving.guard import Guard, make_token
    from segfit.serving.hosts import allow_hosts
    from segfit.serving.run import listen, open_browser, run_app
    from segfit.studio.app import LARGEST_BODY, make_app
    from segfit.studio.project import Studio

    token = token or make_token()
    hosts = allow_hosts(host, allow_host or ())
    listener = listen(host, port, token=token)
    try:
        opened = Studio(folder, address=listener.first_address)
    except BaseException:
        listener.close()
        raise

    def start() -> None:
        print(f"studio of {folder}: {listener.first_address}", flush=True)
        if browser:
            open_browser(listener.first_address)

    try:
        guarded = Guard(make_app(opened), hosts=hosts, largest_body=LARGEST_BODY, token=token)
        run_app(guarded, listener, on_started=start, on_stopping=opened.events.close)
    finally:
        opened.close()
