"""Models: folders that are made and that are not, and which models can be served."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from servemark.catalog import Model, find_model, load_model, model_names
from servemark.catalog.manifests import Takes
from servemark.errors import UsageError


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
