"""A studio, a browser, and people at its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chromium import open_chromium
from studio_server import Server, running_studio
from studio_visitor import Visitor, draw_images


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio of two small images."""
    folder = tmp_path_factory.mktemp("images")
    draw_images(folder)
    with running_studio(folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture
def invite(browser: Any) -> Iterator[Callable[..., Visitor]]:
    """A function that gives a person with a browser of their own; settings are the context's.

    No browser may have complained of anything at the end.
    """
    visitors: list[Visitor] = []

    def welcome(server: Server, **settings: Any) -> Visitor:
        settings = {"viewport": {"width": 1280, "height": 720}, **settings}
        visitors.append(Visitor(browser.new_context(**settings).new_page(), server))
        return visitors[-1]

    yield welcome
    for visitor in visitors:
        visitor.page.context.close()
    assert [visitor.complaints for visitor in visitors] == [[]] * len(visitors)


@pytest.fixture
def person(invite: Callable[..., Visitor], server: Server) -> Visitor:
    return invite(server)
