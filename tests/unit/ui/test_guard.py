"""Who may ask the dashboard for what: names, tokens, and requests of other pages."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from servemark.ui.guard import SECRET_HEADER, Access, Guard, access_for

HOME = "127.0.0.1:8765"


def asked(access: Access, method: str = "GET", query: str = "", **headers: str) -> list[Message]:
    """What the guard sends of a request; the application behind it always answers 200."""
    sent: list[Message] = []
    given = {"host": HOME, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": "/runs",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Guard(PlainTextResponse("through"), access)(scope, receive, send))
    return sent


def status(access: Access, method: str = "GET", query: str = "", **headers: str) -> int:
    found: int = asked(access, method, query, **headers)[0]["status"]
    return found


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "LOCALHOST", "[::1]:8765"])
def test_on_loopback_its_own_names_are_answered(host: str) -> None:
    assert status(access_for("127.0.0.1", ["box"]), host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "box", "192.0.2.7", "localhost.evil.example", "127.0.0.1@evil", "a b"]
)
def test_on_loopback_no_other_name_is_answered(host: str) -> None:
    assert status(access_for("127.0.0.1", ["box"]), host=host) == 421


def test_a_change_needs_the_pages_own_origin_and_its_secret() -> None:
    access = access_for("localhost", [])
    own = {"origin": f"http://{HOME}", SECRET_HEADER: access.secret}
    assert status(access, "POST", **own) == 200
    assert status(access, "POST") == 403
    assert status(access, "POST", origin=own["origin"]) == 403
    assert status(access, "POST", **{**own, SECRET_HEADER: "guessed"}) == 403
    assert status(access, "POST", **{**own, "origin": "http://evil.example"}) == 403
    assert status(access, "POST", **{**own, "origin": f"https://{HOME}"}) == 403
    assert status(access, "POST", **{**own, "origin": "null"}) == 403
    assert status(access, "DELETE", origin=own["origin"]) == 403


def test_secrets_are_of_one_dashboard() -> None:
    assert access_for("localhost", []).secret != access_for("localhost", []).secret


def test_beyond_loopback_the_token_becomes_a_cookie_that_other_sites_cannot_send() -> None:
    access = access_for("0.0.0.0", ["box"])
    assert access.token is not None
    assert status(access, host="box") == 401
    assert status(access, query="token=guessed", host="box") == 401
    assert status(access, cookie="servemark=guessed") == 401
    assert status(access, "POST", f"token={access.token}") == 401
    answer = asked(access, query=f"token={access.token}", host="box")[0]
    headers = dict(answer["headers"])
    assert answer["status"] == 303
    assert headers[b"location"] == b"/runs"
    assert b"httponly" in headers[b"set-cookie"].lower()
    assert b"samesite=strict" in headers[b"set-cookie"].lower()
    assert status(access, cookie=f"servemark={access.token}") == 200
    assert status(access, "POST", cookie=f"servemark={access.token}") == 403


def test_pages_run_no_script_but_their_own_and_are_in_nobodys_frame() -> None:
    headers = dict(asked(access_for("localhost", []))[0]["headers"])
    policy = headers[b"content-security-policy"].decode()
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_a_websocket_is_refused() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "websocket", "path": "/", "headers": [], "extensions": {}}
    guard = Guard(PlainTextResponse("through"), access_for("localhost", []))
    asyncio.run(guard(scope, receive, send))
    assert sent[0]["status"] == 403
