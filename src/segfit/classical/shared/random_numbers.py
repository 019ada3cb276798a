"""OpenCV's random numbers, from the same seed each time, without touching the user's own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2

Answer = TypeVar("Answer")


def run_seeded(work: Callable[[], Answer], *, seed: int = 0) -> Answer:
    """What ``work`` gives when OpenCV's random numbers begin with ``seed``.

    OpenCV can neither be handed a generator nor asked for the state of its own, but it keeps one
    for each thread (``cv::theRNG``). So the work is done in a thread of its own, and the caller's
    numbers continue as if nothing had been drawn.
    """

    def seed_and_work() -> Answer:
        cv2.setRNGSeed(seed)
        return work()

    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(seed_and_work).result()
