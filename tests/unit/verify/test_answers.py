"""Every answer of a slice is held against the golden one of its image."""

from __future__ import annotations

import json

import numpy as np
import pytest

from servemark.catalog import Model
from servemark.records import Stage, Workload
from servemark.samples import ENDINGS, MISSING, Samples
from servemark.verify import check_answers


def body(digit: object, probability: object) -> bytes:
    return json.dumps({"data": {"digit": digit, "probability": probability}}).encode()


def judged(
    model: Model,
    requests: list[int],
    bodies: list[bytes | None],
    workload: Workload = "raw",
    stage: Stage = "full",
    status: int = 200,
    ending: int = 0,
) -> list[int]:
    count = len(requests)
    times = np.zeros(count, np.int64)
    samples = Samples(
        request=np.array(requests, np.uint32),
        intended_ns=times,
        sent_ns=times,
        first_byte_ns=times,
        done_ns=times,
        status=np.full(count, status, np.int16),
        ending=np.full(count, ending, np.uint8),
        body=np.arange(count, dtype=np.int32),
        right=np.full(count, MISSING, np.int8),
        bodies=bodies,
    )
    found: list[int] = check_answers(model, workload, stage, samples).tolist()
    return found


def test_the_golden_answer_is_right_and_that_of_another_image_is_wrong(mnist: Model) -> None:
    images = mnist.golden.images
    other = next(at for at, image in enumerate(images) if image.digit != images[0].digit)
    own = body(images[0].digit, images[0].probability)
    assert judged(mnist, [0, other], [own, own]) == [1, 0]


def test_the_probability_may_differ_by_the_tolerance_of_the_format(mnist: Model) -> None:
    for kind, tolerance in mnist.golden.tolerance.items():
        at = next(n for n, image in enumerate(mnist.golden.images) if image.format == kind)
        image = mnist.golden.images[at]
        near = body(image.digit, image.probability - 0.9 * tolerance)
        far = body(image.digit, image.probability - 1.1 * tolerance)
        assert judged(mnist, [at, at], [near, far]) == [1, 0]


def test_get_is_held_against_the_test_image(mnist: Model) -> None:
    golden = mnist.golden.test_image
    right = body(golden.digit, golden.probability)
    wrong = body((golden.digit + 1) % 10, golden.probability)
    assert judged(mnist, [0, 0], [right, wrong], workload="get") == [1, 0]


@pytest.mark.parametrize(
    "broken",
    [b"", b"{}", b"[]", b"nonsense", body("2", 0.5), body(2, "x"), body(11, 0.5), body(True, 0.5)],
)
def test_what_has_not_the_form_of_an_answer_is_wrong(mnist: Model, broken: bytes) -> None:
    assert judged(mnist, [0], [broken]) == [0]


def test_before_the_full_stage_only_the_form_is_judged(mnist: Model) -> None:
    placeholder = body(7, 0.1234567890)
    assert judged(mnist, [0], [placeholder], stage="decode") == [1]
    assert judged(mnist, [0], [body(7, 0.5)], stage="decode") == [0]
    assert judged(mnist, [0], [placeholder]) == [0]


def test_failures_error_statuses_and_bodies_that_were_not_kept_are_not_judged(
    mnist: Model,
) -> None:
    own = body(mnist.golden.images[0].digit, mnist.golden.images[0].probability)
    assert judged(mnist, [0], [own], ending=ENDINGS.index("timed_out")) == [MISSING]
    assert judged(mnist, [0], [own], status=500) == [MISSING]
    assert judged(mnist, [0], [None]) == [MISSING]
