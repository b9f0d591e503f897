"""The only orchestrator: prepare, launch, verify, load, store."""

from servemark.run.battery import put_to_battery
from servemark.run.board import Visitor, run_board, run_lineup
from servemark.run.contestants import Contestants
from servemark.run.entrants import entrant_of
from servemark.run.machine import this_machine
from servemark.run.noting import Noting
from servemark.run.services import ServiceBench, Services
from servemark.run.verification import verify_running, verify_whole
from servemark.run.workbench import Listener, Workbench

__all__ = [
    "Contestants",
    "Listener",
    "Noting",
    "ServiceBench",
    "Services",
    "Visitor",
    "Workbench",
    "entrant_of",
    "put_to_battery",
    "run_board",
    "run_lineup",
    "this_machine",
    "verify_running",
    "verify_whole",
]
