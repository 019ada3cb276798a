"""What takes long to import is imported by one thread, and everybody else waits for it.

Where one thread imports a package and another a module within it, each can come to wait for what
the other has begun. Python then gives one of them up, and the import fails.
"""

from __future__ import annotations

import logging
import threading
from importlib import import_module

LOG = logging.getLogger(__name__)
MODULES = (
    "segfit.partition.arcs",
    "segfit.imaging.read",
    "segfit.formats",
    "segfit.datasets.masks.class_file",
    "segfit.datasets.masks.codes",
    "segfit.datasets.masks.conventions",
    "segfit.datasets.masks.folders",
    "segfit.datasets.masks.orientation",
    "segfit.datasets.masks.pairs",
    "segfit.datasets.masks.reading",
    "segfit.datasets.layout",
    "segfit.basics.progress",
    "segfit.model.archive",
    "segfit.scribbles.drawn",
    "segfit.scribbles.fitting",
    "segfit.scribbles.marks",
    "segfit.studio.folder.adoption",
    "segfit.studio.proposals.regions",
    "segfit.studio.proposals.outlines",
    "segfit.segmenter",
    "segfit.refiner",
    "segfit.methods",
    "scipy.ndimage",
    "scipy.spatial",
    "skimage.segmentation",
    "segfit.runtime.openvino",
    "segfit.batch.files",
    "segfit.batch.predict",
    "segfit.batch.run",
    "segfit.batch.run_formats",
    "segfit.report",
)
"""In the order in which they are needed, as a rule."""


class Loading:
    """Imports them. ``run``: what a thread of its own does until ``stop``."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._ended = False

    def run(self) -> None:
        """Import what is not imported yet."""
        try:
            for name in MODULES:
                if self._ended:
                    return
                import_module(name)
        except ImportError:  # whoever needs it says so
            LOG.exception("something that the studio needs cannot be imported")
        finally:
            self._done.set()

    def stop(self) -> None:
        """End ``run`` soon."""
        self._ended = True

    def wait(self) -> None:
        """Come back when everything can be imported without waiting for another thread."""
        self._done.wait()
