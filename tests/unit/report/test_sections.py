"""What a board adds to the ranking, from trials that were made up."""

from __future__ import annotations

import pytest

from servemark.plan import Plan
from servemark.records import (
    CellGroup,
    Entrant,
    Fault,
    Gate,
    Trial,
    TrialResult,
    Variant,
    Workload,
)
from servemark.report.sections import caching_found
from tests.unit.plan.test_plan import answered, board, carried_out, result

VARIANT = Variant(contestant="go/net-http", server="builtin", runtime="onnxruntime")
ENTRANT = Entrant(
    variant=VARIANT, title="Go", language="Go", homepage="", division="standard", digest="a"
)
NOISE = Fault(gate=Gate.QUIET_MACHINE, reason="a backup ran", remedy="wait")


@pytest.mark.parametrize(("workload", "caches"), [("multipart", False), ("target", True)])
def test_rewritten_slices_that_failed_are_not_taken_for_ones_that_cannot_be(
    workload: Workload, caches: bool
) -> None:
    """A gain of 12 % over many images is a cache only where no request can be written anew."""
    made = board(caching=True, cells=(CellGroup(workloads=(workload,), connections=(16,)),))

    def outcome(trial: Trial) -> TrialResult:
        if trial.cell.corpus == "renewed":
            return result(trial, None, NOISE)
        speed = 1_120 if trial.cell.corpus == "one" else 1_000
        return answered(trial, speed + trial.block)

    history = carried_out(Plan(made, (VARIANT,)), outcome)
    (found,) = caching_found(made, [ENTRANT], history)
    assert (found.over_renewed, found.caches) == (None, caches)
