"""The binding, against the truth server that ships with it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from servemark_engine import (
    ENDINGS,
    SENTENCES,
    Closed,
    Control,
    Corpus,
    EngineError,
    Open,
    now_ns,
    pauses,
    run,
)

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b'{"data": {"digit": 2, "probability": 0.1234567890}}'
MS = 1_000_000


class Truth:
    """A running truth server."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "servemark_engine.truth", "--die-with-parent", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.opening = json.loads(self.process.stdout.readline())
        self.address: str = self.opening["address"]

    def end(self) -> dict[str, object]:
        self.process.terminate()
        output, _ = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return dict(json.loads(output))


@pytest.fixture
def server() -> Iterator[Truth]:
    server = Truth()
    yield server
    server.end()


def test_a_closed_loop_gives_typed_columns_and_the_body_once(server: Truth) -> None:
    outcome = run(server.address, Corpus([GET, GET]), Closed(4, [1, 0], count=1000))
    arrays: dict[str, np.ndarray[Any, Any]] = dict(outcome.columns)  # type: ignore[arg-type]
    dtypes = {name: str(array.dtype) for name, array in arrays.items()}
    assert dtypes == {
        "sequence": "uint32",
        "request": "uint32",
        "intended_ns": "int64",
        "sent_ns": "int64",
        "first_byte_ns": "int64",
        "done_ns": "int64",
        "status": "int16",
        "error": "uint8",
        "body": "int32",
        "connection": "int32",
    }
    assert sum(np.dtype(dtype).itemsize for dtype in dtypes.values()) == 51
    columns = outcome.columns
    assert outcome.bodies == [BODY]
    assert outcome.counts == {name: 1000 if name == "answered" else 0 for name in ENDINGS}
    assert (columns["status"] == 200).all()
    assert (columns["body"] == 0).all()
    assert (columns["request"] == 1 - columns["sequence"] % 2).all()
    assert sorted(columns["sequence"]) == list(range(1000))
    times = [
        columns["intended_ns"],
        columns["sent_ns"],
        columns["first_byte_ns"],
        columns["done_ns"],
    ]
    assert (np.diff(times, axis=0) >= 0).all()
    assert outcome.work[0]["writes"] == 1000
    assert outcome.work[0]["connects"] == 4
    assert outcome.work[0]["unread_ns"] > 0
    waited_ns = outcome.work[0]["waited_ns"]
    assert waited_ns is not None
    assert 0 <= waited_ns <= outcome.work[0]["elapsed_ns"]
    assert not outcome.interrupted
    assert outcome.warnings == []


def test_the_columns_own_the_engines_memory(server: Truth) -> None:
    columns = run(server.address, Corpus([GET]), Closed(1, [0], count=10)).columns
    for column in (columns["done_ns"], columns["error"]):
        assert type(column.base).__name__ == "PySliceContainer"
        assert column.flags.writeable
        assert column.flags.contiguous


def test_an_open_loop_keeps_to_its_schedule(server: Truth) -> None:
    intended = np.arange(100, dtype=np.int64) * 2 * MS
    before = now_ns()
    load = Open(8, intended, np.zeros(100, np.uint32), duration_ns=150 * MS)
    outcome = run(server.address, Corpus([GET]), load, threads=2, cores=[0, 1])
    columns = outcome.columns
    due = (columns["intended_ns"] < 150 * MS).sum()
    assert due == 75
    # On a busy machine the time may be over before what was due last could be sent.
    assert 0 < outcome.counts["answered"] <= due
    assert outcome.counts["answered"] + outcome.counts["not_sent"] == 100
    assert (columns["intended_ns"] == intended[columns["sequence"]]).all()
    unsent = columns["error"] == ENDINGS.index("not_sent")
    assert (columns["sent_ns"][unsent] == -1).all()
    lag = (columns["sent_ns"] - columns["intended_ns"])[~unsent]
    assert outcome.lag is not None
    assert lag.min() >= 0
    assert outcome.lag["max_ns"] == lag.max()
    assert [work["core"] for work in outcome.work] == [0, 1]
    assert before < outcome.start_ns < outcome.start_ns + outcome.finished_ns < time.monotonic_ns()


