"""The contract, the golden set and bad inputs, checked against a running server."""

from servemark.verify.answers import check_answers
from servemark.verify.battery import CASES, put, put_many
from servemark.verify.battery import NAMES as BAD_INPUTS
from servemark.verify.contract import check_contract
from servemark.verify.golden import check_golden, fault_of
from servemark.verify.lifecycle import (
    STOP_TIMEOUT_S,
    check_stage,
    judge_bad_start,
    judge_stop,
)
from servemark.verify.scene import Scene
from servemark.verify.services import ask_whole, check_service, differing, fault_in
from servemark.verify.subject import (
    STAGE_PROBABILITY,
    Subject,
    Wrong,
    parse_prediction,
    read_prediction,
)
from servemark.verify.wire import Connection, NoAnswer, ask

__all__ = [
    "BAD_INPUTS",
    "CASES",
    "STAGE_PROBABILITY",
    "STOP_TIMEOUT_S",
    "Connection",
    "NoAnswer",
    "Scene",
    "Subject",
    "Wrong",
    "ask",
    "ask_whole",
    "check_answers",
    "check_contract",
    "check_golden",
    "check_service",
    "check_stage",
    "differing",
    "fault_in",
    "fault_of",
    "judge_bad_start",
    "judge_stop",
    "parse_prediction",
    "put",
    "put_many",
    "read_prediction",
]
