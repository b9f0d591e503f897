"""The only orchestrator: prepare, launch, verify, load, store."""

from servemark.run.board import run_board
from servemark.run.machine import this_machine
from servemark.run.verification import verify_running, verify_whole
from servemark.run.workbench import Listener, Workbench

__all__ = [
    "Listener",
    "Workbench",
    "run_board",
    "this_machine",
    "verify_running",
    "verify_whole",
]
