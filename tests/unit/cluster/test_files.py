"""What travels to a node."""

from __future__ import annotations

import os
from pathlib import Path

from servemark.catalog import load_contestants, load_model
from servemark.cluster.files import pack, unpack
from servemark.prepare import environment_of


def test_contestants_and_model_arrive_as_they_were(root: Path, tmp_path: Path) -> None:
    model = load_model(root / "models", "mnist")
    bundle = pack(root, ["python/flask"], [model.folder])
    there = unpack(bundle, tmp_path)
    assert unpack(bundle, tmp_path) == there
    (contestant,) = load_contestants(there / "contestants").values()
    assert contestant.name == "python/flask"
    here = load_contestants(root / "contestants")["python/flask"]
    digests = [
        environment_of(tmp_path, each, "onnxruntime").digest() for each in (here, contestant)
    ]
    assert digests[0] == digests[1]
    assert load_model(there / "models", "mnist").digest() == model.digest()
    build = "contestants/python/build.sh"
    assert os.access(there / build, os.X_OK) == os.access(root / build, os.X_OK)


def test_the_same_files_are_the_same_bundle_and_a_changed_one_is_another(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source" / "contestants" / "toy"
    (source / "good").mkdir(parents=True)
    (source / "good" / "contestant.toml").write_text("one")
    one = pack(tmp_path / "source", ["toy/good"], [])
    assert pack(tmp_path / "source", ["toy/good"], []).digest == one.digest
    (source / "good" / "contestant.toml").write_text("two")
    assert pack(tmp_path / "source", ["toy/good"], []).digest != one.digest
