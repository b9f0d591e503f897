"""What a report gives to other programs: tables, HdrHistogram logs, pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from PIL import Image
from typer.testing import CliRunner

from servemark.cli.app import app
from servemark.errors import StoreError
from servemark.report import Report, build_report, write_hlogs, write_pictures, write_tables
from servemark.report.tables import as_csv, tables_of
from servemark.store import RunFolder
from tests.unit.report.conftest import FIELD, Known, MakeRun, raw_samples

FLASK = "python/flask@gunicorn+onnxruntime"


@pytest.fixture(scope="module")
def raw_report(raw_run: RunFolder) -> Report:
    return build_report(raw_run, samples=True)


def test_a_table_holds_every_figure_of_the_report(raw_report: Report) -> None:
    rows = tables_of(raw_report)["results"].to_pylist()
    found = {(row["variant"], row["cell"], row["metric"]): row for row in rows}
    assert len(found) == len(rows) == sum(len(each.figures) for each in raw_report.results)
    for each in raw_report.results:
        for metric, figure in each.figures.items():
            row = found[each.variant, each.cell, metric]
            assert (row["value"], row["low"], row["high"]) == (
                figure.value,
                figure.low,
                figure.high,
            )


def test_csv_and_parquet_hold_the_same(raw_report: Report, tmp_path: Path) -> None:
    names = {path.name for path in write_tables(raw_report, tmp_path / "a", "parquet")}
    assert {f"{path.stem}.parquet" for path in write_tables(raw_report, tmp_path, "csv")} == names
    assert {"results.parquet", "latencies.parquet", "decisions.parquet"} <= names
    for name in names:
        table = pq.read_table(tmp_path / "a" / name)
        with (tmp_path / name).with_suffix(".csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows
        assert list(rows[0]) == table.column_names
        for column in table.column_names:
            for text, value in zip((row[column] for row in rows), table[column].to_pylist(),
                                   strict=True):  # fmt: skip
                assert text == ("" if value is None else text)
                if isinstance(value, float):
                    assert float(text) == value
                elif isinstance(value, str):
                    assert text == value


def test_a_name_with_commas_quotes_and_lines_stays_in_its_field(report: Report) -> None:
    hostile = 'a,"b"\nc'
    first = report.competitors[0].model_copy(update={"title": hostile})
    changed = report.model_copy(update={"competitors": (first, *report.competitors[1:])})
    text = as_csv(tables_of(changed)["variants"]).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert rows[0]["title"] == hostile
    assert len(rows) == len(report.competitors)


def test_the_standard_reader_reads_the_logs(raw_run: RunFolder, tmp_path: Path) -> None:
    paths = {path.name for path in write_hlogs(raw_run, tmp_path)}
    assert len(paths) == 3 * 5
    name = "python-flask@gunicorn+onnxruntime--multipart-c16.service.hlog"
    assert name in paths
    total = HdrHistogram(1, 3_600_000_000_000, 3)
    reader = HistogramLogReader(str(tmp_path / name), total)
    slices = 0
    while reader.add_next_interval_histogram() is not None:
        slices += 1
    assert slices == 3
    flask = next(known for known in FIELD if known.variant.id == FLASK)
    samples = raw_samples(flask, "multipart/c16")
    service_ns = np.sort(samples.done_ns - samples.sent_ns)
    assert total.get_total_count() == 3 * len(service_ns)
    for percentile, rank in ((50, 1000), (90, 1800), (99, 1980), (100, 2000)):
        exact = service_ns[rank - 1]
        assert total.get_value_at_percentile(percentile) == pytest.approx(exact, rel=2e-3)


def test_a_log_says_when_its_slices_were(raw_run: RunFolder, tmp_path: Path) -> None:
    path = write_hlogs(raw_run, tmp_path)[0]
    lines = path.read_text().splitlines()
    assert lines[1] == "#[Histogram log format version 1.2]"
    start, length, largest_ms, _ = lines[3].split(",")
    assert float(start) == 1795370410.0  # 2026-11-22 18:00:10 UTC
    assert float(length) == 2.0
    assert float(largest_ms) >= 0


@pytest.mark.slow
def test_every_chart_becomes_a_picture(raw_report: Report, tmp_path: Path) -> None:
    paths = write_pictures(raw_report, tmp_path)
    assert {path.suffix for path in paths} == {".svg", ".png"}
    assert {"throughput-0", "percentiles", "ecdf", "trade"} <= {path.stem for path in paths}
    texts = " ".join(
        element.text or ""
        for element in ElementTree.parse(tmp_path / "throughput-0.svg").iter()
        if element.tag.endswith("text")
    )
    assert "Answers per second: form, 16 connections" in texts
    assert "5,200" in texts
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.width >= 1_000
                colours = picture.convert("RGB").getcolors(1 << 24)
            assert colours is not None
            assert len(colours) > 10


def test_the_command_writes_what_is_asked_for(raw_run: RunFolder, tmp_path: Path) -> None:
    runner = CliRunner()
    asked = ["--csv", str(tmp_path / "c"), "--hlog", str(tmp_path / "h")]
    ended = runner.invoke(app, ["report", str(raw_run.path), *asked])
    assert ended.exit_code == 0, ended.output
    assert ended.stdout == ""
    assert (tmp_path / "c" / "results.csv").is_file()
    assert len(list((tmp_path / "h").iterdir())) == 15


def test_a_run_without_samples_says_so(
    make_run: MakeRun, field: Sequence[Known], tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="has no raw samples: the native engine keeps them"):
        write_hlogs(make_run(field[:1]), tmp_path)
