"""The tables of the page: what stands where, for people and to sort by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from servemark.records import OWN
from servemark.report.choice_wording import level_name
from servemark.report.findings import STAGES, Findings, Row, beside
from servemark.report.model import Competitor, EngineLatencies, Figure, Ratio, ReportedCell, Tax
from servemark.report.nodes import HEADS as NODE_HEADS
from servemark.report.nodes import nodes_lines
from servemark.report.served_wording import HEADS, models_lines
from servemark.report.sortable import Column, Datum, Table
from servemark.report.wording import (
    cell_title,
    factor,
    interval_of,
    load_id,
    load_label,
    number,
    plain,
    ratio_text,
    samples_of,
    value_of,
    workload_name,
)


def ranking_tables(findings: Findings) -> list[tuple[ReportedCell, Table]]:
    """A ranking for each cell of full answers that has one, the main cell's first."""
    main = findings.main
    others = [cell for cell in findings.report.cells if cell.id != main.id and cell.stage == "full"]
    found = []
    for place, cell in enumerate([main, *others]):
        rows = findings.ranking(cell.id)
        if rows:
            found.append((cell, ranking_table(findings, cell, rows, place)))
    return found


def ranking_table(
    findings: Findings, cell: ReportedCell, rows: Sequence[Row], place: int = 0
) -> Table:
    """The variants by a cell, with what each costs there."""
    others = [each for each in beside(cell, findings.report.cells)[1:] if findings.has(each)]
    failures = any((row.result.figures.get("error_share") or _ZERO).value for row in rows)
    pair = findings.upload_pair()
    metrics = [name for name in _COSTS if any(name in row.result.figures for row in rows)]
    metrics += ["error_share"] if failures else []
    price = findings.report.core_hour_usd if place == 0 else None
    columns = [
        Column("#", first="ascending"),
        Column("variant", numeric=False, first="ascending"),
        Column(f"{workload_name(cell.workload)} /s"),
        *(Column(f"{workload_name(each.workload)} /s") for each in others),
        *([Column(_upload_head(pair[0], cell))] if pair else []),
        *(Column(_COSTS.get(name, "failed requests"), first="ascending") for name in metrics),
        *([Column("predictions per $")] if price else []),
    ]
    found = []
    for row in rows:
        few = samples_of(row.result, findings.report.blocks)
        found.append(
            [
                Datum(row.place, row.rank),
                _named(findings, row.competitor, few),
                _datum(row.throughput, "1/s", about=row.result.precise is False),
                *(_datum(row.others.get(each.id), "1/s") for each in others),
                *([Datum(factor(row.upload_cost), row.upload_cost)] if pair else []),
                *(_datum(row.result.figures.get(m), findings.unit(m)) for m in metrics),
                *([_per_usd(findings, row)] if price else []),
            ]
        )
    by = "CPU time per answer" if cell.ranked_by == "server_cpu_ns" else "answers per second"
    caption = f"Ranking by {by}: {cell_title(cell)}"
    name = f"ranking-table-{place}" if place else "ranking-table"
    return Table(name, caption, columns, found, sorted_by=0, groups=_groups(rows))


def _upload_head(paired: ReportedCell, cell: ReportedCell) -> str:
    """What GET ÷ form is called beside that cell: with its load where that is another."""
    head = "GET ÷ form"
    return head if load_id(paired) == load_id(cell) else f"{head}, {load_label(paired)}"


_COSTS = {
    "p99_response_ns": "p99",
    "server_cpu_ns": "CPU per answer",
    "peak_pss_bytes": "peak memory",
    "first_answer_ns": "start to first answer",
}


def _groups(rows: Sequence[Row]) -> list[int]:
    found: list[int] = []
    turn = 1
    for _, group in groupby(rows, key=lambda row: row.place_key):
        size = len(list(group))
        found += [turn if size > 1 else 0] * size
        turn = 3 - turn if size > 1 else turn
    return found


def decisions_table(findings: Findings) -> Table | None:
    """Every comparison behind the worth of a choice."""
    rows = [
        [
            Datum(each.factor, each.factor),
            Datum(findings.report.metrics[each.metric].title, each.metric),
            Datum(group.held or "–", group.held),
            Datum(level_name(group.best), group.best),
            Datum(level_name(group.worst), group.worst),
            Datum(ratio_text(group.ratio), group.ratio.value),
            Datum("yes" if group.different else "no", "yes" if group.different else "no"),
        ]
        for each in findings.report.decisions
        for group in each.groups
    ]
    if not rows:
        return None
    heads = ("choice", "figure", "held", "best", "worst", "best ÷ worst", "told apart")
    columns = [
        Column(head, numeric=head == "best ÷ worst", first=_DOWN.get(head, "ascending"))
        for head in heads
    ]
    return Table("decisions-table", "What differs in one choice alone", columns, rows)


_DOWN = {"best ÷ worst": "descending"}


