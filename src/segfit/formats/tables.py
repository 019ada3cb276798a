"""Tables: rows of the same columns as CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segfit.basics.files import write_file
from segfit.basics.text import encode_text
from segfit.errors import SegfitError

Rows = Sequence[Mapping[str, object]]


def write_csv(rows: Rows, path: Path, *, columns: Sequence[str] = (), force: bool = False) -> None:
    """Write rows as CSV (RFC 4180), UTF-8, a header first; an empty cell for None.

    ``columns``: of the header, where there are no rows.
    """
    text = io.StringIO()
    if rows or columns:
        writer = csv.DictWriter(text, list(rows[0]) if rows else columns)
        writer.writeheader()
        writer.writerows(rows)
    write_file(path, encode_text(text.getvalue()), force=force)


def write_json_rows(rows: Rows, path: Path, *, force: bool = False) -> None:
    """Write rows as a list of JSON objects, UTF-8."""
    text = json.dumps(list(rows), indent=1, ensure_ascii=False, allow_nan=False)
    write_file(path, encode_text(text + "\n"), force=force)


def write_parquet(
    rows: Rows, path: Path, *, columns: Sequence[str] = (), force: bool = False
) -> None:
    """Write rows as Parquet; ``columns``: those of a table without rows.

    Raises ``SegfitError`` where pyarrow is not installed.
    """
    pyarrow, parquet = import_pyarrow()
    data = io.BytesIO()
    empty = pyarrow.table({name: [] for name in columns})
    parquet.write_table(pyarrow.Table.from_pylist(list(rows)) if rows else empty, data)
    write_file(path, data.getvalue(), force=force)


def import_pyarrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet, or an error that says how to install them."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise SegfitError('parquet needs pyarrow: pip install "segfit[parquet]"') from error
    return pyarrow, parquet
