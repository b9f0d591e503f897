"""What is published beside the code is what the code says."""

from __future__ import annotations

import json
from pathlib import Path

from servemark.report import report_schema


def test_the_published_schema_is_the_one_of_the_reports(root: Path) -> None:
    """Made by: python -c "import json; from servemark.report import report_schema as s;
    print(json.dumps(s(), indent=2))" > docs/report.schema.json"""
    published = json.loads((root / "docs" / "report.schema.json").read_text())
    assert published == report_schema()
