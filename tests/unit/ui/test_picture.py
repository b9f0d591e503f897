"""The picture that the playground shows is the one that the model saw."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from servemark.catalog import Model
from servemark.catalog.manifests import ModelInput
from servemark.ui.picture import NoPicture, model_input, seen_picture

RGB = ModelInput(
    name="image",
    shape=(None, 2, 2, 3),
    layout="NHWC",
    dtype="float32",
    height=2,
    width=2,
    channels=3,
    offset=(0.0, 0.0, 0.0),
    scale=(1 / 255, 1 / 255, 1 / 255),
    resize="bilinear",
)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def inferred(model: Model, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The dense layers by hand, from the same weights that contestants load."""
    layers = model.description.formats["dense"]
    assert not isinstance(layers, str)
    values = x.reshape(-1)
    for layer in layers:
        kernel, bias = (
            np.fromfile(model.export_folder / name, "<f4") for name in (layer.kernel, layer.bias)
        )
        values = values @ kernel.reshape(layer.shape) + bias
        if layer.activation == "relu":
            values = np.maximum(values, 0)
    weights = np.exp(values - values.max())
    return np.asarray(weights / weights.sum(), np.float32)


def test_what_it_shows_of_the_golden_set_gives_the_references_answers(mnist: Model) -> None:
    for image in mnist.golden.images[:120]:
        found = inferred(mnist, model_input(mnist.picture(image).content, mnist.description.input))
        digit = int(found.argmax())
        assert mnist.golden.fault_of(image, digit, float(found[digit])) is None, image.file


def test_ink_is_white_on_black_as_the_model_was_trained(mnist: Model) -> None:
    paper = Image.new("L", (56, 56), 255)
    paper.paste(0, (0, 0, 28, 56))
    shown = Image.open(io.BytesIO(seen_picture(png(paper), mnist.description.input)))
    assert shown.size == (28, 28)
    assert (shown.getpixel((0, 0)), shown.getpixel((27, 27))) == (255, 0)


def test_transparency_is_dropped_and_not_blended(mnist: Model) -> None:
    unseen = png(Image.new("RGBA", (28, 28), (255, 255, 255, 0)))
    assert not model_input(unseen, mnist.description.input).any()


def test_a_model_in_colour_gets_colours() -> None:
    shown = Image.open(io.BytesIO(seen_picture(png(Image.new("RGB", (8, 8), (255, 0, 51))), RGB)))
    assert (shown.size, shown.getpixel((1, 1))) == ((2, 2), (255, 0, 51))


def test_bilinear_blends_neighbours() -> None:
    steps = Image.new("RGB", (4, 4))
    steps.paste((200, 200, 200), (2, 0, 4, 4))
    x = model_input(png(steps), RGB)
    assert x[:, :, 0] * 255 == pytest.approx(np.array([[0, 200], [0, 200]]))
    wide = Image.new("RGB", (3, 1))
    wide.putpixel((2, 0), (90, 90, 90))
    assert model_input(png(wide), RGB)[0, :, 0] * 255 == pytest.approx([0, 67.5])


@pytest.mark.parametrize(
    "content", [b"", b"no image at all", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"]
)
def test_what_the_contract_does_not_take_is_no_picture(mnist: Model, content: bytes) -> None:
    with pytest.raises(NoPicture):
        seen_picture(content, mnist.description.input)


def test_a_picture_wider_than_the_contract_allows_is_not_decoded(mnist: Model) -> None:
    with pytest.raises(NoPicture, match="4096"):
        seen_picture(png(Image.new("1", (4097, 1))), mnist.description.input)
