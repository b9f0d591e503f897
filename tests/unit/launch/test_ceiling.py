"""The in-process ceiling: what a program finds is believed only when it can be, and is right."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.errors import LaunchError, ManifestError
from servemark.launch import Launch, measure_ceiling
from servemark.records import Endpoint, Settings
from tests.conftest import ROOT, ToyProject

PROGRAM = ROOT / "tests" / "toy" / "ceiling.py"
ARGUMENTS = "{images} {warm_up_s} {measure_s}"


def toy(toys: ToyProject, tmp_path: Path, mode: str) -> Launch:
    """How a variant is started whose language has the toy's ceiling program."""
    manifest = toys.folder / "contestants" / "toy" / "runtime.toml"
    command = f"{sys.executable} {PROGRAM} {mode} {ARGUMENTS}"
    manifest.write_text(f'{manifest.read_text()}\n[ceiling]\ncommand = "{command}"\n')
    toys.add("good")
    return toys.launch("good", tmp_path / "log")


def test_it_holds_what_the_program_found_for_the_golden_set(
    toys: ToyProject, tmp_path: Path
) -> None:
    ceiling = measure_ceiling(toy(toys, tmp_path, "good"), warm_up_s=0, measure_s=0.5)
    assert ceiling is not None
    assert (ceiling.language, ceiling.runtime, ceiling.source) == ("toy", "numpy", "golden")
    assert (ceiling.distinct, ceiling.images) == (512, 1536)
    assert (ceiling.duration_ns, ceiling.cpu_ns) == (500_001_000, 500_001_000)
    assert (ceiling.decode_ns, ceiling.infer_ns, ceiling.answer_ns) == (600, 300, 500_000_100)
    assert ceiling.images_per_s == pytest.approx(1536 / 0.500_001)


def test_the_test_image_is_a_round_of_one(toys: ToyProject, tmp_path: Path) -> None:
    ceiling = measure_ceiling(toy(toys, tmp_path, "good"), "test_image", measure_s=0.5)
    assert ceiling is not None
    assert (ceiling.source, ceiling.distinct, ceiling.images) == ("test_image", 1, 3)


def test_a_language_without_a_program_has_no_ceiling(toys: ToyProject, tmp_path: Path) -> None:
    toys.add("good")
    assert measure_ceiling(toys.launch("good", tmp_path / "log")) is None


def test_a_server_that_runs_in_another_program_brings_its_own(
    toys: ToyProject, tmp_path: Path
) -> None:
    launch = toy(toys, tmp_path, "exits")
    manifest = toys.folder / "contestants" / "toy" / "runtime.toml"
    own = f'ceiling = {{ command = "{sys.executable} {PROGRAM} good {ARGUMENTS}" }}'
    text = manifest.read_text().replace("[servers.builtin]", f"[servers.builtin]\n{own}")
    manifest.write_text(text)
    again = replace(launch, contestant=load_contestants(manifest.parent.parent)["toy/good"])
    assert measure_ceiling(again, measure_s=0.1) is not None


def test_it_runs_where_and_as_the_server_does_but_alone(toys: ToyProject, tmp_path: Path) -> None:
    launch = toy(toys, tmp_path, "settings")
    variant = launch.variant.model_copy(update={"settings": Settings(workers=2)})
    core = min(os.sched_getaffinity(0))
    ceiling = measure_ceiling(
        replace(launch, variant=variant, stage="decode", cores=(core, 4095)), measure_s=0.1
    )
    assert ceiling is not None
    assert ceiling.cores == (core,)
    affinity, environment = json.loads(launch.log.read_text())
    assert affinity == [core]
    server = launch.command(Endpoint(host="127.0.0.1", port=1)).environment
    assert {name: environment[name] for name in server if name != "PORT"} == {
        name: server[name] for name in server if name != "PORT"
    }
    assert (environment["WORKERS"], environment["STAGE"]) == ("1", "full")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("wrong", r"answered 1 of 512 images wrongly: images/0000\.png: digit 10, not 1"),
        ("inexact", r"answered 1 of 512 images wrongly: images/0511\.\w+: probability 0\."),
        ("undefined", r"answered 1 of 512 images wrongly: images/0511\.\w+: probability nan"),
        ("short", "gave 511 answers for 512 images"),
        ("partial", "predicted 1535 images, which are no whole rounds of 512"),
        ("hasty", "measured for 100 ns where 100000000 ns were asked for"),
        ("overfull", "says that decoding and inference took longer than all of it"),
        ("silent", "printed no finding, but: nothing"),
        ("garbage", "printed no finding, but: all is well: 1234 images/s"),
        ("exits", "ended with exit status 1: the model is broken"),
        ("dies", r"ended by signal 11 \(Segmentation fault\)"),
    ],
)
def test_what_cannot_be_believed_is_refused_with_the_reason(
    toys: ToyProject, tmp_path: Path, mode: str, said: str
) -> None:
    with pytest.raises(LaunchError, match=rf"^the in-process ceiling of toy\+numpy {said}"):
        measure_ceiling(toy(toys, tmp_path, mode), measure_s=0.1)


def test_a_program_that_hangs_is_killed(
    toys: ToyProject, tmp_path: Path, marked_processes: Callable[[str], list[int]]
) -> None:
    with pytest.raises(LaunchError, match="did not finish within 1 s"):
        measure_ceiling(toy(toys, tmp_path, "hangs"), warm_up_s=0, measure_s=0.5, timeout_s=0.5)
    assert marked_processes("toy/ceiling.py hangs") == []


def test_a_program_that_does_not_exist_is_named(toys: ToyProject, tmp_path: Path) -> None:
    manifest = toys.folder / "contestants" / "toy" / "runtime.toml"
    manifest.write_text(manifest.read_text() + '\n[ceiling]\ncommand = "{env}/ceiling"\n')
    toys.add("good")
    with pytest.raises(LaunchError, match=r"of toy\+numpy cannot start '.*/none/ceiling'"):
        measure_ceiling(toys.launch("good", tmp_path / "log"))


def test_an_unknown_placeholder_is_refused_with_the_known_ones(toys: ToyProject) -> None:
    manifest = toys.folder / "contestants" / "toy" / "runtime.toml"
    manifest.write_text(manifest.read_text() + '\n[ceiling]\ncommand = "{port}"\n')
    toys.add("good")
    with pytest.raises(ManifestError, match=r"key 'ceiling\.command': .*\{images\}.*\{warm_up_s\}"):
        toys.launch("good", toys.folder / "log")
