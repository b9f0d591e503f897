"""wrk: our Lua script sends what the corpus holds, and slices have the length asked for."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from servemark.catalog import Model, RequestParts, requests_of
from servemark.engines import Assignment
from servemark.engines.wrk import WrkEngine
from servemark.plan.arrivals import closed_schedule
from servemark.records import Cell, Closed, Endpoint, LoadResult, Workload

pytestmark = pytest.mark.skipif(
    shutil.which("wrk") is None,
    reason="wrk is not installed: apt-get install --no-install-recommends wrk",
)


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet
    seen: Counter[tuple[str, str, str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen[self.command, self.path, self.headers["Content-Type"], body] += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    Recorder.seen = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    Thread(target=server.serve_forever, daemon=True).start()
    yield Endpoint(host="127.0.0.1", port=server.server_port)
    server.shutdown()
    server.server_close()


def load(
    endpoint: Endpoint,
    folder: Path,
    requests: Sequence[RequestParts],
    *,
    formats_each: bool = False,
) -> LoadResult:
    """Load the endpoint with those for a while."""
    loaded = WrkEngine(formats_each=formats_each).run(
        Assignment(
            endpoint=endpoint,
            cell=Cell(workload="multipart", load=Closed(connections=2)),
            requests=requests,
            schedule=closed_schedule(len(requests), 1),
            duration_s=0.7,
            cores=(),
            scratch=folder,
            environment={"PATH": os.environ["PATH"]},
        )
    )
    return loaded.result


def as_seen(requests: Sequence[RequestParts]) -> set[tuple[str, str, str | None, bytes]]:
    return {(each.method, each.path, each.content_type, each.body) for each in requests}


@pytest.mark.parametrize("formats_each", [False, True])
@pytest.mark.parametrize("workload", ["get", "null", "multipart", "raw"])
def test_the_whole_corpus_is_sent_byte_for_byte_and_in_turn(
    endpoint: Endpoint, mnist: Model, tmp_path: Path, workload: Workload, formats_each: bool
) -> None:
    requests = requests_of(workload, mnist.pictures()[:20])
    result = load(endpoint, tmp_path, requests, formats_each=formats_each)
    assert set(Recorder.seen) == as_seen(requests)
    counts = Recorder.seen.values()
    assert max(counts) - min(counts) <= 2
    assert sum(counts) >= result.counts.answered > 0
    assert result.latency is not None
    assert "synthetic" in result.latency.source


def test_each_load_sends_its_own_corpus(endpoint: Endpoint, mnist: Model, tmp_path: Path) -> None:
    pictures = mnist.pictures()
    for some in (pictures[:5], pictures[5:6]):
        Recorder.seen = Counter()
        requests = requests_of("multipart", some)
        load(endpoint, tmp_path, requests)
        assert set(Recorder.seen) == as_seen(requests)
