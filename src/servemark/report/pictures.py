"""The charts of a report as pictures for papers and READMEs: each as SVG and as PNG."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from servemark.errors import StoreError
from servemark.report.charts import Chart
from servemark.report.drawing import Spec, Values
from servemark.report.findings import Findings
from servemark.report.gallery import gallery
from servemark.report.model import Report
from servemark.report.theme import LIGHT, chart_config

WIDTH = 880
PIXELS = 2
"""Of a PNG to each unit of the SVG."""
MOST_LINES = 6
NOTE_CHARACTERS = 120
LEGEND_CHARACTER, LEGEND_SYMBOL = 7, 45


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Every chart of the report below ``folder``, light on white. Raises ``StoreError``."""
    findings = Findings(report)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in (each for charts in gallery(findings).values() for each in charts):
            spec = picture_of(chart, findings)
            svg = vl_convert.vegalite_to_svg(spec)
            for kind, content in (
                ("svg", svg.encode()),
                ("png", vl_convert.svg_to_png(svg, scale=PIXELS)),
            ):
                path = folder / f"{chart.id}.{kind}"
                path.write_bytes(content)
                written.append(path)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error.strerror}).") from error
    return written


def picture_of(chart: Chart, findings: Findings) -> Spec:
    """A chart that stands alone: of a fixed width, with its heading, how to read it, and colours.

    Where there are more variants than a picture tells apart, the first of the ranking are drawn.
    """
    spec = copy.deepcopy(chart.spec)
    meta = spec.pop("usermeta")
    named = {row.get("variant") for values in _values(spec) for row in values}
    variants = [variant for variant in findings.order() if variant in named]
    most = MOST_LINES if meta.get("compared") else meta.get("most")
    shown = variants[:most]
    for values in _values(spec):
        values[:] = [row for row in values if row.get("variant") in (None, *shown)]
    config = chart_config(LIGHT) | {"background": "white"}
    if "leastWidth" in meta:
        _fit_panels(spec, meta, len(shown))
    else:
        spec["width"] = WIDTH
    if meta.get("compared"):
        longest = max(len(findings.names[variant]) for variant in shown)
        columns = WIDTH // (longest * LEGEND_CHARACTER + LEGEND_SYMBOL)
        config["legend"] = config["legend"] | {"columns": max(1, columns)}
    spec["title"] = {
        "text": chart.title,
        "subtitle": textwrap.wrap(_note(chart, shown, variants), NOTE_CHARACTERS),
        "anchor": "start",
        "offset": 12,
    }
    return spec | {"config": config}


def _note(chart: Chart, shown: Sequence[str], variants: Sequence[str]) -> str:
    if len(shown) == len(variants):
        return chart.note
    return f"{chart.note} The first {len(shown)} of {len(variants)}."


def _fit_panels(spec: Spec, meta: dict[str, Any], count: int) -> None:
    least, spacing, room = meta["leastWidth"], meta["spacing"], WIDTH - meta["edge"]
    columns = max(1, min((room + spacing) // (least + spacing), count))
    spec["columns"] = columns
    spec["spec"]["width"] = (room - spacing * (columns - 1)) // columns


def _values(spec: Spec) -> Iterator[Values]:
    """Every list of values in a specification."""
    if "values" in spec.get("data", {}):
        yield spec["data"]["values"]
    yield from spec.get("datasets", {}).values()
    for layer in spec.get("layer", ()):
        yield from _values(layer)
    if "spec" in spec:
        yield from _values(spec["spec"])
