"""Whose port it is: the processes that listen on it, from what the kernel says of sockets."""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from pathlib import Path

from servemark.launch.usage import tree_below
from servemark.records import Endpoint

PROC = Path("/proc")
LISTENING = "0A"
"""State of a socket in ``/proc/net/tcp``, from ``<net/tcp_states.h>``."""
FORWARDERS = ("docker-proxy", "rootlessport")
"""Programs that listen for something in another network namespace, and are not the service."""


def listening_processes(endpoint: Endpoint) -> list[int]:
    """The processes that accept connections at that address of this machine, and all below them.

    None where they are somebody else's and may not be looked at, or in a container.
    """
    sockets = _listening_sockets(endpoint)
    roots = [pid for pid in _all_pids() if _holds(pid, sockets)]
    found = dict.fromkeys([*roots, *(below for root in roots for below in tree_below(root))])
    return [] if any(_name(pid).startswith(FORWARDERS) for pid in found) else list(found)


def _listening_sockets(endpoint: Endpoint) -> set[str]:
    """What links to file descriptors call the sockets that listen there."""
    wanted = ipaddress.ip_address(endpoint.host.partition("%")[0])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in _lines(PROC / "net" / table):
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] != LISTENING or int(port, 16) != endpoint.port:
                continue
            bound = _address(address)
            mapped = getattr(bound, "ipv4_mapped", None) or bound
            if mapped == wanted or bound.is_unspecified:
                found.add(f"socket:[{fields[9]}]")
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as the kernel writes it: words of 32 bits in the machine's byte order.

    >>> str(_address("0100007F")) if sys.byteorder == "little" else "127.0.0.1"
    '127.0.0.1'
    """
    words = [int(word, 16) for word in re.findall(".{8}", text)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return ipaddress.ip_address(
        socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
    )


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return []


def _all_pids() -> list[int]:
    return sorted(int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _holds(pid: int, sockets: set[str]) -> bool:
    try:
        descriptors = list((PROC / str(pid) / "fd").iterdir())
    except OSError:  # it has ended, or is somebody else's
        return False
    return any(_link(each) in sockets for each in descriptors)


def _link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""
