"""Tables made of what the modules of a package define."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TypeVar

Entry = TypeVar("Entry")


def collect(package: str, name: str, kind: type[Entry]) -> list[Entry]:
    """What the modules directly in a package have by a name, in the modules' alphabetical order.

    A module without the name is passed over; one in which it is something else is a mistake.
    Raises ``TypeError`` for that.
    """
    found = []
    for module in pkgutil.iter_modules(import_module(package).__path__):
        entry = getattr(import_module(f"{package}.{module.name}"), name, None)
        if entry is None:
            continue
        if not isinstance(entry, kind):
            raise TypeError(f"{package}.{module.name}.{name} is not a {kind.__name__}: {entry!r}")
        found.append(entry)
    return found
