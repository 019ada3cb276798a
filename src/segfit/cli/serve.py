"""``segfit serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from segfit.cli.opening import open_console, open_segmenter
from segfit.cli.options import Backend, Device, Precision, SegmenterModel, Threads

ADDRESS, LIMITS = "Address", "Limits"
"""Panels of the help."""

Host = Annotated[
    str,
    typer.Option(
        help="Name or address of this machine to be reached at; others than loopback need a token, "
        "which is made and printed if not given",
        rich_help_panel=ADDRESS,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="The first free one from 7860, if not given", rich_help_panel=ADDRESS
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="SEGFIT_TOKEN",
        help="What requests have to bring, 16 characters or more",
        rich_help_panel=ADDRESS,
    ),
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help="A further name that the server is reached by, such as that of a proxy; may be "
        "repeated",
        rich_help_panel=ADDRESS,
    ),
]


def serve(
    model: SegmenterModel,
    host: Host = "127.0.0.1",
    port: Port = None,
    token: Token = None,
    allow_host: AllowedHosts = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Images that are segmented at once; one more than processors, at most 8, if not "
            "given",
            rich_help_panel=LIMITS,
        ),
    ] = None,
    queue: Annotated[
        int,
        typer.Option(
            min=0, help="Requests that may wait besides; more get 429", rich_help_panel=LIMITS
        ),
    ] = 16,
    time_limit: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="For a request to come in, and then for its answer",
            rich_help_panel=LIMITS,
        ),
    ] = 60.0,
    max_body: Annotated[
        int, typer.Option(min=1, metavar="MB", help="Of a request", rich_help_panel=LIMITS)
    ] = 100,
    max_megapixels: Annotated[
        float, typer.Option(min=0.01, help="Of an image", rich_help_panel=LIMITS)
    ] = 64.0,
    max_images: Annotated[
        int, typer.Option(min=1, help="Of a batch", rich_help_panel=LIMITS)
    ] = 100,
    backend: Backend = None,
    device: Device = "cpu",
    precision: Precision = "auto",
    threads: Threads = None,
) -> None:
    """Answer requests over HTTP with a model's predictions, until Ctrl-C.

    The first page says what can be asked; /openapi.json says it to programs.

    [dim]segfit serve face[/]

    [dim]curl --data-binary @portrait.jpg 'http://127.0.0.1:7860/predict?format=json'[/]
    """
    from segfit.serving.installed import check_installed

    check_installed("serve")
    from segfit.serving.answering import Limits, choose_workers
    from segfit.serving.app import make_app
    from segfit.serving.guard import make_token
    from segfit.serving.hosts import allow_hosts, is_loopback
    from segfit.serving.run import listen, run_app

    if token is None and not is_loopback(host):
        token = make_token()
    listener = listen(host, port, token=token)
    limits = Limits(
        workers=workers or choose_workers(),
        longest_queue=queue,
        time_limit_s=time_limit,
        largest_body=max_body * 1_000_000,
        max_megapixels=max_megapixels,
        most_images=max_images,
    )
    try:
        segmenter = open_segmenter(
            model, backend=backend, device=device, threads=threads, precision=precision
        )
        app = make_app(
            segmenter, hosts=allow_hosts(host, allow_host or ()), token=token, limits=limits
        )
    except BaseException:
        listener.close()
        raise
    console = open_console()

    def announce() -> None:
        lines = [f"{segmenter.card.name} answers at {listener.first_address}"]
        if token is not None:
            lines.append(f"Programs send the header  Authorization: Bearer {token}")
        lines.append("Ctrl-C ends it.")
        for line in lines:
            console.print(line, soft_wrap=True, markup=False, highlight=False)

    run_app(app, listener, on_started=announce)
