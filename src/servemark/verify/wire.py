"""HTTP/1.1 as a tester needs it: requests whole, in pieces, and broken on purpose."""

from __future__ import annotations

import http.client
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, BinaryIO, Self, cast

from servemark.records import Endpoint

TIMEOUT_S = 10.0
_PIECE_BYTES = 65_536
_LEAST_TIMEOUT_S = 0.001
"""0 would mean not to wait at all, which is another error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came back."""

    status: int
    content_type: str
    body: bytes
    closes: bool
    """Whether the server said that it closes the connection."""

    def brief(self) -> str:
        """Status and the beginning of the body, for a report."""
        return f"{self.status} {brief(self.body)}".strip()


def brief(body: bytes) -> str:
    """The beginning of a body on one line, for a report."""
    return body[:120].decode("utf-8", "replace").replace("\n", " ")


class NoAnswer(Exception):  # noqa: N818 - it is a finding, not an error of ours
    """The server did not answer; the message says what happened instead."""

    @property
    def is_late(self) -> bool:
        """Whether the connection is still there, and nothing came in time."""
        return isinstance(self.__cause__, TimeoutError)


class Connection:
    """One TCP connection to the server under test."""

    def __init__(self, endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> None:
        try:
            self._socket = socket.create_connection((endpoint.host, endpoint.port), timeout_s)
        except OSError as error:
            raise NoAnswer(f"no connection ({error.strerror or error})") from error
        self._host = f"{endpoint.host}:{endpoint.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it as TCP does."""
        self._socket.close()

    def reset(self) -> None:
        """End it with a reset, as a client does that is killed or loses its network."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def finish_sending(self) -> None:
        """Close its sending half: the answer may still come. Raises ``NoAnswer``."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise NoAnswer(f"the connection was closed ({error})") from error

    def is_open(self) -> bool:
        """Whether the server has neither closed it nor sent anything."""
        return not select.select([self._socket], [], [], 0)[0]

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """The request line and headers as bytes."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def send(self, data: bytes) -> bool:
        """Send it in pieces until all is sent (``True``) or the server answers or closes first."""
        for start in range(0, len(data), _PIECE_BYTES):
            if select.select([self._socket], [], [], 0)[0]:
                return False
            try:
                self._socket.sendall(data[start : start + _PIECE_BYTES])
            except OSError:
                return False
        return True

    def send_all(self, data: bytes) -> None:
        """Send it whatever the server says meanwhile. Raises ``NoAnswer`` where it has closed."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise NoAnswer(f"the connection was closed ({error})") from error

    def receive(self, timeout_s: float | None = None) -> Answer:
        """The next response; 1xx responses are passed over. Raises ``NoAnswer``.

        Each part of it may take ``timeout_s``; without, what the connection was made with.
        """
        if timeout_s is not None:
            self._socket.settimeout(max(timeout_s, _LEAST_TIMEOUT_S))
        return _read(http.client.HTTPResponse(self._socket))

    def receive_each(self, count: int) -> Iterator[Answer]:
        """The responses to so many requests that were sent at once. Raises ``NoAnswer``."""
        with self._socket.makefile("rb") as file:
            # What was read ahead of one response belongs to the next: they share the file.
            source = SimpleNamespace(makefile=lambda _: _Borrowed(file))
            for _ in range(count):
                yield _read(http.client.HTTPResponse(cast("Any", source)))

    def receive_raw(self, most: int = 4096) -> bytes:
        """Whatever comes next; empty when the server has closed the connection."""
        try:
            return self._socket.recv(most)
        except TimeoutError as error:
            raise NoAnswer("nothing came in time") from error
        except OSError:
            return b""


class _Borrowed:
    """A file that a response reads from, and cannot close."""

    def __init__(self, file: BinaryIO) -> None:
        self.readline, self.read, self.readinto = file.readline, file.read, file.readinto  # type: ignore[attr-defined]

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _read(response: http.client.HTTPResponse) -> Answer:
    try:
        response.begin()
        body = response.read()
    except TimeoutError as error:
        raise NoAnswer("no answer in time") from error
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"the connection was closed without an answer ({error})") from error
    return Answer(
        response.status,
        response.headers.get("Content-Type", ""),
        body,
        response.will_close,
    )


def ask(
    endpoint: Endpoint,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """One request on a connection of its own. Raises ``NoAnswer``."""
    sent = dict(headers or {})
    if body is not None:
        sent["Content-Length"] = str(len(body))
    with Connection(endpoint) as connection:
        connection.send(connection.head(method, path, sent))
        if body:
            connection.send(body)
        return connection.receive()


def ask_chunked(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]
) -> Answer:
    """One POST whose body has no declared length."""
    with Connection(endpoint) as connection:
        head = connection.head("POST", path, {**headers, "Transfer-Encoding": "chunked"})
        going = connection.send(head)
        for piece in pieces:
            going = going and connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if going:
            connection.send(b"0\r\n\r\n")
        return connection.receive()


def wait_closed(connection: Connection, timeout_s: float) -> bool:
    """Whether the server closes the connection within the timeout."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if connection.receive_raw() == b"":
                return True
        except NoAnswer:
            return False
    return False
