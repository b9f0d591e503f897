"""The figures of a report as flat tables, for spreadsheets and data frames: CSV and Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from servemark.errors import StoreError
from servemark.report.model import Figure, Report

Row = dict[str, Any]


def tables_of(report: Report) -> dict[str, pa.Table]:
    """The tables by name; one without any row is left out. Times in ns, sizes in bytes."""
    found = {name: rows(report) for name, rows in TABLES.items()}
    return {name: pa.Table.from_pylist(rows) for name, rows in found.items() if rows}


def as_csv(table: pa.Table) -> bytes:
    """UTF-8 with a head; a missing value is empty."""
    buffer = io.BytesIO()
    pa_csv.write_csv(table, buffer)
    return buffer.getvalue()


def write_tables(report: Report, folder: Path, kind: str) -> list[Path]:
    """Every table as a file below ``folder``; ``kind`` is ``csv`` or ``parquet``.

    Raises ``StoreError``.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables_of(report).items():
            path = folder / f"{name}.{kind}"
            if kind == "csv":
                path.write_bytes(as_csv(table))
            else:
                pq.write_table(table, path, compression="zstd")
            written.append(path)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error.strerror}).") from error
    return written


def _results(report: Report) -> list[Row]:
    """A row for each variant, cell and metric."""
    return [
        {
            "variant": each.variant,
            "cell": each.cell,
            "rank": each.rank,
            "metric": metric,
            "unit": report.metrics[metric].unit,
            **_figure(figure),
            "valid_trials": each.valid_trials,
            "invalid_trials": each.invalid_trials,
        }
        for each in report.results
        for metric, figure in each.figures.items()
    ]


def _blocks(report: Report) -> list[Row]:
    return [
        {"variant": each.variant, "cell": each.cell, "block": block, "throughput_per_s": value}
        for each in report.results
        for block, value in each.throughput_by_block.items()
    ]


def _variants(report: Report) -> list[Row]:
    left_out = {"versions", "limits"}
    return [each.model_dump(mode="json", exclude=left_out) for each in report.competitors]


def _capacities(report: Report) -> list[Row]:
    return [
        {"variant": each.variant, **_figure(each.rate_per_s), "reasons": "; ".join(each.reasons)}
        for each in report.capacities
    ]


def _rates(report: Report) -> list[Row]:
    """Every slice of the searches for capacities."""
    return [
        {"variant": each.variant, **point.model_dump()}
        for each in report.capacities
        for point in each.curve
    ]


def _latencies(report: Report) -> list[Row]:
    """Quantiles of the raw samples; ``cell`` is empty at the capacity."""
    return [
        {
            "variant": each.variant,
            "cell": each.cell,
            "time": kind,
            "share": share,
            "ns": value_ns,
            "samples": each.count,
        }
        for each in report.latencies
        for kind, values in (("service", each.service_ns), ("response", each.response_ns or ()))
        for share, value_ns in zip(report.latency_shares, values, strict=False)
    ]


def _taxes(report: Report) -> list[Row]:
    return [
        {
            "variant": each.variant,
            "cell": each.cell,
            "stage": stage,
            **_figure(figure),
            "ceiling_per_s": None if each.ceiling_per_s is None else each.ceiling_per_s.value,
            "ceiling_decode_ns": each.ceiling_decode_ns,
            "ceiling_infer_ns": each.ceiling_infer_ns,
            "tax": None if each.tax is None else each.tax.value,
        }
        for each in report.taxes
        for stage, figure in each.cpu_ns.items()
    ]


def _decisions(report: Report) -> list[Row]:
    return [
        {
            "factor": each.factor,
            "metric": each.metric,
            **group.model_dump(exclude={"ratio"}),
            **group.ratio.model_dump(),
        }
        for each in report.decisions
        for group in each.groups
    ]


def _problems(report: Report) -> list[Row]:
    return [each.model_dump(exclude={"log_tail"}) for each in report.problems]


TABLES: Mapping[str, Callable[[Report], list[Row]]] = {
    "results": _results,
    "blocks": _blocks,
    "variants": _variants,
    "capacities": _capacities,
    "rates": _rates,
    "latencies": _latencies,
    "taxes": _taxes,
    "decisions": _decisions,
    "problems": _problems,
}
"""To add a table: a function from the report to its rows, and a line here."""


def _figure(figure: Figure | None) -> Row:
    if figure is None:
        return {"value": None, "low": None, "high": None, "blocks": 0}
    return figure.model_dump()
