"""How reports put names and numbers. Nothing here knows a format: text in, text out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from servemark.records import Variant
from servemark.report.model import Competitor, Figure, Ratio, ReportedCell, Result
from servemark.units import format_bytes, format_ns, format_rate

NOTHING = "–"

_WORKLOADS = {
    "get": ("GET", "a test image read from disk (GET)"),
    "multipart": ("form", "an image uploaded as a form"),
    "raw": ("raw", "an image uploaded as a raw body"),
    "null": ("healthz", "a request without any image"),
    "target": ("requests", "the requests of the target"),
}
_TERMINAL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def place(rank: int, last: int) -> str:
    """The places that a variant may have, as they are shown.

    >>> place(2, 4), place(3, 3)
    ('2–4', '3')
    """
    return str(rank) if rank == last else f"{rank}–{last}"


def plain(text: str) -> str:
    """The text without terminal sequences, control characters and reversals of writing direction.

    >>> plain("\\x1b[31mred\\x1b[0m\\r\\n\\x00bell\\x07")
    'red\\nbell'
    """
    return _UNSEEN.sub("", _TERMINAL_SEQUENCE.sub("", text.replace("\r\n", "\n")))


def number(value: float | None, unit: str) -> str:
    """A number of one of the units of ``METRICS``, with three significant digits.

    >>> number(12_345.6, "1/s"), number(812_345, "ns"), number(0.01234, "share"), number(None, "ns")
    ('12,300', '812 µs', '1.23 %', '–')
    """
    if value is None:
        return NOTHING
    if unit == "share":
        return f"{value * 100:.3g} %"
    formats = {"1/s": format_rate, "ns": format_ns, "bytes": format_bytes}
    return formats[unit](float(f"{value:.3g}"))


def value_of(figure: Figure | None, unit: str) -> str:
    """The value of a figure, or a dash where it was not measured."""
    return number(None if figure is None else figure.value, unit)


def interval_of(figure: Figure | None, unit: str) -> str:
    """The 95 % interval of a figure; a dash where one block is all there is.

    >>> interval_of(Figure(value=2, low=1.5, high=3, blocks=3), "1/s")
    '1.50–3.00'
    >>> interval_of(Figure(value=2e6, low=9e5, high=3e6, blocks=3), "ns")
    '900 µs–3.00 ms'
    >>> interval_of(Figure(value=2e6, low=1e6, high=3e6, blocks=3), "ns")
    '1.00–3.00 ms'
    """
    if figure is None or figure.low is None or figure.high is None:
        return NOTHING
    low, high = number(figure.low, unit), number(figure.high, unit)
    if low.partition(" ")[2] == high.partition(" ")[2]:
        low = low.partition(" ")[0]
    return f"{low}–{high}"


def factor(value: float | None) -> str:
    """A ratio, with no more digits than a reader can use.

    >>> factor(1.234), factor(3.14159), factor(17.4), factor(None)
    ('1.2×', '3.1×', '17×', '–')
    """
    if value is None:
        return NOTHING
    return f"{value:.1f}×" if value < 9.95 else f"{value:.0f}×"


def count(amount: int, singular: str) -> str:
    """An amount with its noun.

    >>> count(1, "block"), count(3, "block")
    ('1 block', '3 blocks')
    """
    return f"{amount} {singular}{'' if amount == 1 else 's'}"


def listing(names: Sequence[str]) -> str:
    """Names as a sentence lists them.

    >>> listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def load_id(cell: ReportedCell) -> str:
    """The part of a cell's id that says the load: ``c16``, or ``t10c100`` for 10 engine threads."""
    return cell.id.split("/")[1]


def _engine_threads(cell: ReportedCell) -> str | None:
    """The number of engine threads where it is more than one."""
    found = re.match(r"t(\d+)[cr]", load_id(cell))
    return found and found[1]


def load_label(cell: ReportedCell) -> str:
    """The load of a cell in a word or two: ``16``, or ``100 (10 threads)``."""
    connections = str(cell.connections)
    load = connections if cell.rate_per_s is None else f"{cell.rate_per_s:g}/s offered"
    threads = _engine_threads(cell)
    return f"{load} ({threads} threads)" if threads else load


def workload_name(workload: str) -> str:
    """What a workload is called in a column's head."""
    return _WORKLOADS.get(workload, (workload, ""))[0]


def workload_phrase(workload: str) -> str:
    """What a workload asks a server for."""
    return _WORKLOADS.get(workload, ("", workload))[1]


def cell_title(cell: ReportedCell) -> str:
    """A cell in few words: ``form, 16 connections``."""
    threads = _engine_threads(cell)
    offered = None if cell.rate_per_s is None else f"{cell.rate_per_s:g} requests/s offered"
    parts = [workload_name(cell.workload), offered or count(cell.connections, "connection")]
    parts += [f"{threads} engine threads"] if threads else []
    parts += [] if cell.stage == "full" else [f"stage {cell.stage}"]
    return ", ".join(parts)


def short_names(competitors: Sequence[Competitor]) -> dict[str, str]:
    """Names by variant id: as much of the id as tells it from all others of the run.

    A contestant that is there once needs no server; one with a single runtime needs no runtime.
    Models are named where there are several.
    """
    names = _short(
        (each.variant, each.contestant, each.server, each.model)
        for each in competitors
        if each.twin_of is None
    )
    for each in competitors:
        if each.twin_of is not None:
            names[each.variant] = f"{names[each.twin_of]} again"
    return names


def short_variant_names(variants: Iterable[Variant]) -> dict[str, str]:
    """The same where there is no run."""
    return _short((each.id, each.contestant, each.server, each.model or "") for each in variants)


def _short(entered: Iterable[tuple[str, str, str, str]]) -> dict[str, str]:
    """Names by id, from id, contestant, server and model."""
    found = list(entered)
    several = len({model for _, _, _, model in found}) > 1
    contestants = Counter((contestant, model) for _, contestant, _, model in found)
    servers = Counter((contestant, server, model) for _, contestant, server, model in found)
    names: dict[str, str] = {}
    for variant, contestant, server, model in found:
        shown = f":{model}" if several else ""
        if contestants[contestant, model] == 1:
            names[variant] = plain(f"{contestant}{shown}")
        elif servers[contestant, server, model] == 1:
            names[variant] = plain(f"{contestant}@{server}{shown}")
        else:
            names[variant] = plain(variant.replace("@builtin+", "+"))
    return names


def samples_of(result: Result, blocks: int) -> str | None:
    """How many blocks stand behind a result, where they are fewer than the board's least."""
    figure = result.figures.get("throughput_per_s")
    if figure is None or figure.blocks >= blocks:
        return None
    return f"{figure.blocks} of {count(blocks, 'block')}"


def ratio_text(ratio: Ratio) -> str:
    """A ratio with its interval.

    >>> ratio_text(Ratio(value=1.012, low=0.98, high=1.05, blocks=3))
    '1.012 (0.980–1.050)'
    """
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.3f}"
    return f"{ratio.value:.3f} ({ratio.low:.3f}–{ratio.high:.3f})"


def percent(share: float | None) -> str:
    """A share with its sign left out.

    >>> percent(0.0312), percent(-0.004), percent(None)
    ('3.1 %', '0.4 %', '–')
    """
    return NOTHING if share is None else f"{abs(share) * 100:.1f} %"
