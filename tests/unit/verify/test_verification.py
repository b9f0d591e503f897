"""Verification passes what keeps the contract and names what does not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.catalog.manifests import GoldenImage
from servemark.engines.fake import FakeEngine
from servemark.guard import Exit
from servemark.launch import Server
from servemark.launch.server import MAX_BODY_BYTES, free_port
from servemark.records import Check, Cores, Endpoint, Variant, Verification
from servemark.run import Workbench, verification, verify_running, verify_whole
from servemark.run.verification import check_stop
from servemark.verify import Subject, check_stage, judge_bad_start, judge_stop
from tests.conftest import ToyProject


def verify(toys: ToyProject, mode: str, tmp_path: Path, whole: bool = False) -> Verification:
    toys.add(mode)
    launch = toys.launch(mode, tmp_path / "log")
    bench = Workbench(
        contestants=load_contestants(toys.folder / "contestants"),
        model=launch.model,
        engine=FakeEngine(),
        cores=Cores(server=(), engine=()),
        home=tmp_path,
        server_environment={"PATH": os.environ["PATH"]},
        engine_environment={},
    )
    variant = Variant(contestant=f"toy/{mode}", server="builtin", runtime="numpy")
    return (verify_whole if whole else verify_running)(bench, variant, tmp_path, None)


def faults(found: Verification) -> dict[str, str]:
    return {check.name: check.seen for check in found.checks if not check.passed}


def test_a_server_that_keeps_the_contract_passes_every_check(
    toys: ToyProject, tmp_path: Path
) -> None:
    found = verify(toys, "good", tmp_path, whole=True)
    assert faults(found) == {}
    assert found.passed
    assert {check.group for check in found.checks} == {
        "predictions",
        "failures",
        "connections",
        "golden set",
        "stages",
        "starts that must fail",
        "stops",
    }
    assert "512 images as multipart" in {check.name for check in found.checks}


def test_wrong_answers_are_found_and_counted(toys: ToyProject, tmp_path: Path) -> None:
    found = faults(verify(toys, "wrong", tmp_path))
    assert set(found) == {"512 images as multipart", "512 images as raw"}
    # The cheat always says 7: what it gets right by luck is at most what the set has of 7s.
    wrong = int(found["512 images as raw"].split()[0])
    assert wrong > 400


def test_a_server_that_dies_meanwhile_is_named_with_its_log(
    toys: ToyProject, tmp_path: Path
) -> None:
    found = verify(toys, "dies", tmp_path)
    assert found.failure == "it died while verified"
    assert found.log_tail == "out of luck"
    assert not found.passed


def test_a_server_that_does_not_start_is_named_with_its_log(
    toys: ToyProject, tmp_path: Path
) -> None:
    found = verify(toys, "exits", tmp_path)
    assert found.failure == "it ended at its start with exit status 1"
    assert found.log_tail == "nothing to serve today"


@pytest.mark.slow
def test_more_than_one_line_at_a_bad_start_is_found(toys: ToyProject, tmp_path: Path) -> None:
    found = faults(verify(toys, "chatty", tmp_path, whole=True))
    assert "no MODEL_DIR" in found
    assert "3 lines" in found["no MODEL_DIR"]


@pytest.mark.slow
def test_processes_left_behind_are_found(toys: ToyProject, tmp_path: Path) -> None:
    found = faults(verify(toys, "litters", tmp_path, whole=True))
    assert found["SIGTERM with a request in flight"] == "it left 1 processes behind"


@pytest.mark.slow
def test_a_server_that_ignores_sigterm_is_found(toys: ToyProject, tmp_path: Path) -> None:
    found = faults(verify(toys, "stubborn", tmp_path, whole=True))
    assert "still running 5 s after SIGTERM" in found["SIGTERM with 2 workers"]


@pytest.mark.slow
def test_a_server_that_does_not_look_at_its_variables_is_found(
    toys: ToyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "BAD_START_TIMEOUT_S", 5)
    found = faults(verify(toys, "careless", tmp_path, whole=True))
    assert set(found) == {"a broken TEST_IMAGE", "no TEST_IMAGE variable", "WORKERS is no number"}


def check_toy_stop(toys: ToyProject, mode: str, tmp_path: Path) -> Check:
    toys.add(mode)
    with Server(toys.launch(mode, tmp_path / "log")) as server:
        server.wait_ready()
        return check_stop("stop", server, subject_of(server))


def subject_of(server: Server) -> Subject:
    model = server.launch.model
    image = model.golden.images[0]
    return Subject(server.endpoint, model, [(image, model.picture(image))], MAX_BODY_BYTES)


def test_all_of_a_stop_must_be_done_before_the_deadline(
    toys: ToyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_toy_stop(toys, "good", tmp_path).passed
    monkeypatch.setattr(verification, "STOP_TIMEOUT_S", 1)
    found = check_toy_stop(toys, "tardy", tmp_path)
    assert not found.passed
    assert "still running" in found.seen
    assert "the request in flight got: no answer in time" in found.seen


def test_a_server_that_dies_on_half_a_request_fails_its_stop(
    toys: ToyProject, tmp_path: Path
) -> None:
    found = check_toy_stop(toys, "brittle", tmp_path)
    assert not found.passed
    assert "closed without an answer" in found.seen


def test_a_server_that_takes_no_connection_fails_its_stop(toys: ToyProject, tmp_path: Path) -> None:
    toys.add("good")
    with Server(toys.launch("good", tmp_path / "log")) as server:
        server.wait_ready()
        server.endpoint = Endpoint(host="127.0.0.1", port=free_port("127.0.0.1"))
        found = check_stop("stop", server, subject_of(server))
    assert found.seen == "the request in flight got: no connection (Connection refused)"


@pytest.mark.parametrize(("mode", "passed"), [("good", True), ("decodes", False)])
def test_at_the_stage_receive_nothing_is_decoded(
    toys: ToyProject, tmp_path: Path, mode: str, passed: bool
) -> None:
    toys.add(mode)
    with Server(replace(toys.launch(mode, tmp_path / "log"), stage="receive")) as server:
        server.wait_ready()
        found = {check.name: check.passed for check in check_stage(subject_of(server), "receive")}
    assert found == {
        "STAGE=receive, any image": True,
        "STAGE=receive, bytes that are no image": passed,
    }


@pytest.mark.parametrize(
    ("exited", "log", "passed"),
    [
        (Exit(3, 0, False, 0), "model.onnx is missing\n", True),
        (Exit(0, 0, False, 0), "model.onnx is missing\n", False),
        (Exit(-11, 0, False, 0), "model.onnx is missing\n", False),
        (Exit(3, 0, False, 0), "", False),
        (Exit(3, 0, False, 0), "Traceback\n  line\n", False),
        (None, "model.onnx is missing\n", False),
    ],
)
def test_a_bad_start_needs_one_line_and_an_exit_status(
    exited: Exit | None, log: str, passed: bool
) -> None:
    assert judge_bad_start("x", exited, log).passed is passed


def test_a_stop_needs_the_answer_that_was_in_flight() -> None:
    good = Exit(0, 0, False, 0)
    assert judge_stop("x", good, None).passed
    assert not judge_stop("x", good, "closed").passed
    assert not judge_stop("x", replace(good, killed=True), None).passed
    assert not judge_stop("x", replace(good, orphans=1), None).passed


def test_golden_images_are_picked_evenly() -> None:
    from servemark.run.verification import pick_images

    images = tuple(
        GoldenImage(
            file=str(number),
            format="png",
            mode="grey",
            width=28,
            height=28,
            label=0,
            digit=0,
            probability=1,
        )
        for number in range(10)
    )
    assert [image.file for image in pick_images(images, 3)] == ["0", "3", "6"]
    assert pick_images(images, None) == list(images) == pick_images(images, 99)
