"""A calibration as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from servemark.records.calibration import Calibration, Comparison, Deviation
from servemark.stats.calibration import signed_ns, spelt
from servemark.units import format_bytes, format_ns, format_rate

BEGIN, END = "<!-- results -->", "<!-- /results -->"
_VERDICTS = {True: "reached", False: "**not reached**", None: "cannot be told"}


def way_text(found: Calibration) -> str:
    """What the way there and back takes, and for whom."""
    read = f"{format_ns(found.fixed_ns)} until a plain blocking client has read the answer"
    if found.arrived_ns is None:
        return read
    arrived = f"{format_ns(found.arrived_ns)} until the answer arrives, by the kernel's stamp"
    return f"{arrived} (servemark); {read} (the others)"


def pauses_text(found: Calibration) -> str | None:
    """What the engine's core did to whoever runs on it; ``None`` where it was not watched."""
    if not found.pauses:
        return None
    watched = sum(each.duration_ns for each in found.pauses)
    paused = sum(each.share * each.duration_ns for each in found.pauses)
    late = {name: [each.waits_ns[name] for each in found.pauses] for name in ("p99", "p999")}
    said = " and ".join(
        f"{format_ns(median(waits))} at {spelt(name)}"
        + (f" ({_ends(waits)})" if len(waits) > 1 else "")
        for name, waits in late.items()
    )
    return (
        f"a loop on the engine's core that only reads the clock lost {paused / watched:.2%} of the "
        f"time to {sum(each.count for each in found.pauses):,} pauses, the longest of "
        f"{format_ns(max(each.longest_ns for each in found.pauses))}; so what is due there at a "
        f"random moment is late by {said}, whoever sends it"
    )


def _ends(values: Sequence[float]) -> str:
    return f"{format_ns(min(values))} to {format_ns(max(values))}"


def render_calibration(found: Calibration) -> str:
    """The results of a calibration, without a heading of the first order."""
    sections = [_facts(found), _bars(found)]
    sections += list(_errors(found))
    sections += [_speed(found), _ratios(found), _notes(found)]
    return "\n\n".join(section for section in sections if section) + "\n"


def put_into(document: str, results: str) -> str:
    """The document with the results in place of what stands between its two markers.

    >>> put_into("a <!-- results -->old<!-- /results --> b", "new")
    'a <!-- results -->\\nnew\\n<!-- /results --> b'
    """
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{results}\n{END}{after}"


def errors_of(found: Calibration) -> list[tuple[str, list[Comparison]]]:
    """The comparisons in groups with a title: one for each distribution and loop."""
    groups: dict[str, list[Comparison]] = {}
    for each in found.comparisons:
        groups.setdefault(f"{each.title}: {each.loop} loop", []).append(each)
    return list(groups.items())


def deviation_text(each: Deviation) -> str:
    """An error for people, with a mark where it is outside the bar, or cannot be told from what the
    core's pauses make."""
    if each.error_ns is None:
        return signed_ns(None)
    mark = {True: "", False: " ✗", None: " ?"}[each.holds]
    return signed_ns(each.error_ns) + mark


def _facts(found: Calibration) -> str:
    machine, error = found.machine, found.server_error
    versions = ", ".join(
        name if version in ("0", "") else f"{name} {version}"
        for name, version in found.generators.items()
    )
    lines = [
        f"- made {found.created_utc} by `{found.command}`, servemark {found.servemark_version}",
        f"- {machine.cpu_model}, {machine.cpu_count} cores, {format_bytes(machine.memory_bytes)}, "
        f"{machine.system}, kernel {machine.kernel}"
        + (", in a virtual machine" if machine.virtual_machine else ""),
        f"- generators: {versions}",
        f"- the truth server's own error (sent − due, {error.count:,} answers): "
        f"p50 {format_ns(error.p50_ns)}, p99 {format_ns(error.p99_ns)}, "
        f"p99.9 {format_ns(error.p999_ns)}, largest {format_ns(error.max_ns)}",
        f"- the way there and back at best, which is added to the server's record to give the "
        f"truth: {way_text(found)}",
    ]
    if found.lag is not None:
        lines.append(
            f"- lag at {found.lag_rate_per_s:,.0f} requests per second: "
            f"p50 {format_ns(found.lag.p50_ns)}, p99 {format_ns(found.lag.p99_ns)}, "
            f"largest {format_ns(found.lag.max_ns)}{_over_rounds(found.lag_p99s_ns)}"
        )
    paused = pauses_text(found)
    if paused is not None:
        lines.append(f"- {paused}")
    if found.engine_waited_share is not None and found.server_waited_share is not None:
        lines.append(
            f"- other work of this machine had the engine's core for "
            f"{found.engine_waited_share:.2%} and the truth server's for "
            f"{found.server_waited_share:.2%} of the time; the highest percentiles contain it"
        )
    if found.favoured:
        lines.append(
            "- server and generators had the highest priority (niceness −20); where times are "
            "compared, the generators had real-time priority"
        )
    if found.cores.warning:
        lines.append(f"- {found.cores.warning}")
    return "\n".join(lines)


