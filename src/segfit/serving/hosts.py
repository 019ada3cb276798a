"""The names under which a server may be spoken to: a defence against DNS rebinding.

A page of another site can make its own name resolve to this machine, and its scripts then talk to
our server as if it were theirs. The ``Host`` of such a request is the foreign name.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from segfit.errors import SegfitError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME = re.compile(r"[a-z0-9._-]+")
_HOST = re.compile(r"(?:\[(?P<bracketed>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]+))(?::\d{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is bound to a name or an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True)
class AllowedHosts:
    """Names that a ``Host`` header may have, whatever its port: a tunnel may lead from another.

    ``any_address``: also every address that is written in numbers, which no foreign name can be.
    """

    names: frozenset[str] = LOOPBACK
    any_address: bool = False

    def has(self, header: str) -> bool:
        """Whether the value of a ``Host`` header is one of these."""
        match = _HOST.fullmatch(header.lower())
        if match is None:
            return False
        name = (match["bracketed"] or match["name"]).removesuffix(".")
        return name in self.names or (self.any_address and _is_address(name))


def allow_hosts(bound: str, more: Iterable[str] = ()) -> AllowedHosts:
    """The names of a server that is bound to a name or an address, and those given.

    One that is bound to all addresses of a machine has also its name, with ``.local`` and without.
    Raises ``SegfitError`` for one that no ``Host`` header can have, such as an address with a port.
    """
    given = [name.lower() for name in more]
    for name in given:
        if not (_NAME.fullmatch(name) or _is_address(name)):
            raise SegfitError(
                f"{name!r} is not the name of a host: give it as in lab.example, without http://, "
                "port and path"
            )
    names = {*LOOPBACK, *given}
    if is_loopback(bound):
        return AllowedHosts(frozenset(names))
    own = socket.gethostname().lower()
    return AllowedHosts(frozenset({*names, bound.lower(), own, f"{own}.local"}), any_address=True)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
