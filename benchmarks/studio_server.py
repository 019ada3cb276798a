"""A studio as a process of its own, and a user who asks it over HTTP."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

TOKEN = "a-token-for-benchmarks"
PROGRAM = (sys.executable, "-m", "segfit")


class Server:
    """``segfit studio`` of a folder, as a process of its own. ``program``: what runs ``segfit``.

    ``started_s``: from the command to the address that it prints.
    """

    def __init__(self, folder: Path, *, program: Sequence[str] = PROGRAM) -> None:
        self.folder, self.program = folder, program
        self.host, self.port, self.started_s = "127.0.0.1", 0, 0.0
        self.connections: list[http.client.HTTPConnection] = []
        self.process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where the page is, without the token."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Server:
        """Start it at a free port; one that was killed comes back at the port that it had."""
        self.close()
        began = time.perf_counter()
        command = [*self.program, "studio", str(self.folder)]
        command += ["--no-browser", "--port", str(self.port), "--token", TOKEN]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise SystemExit(f"the studio did not start: {line}")
        self.port = int(urlsplit(line[line.index("http://") :].strip()).port or 0)
        self.started_s = time.perf_counter() - began
        return self

    def stop(self) -> None:
        """Interrupt it, and wait for its end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Let it have no last word."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Close what led to it, when it has ended."""
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()


class User:
    """Asks a studio over one connection that stays open."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=120)
        server.connections.append(self._connection)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and content of an answer."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        self._connection.request(method, f"/api{path}", data, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> Any:
        """An answer that is expected to be right."""
        return self._read(*self.ask("GET", path), path)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The same of a request that changes something."""
        return self._read(*self.ask(method, path, body), path)

    def time(self, method: str, path: str, body: Any = None) -> float:
        """Seconds until an answer was read whole."""
        began = time.perf_counter()
        status, content = self.ask(method, path, body)
        took = time.perf_counter() - began
        if status not in (200, 204):
            raise SystemExit(f"{method} {path}: {status} {content[:300]!r}")
        return took

    def name_classes(self, *names: str) -> None:
        """Make classes, numbered from 0."""
        classes = [{"name": name} for name in names]
        self.send("PUT", "/classes", {"version": 0, "classes": classes})

    def _read(self, status: int, content: bytes, path: str) -> Any:
        if status != 200:
            raise SystemExit(f"{path}: {status} {content[:300]!r}")
        return json.loads(content)


@contextmanager
def running_studio(folder: Path, *, program: Sequence[str] = PROGRAM) -> Iterator[Server]:
    """A studio that ends with the block."""
    server = Server(folder, program=program)
    try:
        yield server.start()
    finally:
        server.stop()
        server.close()


def draw_image(path: Path, *, width: int, height: int, seed: int) -> None:
    """Write a photograph-like image: blobs of a few colors, and noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (height // 64 + 2, width // 64 + 2, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = random.integers(-12, 12, (height, width, 1))
    image = np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    path.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def draw_strokes(
    random: np.random.Generator, *, width: int, height: int, count: int
) -> list[list[list[float]]]:
    """Strokes as a hand makes them: smooth walks of about 300 px, 30 points each."""
    strokes = []
    for _ in range(count):
        turns = np.cumsum(random.normal(0, 0.25, 30)) + random.uniform(0, 2 * np.pi)
        walk = np.cumsum(10 * np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
        begin = random.uniform(0.1, 0.9, 2) * (width, height)
        strokes.append((begin + walk).round(1).tolist())
    return strokes
