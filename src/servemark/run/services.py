"""The services of a target: started or found running, asked what the target says."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jsonpointer import JsonPointerException, resolve_pointer

from servemark.catalog import (
    RequestParts,
    TargetRequest,
    ready_path,
    target_corpus,
)
from servemark.engines import LoadEngine
from servemark.errors import LaunchError, ManifestError
from servemark.launch import Attached, Started
from servemark.records import (
    Cell,
    Check,
    Cores,
    Corpus,
    Endpoint,
    StartUp,
    StoredAnswer,
    Target,
    Trial,
    Variant,
    Verification,
)
from servemark.run.workbench import Listener, log_name
from servemark.samples import Samples
from servemark.stats import Declared
from servemark.store import RunFolder
from servemark.verify import NoAnswer, ask_whole, check_service, differing, fault_in

PROBE_TIMEOUT_S = 2.0
"""What a path that says whether a service is ready may take."""
GROUP = "requests"
MOST_SHOWN = 3

AnyService = Started | Attached


@dataclass(frozen=True, slots=True)
class ServiceBench:
    """A target with its requests, the addresses of its services, the engine and the cores."""

    target: Target
    requests: Sequence[TargetRequest]
    endpoints: Mapping[str, Sequence[Endpoint]]
    """By service; those that its URL stands for, empty where it has none."""
    engine: LoadEngine
    cores: Cores
    server_environment: Mapping[str, str]
    engine_environment: Mapping[str, str]


class Services:
    """A ``Lineup`` of a target's services."""

    def __init__(self, bench: ServiceBench, folder: RunFolder) -> None:
        self.engine = bench.engine
        self.cores = bench.cores
        self.engine_environment = bench.engine_environment
        self.timeout_s = self.grace_s = bench.target.timeout_s
        self._bench = bench
        self._target = bench.target
        self._folder = folder
        self._requests = _with_stored(bench.requests, folder.answers())
        self._learned: list[StoredAnswer] = []
        self._corpora: dict[Corpus, list[int]] = {}

    def verify(self, variant: Variant) -> Verification:
        """Every request once, and once more where the first answer is the one that counts."""
        log = self._folder.logs / f"{log_name(variant)}-verify.log"
        checks: list[Check] = []
        server: AnyService | None = None
        try:
            server = self._open(variant, log)
            self._wait_ready(server, variant)
            learns = any(_is_open(each) for each in self._requests)
            checks.append(self._check_each(server))
            if learns and checks[0].passed:
                checks.append(self._check_again(server))
        except LaunchError as error:
            tail = None if server is None else server.log_tail()
            return Verification(
                variant=variant, checks=tuple(checks), failure=str(error), log_tail=tail
            )
        finally:
            if server is not None:
                server.stop()
        if all(check.passed for check in checks):
            self._keep_answers()
        return Verification(variant=variant, checks=tuple(checks))

    def open_block(self, block: int, variants: Sequence[Variant], listener: Listener) -> None:
        """Nothing but trials is measured of services."""

    def close(self, variants: Sequence[Variant], listener: Listener) -> None:
        """Nothing is: what is bad input to a service is not known."""

    def start(self, trial: Trial, log: Path) -> AnyService:
        """A fresh start where the target has a command for it."""
        return self._open(trial.variant, log)

    def greet(self, server: AnyService, trial: Trial) -> StartUp | None:
        """Ready, and the first request answered rightly before load is put on."""
        ready_ns = self._wait_ready(server, trial.variant)
        first = self._requests[0]
        try:
            answer = ask_whole(server.endpoint, first.parts, self.timeout_s)
            fault = fault_in(first.expected, answer.status, answer.body)
        except NoAnswer as finding:
            fault = str(finding)
        if fault is not None:
            raise LaunchError(f"its first answer was wrong ({first.name}): {fault}")
        if ready_ns is None or isinstance(server, Attached):
            return None
        answered_ns = time.monotonic_ns() - server.spawned_ns
        return StartUp(ready_ns=ready_ns, first_answer_ns=answered_ns)

    def settle_s(self, variant: Variant) -> float:
        """What the target says of it."""
        return self._target.services[variant.contestant].settle_s

    def requests(self, variant: Variant, cell: Cell) -> Sequence[RequestParts]:
        """The requests of the cell's corpus; the same for every service."""
        del variant
        return [self._requests[index].parts for index in self._corpus(cell.corpus)]

    def check(self, trial: Trial, samples: Samples) -> tuple[Samples, tuple[str, ...]]:
        """Every answer against what is expected of its request."""
        chosen = np.array(self._corpus(trial.cell.corpus), dtype=np.uint32)
        samples = replace(samples, request=chosen[samples.request])
        right, unseen = check_service(self._requests, samples)
        warnings = (
            f"{unseen} answers were judged by their status alone: no two of the answers were the "
            "same, and not all could be kept",
        )
        return replace(samples, right=right), warnings if unseen else ()

    def declared(self, variant: Variant) -> Declared:
        """What the target says of it."""
        service = self._target.services[variant.contestant]
        return Declared(
            workers=service.workers,
            threads=service.threads,
            helpers=service.helpers,
            keeps_connections=service.keeps_connections,
            own_service=True,
        )

    def _open(self, variant: Variant, log: Path) -> AnyService:
        service = self._target.services[variant.contestant]
        endpoints = self._bench.endpoints[variant.contestant]
        if service.command is None:
            return Attached(endpoints)
        cores = self.cores.server[: service.cores]
        folder, environment = Path(self._target.folder), self._bench.server_environment
        return Started(service, folder, environment, log, cores, endpoints)

    def _wait_ready(self, server: AnyService, variant: Variant) -> int | None:
        """The ns from spawn until it is ready; ``None`` for what runs already."""
        if isinstance(server, Attached):
            return None
        service = self._target.services[variant.contestant]
        path = service.ready or ready_path(self._target)

        def is_ready(endpoint: Endpoint) -> bool:
            if path is not None:
                return _answers(endpoint, path)
            try:
                answer = ask_whole(endpoint, self._requests[0].parts, self.timeout_s)
            except NoAnswer:
                return False
            return answer.status in self._requests[0].expected.status

        return server.wait_ready(is_ready, service.ready_timeout_s)

    def _check_each(self, server: AnyService) -> Check:
        """Every request once; where nothing is known of the right answer, the first one is it."""
        faults = []
        for index, request in enumerate(self._requests):
            try:
                answer = ask_whole(server.endpoint, request.parts, self.timeout_s)
                fault = fault_in(request.expected, answer.status, answer.body)
                if fault is None and _is_open(request):
                    expected = request.expected.with_answer(answer.body)
                    self._requests[index] = replace(request, expected=expected)
                    self._learned.append(
                        StoredAnswer(index=index, request=request.name, body=answer.body)
                    )
            except (NoAnswer, ManifestError) as finding:
                fault = str(finding)
            if fault is not None:
                faults.append(f"{request.name}: {fault}")
        count = len(self._requests)
        learned = len(self._learned)
        seen = f"all right, {learned} stored as the answers to expect" if learned else "all right"
        if faults:
            self._forget()
            seen = f"{len(faults)} of {count} wrong; {'; '.join(faults[:MOST_SHOWN])}"
        return Check(
            group=GROUP,
            name="each request once",
            passed=not faults,
            expected="the status and the answer that the target expects",
            seen=seen,
        )

    def _check_again(self, server: AnyService) -> Check:
        """That a first answer is worth being held to: the second one is the same."""
        differences: list[str] = []
        fault = None
        for request in self._requests:
            if not request.expected.learned:
                continue
            try:
                answer = ask_whole(server.endpoint, request.parts, self.timeout_s)
            except NoAnswer as finding:
                fault = fault or f"{request.name}: {finding}"
                continue
            found = fault_in(request.expected, answer.status, answer.body)
            if found is not None:
                fault = fault or f"{request.name}: {found}"
                differences += _differences(request, answer.body)
        seen = "the same" if fault is None else fault
        if fault is not None:
            self._forget()
            changing = ", ".join(f"'{each}'" for each in dict.fromkeys(differences))
            seen += f". What changes from one answer to the next: {changing or 'the body'}. Say "
            seen += "what of the answer counts (expect.pointers, or --pointer), or body = false"
        return Check(
            group=GROUP,
            name="each request once more",
            passed=fault is None,
            expected="the same answer to the same request, within the tolerance",
            seen=seen,
        )

    def _keep_answers(self) -> None:
        """The answers that were learned, for a run that is gone on with, and for its readers."""
        for answer in self._learned:
            self._folder.append_answer(answer)
        self._learned = []

    def _forget(self) -> None:
        """Answers that are not worth being held to."""
        self._learned = []
        self._requests = _with_stored(self._bench.requests, self._folder.answers())

    def _corpus(self, which: Corpus) -> list[int]:
        if which not in self._corpora:
            self._corpora[which] = target_corpus(self._requests, which)
        return self._corpora[which]


def _is_open(request: TargetRequest) -> bool:
    """Whether the right answer is not known yet."""
    expected = request.expected
    return expected.learned and expected.values is None and expected.content is None


def _with_stored(
    requests: Sequence[TargetRequest], answers: Sequence[StoredAnswer]
) -> list[TargetRequest]:
    found = list(requests)
    for answer in answers:
        request = found[answer.index]
        expected = request.expected.with_answer(answer.body)
        found[answer.index] = replace(request, expected=expected)
    return found


def _differences(request: TargetRequest, body: bytes) -> list[str]:
    """The JSON pointers at which an answer is not the expected one."""
    try:
        document = json.loads(body)
    except ValueError:
        return []
    found: list[str] = []
    for pointer, value in request.expected.values or ():
        try:
            seen = resolve_pointer(document, pointer)
        except JsonPointerException:
            found.append(pointer)
        else:
            found += differing(seen, value, request.expected.tolerance, pointer)
    return found


def _answers(endpoint: Endpoint, path: str) -> bool:
    """Whether that path answers below status 400."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Host": endpoint.authority})
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
