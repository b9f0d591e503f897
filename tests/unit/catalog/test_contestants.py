"""Contestants from folders, and mistakes in their manifests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from servemark.catalog import load_contestants, select_contestants
from servemark.errors import ManifestError, UsageError
from servemark.records import Settings
from tests.conftest import ToyProject


def contestant_file(toys: ToyProject) -> Path:
    toys.add("good")
    return toys.folder / "contestants" / "toy" / "good" / "contestant.toml"


def test_a_folder_dropped_in_appears_in_the_list(toys: ToyProject) -> None:
    def listed() -> list[str]:
        return [each["contestant"] for each in json.loads(toys.call("list", "--json").stdout)]

    toys.add("good")
    assert listed() == ["toy/good"]
    toys.add("wrong")
    assert listed() == ["toy/good", "toy/wrong"]


def test_folders_with_an_underscore_are_not_contestants(toys: ToyProject) -> None:
    toys.add("good")
    shutil.copytree(
        toys.folder / "contestants/toy/good", toys.folder / "contestants/toy/_predictor"
    )
    assert list(load_contestants(toys.folder / "contestants")) == ["toy/good"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "The good one"', "", r"contestant.toml: key 'title': is required but missing"),
        ('"numpy"', '"nunpy"', r"key 'runtimes': 'nunpy' is not a runtime .* did you mean 'numpy'"),
        ('"builtin"', '"buildin"', r"key 'servers': 'buildin' is defined neither .* 'builtin'\?"),
        ("homepage", "homepaje", r"key 'homepage': is required but missing"),
        ('"https://example.org"', "7", r"key 'homepage': input should be a valid string, not 7"),
        ("[", "[[", r"contestant.toml is not valid TOML: .*line 5"),
        ("mode =", "made =", r"key 'apps': expected 'mode', which the server 'builtin' hosts"),
    ],
)
def test_a_mistake_is_reported_with_file_key_and_what_was_expected(
    toys: ToyProject, old: str, new: str, message: str
) -> None:
    path = contestant_file(toys)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ManifestError, match=message):
        load_contestants(toys.folder / "contestants")


def test_an_unknown_key_is_a_mistake(toys: ToyProject) -> None:
    path = contestant_file(toys)
    path.write_text(path.read_text() + 'colour = "red"\n')
    with pytest.raises(ManifestError, match="key 'colour': is not a known key"):
        load_contestants(toys.folder / "contestants")


def test_an_unknown_placeholder_is_a_mistake(toys: ToyProject) -> None:
    path = toys.folder / "contestants" / "toy" / "runtime.toml"
    path.write_text(path.read_text().replace("{app}", "{ap}"))
    toys.add("good")
    with pytest.raises(ManifestError, match=r"servers.builtin.command.*placeholders.*\{app\}"):
        load_contestants(toys.folder / "contestants")


def test_a_language_without_a_manifest_is_a_mistake(toys: ToyProject) -> None:
    contestant_file(toys)
    (toys.folder / "contestants" / "toy" / "runtime.toml").unlink()
    with pytest.raises(ManifestError, match=r"toy/runtime.toml does not exist"):
        load_contestants(toys.folder / "contestants")


def test_names_may_be_whole_short_or_globs(root: Path) -> None:
    contestants = load_contestants(root / "contestants")

    def names(*patterns: str) -> list[str]:
        return [c.name for c in select_contestants(contestants, patterns)]

    assert names("python/flask") == names("flask") == ["python/flask"]
    assert names("r/plumb*", "express") == ["node/express", "r/plumber"]


def test_a_wrong_name_gets_a_suggestion(root: Path) -> None:
    contestants = load_contestants(root / "contestants")
    with pytest.raises(UsageError, match="no contestant 'flaks': did you mean 'flask'"):
        select_contestants(contestants, ["flaks"])


def test_servers_are_crossed_with_the_wanted_runtimes_or_the_first(root: Path) -> None:
    contestants = load_contestants(root / "contestants")
    falcon = contestants["python/falcon"].variants(["onnxruntime"], Settings())
    servers = contestants["python/falcon"].manifest.servers
    assert [v.id for v in falcon] == [f"python/falcon@{name}+onnxruntime" for name in servers]
    plumber = contestants["r/plumber"].variants(["onnxruntime"], Settings(workers=2))
    assert [v.id for v in plumber] == ["r/plumber@builtin+base-r,workers=2"]


def test_the_field_has_every_server_that_it_began_with(root: Path) -> None:
    contestants = load_contestants(root / "contestants")
    servers = {name: set(c.manifest.servers) for name, c in contestants.items()}
    began_with = {
        "python/aiohttp": {"builtin", "gunicorn"},
        "python/sanic": {"builtin"},
        "python/tornado": {"builtin"},
        "python/flask": {"gunicorn"},
        "python/falcon": {"gunicorn", "uvicorn"},
        "python/werkzeug": {"builtin", "gunicorn"},
        "go/net-http": {"builtin"},
        "node/express": {"builtin"},
        "r/plumber": {"builtin"},
    }
    assert [name for name, wanted in began_with.items() if not wanted <= servers[name]] == []
