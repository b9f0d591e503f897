"""Every load engine does the same with the same endpoint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from servemark.catalog import Model, requests_of
from servemark.engines import ENGINES, Assignment
from servemark.launch import Server, free_port
from servemark.plan.arrivals import closed_schedule
from servemark.records import Cell, Closed, Endpoint, Workload
from tests.conftest import ToyProject


@pytest.fixture(params=sorted(ENGINES))
def engine_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "wrk" and shutil.which("wrk") is None:
        pytest.skip("wrk is not installed: apt-get install --no-install-recommends wrk")
    return name


@pytest.fixture
def toy(toys: ToyProject, tmp_path: Path) -> Iterator[Server]:
    toys.add("good")
    with Server(toys.launch("good", tmp_path / "log")) as server:
        server.wait_ready()
        yield server


class Failing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def assignment(
    endpoint: Endpoint, model: Model, scratch: Path, workload: Workload = "get"
) -> Assignment:
    return Assignment(
        endpoint=endpoint,
        cell=Cell(workload=workload, load=Closed(connections=2)),
        requests=requests_of(workload, model.pictures()[:16]),
        schedule=closed_schedule(16, 1),
        duration_s=0.5,
        cores=(),
        scratch=scratch,
        environment={"PATH": os.environ["PATH"]},
    )


@pytest.mark.parametrize("workload", ["get", "multipart", "raw"])
def test_good_answers_are_counted(
    engine_name: str, toy: Server, mnist: Model, tmp_path: Path, workload: Workload
) -> None:
    result = ENGINES[engine_name]().run(assignment(toy.endpoint, mnist, tmp_path, workload)).result
    assert result.engine == engine_name
    assert result.counts.ok >= 1
    assert result.counts.errors == 0
    assert result.counts.answered == result.counts.ok
    assert result.duration_ns > 0
    assert result.bytes_read > 50 * result.counts.ok
    assert result.engine_cpu_ns > 0


def test_error_statuses_are_counted_and_not_raised(
    engine_name: str, mnist: Model, tmp_path: Path
) -> None:
    server = HTTPServer(("127.0.0.1", 0), Failing)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = Endpoint(host="127.0.0.1", port=server.server_port)
    try:
        result = ENGINES[engine_name]().run(assignment(endpoint, mnist, tmp_path)).result
    finally:
        server.shutdown()
        server.server_close()
    assert result.counts.ok == 0
    assert result.counts.bad_status >= 1


def test_a_server_that_is_not_there_does_not_count_as_answers(
    engine_name: str, mnist: Model, tmp_path: Path
) -> None:
    endpoint = Endpoint(host="127.0.0.1", port=free_port("127.0.0.1"))
    result = ENGINES[engine_name]().run(assignment(endpoint, mnist, tmp_path)).result
    assert result.counts.answered == 0
    assert result.counts.errors >= 1
