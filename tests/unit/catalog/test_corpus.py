"""Pictures as requests."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from servemark.catalog import Model, Picture, commented


def pixels(picture: Picture) -> np.ndarray:
    with Image.open(io.BytesIO(picture.content)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_a_comment_changes_the_bytes_and_not_one_pixel(mnist: Model, kind: str) -> None:
    for picture in [each for each in mnist.pictures() if each.media_type == kind][:20]:
        first, second = (commented(picture, text) for text in ("00000000", "00000001"))
        assert len({picture.content, first.content, second.content}) == 3
        assert len(first.content) == len(second.content)
        for written in (first, second):
            np.testing.assert_array_equal(pixels(written), pixels(picture))
            with Image.open(io.BytesIO(written.content)) as image:
                image.verify()
                assert image.info.get("Comment", image.info.get("comment")) in (
                    *("00000000", b"00000000"),
                    *("00000001", b"00000001"),
                )


def test_only_png_and_jpeg_take_a_comment() -> None:
    with pytest.raises(ValueError, match="neither PNG nor JPEG"):
        commented(Picture("a.bmp", b"BM....", "image/bmp"), "x")


def test_the_renewed_corpus_is_the_repeated_image_so_often_that_no_slice_sends_one_twice(
    mnist: Model,
) -> None:
    (one,) = mnist.corpus("one")
    assert set(mnist.corpus("renewed")) == {one}
    assert len(mnist.corpus("renewed")) == 20_000
