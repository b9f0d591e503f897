"""k6: a script in JavaScript, and a summary as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from servemark.catalog import RequestParts
from servemark.catalog.manifests import Need
from servemark.engines import Assignment
from servemark.errors import EngineError
from servemark.run.generators.base import Seen, drive, from_ms, whole_seconds
from servemark.units import NS_PER_S

_STATISTICS = {
    "p(50)": "p50",
    "p(75)": "p75",
    "p(90)": "p90",
    "p(99)": "p99",
    "p(99.9)": "p999",
    "avg": "mean",
}
_SCRIPT = """\
import http from 'k6/http';
export const options = %(options)s;
const requests = %(requests)s.map((each) => ({ type: each.type, body: open(each.file, 'b') }));
let at = (__VU * 97) %% Math.max(requests.length, 1);
export default function () {
  if (requests.length === 0) {
    http.get('%(url)s');
    return;
  }
  const request = requests[at];
  at = (at + 1) %% requests.length;
  http.post('%(url)s', request.body, { headers: { 'Content-Type': request.type } });
}
"""


class K6:
    """One virtual user a connection; it goes round the whole corpus."""

    name = "k6"
    uploads_only = False
    need: Need | None = Need(probe="k6 version", remedy="pip install k6")

    def load(self, assignment: Assignment) -> Seen:
        """Figures of ``http_req_duration``, which leaves the wait for a connection out."""
        requests = [each for each in assignment.requests if each.content_type is not None]
        script, summary = (assignment.scratch / name for name in ("k6.js", "k6.json"))
        summary.unlink(missing_ok=True)
        script.write_text(_script(assignment, requests))
        argv = ["k6", "run", "--quiet", "--no-color", "--no-usage-report", "--address", ""]
        argv += [f"--summary-export={summary}", str(script)]
        _, cpu_ns = drive(self.name, argv, assignment)
        count, duration_ns, figures = read_summary(summary)
        return Seen(
            requests=count,
            duration_ns=duration_ns,
            cpu_ns=cpu_ns,
            busy_ns=cpu_ns,
            figures=figures,
            images=max(1, len(requests)),
        )


def _script(assignment: Assignment, requests: list[RequestParts]) -> str:
    described = []
    for number, request in enumerate(requests):
        body = assignment.scratch / f"k6-{number}.bin"
        body.write_bytes(request.body)
        described.append({"type": request.content_type, "file": str(body)})
    options = {
        "vus": assignment.cell.load.connections,
        "duration": f"{whole_seconds(assignment)}s",
        "summaryTrendStats": list(_STATISTICS),
    }
    return _SCRIPT % {
        "options": json.dumps(options),
        "requests": json.dumps(described),
        "url": f"{assignment.endpoint.url}/",
    }


def read_summary(path: Path) -> tuple[int, int, dict[str, float]]:
    """Requests, the duration in ns that its rate goes by, and the figures in ns."""
    metrics: dict[str, Any] = json.loads(path.read_text())["metrics"]
    if "http_reqs" not in metrics or "http_req_duration" not in metrics:
        raise EngineError("k6 said nothing of its requests.")
    count = int(metrics["http_reqs"]["count"])
    duration_ns = round(count / float(metrics["http_reqs"]["rate"]) * NS_PER_S)
    stated = metrics["http_req_duration"]
    figures = {name: float(stated[key]) for key, name in _STATISTICS.items() if key in stated}
    return count, duration_ns, from_ms(figures)
