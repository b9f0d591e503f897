"""Which variants of a board are chosen by name."""

from __future__ import annotations

import pytest

from servemark.catalog import Model, load_board, load_contestants
from servemark.cli.selection import Field, choose
from servemark.errors import UsageError
from tests.conftest import ToyProject

GOOD, SLOW = "toy/good@builtin+numpy", "toy/slow@builtin+numpy"


@pytest.fixture
def narrow(toys: ToyProject) -> ToyProject:
    """A project of three contestants with a board that names two of them."""
    toys.add("good", "slow", "rude")
    toys.board(contestants='["toy/good", "toy/slow"]')
    return toys


def chosen(project: ToyProject, model: Model, *only: str) -> Field:
    board = load_board(project.folder / "boards", "toys")
    return choose(board, load_contestants(project.folder / "contestants"), [model], only)


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ((), {GOOD, SLOW}),
        (("good",), {GOOD}),
        (("toy/*",), {GOOD, SLOW}),
        (("good", "toy/slow@*"), {GOOD, SLOW}),
    ],
)
def test_a_board_is_narrowed_to_what_is_named(
    narrow: ToyProject, mnist: Model, only: tuple[str, ...], names: set[str]
) -> None:
    assert {each.id for each in chosen(narrow, mnist, *only).variants} == names


@pytest.mark.parametrize(
    ("only", "said"),
    [
        (("rude", "good"), "no variant 'rude': add it to the contestants of the board, or run one"),
        (("rude", "good", "toy/x@*"), "no variant 'rude' or 'toy/x@*': add it to"),
        (("good", "toy/god@builtin+numpy"), f"'toy/god@builtin+numpy': did you mean '{GOOD}'?"),
    ],
)
def test_whoever_is_named_and_not_of_the_board_is_not_left_out_in_silence(
    narrow: ToyProject, mnist: Model, only: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        chosen(narrow, mnist, *only)
    assert said in str(refused.value)


def test_who_is_of_the_board_and_cannot_serve_says_why(toys: ToyProject, mnist: Model) -> None:
    toys.add("good", "slow")
    toys.board(settings="{ workers = 2 }")
    manifest = toys.folder / "contestants" / "toy" / "slow" / "contestant.toml"
    manifest.write_text(f"max_workers = 1\n{manifest.read_text()}")
    with pytest.raises(UsageError, match=r"slow.* cannot take part \(it can have at most 1 worker"):
        chosen(toys, mnist, "slow")
    both = chosen(toys, mnist, "slow", "good")
    assert [each.contestant for each in both.variants] == ["toy/good"]
    assert [each.reason for each in both.excluded] == ["it can have at most 1 workers, not 2"]
