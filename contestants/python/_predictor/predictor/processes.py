"""python -m predictor.processes [OPTION…] COMMAND…: WORKERS copies of COMMAND.

For a server that is a single process by itself. It does what a deployment leaves to supervisord or
systemd: SIGTERM goes on to all copies, and when one of them ends all end. With --socket the copies
inherit one socket, bound to HOST and PORT. With --interrupt-after SECONDS they are told that much
later, and by SIGINT: for a server that drops what is in flight then, and until then serves on.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time

from .settings import Settings, read_settings

SOCKET = 3  # the descriptor, where systemd has it too


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m predictor.processes")
    parser.add_argument("--socket", action="store_true")
    parser.add_argument("--interrupt-after", type=float, metavar="SECONDS")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    command: list[str] = options.command
    wait_s: float | None = options.interrupt_after
    settings = read_settings()
    if options.socket:
        bind_socket(settings)
    if settings.workers == 1 and wait_s is None:
        os.execv(command[0], command)
    processes: list[subprocess.Popen[bytes]] = []
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        if stopping:  # a second SIGTERM would cut short what the first began
            return
        stopping = True
        time.sleep(wait_s or 0)
        for process in processes:
            process.send_signal(signal.SIGTERM if wait_s is None else signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)
    for _ in range(settings.workers):
        processes.append(subprocess.Popen(command, pass_fds=(SOCKET,) if options.socket else ()))
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    stop()
    codes = [process.wait() for process in processes]
    sys.exit(max(0 if code == -signal.SIGTERM else abs(code) for code in codes))


def bind_socket(settings: Settings) -> None:
    """Binds the address; nothing is listened on before a copy that has loaded its model does."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound.bind((settings.host, settings.port))
    if (descriptor := bound.detach()) != SOCKET:
        os.dup2(descriptor, SOCKET)
        os.close(descriptor)
    os.set_inheritable(SOCKET, True)


if __name__ == "__main__":
    main(sys.argv[1:])
