"""python -m predictor.processes COMMAND…: WORKERS copies of COMMAND.

For a server that is a single process by itself. It does what a deployment leaves to supervisord or
systemd: SIGTERM goes on to all copies, and when one of them ends all end.
"""

import os
import signal
import subprocess
import sys

from .settings import read_settings


def main(command: list[str]) -> None:
    workers = read_settings().workers
    if workers == 1:
        os.execv(command[0], command)
    processes: list[subprocess.Popen[bytes]] = []
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        if not stopping:  # a second SIGTERM would cut short what the first began
            stopping = True
            for process in processes:
                process.terminate()

    signal.signal(signal.SIGTERM, stop)
    for _ in range(workers):
        processes.append(subprocess.Popen(command))
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    stop()
    codes = [process.wait() for process in processes]
    sys.exit(max(0 if code == -signal.SIGTERM else abs(code) for code in codes))


if __name__ == "__main__":
    main(sys.argv[1:])
