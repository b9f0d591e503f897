"""What an ASGI framework without a limit of its own needs."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from .errors import failure

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    """Ends the reading of a body that has grown past the limit."""


class BodyLimit:
    """Answers 413 for a body that announces itself as too large, or that is when it arrives."""

    def __init__(self, app: Application, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._most_bytes:
                await refuse(send)
                return
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most_bytes:
                raise TooLarge
            return message

        async def pass_on(message: Message) -> None:
            if received <= self._most_bytes:  # else it is what the framework makes of TooLarge
                await send(message)

        with suppress(TooLarge):
            await self._app(scope, count, pass_on)
        if received > self._most_bytes:
            await refuse(send)


async def refuse(send: Send) -> None:
    """The contract's answer for a body that is too large."""
    body = json.dumps(failure(413)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
