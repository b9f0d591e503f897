"""From a board to its trials. Pure: nothing here runs, waits or reads a clock."""

from servemark.plan.arrivals import ARRIVALS, schedule_of
from servemark.plan.blocks import Plan, given_up
from servemark.plan.matrix import cross

__all__ = ["ARRIVALS", "Plan", "cross", "given_up", "schedule_of"]
