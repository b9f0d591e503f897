"""The report for pull requests and READMEs: GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from servemark.records import Exclusion
from servemark.report import nodes
from servemark.report.battery_markdown import battery_markdown
from servemark.report.choice_wording import choice_sentence, worth
from servemark.report.findings import STAGES, Findings
from servemark.report.headlines import (
    capacity_headline,
    doubt,
    headline,
    noise_floor,
    upload_headline,
)
from servemark.report.markdown_parts import code, code_block, escape
from servemark.report.model import Report
from servemark.report.served_wording import HEADS, models_lines, models_sentence
from servemark.report.troubles import Trouble, troubles, warnings
from servemark.report.wording import (
    cell_title,
    count,
    factor,
    interval_of,
    load_label,
    number,
    samples_of,
    value_of,
    workload_name,
)

_BARE_PIPE = re.compile(r"(?<!\\)\|")


def render_markdown(report: Report) -> str:
    """The report as Markdown."""
    findings = Findings(report)
    sections = [
        *_head(findings),
        _ranking(findings),
        _choices(findings),
        _loads(findings),
        _capacities(findings),
        _taxes(findings),
        _models(findings),
        _nodes(report),
        battery_markdown(report.battery, findings.names),
        _problems(troubles(findings.report)),
        _excluded(report.excluded),
        _machine(report),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(findings: Findings) -> Iterator[str]:
    report = findings.report
    yield f"## {escape(report.title)}"
    yield f"**{escape(headline(findings))}**"
    yield escape(doubt(findings) or "")
    yield escape(capacity_headline(findings) or "")
    yield escape(upload_headline(findings) or "")
    yield escape(noise_floor(findings) or "")
    for warning in warnings(findings):
        yield f"> **Warning:** {escape(warning)}"


def _ranking(findings: Findings) -> str:
    rows = findings.ranking()
    if not rows:
        return ""
    others = [cell for cell in findings.beside_main()[1:] if findings.has(cell)]
    by_cost = findings.is_by_cost()
    unit = findings.unit(findings.main.ranked_by)
    costs = ["peak_pss_bytes", "first_answer_ns"]
    costs = costs if by_cost else ["server_cpu_ns", *costs]
    times = ["p50_response_ns", "p99_response_ns"] if by_cost else []
    heads = [
        "#",
        "variant",
        "CPU per answer" if by_cost else f"{workload_name(findings.main.workload)}/s",
        "95 % interval",
        *(["response p50", "p99"] if by_cost else []),
        *(f"{workload_name(cell.workload)}/s" for cell in others),
        *(["GET ÷ form"] if findings.upload_pair() else []),
        *([] if by_cost else ["CPU per answer"]),
        "peak memory",
        "start to first answer",
    ]
    lines = []
    for row in rows:
        few = samples_of(row.result, findings.report.blocks)
        lines.append(
            [
                row.place,
                code(row.name) + (f" ({few})" if few else ""),
                ("≈ " if row.result.precise is False else "") + f"**{value_of(row.judged, unit)}**",
                interval_of(row.judged, unit),
                *(value_of(row.result.figures.get(m), findings.unit(m)) for m in times),
                *(value_of(row.others.get(cell.id), "1/s") for cell in others),
                *([factor(row.upload_cost)] if findings.upload_pair() else []),
                *(value_of(row.result.figures.get(m), findings.unit(m)) for m in costs),
            ]
        )
    note = f"Ranked by {findings.ranked_by()}. {findings.how_to_read}"
    return f"{_table(heads, lines, left=(1,))}\n\n{note}"


def _choices(findings: Findings) -> str:
    sentence, decisions = choice_sentence(findings), findings.report.decisions
    if sentence is None:
        return ""
    metrics = list(dict.fromkeys(each.metric for each in decisions))
    found = {(each.factor, each.metric): worth(each) for each in decisions}
    lines = [
        [escape(name), *(found.get((name, metric), "–") for metric in metrics)]
        for name in dict.fromkeys(each.factor for each in decisions)
    ]
    heads = ["choice", *(findings.report.metrics[metric].title for metric in metrics)]
    note = (
        "The best ÷ the worst of what differs in one choice alone: of the median group, and of the "
        "one where it is most."
    )
    table = _table(heads, lines, left=(0,))
    return f"### Which choice matters\n\n{escape(sentence)}\n\n{table}\n\n{note}"


def _loads(findings: Findings) -> str:
    cells = findings.loads()
    if not cells:
        return ""
    lines = [
        [
            code(findings.names[variant]),
            *(value_of(findings.figure(variant, cell.id), "1/s") for cell in cells),
        ]
        for variant in findings.order()
    ]
    heads = ["variant", *(load_label(cell) for cell in cells)]
    title = f"### Answers per second ({workload_name(cells[0].workload)}) by connections"
    return f"{title}\n\n{_table(heads, lines, left=(0,))}"


def _capacities(findings: Findings) -> str:
    slo, found = findings.report.slo, findings.report.capacities
    if slo is None or not found:
        return ""
    lines = []
    for each in found:
        closed, beyond = findings.closed_ratio(each), findings.beyond_capacity(each)
        lines.append(
            [
                code(findings.names[each.variant]),
                f"**{value_of(each.rate_per_s, '1/s')}**",
                interval_of(each.rate_per_s, "1/s"),
                number(findings.p99_at_capacity(each), "ns"),
                "–" if closed is None else f"{closed:.2f}",
                number(beyond.share_in_time, "share"),
                number(beyond.recovery_ns, "ns"),
            ]
        )
    heads = ["variant", "capacity /s", "95 % interval", "p99 at it", "÷ closed loop"]
    heads += ["in time at 1.2 ×", "recovery after 1.5 ×"]
    title = (
        f"### Highest rate with {slo.percentile:g} % within {slo.bound_ms:g} ms "
        f"({workload_name(slo.workload)})"
    )
    notes = [f"- {code(name)}: {escape(note)}" for name, note in findings.capacity_notes().items()]
    end = "\n\n" + "\n".join(notes) if notes else ""
    return f"{title}\n\n{_table(heads, lines, left=(0,))}{end}"


def _taxes(findings: Findings) -> str:
    parts = []
    for cell in dict.fromkeys(each.cell for each in findings.report.taxes):
        taxes = [each for each in findings.report.taxes if each.cell == cell]
        stages = [stage for stage in STAGES if any(stage in each.cpu_ns for each in taxes)]
        lines = [
            [
                code(findings.names[each.variant]),
                *(value_of(each.cpu_ns.get(stage), "ns") for stage in stages),
                value_of(each.ceiling_per_s, "1/s"),
                value_of(each.tax, "share"),
                interval_of(each.tax, "share"),
            ]
            for each in taxes
        ]
        heads = ["variant", *(f"CPU, {stage}" for stage in stages), "ceiling /s", "tax", "95 %"]
        title = f"### The server's tax ({cell_title(findings.cell(cell))})"
        parts.append(f"{title}\n\n{_table(heads, lines, left=(0,))}")
    return "\n\n".join(parts)


def _models(findings: Findings) -> str:
    if not findings.report.served:
        return ""
    table = _table(HEADS, models_lines(findings), left=(0, 2, 3))
    return f"### The models\n\n{table}\n\n{models_sentence(findings)}"


def _nodes(report: Report) -> str:
    if not report.nodes:
        return ""
    return f"### The nodes\n\n{_table(nodes.HEADS, nodes.nodes_lines(report.nodes), left=(0, 3))}"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]], left: Sequence[int]) -> str:
    rule = [":---" if column in left else "---:" for column in range(len(heads))]
    rows = ((_BARE_PIPE.sub(r"\|", cell) for cell in line) for line in (heads, rule, *lines))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _problems(troubles: Sequence[Trouble]) -> str:
    if not troubles:
        return ""
    items = []
    for each in troubles:
        item = f"- {code(each.name)} ({escape(each.place)}): {escape(each.reason)}"
        if each.remedy:
            item += f"\n  **Remedy:** {escape(each.remedy)}"
        if each.log_tail:
            block = code_block(each.log_tail).replace("\n", "\n  ")
            item += f"\n\n  {block}"
        items.append(item)
    return "### Problems\n\n" + "\n".join(items)


def _excluded(excluded: Sequence[Exclusion]) -> str:
    if not excluded:
        return ""
    items = [
        f"- {code(each.name)}: {escape(each.reason)}"
        + (f"\n  **Remedy:** {escape(each.remedy)}" if each.remedy else "")
        for each in excluded
    ]
    return "### Left out\n\n" + "\n".join(items)


def _machine(report: Report) -> str:
    machine, cores = report.machine, report.cores
    tools = ", ".join(f"{name} {version}" for name, version in sorted(report.tools.items()))
    lines = [
        f"run        {report.run}",
        f"command    {report.command}",
        f"board      {report.board}: {count(report.blocks, 'block')}, {report.slice_s:g} s a slice "
        f"after {report.warm_up_s:g} s of warm-up, seed {report.seed}",
        f"machine    {machine.cpu_model}, {count(machine.cpu_count, 'core')}, "
        f"{number(machine.memory_bytes, 'bytes')}, {machine.system}, {machine.kernel}"
        + (f", virtual ({machine.virtual_machine})" if machine.virtual_machine else ""),
        f"cores      server {_numbers(cores.server)}, engine {_numbers(cores.engine)}",
        f"versions   servemark {report.servemark_version}, engine {report.engine}"
        + (f", {tools}" if tools else ""),
    ]
    return "### Where and how\n\n" + code_block(
        "\n".join(" ".join(line.split("\n")) for line in lines)
    )


def _numbers(cores: Sequence[int]) -> str:
    return ", ".join(str(core) for core in cores) or "none"
