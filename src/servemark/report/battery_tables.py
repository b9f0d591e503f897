"""The battery's tables on pages: every kind of bad input on every variant, and each one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from servemark.records import BadInput, BatteryResult, CaseState
from servemark.report.battery import MatrixRow, State, groups_of, matrix_rows
from servemark.report.sortable import Column, Datum, Table
from servemark.report.wording import count, number, plain

ORDER: tuple[State, ...] = ("fails", "limit", "holds", "not tried")
"""Of states, where a table is sorted by them."""
OUTCOMES: dict[CaseState, str] = {"holds": "stood", "limit": "cannot", "fails": "not stood"}


def matrix_table(results: Sequence[BatteryResult], names: Mapping[str, str]) -> Table:
    """Variants by kinds of bad input, with two figures."""
    columns = [
        Column("variant", numeric=False, first="ascending"),
        *(Column(plain(group), numeric=False, first="ascending") for group in groups_of(results)),
        Column("slowest other"),
        Column("memory"),
    ]
    rows = [
        [
            Datum(row.name, row.name, variant=result.variant.id),
            *(
                Datum(cell.mark, str(ORDER.index(cell.state)), state=cell.state)
                for cell in row.cells
            ),
            Datum(number(row.slowest_other_ns, "ns"), row.slowest_other_ns),
            _memory(row),
        ]
        for result, row in zip(results, matrix_rows(results, names), strict=True)
    ]
    return Table("battery", "Variants by kinds of bad input", columns, rows)


def _memory(row: MatrixRow) -> Datum:
    if row.memory_bytes is None or row.grown_mib is None:
        return Datum("–")
    return Datum(
        number(row.memory_bytes, "bytes"), row.memory_bytes, detail=f"{row.grown_mib:+.1f} MiB"
    )


def cases_tables(
    results: Sequence[BatteryResult], names: Mapping[str, str]
) -> list[tuple[str, str, str, Table]]:
    """For each variant its id, its name, a summary, and every bad input with what became of it."""
    heads = ("kind", "bad input", "expected", "seen", "other clients", "outcome")
    columns = [Column(head, numeric=False, first="ascending") for head in heads]
    found = []
    for position, (result, row) in enumerate(
        zip(results, matrix_rows(results, names), strict=True)
    ):
        table = Table(f"battery-{position}", row.name, columns, [*map(_case, result.cases)])
        found.append((result.variant.id, row.name, _summary(result, row), table))
    return found


def _case(case: BadInput) -> list[Datum]:
    others = case.others
    slowest = "" if others.slowest_ns is None else f", {number(others.slowest_ns, 'ns')} at most"
    harm = {"wrong": others.wrong, "unanswered": others.unanswered}
    hurt = "".join(f", {times:,} {what}" for what, times in harm.items() if times)
    why = {"limit": case.limit or "", "fails": "" if case.stood else case.fault(), "holds": ""}
    return [
        Datum(plain(case.group), case.group),
        Datum(plain(case.name), case.name, detail=count(case.times, "time")),
        Datum(plain(case.expected), case.expected),
        Datum(plain(case.seen), case.seen, detail=plain(why[case.state]) or None),
        Datum(f"{others.asked:,} asked{hurt}{slowest}", str(others.asked)),
        Datum(OUTCOMES[case.state], str(ORDER.index(case.state)), state=case.state),
    ]


def _summary(result: BatteryResult, row: MatrixRow) -> str:
    states = [case.state for case in result.cases]
    said = f"{states.count('holds')} of {count(len(states), 'bad input')} stood"
    if "limit" in states:
        said += f", {states.count('limit')} beyond what its server can do"
    if "fails" in states:
        said += f", {states.count('fails')} not stood"
    if row.slowest_other_ns is not None:
        said += f". Others waited {number(row.slowest_other_ns, 'ns')} at most"
    if result.growth is not None:
        said += f"; memory {row.memory} MiB over {result.growth.requests:,} bad requests"
    return said + ("." if result.failure is None else f". It was cut off: {plain(result.failure)}")
