"""``servemark new``: a template becomes a contestant, or one sentence says why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from servemark.catalog import load_contestants
from servemark.errors import PrepareError, UsageError
from servemark.prepare import create_contestant
from servemark.prepare.creating import PLACEHOLDER, files_below, template_kinds
from tests.conftest import ROOT, ToyProject

LANGUAGES = sorted(path.parent for path in (ROOT / "contestants").glob("*/runtime.toml"))
KINDS: list[tuple[str, str | None]] = [
    (language.name, kind)
    for language in LANGUAGES
    for kind in (template_kinds(language) or (None,))
]


@pytest.fixture
def contestants(tmp_path: Path) -> Path:
    """The languages that ship, with their templates and without contestants."""
    folder = tmp_path / "contestants"
    for language in LANGUAGES:
        copied = folder / language.name
        shutil.copytree(language / "_template", copied / "_template")
        shutil.copy(language / "runtime.toml", copied)
    return folder


def test_python_has_a_template_for_each_interface(root: Path) -> None:
    assert template_kinds(root / "contestants" / "python") == ["asgi", "wsgi"]


@pytest.mark.parametrize(("language", "kind"), KINDS)
def test_every_language_makes_a_contestant(
    contestants: Path, language: str, kind: str | None
) -> None:
    made = create_contestant(contestants, f"{language}/mine", kind)
    found = load_contestants(contestants)
    assert [contestant.folder for contestant in found.values()] == [made]
    assert found[f"{language}/mine"].manifest.title == "mine"
    assert not [path for path in files_below(made) if PLACEHOLDER in path.read_text()]
    template = contestants / language / "_template" / (kind or "")
    assert [path.relative_to(made) for path in files_below(made)] == [
        path.relative_to(template) for path in files_below(template)
    ]


def test_caches_are_no_part_of_it(contestants: Path) -> None:
    cache = contestants / "go" / "_template" / "__pycache__"
    cache.mkdir()
    (cache / "x.pyc").touch()
    assert not (create_contestant(contestants, "go/mine", None) / "__pycache__").exists()


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("mine", None, r"'mine' lacks its language: say LANGUAGE/NAME, such as python/mine"),
        ("pyhton/mine", "asgi", r"no language 'pyhton': did you mean 'python'\?"),
        ("go/Mine", None, r"'Mine' cannot be a contestant's name"),
        ("go/_predictor", None, r"'_predictor' cannot be a contestant's name"),
        ("go/../mine", None, r"'../mine' cannot be a contestant's name"),
        ("go/", None, r"'' cannot be a contestant's name"),
        ("go/mine\n", None, r"cannot be a contestant's name"),
        ("go/" + "m" * 51, None, r"at most 50 small letters"),
        ("go/mine", "asgi", r"go has one template only: leave --template out"),
        ("python/mine", None, r"several templates: add --template asgi or --template wsgi"),
        ("python/mine", "wsg", r"python has no template 'wsg': did you mean 'wsgi'\?"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    contestants: Path, name: str, kind: str | None, message: str
) -> None:
    before = files_below(contestants)
    with pytest.raises(UsageError, match=message):
        create_contestant(contestants, name, kind)
    assert files_below(contestants) == before


def test_a_contestant_that_exists_is_left_alone(contestants: Path) -> None:
    made = create_contestant(contestants, "go/mine", None)
    (made / "main.go").write_text("precious")
    with pytest.raises(UsageError, match=r"go/mine exists already: choose another name"):
        create_contestant(contestants, "go/mine", None)
    assert (made / "main.go").read_text() == "precious"


def test_a_template_that_cannot_be_copied_leaves_nothing(contestants: Path) -> None:
    (contestants / "go" / "_template" / "lost").symlink_to(contestants / "nowhere")
    with pytest.raises(PrepareError, match=r"go/mine cannot be written"):
        create_contestant(contestants, "go/mine", None)
    assert [path.name for path in (contestants / "go").iterdir()] == ["_template", "runtime.toml"]


def test_the_command_says_what_it_made_and_what_comes_next(toys: ToyProject) -> None:
    toys.add("good")
    toy = toys.folder / "contestants" / "toy"
    refused = toys.call("new", "toy/mine")
    assert refused.returncode == 2
    assert "copy the folder of a relative instead." in refused.stderr
    (toy / "good").rename(toy / "_template")
    made = toys.call("new", "toy/mine")
    assert made.returncode == 0, made.stderr
    assert "servemark verify toy/mine" in made.stdout
    assert json.loads(toys.call("new", "toy/other", "--json").stdout) == {
        "contestant": "toy/other",
        "folder": str(toy / "other"),
        "files": ["contestant.toml"],
    }
    assert list(load_contestants(toys.folder / "contestants")) == ["toy/mine", "toy/other"]
