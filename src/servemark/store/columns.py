"""Raw samples as Parquet: one row a request, one file a trial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from servemark.errors import StoreError
from servemark.samples import ANSWERED, MISSING, Samples

COLUMNS = (
    "request",
    "intended_ns",
    "sent_ns",
    "first_byte_ns",
    "done_ns",
    "status",
    "ending",
    "body",
    "right",
)


def write_samples(path: Path, samples: Samples) -> None:
    """All columns, with the distinct bodies in the file's metadata. A missing value is a null."""
    arrays = []
    for name in COLUMNS:
        values = getattr(samples, name)
        missing = values == MISSING if values.dtype.kind == "i" else None
        arrays.append(pa.array(values, mask=missing))
    bodies = pa.array(list(samples.bodies), type=pa.binary()).to_pylist()
    metadata = {
        f"body.{number}".encode(): body for number, body in enumerate(bodies) if body is not None
    }
    metadata[b"bodies"] = str(len(bodies)).encode()
    table = pa.table(dict(zip(COLUMNS, arrays, strict=True))).replace_schema_metadata(metadata)
    try:
        path.parent.mkdir(exist_ok=True)
        pq.write_table(table, path, compression="zstd")
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error}): free some space; --resume goes on."
        ) from error


def read_samples(path: Path) -> Samples:
    """What ``write_samples`` wrote. Raises ``StoreError`` where the file is missing or damaged."""
    columns, metadata = _read(path, COLUMNS)
    count = int(metadata.get(b"bodies", b"0"))
    bodies = [metadata.get(f"body.{number}".encode()) for number in range(count)]
    return Samples(**columns, bodies=bodies)


def read_latencies(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Service and response time in ns of each request that was answered, and nothing else of the
    file. Raises ``StoreError``."""
    columns, _ = _read(path, ("intended_ns", "sent_ns", "done_ns", "ending"))
    answered = columns["ending"] == ANSWERED
    done_ns = columns["done_ns"][answered]
    return done_ns - columns["sent_ns"][answered], done_ns - columns["intended_ns"][answered]


def _read(path: Path, names: Sequence[str]) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    """Those columns with ``MISSING`` for nulls, and the metadata."""
    try:
        table = pq.ParquetFile(path).read(columns=list(names), use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(f"{path} cannot be read: {error}.") from error
    columns = {}
    for name in names:
        column = table.column(name)
        filled = column.fill_null(MISSING) if column.null_count else column
        columns[name] = np.asarray(filled)
    return columns, table.schema.metadata or {}
