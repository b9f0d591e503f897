"""Where a service is: names into addresses, and which of these are of this machine."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from servemark.errors import UsageError
from servemark.records import Endpoint

HTTP_PORT = 80
PROBE_TIMEOUT_S = 1.0


def endpoints_of(url: str, *, owned: bool = False) -> list[Endpoint]:
    """The addresses that load for that URL may go to, of which one is taken. A name is looked up
    once, here.

    ``owned`` is the user's word that the service may be put under load: without it every address of
    the name must be of this machine. Nothing is sent to any address that is not. Raises
    ``UsageError``.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or HTTP_PORT
    except ValueError:
        raise UsageError(f"{url} has no port that there can be.") from None
    if parts.scheme == "https":
        raise UsageError(
            f"{url}: servemark does not speak TLS; name the plain HTTP port behind what ends it."
        )
    if parts.scheme != "http" or not parts.hostname:
        raise UsageError(f"{url} is no address such as http://127.0.0.1:8000.")
    if parts.username is not None:
        raise UsageError(f"{url}: put a user and a password into a header, not into the address.")
    found = _look_up(parts.hostname, port)
    foreign = next((each for each in found if not is_local(each)), None)
    if foreign is not None and not owned:
        named = "" if foreign == parts.hostname else f" ({parts.hostname})"
        raise UsageError(
            f"{foreign}{named} is not an address of this machine, and load on a service that is "
            "not yours is an attack on whoever runs it: nothing was sent. If it is yours, or its "
            "owner has agreed, say --i-own-this-target."
        )
    name = None if found == [parts.hostname] else parts.hostname
    return [Endpoint(host=each, port=port, name=name) for each in found]


def is_local(address: str) -> bool:
    """Whether that address is of this machine: the kernel would answer it from itself.

    >>> is_local("127.0.0.1"), is_local("::1"), is_local("192.0.2.1"), is_local("224.0.0.1")
    (True, True, False, False)
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.is_loopback or parsed.is_unspecified:
        return True
    family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))  # of a datagram socket this asks for the route alone
        except OSError:
            return False
        source: str = probe.getsockname()[0]
    return source == address


def accepts(endpoint: Endpoint, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Whether a connection to it is accepted."""
    try:
        socket.create_connection((endpoint.host, endpoint.port), timeout_s).close()
    except OSError:
        return False
    return True


def _look_up(host: str, port: int) -> list[str]:
    """Every address of a name, each once, in the order that the system prefers."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"The host '{host}' cannot be found ({reason}): check its name.") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))