def cells_table(findings: Findings) -> Table:
    """Throughput of every variant in every cell."""
    cells = [cell for cell in findings.report.cells if findings.has(cell)]
    columns = [Column("variant", numeric=False, first="ascending")]
    columns += [
        Column(
            f"{workload_name(cell.workload)}, {load_label(cell)}"
            + ("" if cell.stage == "full" else f", {cell.stage}")
        )
        for cell in cells
    ]
    competitors = {each.variant: each for each in findings.report.competitors}
    rows = [
        [
            _named(findings, competitors[variant], None),
            *(_datum(findings.figure(variant, cell.id), "1/s") for cell in cells),
        ]
        for variant in findings.order()
    ]
    return Table("cells-table", "Answers per second, by workload and connections", columns, rows)


def times_table(findings: Findings) -> Table | None:
    """Service time, response time and lag in the main cell, where the engine keeps samples."""
    metrics = [
        name
        for name in _TIMES
        if name in findings.report.metrics and findings.has(findings.main, name)
    ]
    if not metrics:
        return None
    columns = [Column("variant", numeric=False, first="ascending")]
    columns += [Column(findings.report.metrics[name].title, first="ascending") for name in metrics]
    competitors = {each.variant: each for each in findings.report.competitors}
    rows = [
        [
            _named(findings, competitors[variant], None),
            *(_datum(findings.figure(variant, findings.main.id, m), "ns") for m in metrics),
        ]
        for variant in findings.order()
    ]
    return Table("times-table", f"Times ({cell_title(findings.main)})", columns, rows)


_TIMES = (
    "mean_service_ns",
    "p50_service_ns",
    "p99_service_ns",
    "p50_response_ns",
    "p99_response_ns",
    "p99_lag_ns",
)


def latency_tables(findings: Findings) -> list[tuple[str, Table]]:
    """What engines state as percentiles in the main cell, one table for each source."""
    sources: dict[str, dict[str, EngineLatencies]] = {}
    for result in findings.report.results:
        if result.cell == findings.main.id and result.latency is not None:
            sources.setdefault(result.latency.source, {})[result.variant] = result.latency
    competitors = {each.variant: each for each in findings.report.competitors}
    tables = []
    for index, (source, stated) in enumerate(sources.items()):
        heads = list(
            dict.fromkeys(name for each in stated.values() for name in each.percentiles_ns)
        )
        columns = [Column("variant", numeric=False, first="ascending")]
        columns += [Column(head, first="ascending") for head in heads]
        rows = []
        for variant in (name for name in findings.order() if name in stated):
            found = [stated[variant].percentiles_ns.get(head) for head in heads]
            values = [Datum(number(value, "ns"), value) for value in found]
            rows.append([_named(findings, competitors[variant], None), *values])
        caption = f"Latency ({cell_title(findings.main)}): {source}"
        tables.append((source, Table(f"latency-table-{index}", caption, columns, rows)))
    return tables


_NUMBERS = ("workers", "threads", "installed", "lines of code")


def capacity_table(findings: Findings) -> Table | None:
    """The highest rate at which each variant meets the objective, and how it was found."""
    found, slo = findings.report.capacities, findings.report.slo
    if not found or slo is None:
        return None
    competitors = {each.variant: each for each in findings.report.competitors}
    heads = ["variant", "capacity /s", "p99 at it", "÷ closed loop", "in time at 1.2 ×"]
    heads += ["recovery after 1.5 ×", "search, per block"]
    rows = []
    for each in found:
        beyond = findings.beyond_capacity(each)
        seconds = sum(each.seconds) / len(each.seconds)
        closed = findings.closed_ratio(each)
        rows.append(
            [
                _named(findings, competitors[each.variant], findings.capacity_note(each)),
                _datum(each.rate_per_s, "1/s"),
                _plain_datum(findings.p99_at_capacity(each), "ns"),
                Datum("–" if closed is None else f"{closed:.2f}", closed),
                _plain_datum(beyond.share_in_time, "share"),
                _plain_datum(beyond.recovery_ns, "ns"),
                Datum(f"{seconds:.1f} s", seconds),
            ]
        )
    columns = [Column(head, numeric=head != "variant", first="descending") for head in heads]
    bound = f"{slo.percentile:g} % within {slo.bound_ms:g} ms"
    caption = f"Highest Poisson rate with {bound} ({workload_name(slo.workload)})"
    return Table("capacity-table", caption, columns, rows)


def tax_tables(findings: Findings) -> list[Table]:
    """For each upload whose stages or ceiling were measured: what the server takes."""
    competitors = {each.variant: each for each in findings.report.competitors}
    by_cell: dict[str, list[Tax]] = {}
    for each in findings.report.taxes:
        by_cell.setdefault(each.cell, []).append(each)
    tables = []
    for place, (cell, taxes) in enumerate(by_cell.items()):
        stages = [stage for stage in STAGES if any(stage in each.cpu_ns for each in taxes)]
        columns = [Column("variant", numeric=False, first="ascending")]
        columns += [Column(f"CPU, {stage}", first="ascending") for stage in stages]
        columns += [Column("ceiling /s"), Column("tax", first="ascending")]
        rows = [
            [
                _named(findings, competitors[each.variant], None),
                *(_datum(each.cpu_ns.get(stage), "ns") for stage in stages),
                _datum(each.ceiling_per_s, "1/s"),
                _datum(each.tax, "share"),
            ]
            for each in taxes
        ]
        caption = f"The server's tax ({cell_title(findings.cell(cell))})"
        tables.append(Table(f"tax-table-{place}", caption, columns, rows))
    return tables


