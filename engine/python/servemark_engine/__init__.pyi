"""servemark's load engine: HTTP/1.1, schedules as data, four times per request, every answer kept.

All times are integer nanoseconds on CLOCK_MONOTONIC (``time.monotonic_ns()`` on Linux). The engine
draws no random number: what is sent, and when, is given to it.
"""

from collections.abc import Sequence
from typing import Final, TypedDict, final, type_check_only

import numpy as np
from numpy.typing import NDArray

ENDINGS: Final[list[str]]
"""Names of the ways in which a request can end; the position is the value in ``columns["error"]``.

==  ================  ==========================================================================
 0  answered          a complete response, whatever its status
 1  connect           no connection: refused, unreachable, or the backlog is full
 2  out_of_files      no connection: no file descriptor left here
 3  out_of_ports      no connection: no local port left here
 4  reset             the connection was reset
 5  closed_early      the connection was closed before the response was complete
 6  timed_out         no complete response within the timeout
 7  malformed         not an HTTP/1.x response, or its framing contradicts itself
 8  head_too_large    the head is longer than the limit
 9  body_too_large    the body is, or says it will be, longer than the limit
10  excess            complete, but followed by bytes that nobody asked for
11  unanswered        sent, but not answered when the grace was over or the trial was stopped
12  not_sent          scheduled, but its turn never came before the end
==  ================  ==========================================================================
"""

SENTENCES: Final[list[str]]
"""One sentence for people for each of ``ENDINGS``."""

class EngineError(Exception):
    """A trial that cannot be started; the message says what to do.

    From the start on, a failure is a sample.
    """

@final
class Corpus:
    """Requests as the bytes that go over the wire, copied once and used for any number of trials.

    They need not be valid HTTP. Two things are read from a valid one: the method HEAD, whose answer
    has no body, and ``Connection: close``, after which the connection is not used again.

    Raises:
        EngineError: there is no request, or one of them is empty.
    """

    def __new__(cls, requests: Sequence[bytes]) -> Corpus: ...
    def __len__(self) -> int: ...

@final
class Closed:
    """Closed loop: each connection has one request outstanding, always.

    Args:
        connections: dealt out to the threads in turn.
        order: request indices. The ``k``-th request of the trial is ``order[k % len(order)]``;
            thread ``t`` of ``T`` sends those with ``k % T == t``.
        duration_ns: no request is sent later than this after the start.
        count: no more requests than this are sent. At least one of the two ends is needed.

    After a failed connect a connection rests for 1 ms, doubled with each further failure in a row
    up to 100 ms.
    """

    def __new__(
        cls,
        connections: int,
        order: NDArray[np.uint32] | Sequence[int],
        *,
        duration_ns: int | None = None,
        count: int | None = None,
    ) -> Closed: ...

@final
class Open:
    """Open loop: requests become due at given times, whatever the server does.

    A request that finds no free connection waits, in order, and its wait counts. The connection
    that has been free for longest is taken.

    Args:
        connections: most connections at a time, dealt out to the threads in turn.
        intended_ns: when each request is due, after the start; never decreasing. Entry ``k`` is
            dealt to thread ``k % T``.
        request: request index of each entry.
        duration_ns: no request is sent later than this after the start; what is left is
            ``not_sent``. None: the trial ends when all are sent.
    """

    def __new__(
        cls,
        connections: int,
        intended_ns: NDArray[np.int64] | Sequence[int],
        request: NDArray[np.uint32] | Sequence[int],
        *,
        duration_ns: int | None = None,
    ) -> Open: ...

@final
class Control:
    """Shared between a running trial and another thread that watches or stops it. For one trial."""

    def __new__(cls) -> Control: ...
    def stop(self) -> None:
        """End the trial within 50 ms: what is under way is unanswered, the rest not sent."""

    def progress(self) -> Progress:
        """The counts so far."""

@final
class Progress:
    """How far a trial has come."""

    @property
    def start_ns(self) -> int | None:
        """CLOCK_MONOTONIC at the trial's start; None before it."""

    @property
    def sent(self) -> int: ...
    @property
    def answered(self) -> int:
        """Complete responses, whatever their status."""

    @property
    def failed(self) -> int: ...

@type_check_only
class Columns(TypedDict):
    """The samples, one array a field, 51 bytes a sample. Times count from ``Outcome.start_ns``;
    missing is -1.

    One thread's samples follow another's; within a thread they are in the order in which they
    ended, and those not sent come last.
    """

    sequence: NDArray[np.uint32]
    """Open: index into the schedule.

    Closed: how many requests were taken up before, over all threads.
    """
    request: NDArray[np.uint32]
    """Index into the corpus."""
    intended_ns: NDArray[np.int64]
    """When it was due. Closed loop: when it was sent."""
    sent_ns: NDArray[np.int64]
    """When the engine began to send it: just before the write, or the connect where one was needed.

    The cost of a needed connect is therefore part of done - sent, and Little's law holds with it.
    """
    first_byte_ns: NDArray[np.int64]
    """When the first bytes of the answer had come.

    For TCP that is the kernel's stamp, so that a wait of the engine for its core is not in it; for
    a Unix socket, and where several pieces were read at once, it is when they had been read.
    """
    done_ns: NDArray[np.int64]
    """When the last bytes of the answer had come, likewise; for a failure, when it was noticed."""
    status: NDArray[np.int16]
    """Status code of a complete response."""
    error: NDArray[np.uint8]
    """Index into ``ENDINGS``; 0 is a complete response."""
    body: NDArray[np.int32]
    """Index into ``Outcome.bodies``, of a complete response."""
    connection: NDArray[np.int32]
    """Number of the connection over all threads; it keeps its number when it is opened anew."""

