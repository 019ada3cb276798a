#!/usr/bin/env python3
"""What the studio takes for an image of 20,000×20,000 px: memory, first tile, tiles, a proposal.

    python benchmarks/studio_huge.py

The image is a JPEG, put together of the demo's nuclei. Memory is the most that the server's process
has held, the parts of files that the system keeps in memory for it among them.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from rich.console import Console

from options import make_parser, parse_arguments
from results import DEMO_DATA, describe_run, write_result
from studio_latency import operate, to_p95, wait_for_proposal, wait_for_regions
from studio_server import Server, User, draw_strokes, running_studio

SIDE_PX, PIECE_PX, TILE_PX = 20_000, 256, 512
STROKES_WITHIN_PX = 1500
MOST_MB = 3 * 1024**3 / 1e6


def main() -> None:
    parser = make_parser(__doc__ or "", data=False)
    parser.add_argument("--side", type=int, default=SIDE_PX, help="of the image, in px")
    arguments = parse_arguments(parser, quick="--side 1100")
    run = describe_run(seeds=(0,), threads=arguments.threads)
    with TemporaryDirectory() as place:
        folder = Path(place) / "images"
        folder.mkdir()
        put_together(folder / "nuclei.jpg", side=arguments.side)
        with running_studio(folder) as server:
            figures = measure(server, side=arguments.side)
    path = write_result("studio-huge", run, figures, folder=arguments.results)
    Console().print(figures)
    print(path)
    if figures["peak_mb"] > MOST_MB:
        raise SystemExit(f"the server took more than {MOST_MB:.0f} MB")


def put_together(path: Path, *, side: int) -> None:
    """Write a field of nuclei, each piece of it one of the demo's images."""
    random = np.random.default_rng(0)
    files = sorted((DEMO_DATA / "nuclei" / "train" / "images").iterdir())
    pieces = [np.asarray(Image.open(file).convert("RGB"))[:PIECE_PX, :PIECE_PX] for file in files]
    pieces = [piece for piece in pieces if piece.shape == (PIECE_PX, PIECE_PX, 3)]
    field = np.empty((side, side, 3), np.uint8)
    for top in range(0, side, PIECE_PX):
        chosen = random.integers(0, len(pieces), -(-side // PIECE_PX))
        row = np.concatenate([pieces[index] for index in chosen], axis=1)
        field[top : top + PIECE_PX] = row[: side - top, :side]
    Image.fromarray(field).save(path, quality=90)


def measure(server: Server, *, side: int) -> dict[str, float]:
    user, random = User(server), np.random.default_rng(0)
    user.name_classes("ground", "nucleus")
    began = time.perf_counter()
    levels = user.get("/images/1")["levels"]
    user.time("GET", f"/images/1/tiles/{levels - 1}/0/0")
    first_s = time.perf_counter() - began
    opened_mb = read_peak_mb(server)
    places = random.integers(0, -(-side // TILE_PX), (100, 2)).tolist()
    tiles = [user.time("GET", f"/images/1/tiles/0/{x}/{y}") for x, y in places]
    within = min(side, STROKES_WITHIN_PX)
    corner = (side - within) // 2
    drawn = draw_strokes(random, width=within, height=within, count=3)
    first, second, third = ([[x + corner, y + corner] for x, y in points] for points in drawn)
    operate(user, 1, 0, first)
    operate(user, 1, 1, second)
    wait_for_proposal(user, 1, 0, quiet_s=5.0)
    before = user.get("/images/1")["proposal_rev"]
    began = time.perf_counter()
    operate(user, 1, 0, third)
    near, _ = wait_for_proposal(user, 1, before, quiet_s=5.0)
    wait_for_regions(user, 1, (side, side))
    user.send("POST", "/images/1/operations", {"kind": "accept", "what": "all"})
    return {
        "side_px": side,
        "first_tile_s": first_s,
        "tile_p95_ms": to_p95(tiles),
        "proposal_s": near - began,
        "opened_mb": opened_mb,
        "peak_mb": read_peak_mb(server),
    }


def read_peak_mb(server: Server) -> float:
    """The most memory that the server's process has held so far."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
