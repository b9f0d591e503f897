"""hey: one line a request, in tenths of milliseconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from servemark.catalog.manifests import Need
from servemark.engines import Assignment
from servemark.run.generators.base import (
    Seen,
    body_file,
    drive,
    figures_from,
    whole_seconds,
)
from servemark.units import NS_PER_S, seconds_to_ns


class Hey:
    """One worker a connection. It sends one body over and over."""

    name = "hey"
    uploads_only = False
    need: Need | None = Need(probe='sh -c "command -v hey > /dev/null"', apt=("hey",))

    def load(self, assignment: Assignment) -> Seen:
        """Figures from its CSV output."""
        request = assignment.requests[0]
        argv = ["hey", "-z", f"{whole_seconds(assignment)}s", "-o", "csv"]
        argv += ["-c", str(assignment.cell.load.connections)]
        if request.content_type is not None:
            argv += ["-m", request.method, "-T", request.content_type]
            argv += ["-D", str(body_file(request, assignment.scratch))]
        said, cpu_ns = drive(self.name, [*argv, f"{assignment.endpoint.url}/"], assignment)
        taken_ns = read_lines(said)
        return Seen(
            requests=len(taken_ns),
            duration_ns=seconds_to_ns(whole_seconds(assignment)),
            cpu_ns=cpu_ns,
            busy_ns=cpu_ns,
            figures=figures_from(taken_ns),
            images=1,
        )


def read_lines(said: str) -> NDArray[np.int64]:
    """The response times in ns: the first column, in seconds with four decimals.

    >>> read_lines("response-time,DNS+dialup\\n0.0016,0.0003\\n0.0021,0.0000\\n").tolist()
    [1600000, 2100000]
    """
    lines = said.splitlines()[1:]
    seconds = np.array([line.partition(",")[0] for line in lines if line], dtype=np.float64)
    return np.rint(seconds * NS_PER_S).astype(np.int64)
