"""Arguments of ``segfit train`` for a network that learns a step in milliseconds, and little."""

from __future__ import annotations

import sys

TINY = [
    *("--threads=1", "--component=classifier", "--batch=1"),
    *("--set=encoder=plain", "--set=widths=[[8],[16],[16],[24],[32]]"),
    *("--set=crop_px=[64,64]", "--set=scaling.kind=field"),
]
SMALL_TRAININGS = (sys.executable, "-c", f"""
from segfit.cli.app import main
from segfit.studio.jobs import process
from segfit.studio.jobs.training import TrainingJobs

process.LOWEST_PRIORITY = 0
start = TrainingJobs.start
TrainingJobs.start = lambda jobs, minutes=None: start(
    jobs, minutes, settings={[*TINY, "--steps=60"]!r})
main()
""")  # fmt: skip
"""What runs ``segfit studio`` so that its trainings are of that network, and wait for nobody."""