@type_check_only
class Work(TypedDict):
    """What one thread did."""

    core: int | None
    """The core it was pinned to."""
    elapsed_ns: int
    """From the trial's start to the thread's end."""
    cpu_ns: int
    """CPU time, user and kernel, with spinning."""
    spin_ns: int
    """Time spent polling without finding anything."""
    busy_ns: int
    """cpu_ns - spin_ns: what the load itself cost.

    busy_ns / elapsed_ns is the headroom gate's figure.
    """
    unread_ns: int
    """How long complete answers lay in the kernel before they were read, over all of them."""
    waited_ns: int | None
    """How long it was ready to run while something else had its core; None where the kernel keeps
    no such account.
    """
    waits: int
    """System calls that waited for or polled events."""
    reads: int
    writes: int
    connects: int
    """Connections tried, those before the start included."""
    reconnects: int
    """Of these, those that were not the first for their connection number."""
    received_bytes: int
    sent_bytes: int
    unsolicited: int
    """Connections dropped because bytes came while no request was outstanding."""

@type_check_only
class Lag(TypedDict):
    """sent - intended over all requests that were sent; nearest rank."""

    p50_ns: int
    p99_ns: int
    max_ns: int

@final
class Outcome:
    """A trial's samples and what it took to get them."""

    @property
    def start_ns(self) -> int:
        """CLOCK_MONOTONIC at the start."""

    @property
    def sending_ended_ns(self) -> int:
        """When sending ended, after the start: time over, count reached, all sent, or stopped."""

    @property
    def finished_ns(self) -> int:
        """When the last thread ended, after the start."""

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or ``Control.stop`` ended the trial."""

    @property
    def columns(self) -> Columns:
        """The samples. The arrays own the engine's memory; nothing was copied."""

    @property
    def bodies(self) -> list[bytes | None]:
        """The distinct response bodies; None for those beyond the limits."""

    @property
    def digests(self) -> dict[int, tuple[str, int]]:
        """For each None in ``bodies``: XXH3 of 128 bits (32 hex digits, seed 0) and length of
        that body.
        """

    @property
    def counts(self) -> dict[str, int]:
        """How many samples ended in each way of ``ENDINGS``; they add up to the number of
        samples.
        """

    @property
    def work(self) -> list[Work]:
        """One for each thread."""

    @property
    def lag(self) -> Lag | None:
        """None when nothing was sent."""

    @property
    def warnings(self) -> list[str]:
        """Sentences about what the reader of the samples should know."""

def run(
    address: str,
    corpus: Corpus,
    load: Closed | Open,
    *,
    threads: int = 1,
    cores: Sequence[int] | None = None,
    timeout_ns: int = 10_000_000_000,
    grace_ns: int = 10_000_000_000,
    reconnect_each: bool = False,
    spin_ns: int = 50_000,
    busy_poll: bool = False,
    max_head_bytes: int = 65_536,
    max_body_bytes: int = 1_048_576,
    max_kept_bodies: int = 65_536,
    max_kept_bytes: int = 67_108_864,
    control: Control | None = None,
    start_at_ns: int | None = None,
) -> Outcome:
    """Carry out one trial, with the interpreter released, and return when it has ended.

    Connections are opened first (not with ``reconnect_each``): 64 at once, the others one every
    0.3 ms or faster, so that the last is begun within 1 s. They are awaited for at most 5 s after
    that; the trial's clock starts when they are open. In the main thread Ctrl-C ends the trial, and
    instead of a KeyboardInterrupt the outcome so far comes back with ``interrupted`` set. In
    another thread, give a control and stop it from the main thread.

    Args:
        address: ``127.0.0.1:8000``, ``[::1]:8000`` or ``unix:/path``. Names are not looked up.
        corpus: the requests.
        load: what is sent, and when.
        threads: event loops, each in a thread of its own; connections and requests never move
            between them.
        cores: the cores they are pinned to, in turn; None: not pinned.
        timeout_ns: longest time from the start of sending a request to the end of its answer.
        grace_ns: how long answers are awaited after the last request was sent or the duration was
            over.
        reconnect_each: open a new connection for every request.
        spin_ns: polling instead of sleeping, which ``Work.spin_ns`` accounts for: for so long
            before an open-loop request is due, and for so long before falling asleep while answers
            are expected. 0 where the server shares the core.
        busy_poll: never sleep. Answers are seen some 10 µs earlier, and a whole core is used, which
            ``Work.spin_ns`` accounts for. Only for cores that nothing else needs.
        max_head_bytes: a longer response head is a failure.
        max_body_bytes: a longer response body is a failure.
        max_kept_bodies: distinct bodies kept whole; of the others only a digest is kept.
        max_kept_bytes: bytes of all distinct bodies kept whole.
        control: to watch or stop the trial from another thread.
        start_at_ns: CLOCK_MONOTONIC at which the trial starts, so that several engines start
            together. It starts later where the connections are open only after it.

    Raises:
        EngineError: the trial contradicts itself, or the kernel refuses what it needs before the
            start.
    """

def now_ns() -> int:
    """CLOCK_MONOTONIC, as the engine reads it."""

def pauses(duration_ns: int, least_ns: int) -> list[int]:
    """How long the calling thread's core stood still, in ns: each pause of at least ``least_ns``
    that a loop which only reads the clock saw in ``duration_ns``, in the order in which they came.

    No program on that core can do anything in them. The core is busy meanwhile; pin the thread
    first. The interpreter is released; Ctrl-C is heard when it is over.
    """
