"""The form parser of ``python/tuned``: any content comes back whole, nothing broken passes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT

PYTHON = ROOT / "contestants" / "python"
BOUNDARY = b"a-boundary"
TYPE = "multipart/form-data; boundary=a-boundary"
FILE = b'Content-Disposition: form-data; name="image"; filename="a.png"'
TEXT = b'Content-Disposition: form-data; name="image"'
OTHER = b'Content-Disposition: form-data; name="other"; filename="a.png"'

# What could be taken for the end of a part, more often than chance would have it.
contents = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from((b"\r", b"\n", b"\r\n", b"--", b"\r\n--", b"--a-boundar", b"\r\n\r\n")),
    ),
    max_size=12,
).map(b"".join)


@pytest.fixture(scope="module")
def form() -> Iterator[Any]:
    """The contestant's module, which needs nothing but the predictor's errors."""
    folders = [str(PYTHON / "tuned"), str(PYTHON / "_predictor")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*folders, *sys.path])
        yield import_module("form")
        for name in [name for name in sys.modules if name.split(".")[0] in {"form", "predictor"}]:
            del sys.modules[name]


def body(*parts: tuple[bytes, bytes]) -> bytes:
    """A right form of (headers, content)."""
    whole = b"".join(
        b"--%s\r\n%s\r\n\r\n%s\r\n" % (BOUNDARY, headers, content) for headers, content in parts
    )
    return whole + b"--%s--\r\n" % BOUNDARY


@given(contents, contents)
def test_any_content_comes_back_whole_wherever_its_part_stands(
    form: Any, content: bytes, other: bytes
) -> None:
    parts = [(TEXT, other), (OTHER, other), (FILE + b"\r\nContent-Type: image/png", content)]
    for turn in range(len(parts)):
        assert form.find_image(TYPE, body(*parts[turn:], *parts[:turn])) == content


@given(contents, st.data())
def test_a_form_that_breaks_off_is_refused(form: Any, content: bytes, data: st.DataObject) -> None:
    whole = body((FILE, content), (OTHER, b"!"))
    end = data.draw(st.integers(0, len(whole) - len(b"--\r\n")))
    with pytest.raises(Exception, match="cannot be parsed") as refused:
        form.find_image(TYPE, whole[:end])
    assert refused.value.status == 400  # type: ignore[attr-defined]


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(form: Any, content: bytes) -> None:
    with pytest.raises(form.BrokenForm):
        form.find_image(TYPE, content)


@pytest.mark.parametrize(
    "headers",
    [
        TEXT,
        OTHER,
        b'Content-Disposition: attachment; name="image"; filename="a.png"',
        b'Content-Disposition: form-data; filename="image"',
        b'Content-Disposition: form-data; xname="image"; filename="a.png"',
        b"Content-Disposition:",
        b'X-Content-Disposition: form-data; name="image"; filename="a.png"',
        b"Content-Type: image/png",
    ],
)
def test_what_is_not_the_file_of_the_field_is_not_taken_for_it(form: Any, headers: bytes) -> None:
    with pytest.raises(form.NoImageField):
        form.find_image(TYPE, body((headers, b"!")))


@pytest.mark.parametrize(
    "headers",
    [
        b"content-disposition:form-data;name=image;filename=a.png",
        b'Content-Type: image/png\r\nContent-Disposition: form-data; filename=""; name="image"',
        b"Content-Disposition: form-data; name=\"image\"; filename*=UTF-8''%e2%82%ac.png",
        b'Content-Disposition: form-data; name="image"; filename="a;b=c.png"',
    ],
)
def test_the_ways_to_write_a_disposition(form: Any, headers: bytes) -> None:
    assert form.find_image(TYPE, body((headers, b"!"))) == b"!"


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b"],
)
def test_a_boundary_that_is_not_the_body_s_is_refused(form: Any, content_type: str) -> None:
    with pytest.raises(form.BrokenForm):
        form.find_image(content_type, body((FILE, b"!")))


def test_a_quoted_boundary_after_other_parameters(form: Any) -> None:
    content_type = 'multipart/form-data; charset=utf-8; Boundary="a-boundary"'
    assert form.find_image(content_type, body((FILE, b"!"))) == b"!"


def test_a_part_without_a_blank_line_does_not_borrow_the_next_one_s(form: Any) -> None:
    broken = b"--%s\r\n%s\r\n" % (BOUNDARY, FILE) + body((OTHER, b"!"))
    with pytest.raises(form.BrokenForm):
        form.find_image(TYPE, broken)
