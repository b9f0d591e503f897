"""The contract, the golden set and bad inputs, checked against a running server."""

from servemark.verify.answers import check_answers
from servemark.verify.contract import check_contract
from servemark.verify.golden import check_golden, fault_of
from servemark.verify.lifecycle import (
    STOP_TIMEOUT_S,
    check_stage,
    judge_bad_start,
    judge_stop,
)
from servemark.verify.subject import STAGE_PROBABILITY, Subject, Wrong, read_prediction
from servemark.verify.wire import Connection, NoAnswer, ask

__all__ = [
    "STAGE_PROBABILITY",
    "STOP_TIMEOUT_S",
    "Connection",
    "NoAnswer",
    "Subject",
    "Wrong",
    "ask",
    "check_answers",
    "check_contract",
    "check_golden",
    "check_stage",
    "fault_of",
    "judge_bad_start",
    "judge_stop",
    "read_prediction",
]
