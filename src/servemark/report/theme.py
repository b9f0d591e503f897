"""Colours and fonts of pages and charts: said once, for the style of a page and for Vega.

Text has a contrast of at least 4.5 : 1 to what it stands on, marks one of 3 : 1 (WCAG 2.2, AA).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

SANS = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", '
    "sans-serif"
)
MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by their role."""

    paper: str
    card: str
    ink: str
    quiet: str
    line: str
    field: str
    """The edge of what can be filled in or pressed."""
    link: str
    band: str
    warn_paper: str
    warn_ink: str
    warn_line: str
    bad_paper: str
    bad_ink: str
    series: tuple[str, ...]
    """Of languages, and of variants that are held against each other."""
    parts: tuple[str, ...]
    """Of a whole, from the first to the last."""


LIGHT = Palette(
    paper="#fbfaf8",
    card="#ffffff",
    ink="#1d2329",
    quiet="#59636e",
    line="#e3e1dc",
    field="#8b9299",
    link="#1f5fa8",
    band="#f4f2ec",
    warn_paper="#fff4dc",
    warn_ink="#6b4700",
    warn_line="#d9a43b",
    bad_paper="#fde8e5",
    bad_ink="#8f1d12",
    series=(
        *("#2465b0", "#b3540b", "#1b7f4b", "#7a3fc4"),
        *("#b8285f", "#0c7480", "#7d5a24", "#4a5868"),
    ),
    parts=("#8796a5", "#c07a1f", "#1b7f4b", "#2465b0"),
)
DARK = Palette(
    paper="#14171a",
    card="#1b1f23",
    ink="#e7e9eb",
    quiet="#a3adb8",
    line="#30363c",
    field="#757f89",
    link="#8dbdf2",
    band="#22272c",
    warn_paper="#33290f",
    warn_ink="#f5d68b",
    warn_line="#a57c23",
    bad_paper="#3d1c18",
    bad_ink="#ffb4a8",
    series=(
        *("#7fb2ef", "#f0a35e", "#63cf95", "#bb9cf5"),
        *("#f490b5", "#56ccd6", "#d6b27e", "#aab6c4"),
    ),
    parts=("#7c8894", "#e0a04e", "#4fb884", "#7fb2ef"),
)
SCHEMES = {"light": LIGHT, "dark": DARK}
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [4, 2, 1, 2], [1, 3], [12, 3, 3, 3])
"""Lines are told apart by these as well as by their colours."""


def style_sheet() -> str:
    """The colours as custom properties of a page, for light and for dark."""
    fonts = f"--sans: {SANS}; --mono: {MONO};"
    return (
        f":root {{ color-scheme: light dark; {fonts} {_properties(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_properties(DARK)} }} }}\n"
    )


def _properties(palette: Palette) -> str:
    single = [each.name for each in fields(palette) if each.name not in ("series", "parts")]
    return " ".join(f"--{name.replace('_', '-')}: {getattr(palette, name)};" for name in single)


def chart_config(palette: Palette) -> dict[str, Any]:
    """What Vega-Lite is told about colours and fonts."""
    return {
        "font": SANS.replace('"', "'"),
        "background": "transparent",
        "lineBreak": "\n",
        "view": {"stroke": None},
        "range": {"category": list(palette.series), "ordinal": list(palette.parts)},
        "axis": {
            "labelColor": palette.ink,
            "titleColor": palette.quiet,
            "gridColor": palette.line,
            "domainColor": palette.line,
            "tickColor": palette.line,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
        },
        "axisX": {"titleAnchor": "end"},
        "axisY": {"labelPadding": 8},
        "legend": {
            "labelColor": palette.ink,
            "titleColor": palette.quiet,
            "labelFontSize": 12,
            "labelLimit": 320,
            "symbolFillColor": palette.quiet,
            "symbolStrokeColor": palette.quiet,
        },
        "title": {"color": palette.ink, "subtitleColor": palette.quiet, "anchor": "start"},
        "header": {"labelColor": palette.ink, "labelFontWeight": 500},
        "style": {
            "figure": {"color": palette.ink, "fill": palette.ink, "fontSize": 12},
            "halo": {
                "color": palette.card,
                "fill": palette.card,
                "stroke": palette.card,
                "strokeWidth": 4,
                "strokeJoin": "round",
            },
            "reference": {"color": palette.quiet, "stroke": palette.quiet, "strokeWidth": 1},
            "mark": {"color": palette.ink, "fill": palette.ink, "stroke": palette.ink},
            "choice": {"stroke": palette.series[0]},
            "part": {"stroke": palette.card, "strokeWidth": 1},
        },
    }


def schemes_for_page() -> dict[str, Any]:
    """The configuration of charts by colour scheme."""
    return {name: chart_config(palette) for name, palette in SCHEMES.items()}
