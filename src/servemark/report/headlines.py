"""What a run says in sentences: who serves most, by how much, and how sure that is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from servemark.report.figures import quotient
from servemark.report.findings import Findings, Row
from servemark.report.wording import (
    cell_title,
    count,
    factor,
    listing,
    number,
    percent,
    workload_name,
    workload_phrase,
)


def headline(found: Findings) -> str:
    """The answer in a sentence or two: who serves most, and by how much."""
    rows = _of_first_model(found)
    if not rows:
        return _nothing_ranked(found)
    if found.is_by_cost():
        return _cost_headline(found, rows)
    first, last = rows[0], min(rows[1:], key=lambda row: row.throughput.value, default=rows[0])
    cores = count(len(found.report.cores.server), "core")
    where = f"on {cores} with" if found.report.cores.server else "with"
    rate = number(first.throughput.value, "1/s")
    said = (
        f"For {workload_phrase(found.main.workload)}, {where} "
        f"{_main_load(found)}, {first.name} answers {rate} a second"
    )
    if len(rows) == 1:
        return f"{said}{_alone(found)}."
    slowest = factor(quotient(first.throughput.value, last.throughput.value))
    said += f": {slowest} what {last.name} does"
    if len(rows) > 2:
        said += f", the slowest of {len(rows)}"
        middle = statistics.median(row.throughput.value for row in rows)
        said += f", and {factor(quotient(first.throughput.value, middle))} the median"
    return f"{said}{_memory_beside(first, last)}."


def _main_load(found: Findings) -> str:
    if found.main.rate_per_s is not None:
        return f"{found.main.rate_per_s:g} requests offered a second"
    return count(found.main.connections, "connection")


def _memory_beside(first: Row, last: Row) -> str:
    """How much memory the first takes beside the last, where both are known."""
    mine, other = (row.result.figures.get("peak_pss_bytes") for row in (first, last))
    share = None if mine is None or other is None else quotient(mine.value, other.value)
    if mine is None or share is None:
        return ""
    much = f"{factor(share)} the" if share >= 1.1 else f"{100 * share:.0f} % of the"
    if 0.9 < share < 1.1:
        much = "about the"
    return f"; it takes {number(mine.value, 'bytes')}, {much} memory of {last.name}"


def _alone(found: Findings) -> str:
    """What is to be said where one variant is all there is; a service of one's own may be."""
    if found.main.workload == "target":
        return ""
    return "; nothing else was measured to compare it with"


def _of_first_model(found: Findings) -> list[Row]:
    """The ranking, as far as it is of the model that comes first in it."""
    rows = found.ranking()
    return [row for row in rows if row.competitor.model == rows[0].competitor.model]


def _cost_headline(found: Findings, rows: Sequence[Row]) -> str:
    first, last = rows[0], max(rows[1:], key=lambda row: row.judged.value, default=rows[0])
    said = (
        f"For {workload_phrase(found.main.workload)}, with {_main_load(found)} to each, "
        f"{first.name} spends {number(first.judged.value, 'ns')} of CPU time on an answer"
    )
    if len(rows) == 1:
        return f"{said}{_alone(found)}."
    times = factor(quotient(last.judged.value, first.judged.value))
    return f"{said}; {last.name}, the dearest of {len(rows)}, {times} that."


def _nothing_ranked(found: Findings) -> str:
    if not found.report.results:
        return "Nothing has been measured yet."
    if any(found.has(cell) for cell in found.report.cells):
        return f"Nothing could be ranked by {cell_title(found.main)}."
    return "No server could be ranked: every trial failed."


def doubt(found: Findings) -> str | None:
    """Who may be first as well as the winner, if anybody.

    Not all that cannot be told apart from it: one that is told apart from others which are
    better is behind them, however little is known of the two.
    """
    rows = _of_first_model(found)
    if not rows or rows[0].judged.blocks < 2:
        return None
    first = rows[0]
    tied, best = first.result.tied_with, first.result.rank
    near = [row.name for row in rows if row.competitor.variant in tied and row.result.rank == best]
    if not near:
        return None
    if len(near) > 3:
        near = [*near[:2], f"{len(near) - 2} others"]
    return (
        f"But {listing(near)} cannot be told apart from {first.name}, so that first place is "
        "shared."
    )


def upload_headline(found: Findings) -> str | None:
    """What the upload costs, or rather by how much a test from disk flatters."""
    pair = found.upload_pair()
    costs = {
        found.names[variant]: cost
        for variant in found.order()
        if (cost := found.upload_cost(variant)) is not None
    }
    if not costs or pair is None:
        return None
    said = (
        f"Asked to read the image from disk instead of receiving it "
        f"({workload_name('get')} ÷ {workload_name('multipart')})"
    )
    if len(costs) == 1:
        name, cost = next(iter(costs.items()))
        return f"{said}, {name} answers {factor(cost)} as many."
    least, most = min(costs, key=costs.__getitem__), max(costs, key=costs.__getitem__)
    return (
        f"{said}, servers answer {factor(statistics.median(costs.values()))} as many in the "
        f"median, from {factor(costs[least])} ({least}) to {factor(costs[most])} ({most})."
    )


def capacity_headline(found: Findings) -> str | None:
    """Who sustains the highest rate within the objective, in a sentence."""
    slo, capacities = found.report.slo, found.report.capacities
    if slo is None or not capacities:
        return None
    held = f"Held to {slo.percentile:g} % right answers within {slo.bound_ms:g} ms"
    able = [each for each in capacities if each.rate_per_s is not None]
    if not able:
        tried = count(len(capacities), "variant")
        return f"{held}, no rate was found for any of {tried}."
    first, last = able[0], able[-1]
    assert first.rate_per_s is not None
    said = (
        f"{held}, {found.names[first.variant]} sustains "
        f"{number(first.rate_per_s.value, '1/s')} a second"
    )
    if last is not first and last.rate_per_s is not None:
        times = factor(quotient(first.rate_per_s.value, last.rate_per_s.value))
        said += f", {times} what {found.names[last.variant]} does"
    known = {each.variant for each in able}
    missing = len([variant for variant in found.order() if variant not in known])
    return f"{said}. For {count(missing, 'other')} none was found." if missing else f"{said}."


def noise_floor(found: Findings) -> str | None:
    """What the A/A pairs say in a sentence."""
    pairs = found.report.noise
    if not pairs:
        return None
    largest = max(pairs, key=lambda each: abs(each.ratio.value - 1))
    wrong = sum(each.different for each in pairs)
    return (
        f"Noise floor: the same server entered twice differs by up to "
        f"{percent(largest.ratio.value - 1)} ({found.names[largest.variant]}, {largest.cell}); "
        f"{wrong} of {len(pairs)} pairs would be called different."
    )
