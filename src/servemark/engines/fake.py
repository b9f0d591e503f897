"""A load engine without load, for tests: sends a few requests, one at a time, and counts them."""

from __future__ import annotations

import time
from collections.abc import Mapping

import urllib3

from servemark.catalog.manifests import Need
from servemark.engines.base import Assignment, Loaded
from servemark.records import Closed, Counts, LoadResult, Open
from servemark.units import seconds_to_ns


class FakeEngine:
    """Sends each request of the corpus once, one at a time, and says how many came back."""

    name = "fake"
    needs: Mapping[str, Need] = {}

    def __init__(self, most_requests: int = 8) -> None:
        self._most_requests = most_requests

    def obstacle(self) -> str | None:
        return None

    def can(self, load: Closed | Open) -> bool:
        return isinstance(load, Closed)

    def run(self, assignment: Assignment) -> Loaded:
        """Ask a few times, whatever the load; ``duration_ns`` is the time that it took."""
        ok = bad_status = connect_errors = read_errors = bytes_read = 0
        started_ns = time.monotonic_ns()
        cpu_ns = time.process_time_ns()
        with urllib3.PoolManager(retries=False) as client:
            for request in assignment.requests[: self._most_requests]:
                headers = (
                    {} if request.content_type is None else {"Content-Type": request.content_type}
                )
                try:
                    answer = client.request(
                        request.method,
                        assignment.endpoint.url + request.path,
                        body=request.body or None,
                        headers=headers,
                        timeout=assignment.duration_s,
                    )
                except urllib3.exceptions.NewConnectionError:
                    connect_errors += 1
                except urllib3.exceptions.HTTPError:
                    read_errors += 1
                else:
                    bytes_read += len(answer.data)
                    ok += answer.status < 400
                    bad_status += answer.status >= 400
        result = LoadResult(
            engine=self.name,
            engine_version="0",
            duration_ns=max(time.monotonic_ns() - started_ns, seconds_to_ns(0.001)),
            counts=Counts(
                ok=ok,
                bad_status=bad_status,
                connect_errors=connect_errors,
                read_errors=read_errors,
                write_errors=0,
                timeouts=0,
            ),
            bytes_read=bytes_read,
            engine_cpu_ns=time.process_time_ns() - cpu_ns,
        )
        return Loaded(result)
