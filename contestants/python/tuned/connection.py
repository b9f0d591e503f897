"""HTTP/1.1 on an asyncio transport: httptools parses, whole requests go to a handler in order."""

import asyncio
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

MOST_HEAD_BYTES = 65_536
MOST_DROPPED_BYTES = 2**30  # of a body that is refused: its sender sees why once it has sent it
MOST_PIPELINED = 32
REQUEST_S = 30.0  # from a request's first byte to its last
IDLE_S = 75.0  # as nginx has it
SWEEP_S = 1.0  # how exactly these are kept
LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(NamedTuple):
    """A whole request; where `refused` is not 0, the status with which, and it has no body."""

    method: bytes
    path: bytes
    content_type: str | None
    body: bytes
    keep_alive: bool
    refused: int


class Site:
    """All connections of a server, and what is the same for them."""

    def __init__(
        self,
        handle: Callable[[Request, "Connection"], None],
        refuse: Callable[[bytes, bytes, str | None], int],
        max_body_bytes: int,
    ) -> None:
        """`handle` answers each request, now or later. `refuse` says from method, path and content
        type with which status a request is refused before its body is taken; 0: it is not."""
        self.handle = handle
        self.refuse = refuse
        self.max_body_bytes = max_body_bytes
        self.connections: set[Connection] = set()
        self.is_stopping = False
        self.now_s = 0.0
        self.common = b""  # the header fields of every answer

    def sweep(self) -> None:
        """Ends what lasts too long, and brings the date up to date; calls itself again."""
        loop = asyncio.get_running_loop()
        self.now_s = loop.time()
        date = formatdate(usegmt=True)
        self.common = f"Date: {date}\r\nContent-Type: application/json\r\n".encode()
        for connection in list(self.connections):
            connection.check_time()
        loop.call_later(SWEEP_S, self.sweep)

    def stop(self) -> None:
        """Lets what is under way end; closes each connection as soon as it is free."""
        self.is_stopping = True
        for connection in list(self.connections):
            connection.close_if_idle()


