"""The battery finds what a server cannot stand, and passes what stands everything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from servemark.launch import Server
from servemark.records import BadInput, Battery, Endpoint, Growth, Others
from servemark.verify import CASES, Connection, Scene, Subject, Wrong, put, put_many
from servemark.verify.endurance import MOST_STEPS, judge_growth, leaks
from servemark.verify.scene import answer_or_close, refused_or_closed
from tests.conftest import ToyProject

LITTLE = Battery(bad_requests=400, idle_connections=20, slow_senders=3, hold_s=2.5)
BY_NAME = {case.name: case for case in CASES}
UNHARMED = Others(asked=20, wrong=0, unanswered=0, slowest_ns=1)

MakeScene = Callable[[str], Scene]


@pytest.fixture
def scene_of(toys: ToyProject, tmp_path: Path) -> Iterator[MakeScene]:
    """A toy that is running, in one of its modes."""
    with ExitStack() as stack:

        def make(mode: str) -> Scene:
            toys.add(mode)
            server = stack.enter_context(Server(toys.launch(mode, tmp_path / "log")))
            server.wait_ready()
            model = server.launch.model
            pairs = [(image, model.picture(image)) for image in model.golden.images[:8]]
            return Scene(
                subject=Subject(server.endpoint, model, pairs, 1_048_576),
                battery=LITTLE,
                processes=lambda: frozenset(server.use().cpu_ns_by_process),
                memory_bytes=lambda: server.use().pss_bytes,
            )

        yield make


STOOD = ("random bytes as a form", "PNG with wrong bytes", "two Content-Lengths", "reset in a body")


@pytest.mark.parametrize("name", STOOD)
def test_a_server_that_keeps_the_contract_stands_it(scene_of: MakeScene, name: str) -> None:
    found = put(scene_of("good"), BY_NAME[name])
    assert found.stood, found.fault()
    assert found.others.asked > 0


def test_wrong_answers_to_others_are_counted(scene_of: MakeScene) -> None:
    found = put(scene_of("mixes-up"), BY_NAME["random bytes as PNG"])
    assert found.as_expected
    assert found.alive
    assert found.others.wrong > 0
    assert found.state == "fails"
    assert "others got a wrong answer (digit 7, not " in found.fault()


def test_a_death_is_seen(scene_of: MakeScene) -> None:
    found = put(scene_of("falls"), BY_NAME["random bytes as PNG"])
    assert not found.as_expected
    assert not found.alive
    assert "a process died" in found.fault()


def test_memory_that_stays_of_each_bad_request_is_seen(scene_of: MakeScene) -> None:
    found, growth = put_many(scene_of("leaks"))
    assert growth is not None
    assert growth.bytes_per_request > 25_000
    assert growth.requests == MOST_STEPS * 200
    assert not found.as_expected
    assert "bytes stay of each request" in found.fault()


@pytest.mark.slow
@pytest.mark.load
def test_others_that_a_slow_sender_keeps_from_being_answered_are_seen(scene_of: MakeScene) -> None:
    found = put(scene_of("one-by-one"), BY_NAME["slow bodies"])
    assert found.others.unanswered > 0
    assert found.others.wrong == 0
    assert found.state == "fails"


@pytest.mark.parametrize(
    ("steps", "kept", "leak"),
    [
        ((100, 100, 100), 0, False),
        ((100, 90, 300), 0, False),  # back and forth is no leak
        ((0, 50_000_000, 50_000_000), 0, False),  # a heap that has found its size
        ((0, 3_000_000, 6_000_000), 3000, False),  # what allocators do
        ((0, 6_000_000, 12_000_000), 6000, True),
        ((0, 6_000_000, 12_000_000, 12_500_000), 500, False),  # full in the end
    ],
)
def test_a_leak_is_what_every_step_adds(steps: tuple[int, ...], kept: int, leak: bool) -> None:
    growth = Growth(step_requests=1000, pss_bytes=steps)
    assert growth.bytes_per_request == kept
    assert leaks(growth) is leak
    if leak:
        with pytest.raises(Wrong, match="bytes stay of each request"):
            judge_growth(growth)
    else:
        judge_growth(growth)


def bad_input(*, as_expected: bool, alive: bool, others: Others, limit: str | None) -> BadInput:
    """What a server did with a GIF that is a bomb."""
    return BadInput(
        group="bomb",
        name="GIF",
        times=5,
        expected="422",
        seen="422" if as_expected else "200",
        as_expected=as_expected,
        alive=alive,
        others=others,
        limit=limit,
    )


@pytest.mark.parametrize(
    ("as_expected", "alive", "others", "limit", "state"),
    [
        (True, True, UNHARMED, None, "holds"),
        (False, True, UNHARMED, None, "fails"),
        (True, False, UNHARMED, None, "fails"),
        (True, True, UNHARMED.model_copy(update={"wrong": 1}), None, "fails"),
        (True, True, UNHARMED.model_copy(update={"unanswered": 1}), None, "fails"),
        (False, True, UNHARMED, "it cannot", "limit"),
        (True, True, UNHARMED.model_copy(update={"unanswered": 1}), "it cannot", "limit"),
        (True, True, UNHARMED, "it cannot", "fails"),  # the manifest is no longer true
    ],
)
def test_what_counts_as_standing_a_bad_input(
    as_expected: bool, alive: bool, others: Others, limit: str | None, state: str
) -> None:
    found = bad_input(as_expected=as_expected, alive=alive, others=others, limit=limit)
    assert found.state == state


def test_a_wrong_answer_is_never_a_limit_that_can_be_declared() -> None:
    harmed = UNHARMED.model_copy(update={"wrong": 1})
    found = bad_input(as_expected=True, alive=True, others=harmed, limit="it mixes them up")
    assert found.state == "fails"


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "400"),
        (b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n", "501"),
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", None),
    ],
)
def test_what_is_no_http_is_refused_or_the_connection_ends(sent: bytes, seen: str | None) -> None:
    with answering(sent) as endpoint, Connection(endpoint) as connection:
        if seen is None:
            with pytest.raises(Wrong):
                refused_or_closed(connection)
        else:
            assert refused_or_closed(connection) == seen


def test_neither_an_answer_nor_the_end_is_wrong() -> None:
    with (
        answering(None) as endpoint,
        Connection(endpoint, timeout_s=0.2) as connection,
        pytest.raises(Wrong, match="neither"),
    ):
        answer_or_close(connection)


def test_answers_that_come_at_once_are_read_one_by_one() -> None:
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    with answering(one + b"one" + one + b"two") as endpoint, Connection(endpoint) as connection:
        assert [answer.body for answer in connection.receive_each(2)] == [b"one", b"two"]


class answering(ExitStack):  # noqa: N801 - it is used as a context
    """A server for one connection: sends that and closes, or, for ``None``, does nothing."""

    def __init__(self, sent: bytes | None) -> None:
        super().__init__()
        self._sent = sent

    def __enter__(self) -> Endpoint:  # type: ignore[override]
        super().__enter__()
        listener = self.enter_context(socket.create_server(("127.0.0.1", 0)))
        done = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                if self._sent is None:
                    done.wait()
                else:
                    connection.sendall(self._sent)

        thread = threading.Thread(target=serve)
        thread.start()
        self.callback(thread.join)
        self.callback(done.set)
        return Endpoint(host="127.0.0.1", port=listener.getsockname()[1])
