"""Proposals, found in a thread of their own: the newest wish first, what is near a stroke first.

Describing a large image takes seconds. Between two steps of it what somebody waits for in another
image is done, and what nobody waits for stands still while somebody draws.

An image of up to 24 megapixels is one field; of a larger one each 2048 px are a field, found when
somebody looks at it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.read import MIN_SIDE_PX
from segfit.studio.events import Events
from segfit.studio.folder.catalogue import Catalogue
from segfit.studio.images.pixels import OpenImage
from segfit.studio.labels.blocks import Box, meet
from segfit.studio.labels.classes import ClassStore
from segfit.studio.labels.store import LabelStore
from segfit.studio.notes import Notes
from segfit.studio.proposals.fields import WHOLE_PX, list_fields, list_parts
from segfit.studio.proposals.learning import MOST_IMAGES, StrokeLearner
from segfit.studio.proposals.proposal import (
    MODEL,
    STROKES,
    Proposal,
    decide,
    make_empty,
    read_result,
)

if TYPE_CHECKING:
    from segfit.scribbles import FeatureExtractor, PixelClassifier, PixelFeatures
    from segfit.segmenter import Segmenter

LOG = logging.getLogger(__name__)
COARSE_CELL_PX = 4
FEATURES_BYTES, PROPOSALS_BYTES = 700_000_000, 400_000_000
THREADS = 2
STILL_SECONDS = 5.0
"""After so long without a stroke nobody is drawing."""


class _EndError(Exception):
    """The studio closes in the midst of describing an image."""


class Want(Enum):
    """How far to go: to features, to what was marked, to a proposal."""

    FEATURES = "features"
    MARKS = "marks"
    PROPOSAL = "proposal"


@dataclass(frozen=True)
class Wish:
    """What is wanted of an image. ``near``: what of it first; None for any."""

    image: int
    near: Box | None = None
    wants: Want = Want.PROPOSAL


class Proposals:
    """What is proposed for every image. ``run``: what a thread of its own does until ``stop``."""

    def __init__(
        self,
        catalogue: Catalogue,
        labels: LabelStore,
        classes: ClassStore,
        events: Events,
        notes: Notes,
        *,
        open_image: Callable[[int], OpenImage],
        first_rev: int,
    ) -> None:
        """``first_rev``: no proposal of another run of the studio has it or a later one."""
        self._catalogue, self._labels, self._classes = catalogue, labels, classes
        self._events, self._notes, self._open_image = events, notes, open_image
        self._last_rev = first_rev
        self._changed = threading.Condition()
        self._wishes: OrderedDict[int, Wish] = OrderedDict()
        self._ended = False
        self._drawn_at = -STILL_SECONDS
        self._begun: set[int] = set()
        self._learner = StrokeLearner(catalogue, labels, classes)
        self._looked: int | None = None
        self._features: OrderedDict[tuple[int, Box], PixelFeatures] = OrderedDict()
        self._proposals: OrderedDict[int, Proposal] = OrderedDict()
        self._model: tuple[int, Segmenter] | None = None
        self._on_its_way: dict[tuple[int, int], list[Box]] = {}

    @property
    def source(self) -> str:
        """Where proposals come from: strokes or a model."""
        return STROKES if self._model is None else MODEL

    @property
    def model_id(self) -> int | None:
        """The model that proposes."""
        return None if self._model is None else self._model[0]

    def use_strokes(self) -> None:
        """Propose by the strokes from now on."""
        self._switch(None)

    def use_model(self, number: int, segmenter: Segmenter) -> None:
        """Propose by a model from now on. Raises ``SegfitError`` for one of other classes."""
        names = {one.name for one in self._classes.list_classes()}
        if not names & set(segmenter.classes.names):
            raise SegfitError(
                f"the model tells {', '.join(segmenter.classes.names)} apart, and none of these is "
                "a class here: name classes so, or use another model"
            )
        self._switch((number, segmenter))

    def find(self, image: int) -> Proposal | None:
        """What is proposed for an image, as far as it is found."""
        with self._changed:
            return self._proposals.get(image)

    def find_rev(self, image: int) -> int:
        """Revision of an image's proposal, 0 without one."""
        found = self.find(image)
        return 0 if found is None else found.rev

    def wish(self, image: int, near: Box | None = None) -> None:
        """Find an image's proposal anew, before all others; ``near``: that of it first."""
        with self._changed:
            self._wishes[image] = Wish(image, near)
            self._wishes.move_to_end(image)
            self._drawn_at = time.monotonic()
            self._changed.notify_all()

    def look(self, image: int) -> None:
        """Somebody looks at an image: be ready for strokes, after all that is wished for."""
        self._looked = image
        row = self._catalogue.get(image)
        if self._can_propose:
            self.need(image, (0, 0, row["width"], row["height"]))
        elif row["width"] * row["height"] <= WHOLE_PX:
            with self._changed:
                if image not in self._wishes:
                    self._wishes[image] = Wish(image, wants=Want.FEATURES)
                    self._wishes.move_to_end(image, last=False)
                    self._changed.notify_all()

    def need(self, image: int, box: Box) -> None:
        """Somebody looks at a part of an image: find it, if it is not found or of old strokes."""
        if not self._can_propose:
            return
        found = self.find(image)
        if found is not None and found.made_by == self._made_by:
            fields = list_fields(*self._get_size(image)) if found.source == STROKES else []
            on_its_way = self._on_its_way.get((image, self._made_by), [])
            if all(
                field in found.found or field in on_its_way for field in fields if meet(field, box)
            ):
                return
        with self._changed:
            if image in self._wishes and self._wishes[image].near is not None:
                return  # a stroke comes first
        self.wish(image, box)

    def note_classes(self) -> None:
        """Classes changed: what was fitted is of the former ones."""
        with self._changed:
            self._learner.note_classes()
            shown = list(self._proposals)
        for image in shown:
            self.wish(image)

    def stand_still(self) -> None:
        """Come back when nobody draws, or the studio closes."""
        with self._changed:
            while not self._ended and (left := self._count_still_seconds()) > 0:
                self._changed.wait(left)

    def run(self) -> None:
        """Find what is wished for, newest first."""
        with self._changed:
            for image in reversed(self._catalogue.list_labelled(MOST_IMAGES)):
                self._wishes.setdefault(image, Wish(image, wants=Want.MARKS))
        while True:
            with self._changed:
                while not self._wishes and not self._ended:
                    self._changed.wait()
                if self._ended:
                    return
                _, wish = self._wishes.popitem()
            self._try(wish)
            if wish.wants is Want.MARKS and not self._wishes and self._looked is not None:
                self.look(self._looked)

    def stop(self) -> None:
        """End ``run`` soon."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _get_size(self, image: int) -> tuple[int, int]:
        row = self._catalogue.get(image)
        return row["width"], row["height"]

    @cached_property
    def _extractor(self) -> FeatureExtractor:
        from segfit.scribbles import open_features  # which takes long, and the page opens at once

        return open_features(threads=THREADS)

    @property
    def _made_by(self) -> int:
        return self._learner.edition if self._model is None else -self._model[0]

    @property
    def _can_propose(self) -> bool:
        return self._model is not None or self._learner.fitted is not None

    def _switch(self, model: tuple[int, Segmenter] | None) -> None:
        with self._changed:
            self._model = model
            shown = list(self._proposals)
            self._proposals.clear()
        for image in shown:
            self.wish(image)

    def _try(self, wish: Wish) -> None:
        """Do what is wished for, or say why that cannot be."""
        self._begun.add(wish.image)
        try:
            self._grant(wish)
        except _EndError:
            pass
        except SegfitError as error:
            self._notes.say(f"proposal {wish.image}", "warning", f"no proposal: {error}")
        except Exception:  # the next stroke is worth another try
            LOG.exception("no proposal for image %s", wish.image)
            self._notes.say(
                f"proposal {wish.image}",
                "error",
                "no proposal could be made of this image: this is a mistake of segfit, and "
                "the terminal says more",
            )
        finally:
            self._begun.discard(wish.image)

    def _grant(self, wish: Wish) -> None:
        if not self._catalogue.is_listed(wish.image):
            return
        start = time.monotonic()
        opened = self._open_image(wish.image)
        if min(opened.width, opened.height) < MIN_SIDE_PX:
            return
        if self._model is not None and wish.wants is Want.PROPOSAL:
            self._ask_model(wish, opened, self._model, start)
            return
        fields = list_fields(opened.width, opened.height)
        if wish.wants is Want.FEATURES:
            _ = self._describe(wish, opened, fields[0]).regions  # found ahead of the strokes
            return
        near = wish.near or fields[0]
        wanted = [field for field in fields if meet(field, near)]
        self._learner.learn(
            wish.image, wanted, describe=lambda field: self._describe(wish, opened, field)
        )
        if wish.wants is Want.MARKS:
            return
        fitted, edition = self._learner.fitted, self._learner.edition
        if fitted is None:
            self._forget(wish.image)
            return
        found = self.find(wish.image)
        of_now = found.found if found is not None and found.made_by == edition else set()
        key = wish.image, edition
        self._on_its_way[key] = wanted
        try:
            for field in wanted:
                if field not in of_now:
                    self._score(wish, opened, field, fitted, start)
        finally:
            del self._on_its_way[key]

    def _describe(self, wish: Wish, opened: OpenImage, field: Box) -> PixelFeatures:
        key = wish.image, field
        found = self._features.get(key)
        if found is None:
            found = self._extractor.describe(
                opened.cut(0, field), on_step=lambda: self._let_others(wish)
            )
            self._features[key] = found
            _shrink(self._features, FEATURES_BYTES)
        self._features.move_to_end(key)
        return found

    def _let_others(self, wish: Wish) -> None:
        """Do what somebody waits for in other images; stand still where nobody waits for this."""
        while True:
            with self._changed:
                if self._ended:
                    raise _EndError
                wanted = [image for image, one in self._wishes.items() if one.near is not None]
                others = [image for image in wanted if image not in self._begun]
                if not others:
                    left = self._count_still_seconds()
                    if wish.near is not None or wish.image in wanted or left <= 0:
                        return
                    self._changed.wait(left)
                    continue
                urgent = self._wishes.pop(others[-1])
            self._try(urgent)

    def _count_still_seconds(self) -> float:
        """Until nobody draws any more, if nothing is drawn meanwhile."""
        return self._drawn_at + STILL_SECONDS - time.monotonic()

    def _score(
        self,
        wish: Wish,
        opened: OpenImage,
        field: Box,
        fitted: tuple[PixelClassifier, UInt8Array],
        start: float,
    ) -> None:
        """Find a field, what is near first; end early where the same image is wished for again."""
        features = self._describe(wish, opened, field)
        proposal = self._get_proposal(wish.image, opened)
        classifier, numbers = fitted
        for part in list_parts(field, wish.near, features.cell_px):
            left, top, right, bottom = part
            cell = features.cell_px
            window = (
                slice((top - field[1]) // cell, -(-(bottom - field[1]) // cell)),
                slice((left - field[0]) // cell, -(-(right - field[0]) // cell)),
            )
            scores = classifier.score(features, window)
            classes, confidence = decide(
                scores, numbers, cell_px=min(proposal.cell_px, features.cell_px)
            )
            step = proposal.cell_px // min(proposal.cell_px, features.cell_px)
            rows = slice(top // proposal.cell_px, -(-bottom // proposal.cell_px))
            columns = slice(left // proposal.cell_px, -(-right // proposal.cell_px))
            proposal.classes[rows, columns] = classes[::step, ::step]
            proposal.confidence[rows, columns] = confidence[::step, ::step]
            self._publish(wish.image, proposal, start)
            with self._changed:
                if wish.image in self._wishes or self._ended:
                    return
        proposal.found.add(field)

    def _get_proposal(self, image: int, opened: OpenImage) -> Proposal:
        """The proposal to write to: the last one, of which parts are replaced, or an empty one."""
        found = self.find(image)
        if found is not None and found.source == STROKES:
            if found.made_by != self._made_by:
                found.made_by = self._made_by
                found.found.clear()
            return found
        is_large = opened.width * opened.height > WHOLE_PX
        return make_empty(
            width=opened.width,
            height=opened.height,
            cell_px=COARSE_CELL_PX if is_large else 1,
            source=STROKES,
            made_by=self._made_by,
        )

    def _ask_model(
        self, wish: Wish, opened: OpenImage, model: tuple[int, Segmenter], start: float
    ) -> None:
        number, segmenter = model
        known = self.find(wish.image)
        if known is not None and known.made_by == -number:
            return
        if opened.width * opened.height > 4 * WHOLE_PX:
            raise SegfitError(
                f"the image has {opened.width * opened.height / 1e6:.0f} megapixels, too many to "
                "look at again and again: use segfit predict"
            )
        result = segmenter(np.asarray(opened.levels[0]))
        proposal = read_result(result, self._classes.list_classes(), made_by=-number)
        self._publish(wish.image, proposal, start)

    def _publish(self, image: int, proposal: Proposal, start: float) -> None:
        with self._changed:
            self._last_rev += 1
            proposal.rev = self._last_rev
            self._proposals[image] = proposal
            self._proposals.move_to_end(image)
            _shrink(self._proposals, PROPOSALS_BYTES)
        self._notes.drop(f"proposal {image}")
        told = {"id": image, "rev": proposal.rev, "from": proposal.source}
        self._events.publish("proposal", {**told, "seconds": round(time.monotonic() - start, 3)})

    def _forget(self, image: int) -> None:
        with self._changed:
            dropped = self._proposals.pop(image, None)
        if dropped is not None:
            told = {"id": image, "rev": 0, "seconds": 0.0, "from": STROKES}
            self._events.publish("proposal", told)


def _shrink(kept: OrderedDict, limit: int) -> None:  # type: ignore[type-arg]
    """Drop what was used longest ago, but for the last, until the rest takes so many bytes."""
    held = sum(one.nbytes for one in kept.values())
    while held > limit and len(kept) > 1:
        _, dropped = kept.popitem(last=False)
        held -= dropped.nbytes
