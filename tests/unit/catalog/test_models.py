"""Models: folders that are made and that are not, and which models can be served."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from servemark.catalog import Model, find_model, load_model, model_names
from servemark.catalog.manifests import Takes
from servemark.errors import ManifestError, UsageError


def test_the_models_that_ship_are_found(root: Path) -> None:
    assert {"mnist", "mnist-cnn", "mobilenet-v2"} <= set(model_names(root / "models"))


def test_the_convolutional_model_sends_the_images_of_the_dense_one(
    root: Path, mnist: Model
) -> None:
    convolutional = load_model(root / "models", "mnist-cnn")
    assert [p.content for p in convolutional.pictures()] == [p.content for p in mnist.pictures()]
    assert convolutional.golden.images != mnist.golden.images


def test_a_model_that_is_not_made_yet_says_what_makes_it(root: Path, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    shutil.copy(root / "models" / "mobilenet-v2" / "model.toml", tmp_path / "big")
    assert not find_model(tmp_path, "big").is_made
    with pytest.raises(UsageError, match="not made yet: servemark train --model big makes it"):
        load_model(tmp_path, "big")


def test_an_unknown_model_gets_a_suggestion(root: Path) -> None:
    with pytest.raises(UsageError, match="no model 'minst': did you mean 'mnist'"):
        load_model(root / "models", "minst")


def test_an_image_that_is_not_there_is_named(mnist: Model, tmp_path: Path) -> None:
    shutil.copytree(mnist.folder, tmp_path / "mnist")
    last = tmp_path / "mnist" / "golden" / mnist.golden.images[-1].file
    last.unlink()
    with pytest.raises(ManifestError, match=f"{last} does not exist: make the golden set"):
        load_model(tmp_path, "mnist")


@pytest.mark.parametrize(
    "changed", ["export/model.json", "golden/two.jpg", "golden/golden.json", "an image"]
)
def test_the_digest_changes_with_whatever_decides_a_result(
    mnist: Model, tmp_path: Path, changed: str
) -> None:
    shutil.copytree(mnist.folder, tmp_path / "mnist")
    copied = load_model(tmp_path, "mnist")
    assert copied.digest() == mnist.digest()
    path = copied.folder / changed
    if changed == "an image":
        path = copied.folder / "golden" / copied.golden.images[-1].file
    path.write_bytes(path.read_bytes() + b"\n")
    assert copied.digest() != mnist.digest()


@pytest.mark.parametrize(
    ("takes", "obstacle"),
    [
        (Takes(), None),
        (Takes(channels=(1,), resizes=("nearest",), activations=("softmax",)), None),
        (Takes(channels=(3,)), "1 channels"),
        (Takes(layouts=("NCHW",)), "the layout NHWC"),
        (Takes(resizes=("bilinear",)), "the resize method nearest"),
        (Takes(activations=("logits",)), "the activation softmax"),
    ],
)
def test_what_is_not_taken_is_named(mnist: Model, takes: Takes, obstacle: str | None) -> None:
    assert takes.obstacle(mnist.description) == obstacle
