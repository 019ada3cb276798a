#!/usr/bin/env python3
"""Nothing is lost: studio and training are killed at random moments under a scripted user.

    python benchmarks/studio_kill.py

The server, the training that it runs, or both are killed (-9), each time anew; a server is opened
again, and goes on with its training. Every operation that was answered has to be there afterwards,
undone or not as it was answered, every file of labels has to open and say the same as the studio,
and in the end the training has to finish, with a model that opens. Ctrl-C leaves it at the kills so
far.
"""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from rich.console import Console

import segfit
from options import make_parser, parse_arguments
from results import describe_run, write_result
from segfit.studio.jobs.process import send
from segfit.studio.jobs.snapshot import find_labelled
from studio_server import Server, User, draw_image, draw_strokes, running_studio
from training_kills import find_trainings

WIDTH, HEIGHT = 900, 700
FILES_S = 20.0
END_S = 900.0
WHOM = {"server": 0.5, "training": 0.25, "both": 0.25}
"""How often each is killed: a training needs some seconds to come to its first round."""


def main() -> None:
    parser = make_parser(__doc__ or "", data=False)
    parser.add_argument("--kills", type=int, default=100, help="how often it is killed")
    parser.add_argument("--longest", type=float, default=4.0, help="seconds until a kill, at most")
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="of a training; 0 for none (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parse_arguments(parser, quick="--kills 1 --longest 0.3 --minutes 0")
    run = describe_run(seeds=(arguments.seed,), threads=arguments.threads)
    random = np.random.default_rng(arguments.seed)
    answered, unanswered, lost, broken = 0, 0, 0, 0
    with TemporaryDirectory() as place:
        folder = Path(place) / "images"
        folder.mkdir()
        for number in range(2):
            draw_image(folder / f"{number}.png", width=WIDTH, height=HEIGHT, seed=number)
        with running_studio(folder) as server:
            User(server).name_classes("one", "two")
        expected: dict[int, int] = {}
        killed = dict.fromkeys(WHOM, 0)
        server = Server(folder)
        with suppress(KeyboardInterrupt):
            for _ in range(arguments.kills):
                if server.process is None or server.process.poll() is not None:
                    server.start()
                lost += count_lost(User(server), expected)
                keep_training(User(server), arguments.minutes)
                whom = str(random.choice(list(WHOM), p=list(WHOM.values())))
                whom = whom if arguments.minutes else "server"
                wait_s = random.uniform(0.05, arguments.longest)
                with killing(server, whom, after_s=wait_s) as timer:
                    done, open_ends = draw_until_killed(server, random, expected, timer)
                killed[whom] += 1
                answered, unanswered = answered + done, unanswered + open_ends
                broken += count_broken(folder)
        if server.process is not None and server.process.poll() is None:
            server.stop()
        server.close()
        with running_studio(folder) as server:
            lost += count_lost(User(server), expected)
            differing = count_differing(User(server), folder)
            models = finish_training(User(server), folder) if arguments.minutes else 0
    figures = {
        "kills": sum(killed.values()),
        **{f"killed_{whom}": count for whom, count in killed.items()},
        "operations_answered": answered,
        "operations_under_way": unanswered,
        "operations_lost": lost,
        "files_broken": broken,
        "files_that_differ": differing,
        "models_that_open": models,
    }
    path = write_result("studio-kill", run, figures, folder=arguments.results)
    Console().print(figures)
    print(path)
    if lost or broken or differing:
        raise SystemExit("something was lost")


def keep_training(user: User, minutes: float) -> None:
    """See to it that a training runs, as far as there are labels of both classes."""
    if not minutes:
        return
    state = user.get("/training")["state"]
    if state in ("idle", "finished"):
        user.ask("POST", "/training", {"minutes": minutes})
    elif state == "failed":
        user.ask("POST", "/training/continue")


@contextmanager
def killing(server: Server, whom: str, *, after_s: float) -> Iterator[threading.Timer]:
    """Somebody is killed after a while, while the block runs."""
    timer = threading.Timer(after_s, kill, (server, whom))
    timer.start()
    try:
        yield timer
    except KeyboardInterrupt:
        timer.cancel()
        raise
    finally:
        timer.join()


def kill(server: Server, whom: str) -> None:
    if whom != "training":
        server.kill()
    if whom != "server":
        for process in find_trainings(server.folder):
            send(process, signal.SIGKILL)


def finish_training(user: User, folder: Path) -> int:
    """Let a training end by itself; how many models there are, each of which has to open."""
    end = time.monotonic() + END_S
    while not (told := user.get("/training"))["model"] or told["state"] != "finished":
        if time.monotonic() > end:
            raise SystemExit(f"the training did not end: {told['state']}, {told['message']}")
        keep_training(user, 1.0)
        time.sleep(1.0)
    image = find_labelled(folder).files[0].image
    models = sorted(folder.glob(".segfit/models/*.segfit"))
    for model in models:
        assert segfit.load(model)(image).labels.shape == (HEIGHT, WIDTH)
    return len(models)


def draw_until_killed(
    server: Server,
    random: np.random.Generator,
    expected: dict[int, int],
    timer: threading.Timer,
) -> tuple[int, int]:
    """Draw, undo and redo as fast as answers come; how many were answered, and how many not.

    ``expected``: the revision of each image, which is brought up to date.
    """
    user, answered = User(server), 0
    while timer.is_alive():
        image = int(random.integers(1, 3))
        kind = str(random.choice(["operations", "operations", "operations", "undo", "redo"]))
        (points,) = draw_strokes(random, width=WIDTH, height=HEIGHT, count=1)
        stroke = {"kind": "stroke", "class": int(random.integers(2)), "points": points, "radius": 9}
        try:
            answer = user.send(
                "POST", f"/images/{image}/{kind}", stroke if kind == "operations" else None
            )
        except (OSError, http.client.HTTPException):
            return answered, 1
        expected[image] = answer["rev"]
        answered += 1
    return answered, 0


def count_lost(user: User, expected: dict[int, int]) -> int:
    """Operations that were answered and are not there; one under way may be there, too."""
    lost = 0
    for image, rev in expected.items():
        found = user.get(f"/images/{image}")["rev"]
        lost += max(0, rev - found)
        expected[image] = found
    return lost


def count_broken(folder: Path) -> int:
    """Files of labels that cannot be opened."""
    files = [*folder.glob("masks/*.png"), *folder.glob("instances/*.png")]
    return sum(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is None for path in files)


def count_differing(user: User, folder: Path) -> int:
    """Images whose files, after a while, say something else than the studio."""
    end = time.monotonic() + FILES_S
    while True:
        differing = sum(not is_alike(user, folder, image) for image in (1, 2))
        if not differing or time.monotonic() > end:
            return differing
        time.sleep(0.2)


def is_alike(user: User, folder: Path, image: int) -> bool:
    path = folder / "masks" / f"{image - 1}.png"
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    for x in range(-(-WIDTH // 512)):
        for y in range(-(-HEIGHT // 512)):
            status, content = user.ask("GET", f"/images/{image}/labels/0/{x}/{y}")
            shown = 255
            if status == 200:
                shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., 2]
            part = 255
            if mask is not None:
                part = mask[y * 512 : y * 512 + 512, x * 512 : x * 512 + 512]
            if not np.array_equal(*np.broadcast_arrays(part, shown)):
                return False
    return True


if __name__ == "__main__":
    main()
