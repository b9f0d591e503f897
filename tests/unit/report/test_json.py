"""The JSON report against its published schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from servemark.cli.app import app
from servemark.report import REPORTS, Report, report_schema
from tests.conftest import ROOT
from tests.unit.report.test_findings import ARM


def test_the_json_of_a_run_satisfies_the_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(json.loads(REPORTS["json"](report)), report_schema())


def test_the_schema_is_printed_as_it_is_published() -> None:
    ended = CliRunner().invoke(app, ["report", "--schema"])
    assert ended.exit_code == 0, ended.output
    published = (ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8")
    assert ended.stdout == published, "servemark report --schema > docs/report.schema.json"
    assert json.loads(published) == report_schema()


def test_the_json_of_an_empty_run_satisfies_the_schema(
    make_report: Any, field: Sequence[Any]
) -> None:
    empty = make_report(field, stop_after=0)
    jsonschema.validate(json.loads(REPORTS["json"](empty)), report_schema())


@pytest.mark.parametrize("change", [{"blocks": "three"}, {"surprise": 1}])
def test_what_is_not_a_report_does_not_satisfy_the_schema(
    report: Report, change: dict[str, object]
) -> None:
    document = json.loads(REPORTS["json"](report)) | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, report_schema())


def test_a_report_reads_back_as_it_was(report: Report) -> None:
    assert Report.model_validate_json(REPORTS["json"](report)) == report


def test_figures_are_exact_and_missing_ones_are_left_out(report: Report) -> None:
    document = json.loads(REPORTS["json"](report))
    results = {(each["variant"], each["cell"]): each for each in document["results"]}
    flask = results["python/flask@gunicorn+onnxruntime", "multipart/c16"]
    assert flask["rank"] == 11
    assert flask["figures"]["throughput_per_s"] == {
        "value": pytest.approx(1000),
        "low": pytest.approx(1000 * (1 - ARM)),
        "high": pytest.approx(1000 * (1 + ARM)),
        "blocks": 3,
    }
    bottle = [each for (name, _), each in results.items() if name.startswith("python/bottle")]
    assert bottle
    assert all(each["figures"] == {} and each["rank"] is None for each in bottle)


def test_the_schema_names_no_host() -> None:
    schema = report_schema()
    assert schema["$id"] == "urn:servemark:report:2"
    assert schema["title"] == "servemark report, version 2"
