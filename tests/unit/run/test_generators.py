"""What other load generators print, as servemark reads it. The texts are from real runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from servemark.engines import Assignment
from servemark.errors import EngineError
from servemark.records import Cell, Closed, Endpoint
from servemark.run.generators import OTHERS, ab, autocannon, h2load, hey, k6
from servemark.run.generators.base import drive
from servemark.samples import Schedule

AB = """\
Concurrency Level:      4
Time taken for tests:   1.002 seconds
Complete requests:      2877
Requests per second:    2871.38 [#/sec] (mean)
Time per request:       1.393 [ms] (mean)
Time per request:       0.348 [ms] (mean, across all concurrent requests)
"""
H2LOAD = """\
finished in 1.00s, 2788.00 req/s, 332.16KB/s
requests: 2788 total, 2792 started, 2788 done, 2788 succeeded, 0 failed, 0 errored, 0 timeout
"""
HEY = """\
response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset
0.0016,0.0003,0.0000,0.0001,0.0011,0.0001,200,0.0102
0.0021,0.0002,0.0000,0.0001,0.0013,0.0000,200,0.0104
"""
K6 = {
    "metrics": {
        "http_reqs": {"count": 2616, "rate": 2613.2543372919463},
        "http_req_duration": {
            "avg": 1.4915960898318035,
            "p(50)": 1.1498055,
            "p(75)": 1.3092139999999999,
            "p(90)": 2.5801,
            "p(99)": 5.476012799999998,
            "p(99.9)": 6.813072040000024,
        },
    }
}
AUTOCANNON = {
    "duration": 1.01,
    "2xx": 2809,
    "latency": {"mean": 1.26, "p50": 1, "p75": 1, "p90": 1, "p99": 5, "p99_9": 12},
}


def assignment(scratch: Path) -> Assignment:
    return Assignment(
        endpoint=Endpoint(host="127.0.0.1", port=9),
        cell=Cell(workload="get", load=Closed(connections=1)),
        requests=[],
        schedule=Schedule(order=[]),  # type: ignore[arg-type]
        duration_s=1,
        cores=(),
        scratch=scratch,
        environment={"PATH": "/usr/bin:/bin"},
    )


def test_ab_states_whole_per_cents_in_a_table(tmp_path: Path) -> None:
    table = tmp_path / "ab.csv"
    table.write_text("Percentage served,Time in ms\n50,1.073\n75,1.1\n90,2.0\n98,5.276\n99,5.608\n")
    assert ab.read_percentiles(table) == {"p50": 1.073, "p75": 1.1, "p90": 2.0, "p99": 5.608}
    assert ab.read_summary(AB) == (2877, 1_002_000_000, 1.393)


def test_h2load_is_read_by_its_rate() -> None:
    requests, duration_ns = h2load.read_summary(H2LOAD)
    assert (requests, duration_ns) == (2788, 1_000_000_000)


def test_hey_writes_a_line_a_request() -> None:
    assert hey.read_lines(HEY).tolist() == [1_600_000, 2_100_000]


def test_k6_exports_a_summary(tmp_path: Path) -> None:
    summary = tmp_path / "k6.json"
    summary.write_text(json.dumps(K6))
    requests, duration_ns, figures = k6.read_summary(summary)
    assert requests == 2616
    assert duration_ns / 1e9 == pytest.approx(1.00105, abs=1e-5)
    assert figures["p999"] == pytest.approx(6_813_072.04)
    assert figures["mean"] == pytest.approx(1_491_596.09, abs=0.01)


def test_autocannon_knows_whole_milliseconds() -> None:
    requests, duration_ns, figures = autocannon.read_summary(json.dumps(AUTOCANNON))
    assert (requests, duration_ns) == (2809, 1_010_000_000)
    assert figures["p999"] == 12_000_000


@pytest.mark.parametrize("read", [ab.read_summary, h2load.read_summary, autocannon.read_summary])
def test_silence_is_an_error_in_one_sentence(read: object) -> None:
    with pytest.raises(EngineError, match=r"^\w+ said nothing of its requests\.$"):
        read("")  # type: ignore[operator]


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    with pytest.raises(EngineError, match=r"^hey ended with 1: no such option\.$"):
        drive("hey", argv, assignment(tmp_path))


@pytest.mark.parametrize("name", OTHERS)
def test_each_other_generator_says_how_it_is_installed(name: str) -> None:
    generator = OTHERS[name]()
    assert generator.name == name
    assert generator.need is not None
    assert generator.need.apt or generator.need.remedy
