"""How a contestant answers bad inputs: every line of the contract, and the battery."""

from __future__ import annotations

from collections.abc import Sequence

from servemark.records import BatteryResult, Check, Record, Verification
from servemark.report.sortable import Column, Datum, Table
from servemark.report.wording import count, plain


class Checks(Record):
    """``data/checks/``: how the variants of a contestant kept to the contract in its latest run,
    and stood the battery of bad inputs in the latest run that put it to that."""

    run: str | None = None
    verifications: tuple[Verification, ...] = ()
    battery_run: str | None = None
    battery: tuple[BatteryResult, ...] = ()


def checks_tables(verifications: Sequence[Verification]) -> list[tuple[str, str, Table]]:
    """For each variant its id, a summary, and every line of the contract with what was seen."""
    found = []
    for position, each in enumerate(verifications):
        rows = [
            [
                Datum(check.group, check.group),
                Datum(plain(check.name), check.name),
                Datum(plain(check.expected)),
                Datum(plain(check.seen), detail=plain(check.limit or "") or None),
                Datum(_outcome(check), _outcome(check)),
            ]
            for check in each.checks
        ]
        heads = ("part of the contract", "what was tried", "expected", "seen", "outcome")
        columns = [Column(head, numeric=False, first="ascending") for head in heads]
        kept = sum(check.passed and check.limit is None for check in each.checks)
        summary = f"{kept} of {count(len(each.checks), 'check')} as the contract has it"
        limited = sum(check.limit is not None for check in each.checks)
        summary += f", {limited} beyond what its server can do" if limited else ""
        summary += (
            f". It could not be checked further: {plain(each.failure)}" if each.failure else ""
        )
        table = Table(f"checks-{position}", plain(each.variant.id), columns, rows)
        found.append((plain(each.variant.id), summary, table))
    return found


def _outcome(check: Check) -> str:
    if check.limit is not None:
        return "cannot"
    return "right" if check.passed else "wrong"
