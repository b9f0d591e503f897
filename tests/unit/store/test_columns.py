"""Samples on disk are the samples that were measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from servemark.errors import StoreError
from servemark.samples import MISSING, NOT_SENT, Samples
from servemark.store.columns import COLUMNS, read_samples, write_samples


@pytest.fixture
def samples() -> Samples:
    return Samples(
        request=np.array([3, 0], np.uint32),
        intended_ns=np.array([0, 5], np.int64),
        sent_ns=np.array([1, MISSING], np.int64),
        first_byte_ns=np.array([7, MISSING], np.int64),
        done_ns=np.array([9, MISSING], np.int64),
        status=np.array([200, MISSING], np.int16),
        ending=np.array([0, NOT_SENT], np.uint8),
        body=np.array([1, MISSING], np.int32),
        right=np.array([1, MISSING], np.int8),
        bodies=[None, b'{"data": \x00\xff}'],
    )


def test_columns_types_and_bodies_come_back(samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "samples" / "00001.parquet"
    write_samples(path, samples)
    back = read_samples(path)
    for name in COLUMNS:
        before, after = getattr(samples, name), getattr(back, name)
        assert (before.dtype, before.tolist()) == (after.dtype, after.tolist()), name
    assert list(back.bodies) == list(samples.bodies)


def test_what_is_missing_is_null_for_other_readers(samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_samples(path, samples)
    assert pq.read_table(path).column("done_ns").to_pylist() == [9, None]


def test_a_file_that_is_missing_or_damaged_is_named(samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with pytest.raises(StoreError, match=r"x.parquet cannot be read"):
        read_samples(path)
    write_samples(path, samples)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"x.parquet cannot be read"):
        read_samples(path)
