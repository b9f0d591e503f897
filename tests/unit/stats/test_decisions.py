"""What a choice is worth where every other is held, from figures chosen by hand."""

from __future__ import annotations

import pytest

from servemark.stats import Made, spreads

SWAY = (1.0, 0.99, 1.01)


def made(framework: str, server: str, runtime: str, speed: float) -> Made:
    levels = {
        "language": framework.split("/")[0],
        "framework": framework,
        "server": server,
        "runtime": runtime,
    }
    name = f"{framework}@{server}+{runtime}"
    return Made(name, levels, {block: speed * sway for block, sway in enumerate(SWAY)})


MADE = [
    made("python/falcon", "gunicorn", "ort", 1000),
    made("python/falcon", "uvicorn", "ort", 1500),
    made("python/falcon", "gunicorn", "numpy", 2000),
    made("python/flask", "gunicorn", "ort", 800),
    made("go/net-http", "builtin", "ort", 6000),
]


def test_a_group_differs_in_one_factor_alone() -> None:
    (server,) = spreads(MADE, "server", "higher")
    assert (server.best.name, server.worst.name) == (
        "python/falcon@uvicorn+ort",
        "python/falcon@gunicorn+ort",
    )
    assert server.ratio.ratio == pytest.approx(1.5)
    assert server.held == {"language": "python", "framework": "python/falcon", "runtime": "ort"}
    (runtime,) = spreads(MADE, "runtime", "higher")
    assert runtime.ratio.ratio == pytest.approx(2.0)
    assert runtime.best.levels["runtime"] == "numpy"


def test_a_level_whose_other_factors_follow_it_stands_by_its_best() -> None:
    (language,) = spreads(MADE, "language", "higher", follows=("framework", "server"))
    assert language.best.name == "go/net-http@builtin+ort"
    assert language.worst.name == "python/falcon@uvicorn+ort"
    assert language.ratio.ratio == pytest.approx(4.0)
    assert language.levels == 2


def test_where_less_is_better_the_ratio_is_still_above_one() -> None:
    (server,) = spreads(MADE, "server", "lower")
    assert server.best.name == "python/falcon@gunicorn+ort"
    assert server.ratio.ratio == pytest.approx(1.5)


def test_the_largest_comes_first_and_gaps_are_left_out() -> None:
    more = [
        *MADE,
        made("python/flask", "uvicorn", "ort", 3200),
        Made("x", {"server": "none"}, {}),
    ]
    first, second = spreads(more, "server", "higher")
    assert [first.ratio.ratio, second.ratio.ratio] == pytest.approx([4.0, 1.5])
    assert spreads(MADE[:1], "server", "higher") == []


def test_pairs_are_within_blocks() -> None:
    late = Made("late", made("python/falcon", "granian", "ort", 1).levels, {2: 3030.0, 7: 1.0})
    (server,) = spreads([*MADE[:2], late], "server", "higher")
    assert server.best.name == "late"  # its mean is 1,515.5
    assert server.ratio.blocks == 1
    assert server.ratio.ratio == pytest.approx(3030 / 1010)
