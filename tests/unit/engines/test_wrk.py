"""wrk: our Lua script sends what the corpus holds, and slices have the length asked for."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from servemark.catalog import Model, requests_of
from servemark.engines import Assignment
from servemark.engines.wrk import WrkEngine
from servemark.plan.arrivals import closed_schedule
from servemark.records import Cell, Closed, Endpoint, Workload

pytestmark = pytest.mark.skipif(
    shutil.which("wrk") is None,
    reason="wrk is not installed: apt-get install --no-install-recommends wrk",
)


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet
    seen: Counter[tuple[str, str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen[self.command, self.headers["Content-Type"], body] += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

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


@pytest.mark.parametrize("workload", ["multipart", "raw"])
def test_the_whole_corpus_is_sent_byte_for_byte_and_in_turn(
    endpoint: Endpoint, mnist: Model, tmp_path: Path, workload: Workload
) -> None:
    pictures = mnist.pictures()[:20]
    loaded = WrkEngine().run(
        Assignment(
            endpoint=endpoint,
            cell=Cell(workload=workload, load=Closed(connections=2)),
            requests=requests_of(workload, pictures),
            schedule=closed_schedule(len(pictures), 1),
            duration_s=0.7,
            cores=(),
            scratch=tmp_path,
            environment={"PATH": os.environ["PATH"]},
        )
    )
    result = loaded.result
    wanted = {(r.method, r.content_type, r.body) for r in requests_of(workload, pictures)}
    assert set(Recorder.seen) == wanted
    counts = Recorder.seen.values()
    assert max(counts) - min(counts) <= 2
    assert sum(counts) >= result.counts.answered > 0
    assert result.latency is not None
    assert "synthetic" in result.latency.source
