"""What the battery of bad inputs found, in lines."""

from __future__ import annotations

from rich.markup import escape

from servemark.cli.stages import indented
from servemark.records import BatteryResult
from servemark.report.wording import plain


def battery_lines(result: BatteryResult) -> list[str]:
    """What the battery found on a variant: a headline, then each fault and each limit."""
    stood = sum(case.stood for case in result.cases)
    colour, word = ("green", "stood") if result.passed else ("red", "fell")
    lines = [
        f"  [{colour}]{word}[/{colour}] {escape(result.variant.id)}: "
        f"{stood} of {len(result.cases)} bad inputs"
    ]
    if result.failure is not None:
        lines.append(f"    [red]{escape(plain(result.failure))}[/red]")
    for case in result.cases:
        if case.state == "fails":
            lines.append(f"    [red]{escape(case.name)}[/red]: {escape(plain(case.fault()))}")
        elif case.limit is not None:
            lines.append(f"    [yellow]limit[/yellow] {escape(case.name)}: {escape(case.limit)}")
    if result.log_tail and not result.passed:
        lines.append(indented(result.log_tail))
    return lines
