"""The battery's matrix in GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from servemark.records import BatteryResult
from servemark.report.battery import (
    MARKS,
    TITLE,
    Remark,
    groups_of,
    headline,
    matrix_rows,
    reading,
    remarks,
)
from servemark.report.markdown_parts import code, escape


def battery_markdown(results: Sequence[BatteryResult], names: Mapping[str, str]) -> str:
    """The section, or nothing where no battery was run."""
    if not results:
        return ""
    return "\n\n".join(
        (
            f"### {TITLE}",
            f"**{headline(results)}**",
            "\n".join(_table(results, names)),
            reading(MARKS),
            *(["\n".join(map(_item, found))] if (found := remarks(results, names)) else []),
        )
    )


def _table(results: Sequence[BatteryResult], names: Mapping[str, str]) -> Iterator[str]:
    groups = groups_of(results)
    yield _line(["variant", *groups, "slowest other", "memory"])
    yield _line([":---", *(":---:" for _ in groups), "---:", "---:"])
    for row in matrix_rows(results, names):
        marks = [cell.mark for cell in row.cells]
        yield _line([code(row.name), *marks, row.slowest_other, row.memory])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _item(remark: Remark) -> str:
    names = ", ".join(code(name) for name in remark.names)
    return f"- **{remark.state}**, {escape(remark.case)} ({names}): {escape(remark.said)}"