def test_bodies_beyond_the_limit_are_digests(server: Truth) -> None:
    outcome = run(server.address, Corpus([GET]), Closed(1, [0], count=3), max_kept_bodies=0)
    assert outcome.bodies == [None]
    ((number, (digest, length)),) = outcome.digests.items()
    assert (number, length, len(digest)) == (0, len(BODY), 32)
    assert outcome.warnings[0].startswith("1 of 1 distinct bodies")


def test_what_cannot_be_started_is_one_sentence() -> None:
    corpus = Corpus([GET])
    with pytest.raises(EngineError, match="'localhost' is no address"):
        run("localhost", corpus, Closed(1, [0], count=1))
    with pytest.raises(EngineError, match="needs an end"):
        run("127.0.0.1:9", corpus, Closed(1, [0]))
    with pytest.raises(EngineError, match="the corpus ends at 0"):
        run("127.0.0.1:9", corpus, Open(1, [0], [3]))
    with pytest.raises(EngineError, match="corpus is empty"):
        Corpus([])
    with pytest.raises(TypeError):
        Closed(1, np.zeros(3, np.int64), count=1)
    assert len(SENTENCES) == len(ENDINGS)


def test_progress_can_be_polled_and_the_trial_stopped_from_another_thread() -> None:
    server = Truth("--delay", "constant:5ms")
    control = Control()
    assert control.progress().start_ns is None

    def stop_after_ten() -> None:
        while control.progress().answered < 10:
            time.sleep(0.005)
        control.stop()

    watcher = threading.Thread(target=stop_after_ten)
    watcher.start()
    outcome = run(
        server.address, Corpus([GET]), Closed(2, [0], duration_ns=60_000 * MS), control=control
    )
    watcher.join()
    server.end()
    assert outcome.interrupted
    assert outcome.counts["answered"] >= 10
    assert control.progress().start_ns == outcome.start_ns
    assert control.progress().answered == outcome.counts["answered"]


def test_ctrl_c_ends_the_trial_with_the_samples_so_far(server: Truth) -> None:
    control = Control()

    def interrupt() -> None:
        while not control.progress().answered:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    load = Closed(1, [0], duration_ns=60_000 * MS)
    outcome = run(server.address, Corpus([GET]), load, control=control)
    assert outcome.finished_ns < 30_000 * MS
    assert outcome.interrupted
    assert outcome.counts["answered"] > 0
    assert sum(outcome.counts.values()) == len(outcome.columns["error"])


def test_ctrl_c_that_comes_when_all_is_answered_is_not_lost(server: Truth) -> None:
    # So much was never sent that putting it together takes longer than the load.
    unsent = np.full(3_000_000, 60_000 * MS, np.int64)
    due = np.concatenate([[0], unsent])
    load = Open(1, due, np.zeros(len(due), np.uint32), duration_ns=1 * MS)
    control = Control()

    def interrupt() -> None:
        while (start_ns := control.progress().start_ns) is None:
            time.sleep(0.001)
        while time.monotonic_ns() < start_ns + 20 * MS:  # past the end of the load
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        outcome = run(server.address, Corpus([GET]), load, control=control)
        interrupted = outcome.interrupted
        interrupting.join()
        time.sleep(1)  # for a signal that comes after all
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted


ANSWERED_IN_TIME = """
import sys
from servemark_engine import Closed, Corpus, run

request = b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
outcome = run(sys.argv[1], Corpus([request]), Closed(1, [0], count=1), timeout_ns=2_000_000_000)
print({name: count for name, count in outcome.counts.items() if count})
"""


def test_an_answer_that_came_in_time_counts_however_late_it_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-c", ANSWERED_IN_TIME, address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(1000)
                client.send_signal(signal.SIGSTOP)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                time.sleep(2.5)  # beyond the client's timeout
                client.send_signal(signal.SIGCONT)
                output, _ = client.communicate(timeout=10)
    assert output == "{'answered': 1}\n"