class Connection(asyncio.Protocol):
    """One client. Requests are handled one after the other, however they were sent."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_content_type",
        "_current",
        "_expects",
        "_has_wish",
        "_head_bytes",
        "_in_head",
        "_in_request",
        "_is_going_on",
        "_is_over",
        "_is_writable",
        "_length",
        "_method",
        "_parser",
        "_refused",
        "_since_s",
        "_site",
        "_transport",
        "_url",
        "_waiting",
    )

    def __init__(self, site: Site) -> None:
        self._site = site
        self._transport: asyncio.Transport | None = None
        self._parser: HttpRequestParser | None = None
        self._since_s = 0.0
        self._current: Request | None = None  # is being handled
        self._waiting: deque[Request] = deque()
        self._is_writable = True
        self._is_going_on = False
        self._is_over = False  # nothing that comes is looked at any more
        self._in_request = False
        self._in_head = False
        self._head_bytes = 0
        self._begin()

    def _begin(self) -> None:
        self._method = self._url = b""
        self._content_type: str | None = None
        self._length = 0
        self._expects = self._has_wish = False
        self._refused = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    # --- what the transport calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = HttpRequestParser(self)
        self._since_s = self._site.now_s
        self._site.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._transport = self._parser = None  # which refer to this object
        self._waiting.clear()
        self._site.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._is_over or self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:  # to nothing: the request is answered as it is
            self._is_over = True
            if self._current is None and not self._waiting and self._transport is not None:
                self._transport.close()
        except HttpParserError:
            if not self._is_over:  # by a request that ended it while it was parsed
                self._end_with(400)
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._end_with(431)

    def eof_received(self) -> bool:
        """The client sends no more, but may wait for what it has asked."""
        self._is_over = True
        return self._current is not None or bool(self._waiting)

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        self._go_on()

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        if self._is_over:
            return
        self._in_request = self._in_head = True
        self._head_bytes = 0
        if self._current is None:
            self._since_s = self._site.now_s

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        match len(name):
            case 12 if name.lower() == b"content-type":
                self._content_type = value.decode("latin-1")
            case 14 if name.lower() == b"content-length":
                self._length = int(value)
            case 10 if name.lower() == b"connection":
                self._has_wish = True
            case 6 if name.lower() == b"expect":
                self._expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        if self._is_over or self._parser is None:
            return
        self._in_head = False
        if self._url.startswith(b"http"):
            self._url = parse_url(self._url).path or b"/"
        if b"?" in self._url:
            self._url = self._url.partition(b"?")[0]
        self._method = self._parser.get_method()
        self._refused = self._site.refuse(self._method, self._url, self._content_type)
        if not self._refused and self._length > self._site.max_body_bytes:
            self._refused = 413
        if self._refused and (self._expects or self._length > MOST_DROPPED_BYTES):
            self._complete(keep_alive=False)  # the body is not worth reading
        elif self._expects and self._transport is not None and self._current is None:
            self._transport.write(CONTINUE)

    def on_body(self, data: bytes) -> None:
        if self._is_over:
            return
        self._body_bytes += len(data)
        if self._refused or self._body_bytes > self._site.max_body_bytes:
            self._refused = self._refused or 413
            self._body.clear()
            if self._body_bytes > MOST_DROPPED_BYTES:
                self._complete(keep_alive=False)
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._is_over or self._parser is None:
            return
        keep_alive = self._parser.should_keep_alive()
        if keep_alive and self._has_wish:  # HTTP/1.0 would want to hear that it is granted
            keep_alive = self._parser.get_http_version() == "1.1"
        self._complete(keep_alive)

    # --- requests in order ---

    def _complete(self, keep_alive: bool) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(
            self._method, self._url, self._content_type, body, keep_alive, self._refused
        )
        self._is_over = self._is_over or not keep_alive
        self._in_request = self._in_head = False
        self._begin()
        if self._current is None and self._is_writable:
            self._current = request
            self._site.handle(request, self)
            return
        self._waiting.append(request)
        if len(self._waiting) >= MOST_PIPELINED and self._transport is not None:
            self._transport.pause_reading()

    def _go_on(self) -> None:
        """Handles what waits, if it can be answered."""
        if self._is_going_on:  # this was called by an answer that came at once
            return
        self._is_going_on = True
        while self._waiting and self._current is None and self._is_writable:
            request = self._waiting.popleft()
            if not self._waiting and self._transport is not None and not self._is_over:
                self._transport.resume_reading()
            self._current = request
            self._site.handle(request, self)
        self._is_going_on = False

    def answer(self, status: int, body: bytes, more: bytes = b"") -> None:
        """Answers the request that was handed over last; `more`: further header lines."""
        request, transport = self._current, self._transport
        if request is None or transport is None:  # the client has gone
            return
        self._current = None
        is_last = not request.keep_alive or (self._is_over and not self._waiting)
        is_last = is_last or (self._site.is_stopping and not self._waiting and not self._in_request)
        if is_last:
            more += b"Connection: close\r\n"
        fields = (LINES[status], self._site.common, more, len(body))
        sent = b"" if request.method == b"HEAD" else body
        transport.write(b"%b%b%bContent-Length: %d\r\n\r\n%b" % (*fields, sent))
        if is_last:
            self._is_over = True
            transport.close()
            return
        self._since_s = self._site.now_s
        if self._waiting:
            self._go_on()

    # --- ends ---

    def _end_with(self, status: int) -> None:
        """Refuses what cannot be read any further, after the answers that are due before it."""
        self._refused, self._body = status, []
        self._complete(keep_alive=False)

    def check_time(self) -> None:
        """Ends a request that takes too long to come, and a connection that nobody uses."""
        if self._current is not None or self._transport is None:
            return
        waited_s = self._site.now_s - self._since_s
        if self._in_request and not self._waiting:
            if waited_s > REQUEST_S:
                self._end_with(408)
        elif waited_s > IDLE_S:  # or does not read its answers
            self._transport.abort()

    def close_if_idle(self) -> None:
        """Closes a connection on which nothing is under way."""
        if self._current is None and not self._in_request and self._transport is not None:
            self._transport.close()
