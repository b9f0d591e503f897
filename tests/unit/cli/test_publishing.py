"""``servemark publish`` as a user calls it."""

from __future__ import annotations

import json

import pytest

from tests.conftest import ToyProject
from tests.synthetic_runs import write_runs

pytestmark = pytest.mark.slow


def test_a_site_is_made_and_made_again(toys: ToyProject) -> None:
    runs, site = toys.folder / "runs", toys.folder / "site"
    (broken, *_) = write_runs(runs, 3, 2)
    first = toys.call("publish", str(runs), "--to", str(site))
    assert first.returncode == 0, first.stderr
    assert f"A site of 3 runs, 3 of them new: {site / 'index.html'}" in first.stdout
    (broken.path / "trials.jsonl").write_text("{}\n")
    again = toys.call("publish", "--to", str(site), "--json")
    assert again.returncode == 0, again.stderr
    done = json.loads(again.stdout)
    assert (done["runs"], done["read"], list(done["left_out"])) == (2, 0, [broken.path.name])
    assert f"Left out {broken.path.name}: " in again.stderr


def test_wrong_use_is_one_sentence(toys: ToyProject) -> None:
    (toys.folder / "empty").mkdir()
    done = toys.call("publish", str(toys.folder / "empty"), "--to", str(toys.folder / "site"))
    assert done.returncode == 2
    assert "There is no run in" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (toys.folder / "site").exists()
