"""The run folder: nothing that was written is lost, and nothing unknown is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from servemark.errors import StoreError, UsageError
from servemark.records import (
    Board,
    CellGroup,
    Cores,
    Machine,
    NodeEvent,
    RunHeader,
    Trial,
    TrialResult,
    Variant,
    Verdict,
)
from servemark.store import SCHEMA_VERSION, RunFolder, create_run, find_run, list_runs


def header() -> RunHeader:
    board = Board(
        name="mine",
        title="Mine",
        engine="fake",
        seed=1,
        blocks=1,
        warm_up_s=0.1,
        slice_s=0.1,
        cells=(CellGroup(workloads=("get",), connections=(1,)),),
    )
    machine = Machine(
        cpu_model="a cpu",
        cpu_count=2,
        memory_bytes=1,
        kernel="6",
        system="Debian",
        python="3.11",
        governor=None,
        virtual_machine=None,
    )
    return RunHeader(
        schema_version=SCHEMA_VERSION,
        servemark_version="0",
        created_utc="2026-11-22T12:34:56+00:00",
        command="servemark run mine",
        board=board,
        machine=machine,
        cores=Cores(server=(0,), engine=(1,)),
        tools={},
        model_digest="0",
        golden_images=1,
        entrants=(),
        excluded=(),
    )


def trial(number: int) -> TrialResult:
    variant = Variant(contestant="toy/good", server="builtin", runtime="numpy")
    cell = header().board.all_cells()[0]
    return TrialResult(
        trial=Trial(number=number, block=0, variant=variant, cell=cell),
        started_utc="2026-11-22T12:34:56Z",
        start=1,
        cores_server=(0,),
        cores_engine=(1,),
        warm_up_ns=1,
        verdict=Verdict(),
    )


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path / "runs", header())


def test_a_run_is_named_by_time_and_board(folder: RunFolder) -> None:
    assert folder.path.name == "20261122T123456Z-mine"


def test_two_runs_of_one_second_do_not_share_a_folder(folder: RunFolder) -> None:
    second = create_run(folder.path.parent, header())
    assert second.path.name == "20261122T123456Z-mine-2"
    assert [each.path for each in list_runs(folder.path.parent)] == [folder.path, second.path]


def test_what_is_written_is_read_back(folder: RunFolder) -> None:
    folder.append_trial(trial(0))
    folder.append_trial(trial(1))
    assert RunFolder(folder.path).trials() == [trial(0), trial(1)]
    assert RunFolder(folder.path).header() == header()


def test_a_line_cut_short_is_passed_over_and_the_next_one_is_whole(folder: RunFolder) -> None:
    folder.append_trial(trial(0))
    path = folder.path / "trials.jsonl"
    path.write_bytes(path.read_bytes() + path.read_bytes()[:60])
    assert folder.trials() == [trial(0)]
    folder.append_trial(trial(1))
    assert folder.trials() == [trial(0), trial(1)]


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(folder: RunFolder) -> None:
    folder.append_trial(trial(0))
    path = folder.path / "trials.jsonl"
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(StoreError, match=r"trials.jsonl, line 1: trial: Field required"):
        folder.trials()


def test_a_run_of_a_newer_servemark_is_refused(folder: RunFolder) -> None:
    path = folder.path / "run.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(StoreError, match="use a newer servemark"):
        folder.header()


def test_a_run_of_schema_1_is_upgraded_on_reading(folder: RunFolder) -> None:
    path = folder.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 1}))
    folder.append_trial(trial(0))
    lines = folder.path / "trials.jsonl"
    old = json.loads(lines.read_text())
    del old["circumstances"]
    lines.write_text(json.dumps({**old, "steal_share": 0.01}) + "\n")
    assert folder.header().board.name == "mine"
    (upgraded,) = folder.trials()
    assert upgraded.circumstances.steal_share == 0.01
    assert upgraded.trial == trial(0).trial


def test_a_second_process_on_one_run_is_refused(folder: RunFolder) -> None:
    with folder.locked(), pytest.raises(UsageError, match="Another servemark"):  # noqa: SIM117
        with RunFolder(folder.path).locked():
            pass


def test_latest_is_the_newest_run(folder: RunFolder) -> None:
    second = create_run(folder.path.parent, header())
    assert find_run(folder.path.parent, "latest").path == second.path
    assert find_run(folder.path.parent, folder.path.name).path == folder.path


def test_a_run_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run 'nonsense'"):
        find_run(tmp_path, "nonsense")
    with pytest.raises(UsageError, match="There is no run in"):
        find_run(tmp_path, "latest")


def test_a_full_disk_is_one_sentence_and_loses_nothing(full_disk: Path) -> None:
    folder = create_run(full_disk / "runs", header())
    written = 0
    with pytest.raises(StoreError, match=r"No space left on device.*--resume goes on"):  # noqa: PT012
        for number in range(1000):
            folder.append_trial(trial(number))
            written += 1
    assert [each.trial.number for each in folder.trials()] == list(range(written))


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder")
    with pytest.raises(StoreError, match=r"cannot be written \(Not a directory\)"):
        create_run(tmp_path / "runs", header())


def test_what_became_of_nodes_is_read_back_and_there_are_none_on_one_machine(
    folder: RunFolder,
) -> None:
    assert folder.nodes() == []
    event = NodeEvent(at_utc="2026-11-26T04:00:00Z", node="one", what="lost", reason="it is gone")
    folder.append_node(event)
    assert folder.nodes() == [event]


@pytest.mark.parametrize(
    ("events", "abreast"),
    [
        ("", 1),
        ("+a +b", 2),
        ("-c +a +b !b", 2),
        ("+a +b +a +b +c", 3),
        ("+a +b !a !b +c", 1),
        ("+a +b -b", 2),
    ],
)
def test_as_many_blocks_at_a_time_as_nodes_joined_at_the_last_start(
    folder: RunFolder, events: str, abreast: int
) -> None:
    kinds: dict[str, Literal["joined", "left out", "lost"]] = {
        "+": "joined",
        "-": "left out",
        "!": "lost",
    }
    for what, node in map(tuple, events.split()):
        folder.append_node(NodeEvent(at_utc="2026-11-26T04:00:00Z", node=node, what=kinds[what]))
    assert folder.abreast() == abreast


def test_samples_from_another_machine_are_kept_as_they_came(folder: RunFolder) -> None:
    name = folder.keep_packed_samples(trial(7).trial, b"columns")
    assert name == "samples/00007.parquet"
    assert (folder.path / name).read_bytes() == b"columns"
