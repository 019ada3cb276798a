"""Whether what the servers are built on is installed."""

from __future__ import annotations

from importlib.util import find_spec

from segfit.errors import SegfitError

NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
"""The modules of the extra ``serve``, which ``studio`` has, too."""


def check_installed(extra: str) -> None:
    """Raise ``SegfitError``, with the line that installs an extra, where it is missing.

    To be called before anything else of this package is imported.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SegfitError(f'a server needs {", ".join(missing)}: pip install "segfit[{extra}]"')