def models_table(findings: Findings) -> Table | None:
    """Several models: what the choice of a server makes of each."""
    if not findings.report.served:
        return None
    columns = [Column(head, numeric=False, first="ascending") for head in HEADS]
    rows = [[Datum(text, text) for text in line] for line in models_lines(findings)]
    return Table("models-table", "What choosing a server makes of each model", columns, rows)


def nodes_table(findings: Findings) -> Table | None:
    """The nodes of a run on a cluster."""
    if not findings.report.nodes:
        return None
    columns = [Column(head, numeric=False, first="ascending") for head in NODE_HEADS]
    rows = [[Datum(text, text) for text in line] for line in nodes_lines(findings.report.nodes)]
    return Table("nodes-table", "The nodes that served, and the ways to them", columns, rows)


def noise_table(findings: Findings) -> Table | None:
    """The A/A pairs: whatever differs here is noise."""
    if not findings.report.noise:
        return None
    competitors = {each.variant: each for each in findings.report.competitors}
    rows = [
        [
            _named(findings, competitors[each.variant], None),
            Datum(each.cell, each.cell),
            Datum(ratio_text(each.ratio), each.ratio.value),
            Datum("yes" if each.different else "no", each.different),
        ]
        for each in findings.report.noise
    ]
    heads = ("variant", "cell", "first ÷ second", "called different")
    columns = [Column(head, numeric=head == "first ÷ second", first="ascending") for head in heads]
    return Table("noise-table", "The same server twice (A/A)", columns, rows)


def caching_table(findings: Findings) -> Table | None:
    """One image repeated against many of its kind, and against itself in other writings."""
    found = findings.report.caching
    if not found:
        return None
    competitors = {each.variant: each for each in findings.report.competitors}
    renewed = any(each.over_renewed is not None for each in found)
    rows = [
        [
            _named(findings, competitors[each.variant], None),
            _ratio_datum(each.ratio),
            *([_ratio_datum(each.over_renewed)] if renewed else []),
            Datum("yes" if each.caches else "no", each.caches),
        ]
        for each in found
    ]
    ratios = ("one ÷ many", *(["one ÷ the same in other bytes"] if renewed else []))
    heads = ("variant", *ratios, "caches answers")
    columns = [Column(head, numeric=head in ratios, first="ascending") for head in heads]
    return Table("caching-table", "One image repeated against many (caching)", columns, rows)


def _ratio_datum(ratio: Ratio | None) -> Datum:
    return Datum("", None) if ratio is None else Datum(ratio_text(ratio), ratio.value)


def _plain_datum(value: float | None, unit: str) -> Datum:
    return Datum(number(value, unit), value)


def competitors_table(findings: Findings) -> Table:
    """What exactly was started."""
    heads = [
        *("variant", "state", "division", "workers", "threads", "versions"),
        *("cannot", "installed", "lines of code", "content digest"),
    ]
    rows = []
    for each in findings.report.competitors:
        versions = ", ".join(f"{name} {text}" for name, text in sorted(each.versions.items()))
        limits = "; ".join(f"{name}: {reason}" for name, reason in each.limits.items())
        rows.append(
            [
                _named(findings, each, None),
                Datum(each.state, each.state),
                Datum(each.division, each.division),
                Datum(str(each.workers), each.workers),
                Datum(str(each.threads), each.threads),
                Datum(plain(versions) or "–", versions),
                Datum(plain(limits) or "–", limits),
                Datum(number(each.installed_bytes, "bytes"), each.installed_bytes),
                Datum(str(each.lines_of_code or "–"), each.lines_of_code),
                Datum(each.digest[:12], each.digest),
            ]
        )
    columns = [Column(h, numeric=h in _NUMBERS, first="ascending") for h in heads]
    return Table("competitors-table", "Everything that was entered", columns, rows)


_ZERO = Figure(value=0, low=None, high=None, blocks=0)


def _named(findings: Findings, competitor: Competitor, few: str | None) -> Datum:
    hosted = [competitor.server, competitor.runtime]
    detail = ", ".join([plain(competitor.title), *(each for each in hosted if each != OWN)])
    name = findings.names[competitor.variant]
    return Datum(
        name,
        name,
        detail=f"{detail} ({few})" if few else detail,
        href=competitor.homepage if re.match(r"https?://", competitor.homepage) else None,
        variant=competitor.variant,
    )


def _per_usd(findings: Findings, row: Row) -> Datum:
    value = findings.predictions_per_usd(row.competitor.variant)
    return Datum("–" if value is None else f"{value / 1e6:.3g} million", value)


def _datum(figure: Figure | None, unit: str, *, about: bool = False) -> Datum:
    if figure is None:
        return Datum("–")
    detail = None
    if figure.low is not None and figure.low != figure.high:
        detail = interval_of(figure, unit)
    text = value_of(figure, unit)
    return Datum(f"≈ {text}" if about else text, figure.value, detail=detail)
