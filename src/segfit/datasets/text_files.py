"""Text files of labels, in whichever Unicode an editor saved them."""

from __future__ import annotations

import json
from pathlib import Path

from segfit.errors import SegfitError


def read_text_file(path: Path) -> str:
    """Read UTF-8, or UTF-16 and UTF-32 as Windows' editors save it, without a byte order mark.

    Raises SegfitError for a file that cannot be read, and for any other encoding.
    """
    try:
        data = path.read_bytes()
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise SegfitError(f"{path} is not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise SegfitError(f"cannot read {path}: {error.strerror}") from None
