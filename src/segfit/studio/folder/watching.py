"""Images that come to the folder, or go, while the studio is open."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from segfit.errors import SegfitError
from segfit.studio.events import Events
from segfit.studio.folder.catalogue import Catalogue
from segfit.studio.folder.listing import IMAGES_FOLDER, find_image_root
from segfit.studio.notes import Notes
from segfit.studio.refusals import MissingError

LOG = logging.getLogger(__name__)
LOOK_S, LOOKING_SHARE = 2.0, 0.05
"""How often the folder is looked at, and what share of the time that may take."""
SETTLED_S = 5.0
"""A file that was written to later than so long ago may still be on its way."""


class FolderWatch:
    """Lists the folder anew where files came or went; a file that was broken is tried again once it
    has changed.

    ``run``: what a thread of its own does until ``stop``. ``on_change``: called after images came
    or went. ``tell_state``: tells pages of an image.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        events: Events,
        notes: Notes,
        *,
        tell_state: Callable[[int], None],
    ) -> None:
        self._catalogue, self._events, self._notes = catalogue, events, notes
        self._tell_state = tell_state
        self.on_change: list[Callable[[], None]] = []
        self._broken: dict[int, tuple[int, int] | None] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        """Look at the folder now and then."""
        pause_s = LOOK_S
        while not self._ended.wait(pause_s):
            start = time.monotonic()
            try:
                self.look()
            except (SegfitError, OSError):  # no disk, no network: what was listed stays
                LOG.debug("the folder could not be listed", exc_info=True)
            pause_s = max(LOOK_S, (time.monotonic() - start) / LOOKING_SHARE)

    def stop(self) -> None:
        """End ``run`` soon."""
        self._ended.set()

    def look(self) -> None:
        """List the folder anew where that is needed, and tell pages what has changed."""
        if self._catalogue.has_moved():
            self._scan()
        self._try_broken()

    def _scan(self) -> None:
        scanned = self._catalogue.scan()
        folder = self._catalogue.masks.parent
        if find_image_root(folder) != self._catalogue.root:
            self._notes.say(
                "folder",
                "warning",
                f"there is a folder {folder / IMAGES_FOLDER} now, and the studio was opened when "
                "there was none: open it again to label the images in there",
            )
        if scanned.added or scanned.removed:
            told = {"added": scanned.added, "removed": scanned.removed}
            self._events.publish("images", {"total": self._catalogue.count(), **told})
            for notify in self.on_change:
                notify()

    def _try_broken(self) -> None:
        """Files that could not be opened: cut short while they were copied, replaced since."""
        broken = self._catalogue.list_problems()
        known, self._broken = self._broken, {}
        for image in broken:
            try:
                stat = self._catalogue.get_path(image).stat()
            except (OSError, MissingError):
                continue
            is_settled = abs(time.time() - stat.st_mtime) > SETTLED_S
            state = (stat.st_size, stat.st_mtime_ns) if is_settled else None
            if image in known and known[image] != state:
                self._catalogue.drop_problem(image)
                self._tell_state(image)
            else:
                self._broken[image] = state
