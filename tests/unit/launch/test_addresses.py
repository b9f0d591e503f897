"""Which addresses may be put under load, and whose they are."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from servemark.errors import UsageError
from servemark.launch import endpoints_of, free_port, service_cores
from servemark.launch.listeners import listening_processes
from servemark.records import Endpoint


def test_an_address_of_this_machine_needs_no_word() -> None:
    (found,) = endpoints_of("http://127.0.0.1:8000/predict")
    assert found == Endpoint(host="127.0.0.1", port=8000)
    (found,) = endpoints_of("http://[::1]:8000")
    assert found.url == "http://[::1]:8000"


def test_a_name_is_looked_up_once_and_kept_for_the_host_header() -> None:
    found = endpoints_of("http://localhost:8000")
    assert {each.host for each in found} <= {"127.0.0.1", "::1"}
    assert {each.authority for each in found} == {"localhost:8000"}


@pytest.mark.parametrize("url", ["http://192.0.2.1:8000/", "http://[2001:db8::1]/"])
def test_another_machine_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(UsageError, match=r"not an address of this machine.*--i-own-this-target"):
        endpoints_of(url)


def test_another_machine_may_be_asked_by_whoever_owns_it() -> None:
    (found,) = endpoints_of("http://192.0.2.1:8000/", owned=True)
    assert found.host == "192.0.2.1"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://127.0.0.1/", "TLS"),
        ("http://127.0.0.1:99999/", "port"),
        ("http://user:secret@127.0.0.1/", "header"),
        ("ftp://127.0.0.1/", "no address"),
        ("http://no-such-host.invalid/", "cannot be found"),
    ],
)
def test_what_is_no_address_is_said_in_a_sentence(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        endpoints_of(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_the_process_behind_a_port_is_found(host: str) -> None:
    port = free_port("127.0.0.1")
    family = "AF_INET6" if ":" in host else "AF_INET"
    program = (
        f"import socket, time; s = socket.socket(socket.{family}); s.bind(({host!r}, {port})); "
        "s.listen(); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            at = "::1" if ":" in host else "127.0.0.1"
            assert listening_processes(Endpoint(host=at, port=port)) == [server.pid]
        finally:
            server.kill()


def test_nobody_is_behind_a_port_that_is_only_connected_to() -> None:
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        own = Endpoint(host="127.0.0.1", port=listener.getsockname()[1])
        other = Endpoint(host="127.0.0.1", port=client.getsockname()[1])
        assert os.getpid() in listening_processes(own)
        assert listening_processes(other) == []


def test_cores_of_a_service_that_runs_on_some_are_left_to_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as service:
        try:
            os.sched_setaffinity(service.pid, {0})
            while os.sched_getaffinity(service.pid) != {0}:
                time.sleep(0.01)
            found = service_cores([0, 1, 2], started=0, running=[service.pid], engine=1)
        finally:
            service.kill()
    assert (found.server, found.engine, found.warning) == ((0,), (2,), None)


def test_a_service_that_may_be_anywhere_is_warned_of() -> None:
    found = service_cores([0], started=0, running=[os.getpid()], engine=1)
    assert found.engine == (0,)
    assert "taskset" in (found.warning or "")


def test_a_service_elsewhere_has_no_cores_here() -> None:
    found = service_cores([0, 1], started=0, running=[], engine=1)
    assert (found.server, found.engine) == ((), (1,))
