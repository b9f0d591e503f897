"""h2load, of nghttp2: one line a request, in microseconds."""

from __future__ import annotations

import re

import numpy as np

from servemark.catalog.manifests import Need
from servemark.engines import Assignment
from servemark.errors import EngineError
from servemark.run.generators.base import (
    Seen,
    body_file,
    drive,
    figures_from,
    whole_seconds,
)
from servemark.units import NS_PER_S, NS_PER_US


class H2load:
    """HTTP/1.1 with one thread. It sends one body over and over."""

    name = "h2load"
    uploads_only = False
    need: Need | None = Need(probe="h2load --version", apt=("nghttp2-client",))

    def load(self, assignment: Assignment) -> Seen:
        """Figures from its log file: start, status and microseconds of each request."""
        log = assignment.scratch / "h2load.tsv"
        log.unlink(missing_ok=True)
        request = assignment.requests[0]
        argv = ["h2load", "--h1", "--threads=1", f"--clients={assignment.cell.load.connections}"]
        argv += [f"--duration={whole_seconds(assignment)}", f"--log-file={log}"]
        if request.content_type is not None:
            argv.append(f"--data={body_file(request, assignment.scratch)}")
            argv.append(f"--header=Content-Type: {request.content_type}")
        said, cpu_ns = drive(self.name, [*argv, f"{assignment.endpoint.url}/"], assignment)
        requests, duration_ns = read_summary(said)
        taken_us = np.loadtxt(log, dtype=np.int64, usecols=2, ndmin=1)
        return Seen(
            requests=requests,
            duration_ns=duration_ns,
            cpu_ns=cpu_ns,
            busy_ns=cpu_ns,
            figures=figures_from(taken_us * NS_PER_US),
            images=1,
        )


def read_summary(said: str) -> tuple[int, int]:
    """How many requests succeeded, and the duration in ns that its rate goes by."""
    found = re.search(r"finished in .*, ([\d.]+) req/s", said)
    done = re.search(r"(\d+) succeeded", said)
    if found is None or done is None or float(found[1]) == 0:
        raise EngineError("h2load said nothing of its requests.")
    return int(done[1]), round(int(done[1]) / float(found[1]) * NS_PER_S)
