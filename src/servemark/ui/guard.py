"""Who may ask the dashboard for what: hosts, tokens, and requests of other pages.

- A name that is not the machine's own is refused, so that no page can reach the dashboard by making
  its own name point here (DNS rebinding).
- What changes anything needs the page's own origin and a secret in a header. No form of another
  page can set one, and a script of another page is not allowed to.
- Beyond loopback, everything needs a token, which the address that is printed at the start has.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECRET_HEADER = "X-Servemark-Secret"  # noqa: S105 - its name
COOKIE = "servemark"
READING = frozenset({"GET", "HEAD"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
REPORT_POLICY = (
    "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox allow-downloads; "
    "frame-ancestors 'none'"
)
"""A report is a page from a run folder, whoever made that: it gets an origin of its own, and so can
neither read the dashboard's pages nor start anything."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def host_of(header: str | None) -> str | None:
    """The host of a ``Host`` header, in lower case and without port and brackets.

    >>> host_of("LOCALHOST:80"), host_of("[::1]:80"), host_of("a b"), host_of(None)
    ('localhost', '::1', None, None)
    """
    if not header or any(sign in header for sign in " \t/@?#\\"):
        return None
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Access:
    """What the dashboard asks of those who ask it."""

    host: str
    """The address that it is bound to."""
    names: Collection[str] = ()
    """Names of this machine, beyond ``localhost``, that it may be asked by."""
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """What a request that changes anything shows; pages have it."""
    token: str | None = None
    """What everybody shows, where others can reach the address."""

    def answers_to(self, header: str | None) -> bool:
        """Whether a ``Host`` header names this dashboard.

        An address is the dashboard's own: only names can be made to point elsewhere.
        """
        host = host_of(header)
        if host is None:
            return False
        if _address(host) is not None:
            return is_loopback(host) or not is_loopback(self.host)
        return host in {"localhost", self.host.lower(), *(name.lower() for name in self.names)}


def access_for(host: str, names: Collection[str]) -> Access:
    """Loopback needs no token; everything else does."""
    if is_loopback(host):
        return Access(host)
    return Access(host, names, token=secrets.token_urlsafe(24))


class Guard:
    """Lets through what ``Access`` allows, and adds the headers that bind the browser."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] != "http":
            await PlainTextResponse("There is nothing here.", 403)(scope, receive, send)
            return
        answer = self._without_token(scope) or self._refusal(scope)
        await (answer or self._app)(scope, receive, send_guarded)

    def _without_token(self, scope: Scope) -> Response | None:
        """What to answer whoever does not show the token; ``None`` where it is shown or not asked
        for. The token of the first address becomes a cookie, and leaves the address."""
        headers = Headers(scope=scope)
        if not self._access.answers_to(headers.get("host")):
            return PlainTextResponse(
                "The dashboard is not reached by this name: use the address that it printed.", 421
            )
        token = self._access.token
        if token is None:
            return None
        if _same(_cookie(headers), token):
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] in READING and _same(given, token):
            response = RedirectResponse("/" + scope["path"].lstrip("/"), 303)
            response.set_cookie(COOKIE, token, httponly=True, samesite="strict")
            return response
        return PlainTextResponse(
            "The dashboard needs its token: open the address that it printed at its start.", 401
        )

    def _refusal(self, scope: Scope) -> Response | None:
        """What to answer a request that wants to change something and is not of our own page."""
        if scope["method"] in READING:
            return None
        headers = Headers(scope=scope)
        own = headers.get("origin") == f"{scope['scheme']}://{headers.get('host')}"
        if own and _same(headers.get(SECRET_HEADER, ""), self._access.secret):
            return None
        return PlainTextResponse("Only the dashboard's own pages may do this: reload yours.", 403)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(), wanted.encode())
