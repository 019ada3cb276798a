#!/usr/bin/env python3
"""How many images ``segfit serve`` should work on at once, and with how many threads each.

    python benchmarks/serve_workers.py

A server for every choice, all of them open. Each in turn, again and again, answers the same images
to one user, and then to several who send the next as soon as one is answered. Users and servers
share the machine, and others may use it: only ratios to the first choice in the same turn tell.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from options import make_parser, parse_arguments
from results import describe_run, write_result
from serve_load import MODEL, Errand, Server, draw_errands, read_figure, send, serving

console = Console()


def main() -> None:
    parser = make_parser(__doc__, data=False)
    parser.add_argument("--turns", type=int, default=10, help="(%(default)s)")
    parser.add_argument("--users", type=int, default=8, help="(%(default)s)")
    arguments = parse_arguments(parser, quick="--turns 1 --users 2")
    run = describe_run(seeds=(), threads=arguments.threads)
    choices = list_choices(arguments.threads)
    errands = [one for one in draw_errands(quick=arguments.quick) if one.status == 200]
    with ExitStack() as stack:
        servers = {choice: stack.enter_context(serving(choice[1], choice[0])) for choice in choices}
        for server in servers.values():
            answer_all(server, errands, users=1)  # every size has been seen once
        turns = [
            {one: measure(server, errands, arguments.users) for one, server in servers.items()}
            for _ in track(range(arguments.turns), console=console, transient=True)
        ]
        memory = {
            choice: read_figure(server, "process_resident_memory_bytes") / 1e6
            for choice, server in servers.items()
        }
    figures = {
        "model": MODEL,
        "users": arguments.users,
        "images": len(errands),
        "choices": [
            {
                "workers": choice[0],
                "threads": choice[1],
                **summarise(turns, choice, choices[0]),
                "memory_mb": memory[choice],
            }
            for choice in choices
        ],
    }
    console.print(to_table(figures))
    console.print(write_result("serve-workers", run, figures, folder=arguments.results))


def list_choices(threads: int) -> list[tuple[int, int]]:
    """Workers and threads of each; the first is what the others are compared with."""
    several = max(2, threads)
    usual = [(1, threads), (several, 1), (several, threads), (several + 1, threads)]
    return list(dict.fromkeys(usual))


def measure(server: Server, errands: Sequence[Errand], users: int) -> dict[str, float]:
    """Seconds of an image to one user and to several, and of processors for an image."""
    alone_s = answer_all(server, errands, users=1)
    before_s = read_figure(server, "process_cpu_seconds_total")
    start = time.perf_counter()
    waited_s = answer_all(server, errands * users, users=users)
    return {
        "alone_s": float(np.mean(alone_s)),
        "waited_s": float(np.mean(waited_s)),
        "apart_s": (time.perf_counter() - start) / len(waited_s),
        "processor_s": (read_figure(server, "process_cpu_seconds_total") - before_s)
        / len(waited_s),
    }


def answer_all(server: Server, errands: Sequence[Errand], *, users: int) -> list[float]:
    """Seconds of each answer; users send one errand after another, each the next that is left."""
    left = iter(errands)

    def use(_: int) -> list[float]:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
        taken = []
        for errand in left:
            start = time.perf_counter()
            status, body, _ = send(connection, errand)
            taken.append(time.perf_counter() - start)
            assert status == errand.status, f"{errand.path}: {status} {body[:200]!r}"
        connection.close()
        return taken

    with ThreadPoolExecutor(users) as threads:
        return [seconds for of_user in threads.map(use, range(users)) for seconds in of_user]


def summarise(
    turns: Sequence[dict[tuple[int, int], dict[str, float]]],
    choice: tuple[int, int],
    first: tuple[int, int],
) -> dict[str, Any]:
    """Medians over the turns, and of the ratios to the first choice in the same turn."""
    names = list(turns[0][choice])
    seconds = {name: float(np.median([turn[choice][name] for turn in turns])) for name in names}
    ratios = {
        name.replace("_s", "_ratio"): float(
            np.median([turn[choice][name] / turn[first][name] for turn in turns])
        )
        for name in names
    }
    return seconds | ratios


def to_table(figures: dict[str, Any]) -> Table:
    table = Table(title=f"an image, {figures['users']} users; × the first")
    for title in ("workers × threads", "alone", "waited", "apart", "processor", "memory"):
        table.add_column(title, justify="right")
    for one in figures["choices"]:
        table.add_row(
            f"{one['workers']} × {one['threads']}",
            *(
                f"{1e3 * one[f'{name}_s']:.0f} ms ×{one[f'{name}_ratio']:.2f}"
                for name in ("alone", "waited", "apart", "processor")
            ),
            f"{one['memory_mb']:.0f} MB",
        )
    return table


if __name__ == "__main__":
    main()
