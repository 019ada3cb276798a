"""A project and its images as pages are told of them."""

from __future__ import annotations

import sqlite3

from segfit.studio.folder.catalogue import show_name
from segfit.studio.images.tiles import count_levels
from segfit.studio.labels.blocks import BLOCK_PX
from segfit.studio.project import Studio, describe_row
from segfit.studio.proposals.proposal import MODEL
from segfit.studio.schema import (
    ClassOut,
    ImageDetail,
    ImageOut,
    ImagesOut,
    ModelOut,
    ProjectOut,
)


def describe_project(studio: Studio, *, me: str) -> ProjectOut:
    """The project at a glance."""
    counted = studio.labels.count_classes()
    classes = []
    for one in studio.classes.list_classes():
        assert one.number is not None
        pixels, objects = counted.get(one.number, (0, 0))
        classes.append(
            ClassOut(
                index=one.number,
                name=one.name,
                color=one.color,
                key=one.key,
                has_objects=one.has_objects,
                pixels=pixels,
                objects=objects if one.has_objects else 0,
            )
        )
    current = studio.jobs.shelf.current()
    return ProjectOut(
        name=studio.folder.name,
        folder=str(studio.folder),
        read_only=studio.why_read_only is not None,
        why_read_only=studio.why_read_only,
        images=studio.catalogue.count(),
        done=studio.catalogue.count_done(),
        classes_version=studio.classes.version,
        classes=classes,
        me=me,
        notes=studio.list_notes(),
        model=None if current is None else ModelOut(id=current.id, name=current.name),
        source="model" if studio.proposals.source == MODEL else "strokes",
    )


def list_images(studio: Studio, *, offset: int, limit: int, by_worth: bool) -> ImagesOut:
    """A part of the images."""
    rows = studio.catalogue.list_part(offset=offset, limit=limit, by_worth=by_worth)
    images = [_describe_listed(studio, row) for row in rows]
    return ImagesOut(total=studio.catalogue.count(), images=images)


def describe_image(studio: Studio, image: int) -> ImageDetail:
    """An image that is looked at; of one that cannot be opened no more than why."""
    row = studio.catalogue.get(image)
    listed = _describe_listed(studio, row)
    return ImageDetail(
        **listed.model_dump(),
        levels=count_levels(row["width"] or 1, row["height"] or 1),
        tile=BLOCK_PX,
        depth_note=row["depth_note"],
        can_undo=row["step"] > 0,
        can_redo=row["step"] < row["steps"],
        proposal_rev=studio.find_proposal_rev(image),
        run=studio.run_name,
    )


def _describe_listed(studio: Studio, row: sqlite3.Row) -> ImageOut:
    return ImageOut(
        id=row["id"],
        name=show_name(row["path"]),
        width=row["width"],
        height=row["height"],
        state=describe_row(row, proposed=studio.find_proposal_rev(row["id"]) > 0),
        rev=row["rev"],
        worth=row["worth"],
        problem=row["blocked"] or row["problem"] or row["file_problem"],
    )
