"""How reports put several models into words: a table and a sentence."""

from __future__ import annotations

from servemark.report.findings import Findings
from servemark.report.model import Competitor, ServedModel
from servemark.report.wording import number, ratio_text

HEADS = (
    "model",
    "decoding and inference alone",
    "fastest",
    "slowest",
    "fastest ÷ slowest",
    "the server's tax",
)


def server_name(findings: Findings, competitor: Competitor) -> str:
    """The short name of a variant, without its model."""
    return findings.names[competitor.variant].removesuffix(f":{competitor.model}")


def models_lines(findings: Findings) -> list[list[str]]:
    """The table below ``HEADS``, a line for each model."""
    competitors = {each.variant: each for each in findings.report.competitors}
    return [
        [
            each.model,
            number(each.alone_ns, "ns"),
            server_name(findings, competitors[each.fastest]),
            server_name(findings, competitors[each.slowest]),
            ratio_text(each.spread),
            tax_range(each),
        ]
        for each in findings.report.served
    ]


def tax_range(served: ServedModel) -> str:
    """The least and the most that a server takes for itself."""
    if served.least_tax is None or served.most_tax is None:
        return "–"
    return f"{number(served.least_tax, 'share')} to {number(served.most_tax, 'share')}"


def models_sentence(findings: Findings) -> str:
    """Which servers change places between models, in words; empty for a run of one model."""
    if not findings.report.served:
        return ""
    if not findings.report.reversals:
        return "No two servers change places between the models, as far as they are told apart."
    said = [
        f"{each.first} is ahead of {each.second} with {each.first_with}, and behind it with "
        f"{each.second_with}"
        for each in findings.report.reversals
    ]
    return f"Servers that change places: {'; '.join(said)}."
