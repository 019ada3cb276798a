"""The optional libraries of maps."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from segfit.errors import SegfitError


def import_geo(name: str) -> Any:
    """A module of the extra ``geo``, or an error that says how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise SegfitError(
            f'maps need {name.partition(".")[0]}: pip install "segfit[geo]"'
        ) from error
