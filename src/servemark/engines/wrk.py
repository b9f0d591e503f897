"""wrk: fast and closed-loop. Counts and throughput are taken from it, percentiles only as its own.

wrk adds synthetic samples for slow responses to its latency statistics ("coordinated omission
correction"), so that its percentiles and its mean are not those of the requests that it sent. The
mean service time of a closed loop follows from Little's law instead: connections ÷ throughput.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from servemark.catalog.manifests import Need
from servemark.engines.base import Assignment, Loaded
from servemark.errors import EngineError
from servemark.guard import Command, Exit, Guarded
from servemark.records import Closed, Counts, EngineLatency, LoadResult, Open

SCRIPT = Path(__file__).with_name("rotate.lua")
TIMEOUT_S = 10
"""A request that takes longer is counted as timed out."""
SLACK_S = 30
"""How much longer than asked wrk may run before it is given up."""


class WrkEngine:
    """The ``wrk`` program."""

    name = "wrk"
    needs: Mapping[str, Need] = {
        "wrk": Need(probe="sh -c \"wrk -v 2>&1 | grep '^wrk '\"", apt=("wrk",))
    }

    def __init__(self, *, formats_each: bool = False) -> None:
        """``formats_each``: requests are put together in Lua each time, not once before."""
        self._formats_each = formats_each
        self._version: str | None = None

    def obstacle(self) -> str | None:
        return None

    def can(self, load: Closed | Open) -> bool:
        return isinstance(load, Closed)

    def run(self, assignment: Assignment) -> Loaded:
        """Load the endpoint; wrk takes whole seconds, so other slices are ended by SIGINT."""
        corpus = self._write_corpus(assignment)
        log = assignment.scratch / "wrk.log"
        output = assignment.scratch / "wrk.json"
        log.unlink(missing_ok=True)
        command = Command(
            argv=self._argv(assignment, corpus),
            folder=assignment.scratch,
            environment=assignment.environment,
            log=log,
            cores=assignment.cores,
            stdout=output,
        )
        started_ns = time.monotonic_ns()
        ended = self._finish(command, assignment.duration_s)
        version = self._ask_version(assignment.environment)
        if ended.status != 0 and "unable to connect" in log.read_text():
            connections = assignment.cell.load.connections
            refused = self._refused(connections, time.monotonic_ns() - started_ns, version)
            return Loaded(refused)
        return Loaded(self._result(ended, output, log, version))

    def _argv(self, assignment: Assignment, corpus: Path) -> list[str]:
        load = assignment.cell.load
        url = f"{assignment.endpoint.url}/"
        return [
            "wrk",
            f"--threads={load.engine_threads}",
            f"--connections={load.connections}",
            f"--duration={math.ceil(assignment.duration_s)}s",
            f"--timeout={TIMEOUT_S}s",
            f"--script={SCRIPT}",
            url,
            *("--", str(corpus)),
            *(["each"] if self._formats_each else []),
        ]

    def _write_corpus(self, assignment: Assignment) -> Path:
        path = assignment.scratch / "corpus.bin"
        authority = assignment.endpoint.authority
        with path.open("wb") as file:
            for request in assignment.requests:
                whole = request.whole(authority)
                file.write(f"{len(whole)}\n".encode() + whole)
        return path

    def _finish(self, command: Command, duration_s: float) -> Exit:
        with Guarded(command) as process:
            ended = process.wait(timeout_s=duration_s)
            if ended is None and not duration_s.is_integer():
                os.kill(process.pid, signal.SIGINT)  # wrk then stops and prints its summary
            ended = ended or process.wait(timeout_s=SLACK_S)
            if ended is None:
                raise EngineError(f"wrk did not end {SLACK_S} s after its slice of {duration_s} s.")
            return ended

    def _ask_version(self, environment: Mapping[str, str]) -> str:
        if self._version is None:
            said = subprocess.run(
                ["wrk", "-v"], env=dict(environment), capture_output=True, text=True
            )
            match = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
            self._version = match[0] if match else "unknown"
        return self._version

    def _refused(self, connections: int, duration_ns: int, version: str) -> LoadResult:
        """wrk tries one connection before it begins and gives up where it is refused."""
        return LoadResult(
            engine=self.name,
            engine_version=version,
            duration_ns=duration_ns,
            counts=Counts(
                ok=0,
                bad_status=0,
                connect_errors=connections,
                read_errors=0,
                write_errors=0,
                timeouts=0,
            ),
            bytes_read=0,
            engine_cpu_ns=0,
        )

    def _result(self, ended: Exit, output: Path, log: Path, version: str) -> LoadResult:
        lines = output.read_text().splitlines()
        if ended.status != 0 or not lines or not lines[-1].startswith("{"):
            said = log.read_text().strip().splitlines() or lines or ["it printed nothing"]
            raise EngineError(f"wrk ended with {ended.status}: {said[-1]}.")
        summary: dict[str, float] = json.loads(lines[-1])
        answered = int(summary["requests"])
        bad_status = int(summary["status"])
        percentiles = {
            name: round(summary[f"{name}_us"] * 1000)
            for name in ("p50", "p75", "p90", "p99", "max")
        }
        return LoadResult(
            engine=self.name,
            engine_version=version,
            duration_ns=round(summary["duration_us"] * 1000),
            counts=Counts(
                ok=answered - bad_status,
                bad_status=bad_status,
                connect_errors=int(summary["connect"]),
                read_errors=int(summary["read"]),
                write_errors=int(summary["write"]),
                timeouts=int(summary["timeout"]),
            ),
            bytes_read=int(summary["bytes"]),
            engine_cpu_ns=ended.cpu_ns,
            latency=EngineLatency(
                source="wrk's own, with synthetic samples",
                mean_ns=summary["mean_us"] * 1000,
                percentiles_ns=percentiles,
            ),
        )
