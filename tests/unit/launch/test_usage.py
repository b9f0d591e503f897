"""What a process tree uses."""

from __future__ import annotations

import os
import subprocess
import sys

from servemark.launch import stolen_ns, tree_use

CHURN = """
import threading
print(flush=True)
while True:
    threads = [threading.Thread(target=str) for _ in range(50)]
    for thread in threads:
        thread.start()
"""


def test_a_process_whose_threads_come_and_go_is_never_missed() -> None:
    """As a server's whose threads each serve a connection, when all are closed at once."""
    command = [sys.executable, "-c", CHURN]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            for _ in range(200):
                assert process.pid in tree_use(os.getpid()).cpu_ns_by_process
        finally:
            process.kill()


def test_what_the_hypervisor_took_is_that_of_the_cores_asked_for() -> None:
    cores = os.sched_getaffinity(0)
    before = stolen_ns(cores)
    assert 0 <= before <= sum(stolen_ns({core}) for core in cores)
    assert stolen_ns(()) == 0
