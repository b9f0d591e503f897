"""Following a run through its folder while it grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from servemark.plan import Plan
from servemark.records import Progress, TrialResult
from servemark.store import RunFolder, create_run
from servemark.ui.drawing import draw
from servemark.ui.following import Follower
from tests.unit.report.conftest import FIELD, default_board, header, trial_result, verification

KNOWNS = FIELD[:3]
BOARD = default_board(blocks=2)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, header(BOARD, KNOWNS, (), None))


def measure(folder: RunFolder, count: int | None = None, failure: str | None = None) -> None:
    """So many further trials of the board, or all that are left."""
    by_id = {known.variant.id: known for known in KNOWNS}
    plan, history = Plan(BOARD, [known.variant for known in KNOWNS]), folder.trials()
    done = 0
    while (trial := plan.next(history)) is not None and done != count:
        result: TrialResult = trial_result(trial, by_id[trial.variant.id], failure)
        folder.append_trial(result)
        history.append(result)
        done += 1


def verify(folder: RunFolder, fault: str | None = None) -> None:
    for known in KNOWNS:
        folder.append_verification(verification(known.variant, fault))


def test_nothing_is_made_anew_where_nothing_has_changed(folder: RunFolder) -> None:
    verify(folder)
    follower = Follower(folder)
    first = follower.view()
    assert follower.view() is first
    measure(folder, 1)
    assert follower.view().version == first.version + 1


def test_intervals_come_with_blocks_and_those_before_are_kept(folder: RunFolder) -> None:
    verify(folder)
    follower = Follower(folder)
    assert {row.figure for row in follower.view().rows} == {None}
    measure(folder, len(KNOWNS) * len(BOARD.all_cells()))
    first = follower.view().rows[0]
    assert first.figure is not None
    assert (first.name, first.figure.blocks, first.figure.low) == ("go/net-http", 1, None)
    measure(folder)
    last = follower.view().rows[0]
    assert last.figure is not None
    assert (last.figure.blocks, len(last.earlier)) == (2, 1)
    # Block means are 1.00 and 0.99 times the speed that the test was given: 5,200/s as a form.
    assert last.figure.value == pytest.approx(5200 * 0.995, rel=1e-3)
    assert last.figure.low is not None


def test_a_run_is_going_on_done_or_stopped(folder: RunFolder) -> None:
    verify(folder)
    measure(folder, 4)
    follower = Follower(folder)
    assert follower.view().state == "stopped"
    with folder.locked():
        assert follower.view().state == "going on"
    measure(folder)
    view = follower.view()
    assert (view.state, view.share) == ("done", 1.0)
    assert view.trials == len(KNOWNS) * len(BOARD.all_cells()) * 2


def test_a_run_whose_contestants_all_answer_wrongly_is_done(folder: RunFolder) -> None:
    verify(folder, "200")
    view = Follower(folder).view()
    assert view.state == "done"
    assert {row.state for row in view.rows} == {"wrong"}
    assert len(view.troubles) == view.wrong == len(KNOWNS)


def test_how_much_is_over_is_a_share_of_the_time_and_not_of_the_trials(folder: RunFolder) -> None:
    follower = Follower(folder)
    assert follower.view().share is None
    seen = Progress(phase="measuring", variant="x", since_utc="", done=1, spent_s=30, left_s=90)
    folder.note_progress(seen)
    assert follower.view().share == 0.25


def test_what_went_wrong_is_told_with_its_remedy(folder: RunFolder) -> None:
    verify(folder)
    measure(folder, 1, failure="it died under load with signal 9")
    view = Follower(folder).view()
    assert (view.invalid, len(view.troubles)) == (1, 1)
    assert "signal 9, measured once more" in view.troubles[0].said
    assert view.troubles[0].remedy == "see its log"


def test_marks_are_on_one_scale_and_say_what_is_known_closely(folder: RunFolder) -> None:
    verify(folder)
    measure(folder)
    rows = draw(Follower(folder).view().rows, half_width=0.5)
    ends = [row.mark for row in rows if row.mark is not None]
    shares = [float(mark.at.rstrip("%")) for mark in ends]
    speeds = sorted((known.per_s["multipart/c16"] for known in KNOWNS), reverse=True)
    ratios = [share / shares[0] for share in shares]
    assert ratios == pytest.approx([speed / speeds[0] for speed in speeds], rel=0.01)
    assert max(shares) <= 100
    assert all(row.is_close for row in rows)
    assert not any(row.is_close for row in draw(Follower(folder).view().rows, half_width=1e-4))
