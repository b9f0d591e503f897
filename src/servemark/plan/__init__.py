"""From a board to its trials. Pure: nothing here runs, waits or reads a clock."""

from servemark.plan.arrivals import ARRIVALS, schedule_of
from servemark.plan.blocks import Plan, given_up
from servemark.plan.matrix import cross, obstacle
from servemark.plan.outlook import Outlook
from servemark.plan.probes import capacities

__all__ = [
    "ARRIVALS",
    "Outlook",
    "Plan",
    "capacities",
    "cross",
    "given_up",
    "obstacle",
    "schedule_of",
]
