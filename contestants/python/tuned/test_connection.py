"""HTTP as connection.py has it, however the bytes come: python -m unittest, in its environment."""

import re
import unittest
from typing import Any

from connection import (
    CONTINUE,
    IDLE_S,
    MOST_HEAD_BYTES,
    MOST_PIPELINED,
    REQUEST_S,
    Connection,
    Request,
    Site,
)

LIMIT = 100
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nimage"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Transport:
    """What a transport is told."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False
        self.is_aborted = False
        self.is_reading = True

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


class Case(unittest.TestCase):
    """A connection to a site that answers at once, or when the test says so."""

    def setUp(self) -> None:
        self.requests: list[Request] = []
        self.at_once = True
        self.site = Site(self.handle, self.refuse, LIMIT)
        self.transport = Transport()
        self.connection = Connection(self.site)
        transport: Any = self.transport
        self.connection.connection_made(transport)

    def handle(self, request: Request, connection: Connection) -> None:
        self.requests.append(request)
        if self.at_once:
            connection.answer(request.refused or 200, b"%d" % len(self.requests))

    def refuse(self, method: bytes, path: bytes, content_type: str | None) -> int:
        return 0 if path == b"/" else 404

    def statuses(self) -> list[int]:
        """Of the answers written, in order."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", self.transport.written)]

    def test_every_division_into_pieces_gives_the_same_requests(self) -> None:
        sent = POST + GET + CHUNKED + b"3\r\nima\r\n2\r\nge\r\n0\r\n\r\n" + GET
        for size in range(1, len(sent) + 1):
            with self.subTest(size=size):
                self.setUp()
                for at in range(0, len(sent), size):
                    self.connection.data_received(sent[at : at + size])
                bodies = [request.body for request in self.requests]
                assert bodies == [b"image", b"", b"image", b""]
                assert self.statuses() == [200] * 4
                assert not self.transport.is_closed

    def test_answers_keep_the_order_of_the_requests(self) -> None:
        self.at_once = False
        self.connection.data_received(POST + GET)
        assert len(self.requests) == 1  # the second waits for the first one's answer
        self.connection.answer(200, b"first")
        self.connection.answer(200, b"second")
        assert len(self.requests) == 2
        written = self.transport.written
        assert written.index(b"first") < written.index(b"second")

    def test_thousands_of_pipelined_requests_behind_a_slow_one(self) -> None:
        self.at_once = False
        self.connection.data_received(GET * 5000)
        assert not self.transport.is_reading
        self.at_once = True
        self.connection.answer(200, b"1")
        assert len(self.statuses()) == 5000
        assert self.transport.is_reading

    def test_a_few_pipelined_requests_do_not_stop_reading(self) -> None:
        self.at_once = False
        self.connection.data_received(GET * MOST_PIPELINED)
        assert self.transport.is_reading

    def test_nothing_is_handled_while_the_client_does_not_read(self) -> None:
        self.connection.pause_writing()
        self.connection.data_received(GET * 3)
        assert self.requests == []
        self.connection.resume_writing()
        assert self.statuses() == [200] * 3

    def test_connection_close_and_http_1_0_end_the_connection(self) -> None:
        for request in (
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        ):
            with self.subTest(request=request):
                self.setUp()
                self.connection.data_received(request + GET)
                assert self.statuses() == [200]
                assert b"Connection: close\r\n" in self.transport.written
                assert self.transport.is_closed

    def test_nothing_that_follows_the_last_request_is_answered(self) -> None:
        last = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"  # which the parser would keep
        expects = b"POST /no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n"
        endless = b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_HEAD_BYTES
        for at_once in (True, False):
            for rest in (expects, endless, POST, b"\0\r\n\r\n"):
                with self.subTest(rest=rest[:40], at_once=at_once):
                    self.setUp()
                    self.at_once = at_once
                    self.connection.data_received(last + rest)
                    self.connection.data_received(rest)
                    if not at_once:
                        self.connection.answer(200, b"late")
                    assert self.statuses() == [200]
                    assert self.transport.is_closed

    def test_a_body_beyond_the_limit_is_dropped_and_the_next_request_served(self) -> None:
        large = b"x" * (LIMIT + 1)
        declared = POST.replace(b": 5", b": %d" % len(large)).removesuffix(b"image") + large
        chunked = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large)
        for sent in (declared, chunked):
            with self.subTest(sent=sent):
                self.setUp()
                self.connection.data_received(sent)
                self.connection.data_received(GET)
                assert self.statuses() == [413, 200]
                assert self.requests[0].body == b""

    def test_expectations_are_met_or_refused_before_the_body(self) -> None:
        head = POST.removesuffix(b"image").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        self.connection.data_received(head)
        assert self.transport.written == CONTINUE
        self.connection.data_received(b"image")
        assert self.requests[0].body == b"image"
        self.setUp()
        self.connection.data_received(head.replace(b"POST /", b"POST /elsewhere"))
        assert self.statuses() == [404]
        assert self.transport.is_closed

    def test_what_is_no_http_is_refused_once_and_ends(self) -> None:
        for sent in (
            b"\0\1\2\3\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: five\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            with self.subTest(sent=sent):
                self.setUp()
                self.connection.data_received(sent)
                self.connection.data_received(GET)
                assert self.statuses() == [400]
                assert self.transport.is_closed

    def test_a_head_without_end_is_refused(self) -> None:
        self.connection.data_received(b"GET / HTTP/1.1\r\n")
        for _ in range(MOST_HEAD_BYTES // 1024 + 1):
            if not self.transport.is_closed:
                self.connection.data_received(b"X: " + b"x" * 1019 + b"\r\n")
        assert self.statuses() == [431]
        assert self.transport.is_closed

    def test_a_client_that_sends_no_more_gets_what_it_asked(self) -> None:
        self.at_once = False
        self.connection.data_received(GET)
        assert self.connection.eof_received()
        self.connection.answer(200, b"late")
        assert self.statuses() == [200]
        assert self.transport.is_closed
        self.setUp()
        self.connection.data_received(POST[:-1])
        assert not self.connection.eof_received()

    def test_an_answer_for_a_client_that_has_gone_is_dropped(self) -> None:
        self.at_once = False
        self.connection.data_received(GET)
        self.connection.connection_lost(None)
        self.connection.answer(200, b"nobody")
        assert self.transport.written == b""
        assert self.site.connections == set()

    def test_slow_requests_and_idle_connections_end(self) -> None:
        self.connection.data_received(POST[:-1])
        self.site.now_s = REQUEST_S + 1
        self.connection.check_time()
        assert self.statuses() == [408]
        self.setUp()
        self.connection.data_received(GET)
        self.site.now_s = IDLE_S
        self.connection.check_time()
        assert not self.transport.is_closed
        self.site.now_s = IDLE_S + 1
        self.connection.check_time()
        assert self.transport.is_aborted

    def test_an_upgrade_is_not_made(self) -> None:
        upgrade = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        self.connection.data_received(upgrade)
        assert self.statuses() == [200]
        assert self.transport.is_closed

    def test_a_stop_closes_what_is_idle_and_lets_the_rest_end(self) -> None:
        self.connection.data_received(POST[:-1])
        self.site.stop()
        assert not self.transport.is_closed
        self.connection.data_received(POST[-1:])
        assert self.statuses() == [200]
        assert self.transport.is_closed
        self.setUp()
        self.site.stop()
        assert self.transport.is_closed


if __name__ == "__main__":
    unittest.main()
