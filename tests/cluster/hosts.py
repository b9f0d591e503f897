"""Hosts on this machine, made of Linux namespaces: each with its own address, process table, host
name and folder for Ray, on a bridge; a link can be slow, long, lossy or cut."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

BRIDGE = "servemark0"
NETWORK = "10.83.47"


def obstacle() -> str | None:
    """Why there can be no such hosts here, with the remedy."""
    if os.geteuid() != 0:
        return "hosts made of namespaces need root: run the tests as root"
    lacking = [name for name in ("ip", "tc", "unshare", "nsenter") if shutil.which(name) is None]
    if lacking:
        return f"no {lacking[0]}: apt-get install iproute2 util-linux"
    tried = subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], capture_output=True)
    if tried.returncode != 0:
        return f"this kernel makes no bridge: {tried.stderr.decode().strip()}"
    ip("link", "del", BRIDGE)
    return None


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Host:
    """One of them. Everything on it ends with ``power_off``."""

    def __init__(self, name: str, number: int, folder: Path) -> None:
        self.name = name
        self.address = f"{NETWORK}.{number}"
        self.folder = folder / name
        self._port = f"smv{number}"
        private = self.folder / "tmp"
        private.mkdir(parents=True)
        names = self.folder / "hosts"
        names.write_text("127.0.0.1 localhost\n")
        nobody = self.folder / "resolv.conf"
        nobody.write_text("nameserver 127.0.0.1\n")  # nobody listens: names fail at once
        mounts = {private: "/tmp/ray", names: "/etc/hosts", nobody: "/etc/resolv.conf"}
        binds = [f"mount --bind {ours} {theirs}" for ours, theirs in mounts.items()]
        setup = " && ".join([f"hostname {name}", *binds, "exec sleep infinity"])
        Path("/tmp/ray").mkdir(exist_ok=True)
        self._holder = subprocess.Popen(
            [
                *("unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--mount-proc"),
                *("--kill-child", "sh", "-c", setup),
            ],
            stderr=subprocess.DEVNULL,  # how it ends is no news
        )
        self._init = self._first_process()
        ip(
            "link",
            "add",
            self._port,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            str(self._init),
        )
        ip("link", "set", self._port, "master", BRIDGE, "up")
        self.run("ip", "link", "set", "lo", "up")
        self._take_address("eth0")

    def _first_process(self) -> int:
        """Process id, as seen from outside, of the first process of the host."""
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        for _ in range(500):
            found = children.read_text().split()
            if found and b"sleep" in Path(f"/proc/{found[0]}/cmdline").read_bytes():
                return int(found[0])
            time.sleep(0.01)
        raise RuntimeError("unshare did not start")

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs on this host."""
        inside = ["nsenter", "-t", str(self._init), "--net", "--mount", "--uts", "--pid"]
        return [*inside, f"--wd={Path.cwd()}", *arguments]

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a command to its end on this host; returns its stdout."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=environment
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments}: {done.stdout}\n{done.stderr}")
        return done.stdout

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command on this host."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    @staticmethod
    def kill(process: subprocess.Popen[str]) -> None:
        """Kill what ``start`` started: the child of nsenter, which would outlive it."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        for child in children.split():
            os.kill(int(child), signal.SIGKILL)
        process.communicate(timeout=60)

    def slow_down(self, megabits: int) -> None:
        """What leaves for this host, and what it sends, goes no faster."""
        limit = ("root", "tbf", "rate", f"{megabits}mbit", "burst", "64kb", "latency", "300ms")
        subprocess.run(["tc", "qdisc", "replace", "dev", self._port, *limit], check=True)
        self.run("tc", "qdisc", "replace", "dev", "eth0", *limit)

    def full_speed(self) -> None:
        """As fast as it goes again."""
        subprocess.run(["tc", "qdisc", "del", "dev", self._port, "root"], check=True)
        self.run("tc", "qdisc", "del", "dev", "eth0", "root")

    @contextmanager
    def far_away(self, *, delay_ms: float, loss: float) -> Iterator[dict[str, int]]:
        """Each frame comes or goes with that delay, or is lost with that probability. How many were
        is in the counts when it is over."""
        counts: dict[str, int] = {}
        (device,) = json.loads(self.run("ip", "-json", "link", "show", "eth0"))
        wire = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.cluster.wire", f"--host={self._init}"),
                *("--inside=far0", f"--outside={self._port}w"),
                *(f"--delay-ms={delay_ms}", f"--loss={loss}"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert wire.stdout is not None
            assert wire.stdout.readline() == "ready\n"
            ip("link", "set", f"{self._port}w", "master", BRIDGE, "up")
            # The address moves over, and the hardware's with it: to others it is the same host.
            self.run("ip", "link", "set", "far0", "address", device["address"])
            self._move_address("eth0", "far0")
            yield counts
            self._move_address("far0", "eth0")
        finally:
            counts |= json.loads(wire.communicate(timeout=60)[0].splitlines()[-1])

    def _move_address(self, old: str, new: str) -> None:
        """The host's only address, with its routes, from one device to another."""
        ip("link", "set", self._port, "up" if new == "eth0" else "down")
        self.run("ip", "address", "flush", "dev", old)
        self.run("ip", "link", "set", old, "down")
        self._take_address(new)

    def _take_address(self, device: str) -> None:
        self.run("ip", "address", "add", f"{self.address}/24", "dev", device)
        self.run("ip", "link", "set", device, "up")
        self.run("ip", "route", "replace", "default", "via", f"{NETWORK}.254")

    def cut(self) -> None:
        """Nothing comes or goes any more."""
        ip("link", "set", self._port, "down")

    def power_off(self) -> None:
        """Every process of the host is killed at once."""
        if self._holder.poll() is None:
            os.kill(self._init, signal.SIGKILL)
            self._holder.wait(timeout=30)
        subprocess.run(["ip", "link", "del", self._port], capture_output=True)


@contextmanager
def hosts(names: Sequence[str], folder: Path) -> Iterator[list[Host]]:
    """Hosts of those names on one bridge."""
    ip("link", "add", BRIDGE, "type", "bridge")
    made: list[Host] = []
    try:
        ip("address", "add", f"{NETWORK}.254/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for number, name in enumerate(names, start=1):
            made.append(Host(name, number, folder))
        yield made
    finally:
        for host in made:
            host.power_off()
        ip("link", "del", BRIDGE)
