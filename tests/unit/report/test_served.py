"""Several models in one run: spreads, taxes and servers that change places."""

from __future__ import annotations

import re

from servemark.records import Variant
from servemark.report import REPORTS, Report
from servemark.report.figures import figure_over
from servemark.report.model import Competitor, Result, Tax
from servemark.report.served import models_found
from servemark.stats import rank

CELL = "multipart/c16"
ALONE_PER_S = {"small": 20_000.0, "large": 100.0}
# Of each server in four blocks: the noise that hides a difference of a thousandth.
SWAY = {
    "go/net-http": (0.998, 1.0, 1.002, 1.0),
    "python/aiohttp": (1.002, 0.998, 1.0, 1.0),
    "node/express": (1.0, 1.002, 0.998, 1.0),
}
SPEEDS = {
    ("go/net-http", "small"): 9_000.0,
    ("python/aiohttp", "small"): 5_000.0,
    ("node/express", "small"): 3_000.0,
    ("go/net-http", "large"): 90.0,
    ("python/aiohttp", "large"): 96.0,
    ("node/express", "large"): 90.1,
}


def variant(contestant: str, model: str) -> str:
    made = Variant(contestant=contestant, server="builtin", runtime="onnxruntime", model=model)
    return made.id


def competitor(contestant: str, model: str) -> Competitor:
    return Competitor(
        variant=variant(contestant, model),
        contestant=contestant,
        title=contestant,
        language="any",
        server="builtin",
        runtime="onnxruntime",
        model=model,
        workers=1,
        threads=1,
        division="standard",
        homepage="https://example.org",
        digest="a" * 64,
        versions={},
        limits={},
        state="measured",
        twin_of=None,
        installed_bytes=None,
        lines_of_code=None,
    )


def blocks_of(contestant: str, per_s: float) -> dict[int, float]:
    return {block: per_s * sway for block, sway in enumerate(SWAY[contestant])}


def results() -> list[Result]:
    found = []
    for model in ALONE_PER_S:
        speeds = {variant(c, m): blocks_of(c, v) for (c, m), v in SPEEDS.items() if m == model}
        standings = rank(speeds, "higher")
        for name in sorted(speeds, key=lambda each: -speeds[each][3]):
            figure = figure_over(speeds[name])
            assert figure is not None
            found.append(
                Result(
                    variant=name,
                    cell=CELL,
                    rank=standings[name].rank,
                    last_rank=standings[name].last,
                    tied_with=standings[name].tied_with,
                    figures={"throughput_per_s": figure},
                    throughput_by_block=speeds[name],
                    precise=True,
                    latency=None,
                    valid_trials=3,
                    invalid_trials=0,
                )
            )
    return found


def taxes() -> list[Tax]:
    return [
        Tax(
            variant=variant(contestant, model),
            cell=CELL,
            cpu_ns={},
            ceiling_per_s=figure_over(dict.fromkeys(range(4), ALONE_PER_S[model])),
            ceiling_decode_ns=None,
            ceiling_infer_ns=None,
            tax=figure_over(dict.fromkeys(range(4), 1 - per_s / ALONE_PER_S[model])),
        )
        for (contestant, model), per_s in SPEEDS.items()
    ]


COMPETITORS = [competitor(contestant, model) for contestant, model in SPEEDS]


def test_models_come_by_their_inference_with_spread_and_tax() -> None:
    (small, large), _ = models_found(COMPETITORS, results(), taxes(), CELL)
    assert (small.model, large.model) == ("small", "large")
    assert small.alone_ns == 50_000
    assert (small.fastest, small.slowest) == (
        variant("go/net-http", "small"),
        variant("node/express", "small"),
    )
    assert round(small.spread.value, 3) == 3
    assert round(large.spread.value, 3) == round(96 / 90, 3)
    assert small.least_tax is not None
    assert large.most_tax is not None
    assert round(small.least_tax, 6) == 0.55
    assert round(large.most_tax, 6) == 0.1


def test_servers_that_change_places_are_named_once_and_ties_are_no_change() -> None:
    _, reversals = models_found(COMPETITORS, results(), taxes(), CELL)
    assert [(each.first, each.second, each.first_with, each.second_with) for each in reversals] == [
        ("go/net-http@builtin+onnxruntime", "python/aiohttp@builtin+onnxruntime", "small", "large")
    ]


def test_a_run_of_one_model_has_neither() -> None:
    small = [each for each in COMPETITORS if each.model == "small"]
    names = {each.variant for each in small}
    found = [each for each in results() if each.variant in names]
    assert models_found(small, found, taxes(), CELL) == ((), ())


def test_no_two_parts_of_the_page_have_one_id(report: Report) -> None:
    """The chart of the models is drawn where its id is first found."""
    competitors = tuple(competitor(name, model) for name, model in SPEEDS)
    served, reversals = models_found(competitors, results(), taxes(), CELL)
    several = report.model_copy(
        update={
            "competitors": competitors,
            "results": tuple(results()),
            "taxes": tuple(taxes()),
            "served": served,
            "reversals": reversals,
        }
    )
    page = re.sub(r"<script.*?</script>", "", REPORTS["html"](several), flags=re.DOTALL)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert {"models", "models-tax"} <= set(ids)
    assert sorted(ids) == sorted(set(ids))
