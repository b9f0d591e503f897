"""Forms that are broken in ways that nobody thought of: contestants refuse them and live on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servemark.catalog import load_contestants, multipart
from servemark.launch import Server
from servemark.records import Settings, Variant
from servemark.run import Workbench
from servemark.run.verification import make_subject
from servemark.verify import Subject, read_prediction
from servemark.verify.subject import png, read_json
from servemark.verify.wire import Answer, ask, ask_chunked
from tests.conftest import ROOT

# One contestant for each parser of forms.
FUZZED = (
    "cpp/beast",
    "go/net-http",
    "java/vertx",
    "node/express",
    "python/aiohttp",
    "python/blacksheep",
    "python/django",
    "python/falcon",
    "python/fastapi",
    "python/flask",
    "python/litestar",
    "python/quart",
    "python/sanic",
    "python/starlette",
    "python/tornado",
    "r/plumber",
    "rust/axum",
)
REFUSALS = {400, 415, 422}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
bounded = settings(
    max_examples=100,
    deadline=None,  # nothing is timed
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

BOUNDARY = b"a-boundary"
TYPE = "multipart/form-data; boundary=a-boundary"
IMAGE = png(28, 28)
NAMED = b'Content-Disposition: form-data; name="image"; filename="a.png"'

Form = tuple[str, bytes]
"""Content type and body."""


def form(headers: bytes, content: bytes = IMAGE, gap: bytes = b"\r\n\r\n") -> bytes:
    """A form of one part; with ``NAMED`` it is a right one."""
    return b"--%s\r\n%s%s%s\r\n--%s--\r\n" % (BOUNDARY, headers, gap, content, BOUNDARY)


RIGHT = form(NAMED + b"\r\nContent-Type: image/png")
END_OF_IMAGE = RIGHT.index(IMAGE) + len(IMAGE)

visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100)
other_names = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n\0'), max_size=40)


@st.composite
def of_no_image(draw: st.DrawFn) -> bytes:
    """Headers of a part that is anything but the file of the field ``image``."""
    name = draw(other_names.filter(lambda name: name.strip().lower() != "image"))
    template = draw(
        st.sampled_from(
            (
                'Content-Disposition: form-data; name="{}"; filename="a.png"',
                'Content-Disposition: form-data; filename="{}"',
                'Content-Disposition: {}; filename="a.png"',
                'Content-Disposition: form-data; name="image"',
                "Content-Disposition:{}",
                "Content-Type: image/png",
                "X-{}: 1",
                "{}",
                "",
            )
        )
    )
    return template.format(name).encode()


def forms_without_an_image() -> st.SearchStrategy[Form]:
    """Forms that no parser can find the whole image in."""
    boundaries = visible.filter(lambda text: "a-boundary" not in text)
    types = boundaries.map(lambda text: f"multipart/form-data; boundary={text}")
    stumps = st.sampled_from(
        ("multipart/form-data", "multipart/form-data;", "multipart/form-data; boundary")
    )
    gaps = st.sampled_from((b"", b"\r", b"\r\n", b" ", b"\0\0\r\n"))
    bodies = st.one_of(
        st.binary(max_size=2000),
        st.integers(0, END_OF_IMAGE - 1).map(lambda end: RIGHT[:end]),
        of_no_image().map(form),
        gaps.map(lambda gap: form(NAMED, gap=gap)),
        st.lists(st.just(b"--%s\r\n" % BOUNDARY), min_size=1, max_size=500).map(b"".join),
    )
    return st.one_of(
        st.tuples(st.one_of(types, stumps), st.just(RIGHT)),
        st.tuples(st.just(TYPE), bodies),
    )


@st.composite
def damaged_forms(draw: st.DrawFn) -> Form:
    """A right form after some edits anywhere, which may or may not have harmed the image."""
    body = RIGHT
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 12)))
        body = body[:start] + draw(st.binary(max_size=12)) + body[end:]
    return TYPE, body


@contextmanager
def serving(bench: Workbench, variant: Variant, log: Path) -> Iterator[Subject]:
    with Server(bench.launch(variant, log)) as server:
        server.wait_ready()
        yield make_subject(bench, server, list(bench.model.golden.images[:1]))
        assert server.exited() is None, server.log_tail()


def post(subject: Subject, sent: Form) -> Answer:
    content_type, body = sent
    return ask(subject.endpoint, "POST", "/", {"Content-Type": content_type}, body)


def assert_refused(answer: Answer) -> None:
    assert answer.status in REFUSALS, answer.brief()
    document = read_json(answer)
    assert document.keys() == {"data", "error"}
    assert document["data"] is None
    assert document["error"]


def assert_serves(subject: Subject) -> None:
    golden, picture = subject.pictures[0]
    digit, probability = read_prediction(subject, post(subject, multipart(picture)))
    assert digit == golden.digit
    assert probability == pytest.approx(golden.probability, abs=1e-3)


@pytest.fixture(params=FUZZED)
def variant(request: pytest.FixtureRequest, prepared: Callable[[Variant], None]) -> Variant:
    contestant = load_contestants(ROOT / "contestants")[request.param]
    chosen: Variant = contestant.variants([], Settings())[0]
    prepared(chosen)
    return chosen


def test_broken_forms_harm_nobody(variant: Variant, bench: Workbench, tmp_path: Path) -> None:
    with serving(bench, variant, tmp_path / "log") as subject:

        @bounded
        @given(forms_without_an_image())
        def refuses(sent: Form) -> None:
            assert_refused(post(subject, sent))
            assert_serves(subject)

        @bounded
        @given(damaged_forms())
        def answers(sent: Form) -> None:
            answer = post(subject, sent)
            if answer.status == 200:
                read_prediction(subject, answer)
            else:
                assert_refused(answer)
            assert_serves(subject)

        assert_serves(subject)
        refuses()
        answers()


def test_a_form_of_unknown_length_is_limited_too(
    variant: Variant, bench: Workbench, tmp_path: Path
) -> None:
    other = b'--%s\r\nContent-Disposition: form-data; name="other"; filename="b"\r\n\r\n' % BOUNDARY
    with serving(bench, variant, tmp_path / "log") as subject:
        body = other + bytes(subject.max_body_bytes) + b"\r\n" + RIGHT
        pieces = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
        answer = ask_chunked(subject.endpoint, "/", {"Content-Type": TYPE}, pieces)
        assert answer.status == 413, answer.brief()
        assert read_json(answer)["data"] is None
        assert_serves(subject)