def test_an_exception_from_another_signal_handler_is_passed_on(server: Truth) -> None:
    class AlarmError(Exception):
        pass

    def ring(*_: object) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        with pytest.raises(AlarmError):
            run(server.address, Corpus([GET]), Closed(1, [0], duration_ns=60_000 * MS))
    finally:
        signal.signal(signal.SIGALRM, before)


def test_the_truth_servers_record_agrees_with_the_engines_samples(tmp_path: Path) -> None:
    record = tmp_path / "record"
    server = Truth("--delay", "two-point:2ms:20ms:0.9", "--seed", "3", "--record", str(record))
    assert server.opening["delay_ns"] == {
        "p50": 2 * MS,
        "p75": 2 * MS,
        "p90": 2 * MS,
        "p99": 20 * MS,
        "p999": 20 * MS,
        "mean": 3_800_000,
    }
    outcome = run(server.address, Corpus([GET]), Closed(1, [0], count=100))
    closing = server.end()
    assert closing["answered"] == 100
    assert closing["dropped"] == 0
    arrival, delay, due, sent = np.fromfile(record, "<i8").reshape(-1, 4).T
    assert set(delay) == {2 * MS, 20 * MS}
    assert (due == arrival + delay).all()
    assert (sent >= due).all()
    columns = outcome.columns
    assert (columns["sent_ns"] + outcome.start_ns <= arrival).all()
    assert (columns["done_ns"] + outcome.start_ns >= sent).all()


def test_a_stall_holds_back_every_answer_that_falls_into_it(tmp_path: Path) -> None:
    record = tmp_path / "record"
    stall = ("--stall-after", "50ms", "--stall-for", "200ms")
    server = Truth("--delay", "constant:1ms", *stall, "--record", str(record))
    intended = np.arange(100, dtype=np.int64) * 5 * MS
    outcome = run(server.address, Corpus([GET]), Open(64, intended, np.zeros(100, np.uint32)))
    server.end()
    arrival, delay, due, _ = np.fromfile(record, "<i8").reshape(-1, 4).T
    end = arrival.min() + 250 * MS
    fell_due = arrival + delay
    stalled = (fell_due >= end - 200 * MS) & (fell_due < end)
    assert stalled.sum() >= 35
    assert (due == np.where(stalled, end, fell_due)).all()
    columns = outcome.columns
    held = (columns["intended_ns"] > 55 * MS) & (columns["intended_ns"] < 245 * MS)
    done = columns["done_ns"][held] + outcome.start_ns
    assert (done >= end).all()
    assert outcome.counts["answered"] == 100


def test_two_trials_that_are_told_so_start_at_the_same_moment(server: Truth) -> None:
    at_ns = now_ns() + 200 * MS
    outcomes = []

    def load() -> None:
        corpus, todo = Corpus([GET]), Closed(1, [0], count=10)
        outcomes.append(run(server.address, corpus, todo, start_at_ns=at_ns))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.start_ns for outcome in outcomes] == [at_ns, at_ns]


def test_pauses_of_a_core_are_seen_by_whoever_runs_on_it() -> None:
    before = now_ns()
    every = pauses(5 * MS, 0)
    took = now_ns() - before
    assert 5 * MS <= sum(every) <= took
    assert all(each >= 5_000 for each in pauses(5 * MS, 5_000))


def test_a_thread_that_is_stopped_pauses() -> None:
    """It is stopped for 0.1 s now and then, until it has seen that."""
    own = "from servemark_engine import pauses\nwhile max(pauses(10**9, 1)) < 10**8: pass"
    watched = subprocess.Popen([sys.executable, "-c", own])
    deadline = time.monotonic() + 60
    while watched.poll() is None and time.monotonic() < deadline:
        watched.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        watched.send_signal(signal.SIGCONT)
        time.sleep(0.1)
    watched.kill()
    assert watched.wait() == 0
