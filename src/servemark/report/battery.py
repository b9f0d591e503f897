"""The battery of bad inputs as a matrix: variants by kinds of bad input, and what is not met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Literal

from rich.console import Group
from rich.table import Table
from rich.text import Text

from servemark.records import BadInput, BatteryResult, CaseState
from servemark.report.wording import count, number, plain
from servemark.units import MIB

State = Literal["holds", "limit", "fails", "not tried"]
MARKS: dict[State, str] = {"holds": "✓", "limit": "limit", "fails": "✗", "not tried": "–"}
SIGNS: dict[State, str] = {**MARKS, "limit": "~"}
COLOURS: dict[State, str] = {"holds": "green", "limit": "yellow", "fails": "red", "not tried": ""}
TITLE = "Bad inputs"


@dataclass(frozen=True, slots=True)
class GroupCell:
    """One variant and one kind of bad input."""

    state: State
    cases: tuple[BadInput, ...]

    @property
    def mark(self) -> str:
        """A mark, and how many fail where there are more."""
        failing = sum(case.state == "fails" for case in self.cases)
        return f"{MARKS[self.state]} {failing}" if failing > 1 else MARKS[self.state]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One variant with its cells in the order of ``groups_of``, and two figures."""

    name: str
    cells: tuple[GroupCell, ...]
    slowest_other_ns: int | None
    memory_bytes: int | None
    """Before the bad requests."""
    grown_mib: float | None
    """With them."""

    @property
    def slowest_other(self) -> str:
        return number(self.slowest_other_ns, "ns")

    @property
    def memory(self) -> str:
        """With the change, in MiB."""
        if self.memory_bytes is None or self.grown_mib is None:
            return "–"
        return f"{number(self.memory_bytes, 'bytes')} {self.grown_mib:+.1f}"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is not as it should be, or that the manifest declares: of which variants."""

    state: CaseState
    case: str
    said: str
    names: tuple[str, ...]


def reading(marks: Mapping[State, str]) -> str:
    """What the marks and figures of the matrix mean."""
    return (
        f"{marks['holds']}: every bad input of that kind was met as the contract wants it, the "
        "server lived on, and other clients got right answers within 2 s meanwhile. "
        f"{marks['limit']}: the manifest says that it cannot do that, and why. "
        f"{marks['fails']}: it did not stand so many of them. Slowest other: the longest that "
        "another client waited for its right answer. Memory: of all its processes, and how it "
        "changed with the bad requests."
    )


def groups_of(results: Sequence[BatteryResult]) -> list[str]:
    """The kinds of bad input in the order in which they were done."""
    return list(dict.fromkeys(case.group for result in results for case in result.cases))


def matrix_rows(results: Sequence[BatteryResult], names: Mapping[str, str]) -> list[MatrixRow]:
    """A row for each variant."""
    groups = groups_of(results)
    return [
        MatrixRow(
            name=plain(names.get(result.variant.id, result.variant.id)),
            cells=tuple(_cell(result, group) for group in groups),
            slowest_other_ns=_slowest(result),
            memory_bytes=None if result.growth is None else result.growth.pss_bytes[0],
            grown_mib=_grown_mib(result),
        )
        for result in results
    ]


def remarks(results: Sequence[BatteryResult], names: Mapping[str, str]) -> list[Remark]:
    """Faults first, then limits; those of several variants that are alike together."""
    found: dict[tuple[CaseState, str, str], list[str]] = {}
    for result in results:
        name = plain(names.get(result.variant.id, result.variant.id))
        if result.failure is not None:
            found.setdefault(("fails", "the battery", plain(result.failure)), []).append(name)
        for case in result.cases:
            if case.state == "fails":
                key: tuple[CaseState, str, str] = ("fails", case.name, plain(case.fault()))
                found.setdefault(key, []).append(name)
            elif case.limit is not None:
                found.setdefault(("limit", case.name, plain(case.limit)), []).append(name)
    listed = [Remark(*key, tuple(members)) for key, members in found.items()]
    return sorted(listed, key=lambda remark: remark.state != "fails")


def headline(results: Sequence[BatteryResult]) -> str:
    """How many stood everything, in a sentence."""
    whole = sum(result.failure is None and all(c.stood for c in result.cases) for result in results)
    passed = sum(result.passed for result in results)
    cases = max((len(result.cases) for result in results), default=0)
    said = f"{whole} of {count(len(results), 'variant')} stood all {cases} bad inputs"
    if passed > whole:
        said += f", {passed - whole} more all but what their manifests declare as limits"
    return f"{said}."


def battery_matrix(results: Sequence[BatteryResult], names: Mapping[str, str]) -> Group:
    """The matrix for a terminal: a letter for each kind of bad input, and what it stands for."""
    groups = groups_of(results)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("variant", overflow="fold")
    for letter in ascii_lowercase[: len(groups)]:
        table.add_column(letter, justify="center", no_wrap=True)
    table.add_column("slowest other", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    for row in matrix_rows(results, names):
        marks = [Text(SIGNS[cell.state], COLOURS[cell.state]) for cell in row.cells]
        table.add_row(Text(row.name), *marks, row.slowest_other, row.memory)
    legend = ", ".join(
        f"{letter} {group}" for letter, group in zip(ascii_lowercase, groups, strict=False)
    )
    return Group(table, Text(f"\n{legend}. {reading(SIGNS)}", style="dim"))


def battery_text(results: Sequence[BatteryResult], names: Mapping[str, str]) -> Group:
    """The section for a terminal; nothing where no battery was run."""
    if not results:
        return Group()
    said = [
        Text.assemble(
            (f"  {', '.join(each.names)}", "bold"),
            (" limit" if each.state == "limit" else " fails", COLOURS[each.state]),
            f" {each.case}: {each.said}",
        )
        for each in remarks(results, names)
    ]
    return Group(
        Text(f"\n{TITLE}", style="bold"),
        Text(headline(results)),
        Text(""),
        battery_matrix(results, names),
        *said,
    )


def _cell(result: BatteryResult, group: str) -> GroupCell:
    cases = tuple(case for case in result.cases if case.group == group)
    states = {case.state for case in cases}
    state: State = "not tried"
    for each in ("fails", "limit", "holds"):
        if each in states:
            state = each
            break
    return GroupCell(state, cases)


def _slowest(result: BatteryResult) -> int | None:
    times = [c.others.slowest_ns for c in result.cases if c.others.slowest_ns is not None]
    return max(times, default=None)


def _grown_mib(result: BatteryResult) -> float | None:
    if result.growth is None:
        return None
    return (result.growth.pss_bytes[-1] - result.growth.pss_bytes[0]) / MIB