def _over_rounds(p99s_ns: Sequence[float]) -> str:
    if len(p99s_ns) < 2:
        return ""
    return f" (the middle one of {len(p99s_ns)} loads, whose p99 was {_ends(p99s_ns)})"


def _bars(found: Calibration) -> str:
    rows = [[each.what, each.bar, each.found, _VERDICTS[each.holds]] for each in found.bars]
    return "## Bars\n\n" + _table(["what", "bar", "found", ""], rows)


def _errors(found: Calibration) -> Iterator[str]:
    """A table for each distribution and loop: the truth, and each generator's figure and error."""
    yield (
        "## Figures and their errors\n\n"
        "Each cell: truth → figure (error). Over several loads: the one with the median error, "
        "then the lowest and the highest error. ✗: beyond 1 % and 50 µs (p99.9: 3 %). ?: beyond by "
        "no more than the pauses of the engine's core make. –: the generator does not state it, or "
        "too few samples lie above it."
    )
    for title, group in errors_of(found):
        names = [spelt(each.figure) for each in group[0].deviations]
        rows = [
            [
                each.generator,
                str(each.rounds),
                f"{each.requests:,}",
                *(_cell(one) for one in each.deviations),
            ]
            for each in group
        ]
        yield f"### {title}\n\n" + _table(["generator", "rounds", "requests", *names], rows)


def _cell(each: Deviation) -> str:
    if each.found_ns is None or each.truth_ns is None:
        return "–"
    ends = ""
    if each.lowest_ns is not None:
        ends = f"; {signed_ns(each.lowest_ns)} to {signed_ns(each.highest_ns)}"
    error = deviation_text(each) + ends
    return f"{format_ns(each.truth_ns)} → {format_ns(each.found_ns)} ({error})"


def _speed(found: Calibration) -> str:
    """Medians of each generator's own figures."""
    rows = []
    for workload, connections in _cells(found):
        runs = [r for r in found.speeds if (r.workload, r.connections) == (workload, connections)]
        for name in dict.fromkeys(run.generator for run in runs):
            mine = [run for run in runs if run.generator == name]
            images = "whole corpus" if mine[0].images > 1 else "one request"
            rows.append(
                [
                    f"{workload}, {connections}",
                    name,
                    images,
                    format_rate(median([run.requests_per_s for run in mine])),
                    format_ns(median([run.cpu_ns for run in mine])),
                    format_ns(median([run.busy_ns for run in mine])),
                ]
            )
    heads = ["workload, connections", "generator", "sends", "requests per second"]
    heads += ["CPU per request", "without polling"]
    return "## Speed\n\nMedians over the rounds.\n\n" + _table(heads, rows)


def _ratios(found: Calibration) -> str:
    rows = [
        [
            f"{each.workload}, {each.connections}",
            each.generator,
            str(each.pairs),
            f"{each.throughput:.2f} ({each.throughput_low:.2f}–{each.throughput_high:.2f})",
            f"{each.cpu:.2f}",
            f"{each.busy:.2f}",
        ]
        for each in found.ratios
    ]
    heads = ["workload, connections", "servemark ÷", "pairs", "requests per second"]
    heads += ["CPU per request", "without polling"]
    return (
        "## Ratios\n\nMedians over pairs of the same round; in brackets the lowest and the "
        "highest.\n\n" + _table(heads, rows)
    )


def _notes(found: Calibration) -> str:
    lines = [f"- {each.name}: {each.reason}: `{each.remedy}`" for each in found.absent]
    lines += [f"- {note}" for note in found.notes]
    return "## Left out\n\n" + "\n".join(lines) if lines else ""


def _cells(found: Calibration) -> list[tuple[str, int]]:
    return list(dict.fromkeys((run.workload, run.connections) for run in found.speeds))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
