"""The report for machines."""

from __future__ import annotations

from typing import Any

from servemark.report.model import REPORT_SCHEMA_VERSION, Report


def render_json(report: Report) -> str:
    """The report as JSON that ``report_schema`` describes."""
    return report.model_dump_json(indent=2)


def report_schema() -> dict[str, Any]:
    """The JSON schema of the report, published as ``docs/report.schema.json``."""
    schema = Report.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:servemark:report:{REPORT_SCHEMA_VERSION}",
        **schema,
        "title": f"servemark report, version {REPORT_SCHEMA_VERSION}",
    }
