"""ab, of the Apache HTTP server: percentiles of whole per cent."""

from __future__ import annotations

import csv
import re
from pathlib import Path

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

MOST_REQUESTS = 2_000_000
"""-t alone would stop ab after 50,000."""


class Ab:
    """HTTP/1.0 with keep-alive, one thread. It sends one body over and over."""

    name = "ab"
    uploads_only = False
    need: Need | None = Need(probe="ab -V", apt=("apache2-utils",))

    def load(self, assignment: Assignment) -> Seen:
        """Figures from its CSV file, which ends at 99 %, and the mean that it prints."""
        table = assignment.scratch / "ab.csv"
        table.unlink(missing_ok=True)
        request = assignment.requests[0]
        argv = ["ab", "-q", "-k", "-c", str(assignment.cell.load.connections)]
        argv += ["-t", str(whole_seconds(assignment)), "-n", str(MOST_REQUESTS), "-e", str(table)]
        if request.content_type is not None:
            argv += ["-T", request.content_type, "-p"]
            argv.append(str(body_file(request, assignment.scratch)))
        said, cpu_ns = drive(self.name, [*argv, f"{assignment.endpoint.url}/"], assignment)
        requests, duration_ns, mean_ms = read_summary(said)
        return Seen(
            requests=requests,
            duration_ns=duration_ns,
            cpu_ns=cpu_ns,
            busy_ns=cpu_ns,
            figures=from_ms({**read_percentiles(table), "mean": mean_ms}),
            images=1,
        )


def read_summary(said: str) -> tuple[int, int, float]:
    """Requests, duration in ns, and the mean time of a request in ms."""
    requests = re.search(r"^Complete requests:\s+(\d+)", said, re.M)
    seconds = re.search(r"^Time taken for tests:\s+([\d.]+) seconds", said, re.M)
    mean = re.search(r"^Time per request:\s+([\d.]+) \[ms\] \(mean\)", said, re.M)
    if requests is None or seconds is None or mean is None:
        raise EngineError("ab said nothing of its requests.")
    return int(requests[1]), seconds_to_ns(float(seconds[1])), float(mean[1])


def read_percentiles(table: Path) -> dict[str, float]:
    """The percentiles in ms that the CSV file holds."""
    with table.open(newline="") as file:
        rows = {row[0]: float(row[1]) for row in list(csv.reader(file))[1:]}
    return {f"p{share}": rows[share] for share in ("50", "75", "90", "99") if share in rows}
