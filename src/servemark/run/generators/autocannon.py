"""autocannon, of npm: percentiles in whole milliseconds."""

from __future__ import annotations

import json
from typing import Any

from servemark.catalog.manifests import Need
from servemark.engines import Assignment
from servemark.errors import EngineError
from servemark.run.generators.base import (
    Seen,
    body_file,
    drive,
    from_ms,
    whole_seconds,
)
from servemark.units import seconds_to_ns

_STATISTICS = {
    "p50": "p50",
    "p75": "p75",
    "p90": "p90",
    "p99": "p99",
    "p99_9": "p999",
    "mean": "mean",
}


class Autocannon:
    """One Node.js process. It sends one body over and over."""

    name = "autocannon"
    uploads_only = False
    need: Need | None = Need(probe="autocannon --version", remedy="npm install --global autocannon")

    def load(self, assignment: Assignment) -> Seen:
        """Figures from the JSON that it prints."""
        request = assignment.requests[0]
        argv = ["autocannon", "--json", "--connections", str(assignment.cell.load.connections)]
        argv += ["--duration", str(whole_seconds(assignment))]
        if request.content_type is not None:
            argv += ["--method", request.method]
            argv += ["--headers", f"Content-Type={request.content_type}"]
            argv += ["--input", str(body_file(request, assignment.scratch))]
        said, cpu_ns = drive(self.name, [*argv, f"{assignment.endpoint.url}/"], assignment)
        requests, duration_ns, figures = read_summary(said)
        return Seen(
            requests=requests,
            duration_ns=duration_ns,
            cpu_ns=cpu_ns,
            busy_ns=cpu_ns,
            figures=figures,
            images=1,
        )


def read_summary(said: str) -> tuple[int, int, dict[str, float]]:
    """Answers of status 2xx, duration in ns, and the figures in ns."""
    try:
        summary: dict[str, Any] = json.loads(said)
        stated = summary["latency"]
        figures = {name: float(stated[key]) for key, name in _STATISTICS.items()}
        return int(summary["2xx"]), seconds_to_ns(float(summary["duration"])), from_ms(figures)
    except (ValueError, KeyError) as error:
        raise EngineError("autocannon said nothing of its requests.") from error
