"""What a right answer of a user's own service is."""

from __future__ import annotations

import numpy as np
import pytest

from servemark.catalog import Expected, RequestParts, TargetRequest
from servemark.errors import ManifestError
from servemark.samples import ANSWERED, ENDINGS, MISSING, Samples
from servemark.verify import check_service, differing, fault_in


def expected(**changes: object) -> Expected:
    given: dict[str, object] = {"status": (200,), "pointers": (), "tolerance": 1e-3, **changes}
    return Expected(**given)  # type: ignore[arg-type]


def test_values_are_looked_up_by_pointer_and_may_differ_by_the_tolerance() -> None:
    wanted = expected(values=(("/label", "cat"), ("/scores/0", 0.5)))
    assert fault_in(wanted, 200, b'{"label": "cat", "scores": [0.5005], "id": 7}') is None
    assert fault_in(wanted, 200, b'{"label": "cat", "scores": [0.502]}') == (
        "0.502 at '/scores/0', not 0.5"
    )
    assert fault_in(wanted, 200, b'{"label": "dog", "scores": [0.5]}') == (
        '"dog" at \'/label\', not "cat"'
    )
    assert "nothing at '/scores/0'" in (fault_in(wanted, 200, b'{"label": "cat"}') or "")
    assert "not JSON" in (fault_in(wanted, 200, b"cat") or "")


def test_another_status_is_wrong_whatever_the_body() -> None:
    wanted = expected(status=(200, 202), values=(("/ok", True),))
    assert fault_in(wanted, 202, b'{"ok": true}') is None
    assert fault_in(wanted, 500, b'{"ok": true}') == 'status 500, not 200 or 202: {"ok": true}'


def test_true_is_not_one() -> None:
    assert fault_in(expected(values=(("/ok", True),)), 200, b'{"ok": 1}') is not None


def test_a_learned_answer_is_held_to_where_pointers_say() -> None:
    learned = expected(pointers=("/label",)).with_answer(b'{"label": 3, "took": 0.1}')
    assert fault_in(learned, 200, b'{"label": 3, "took": 99}') is None
    assert fault_in(learned, 200, b'{"label": 4, "took": 0.1}') is not None
    with pytest.raises(ManifestError, match="nothing at '/label'"):
        expected(pointers=("/label",)).with_answer(b"{}")


def test_an_answer_that_is_not_json_is_compared_byte_for_byte() -> None:
    learned = expected().with_answer(b"\x00cat")
    assert fault_in(learned, 200, b"\x00cat") is None
    assert fault_in(learned, 200, b"\x00dog") is not None


def test_what_differs_is_named() -> None:
    a = {"label": 3, "meta": {"took": 1, "a/b": 2}, "list": [1, 2]}
    b = {"label": 3, "meta": {"took": 2, "a/b": 3}, "list": [1, 3]}
    assert list(differing(a, b, 0.0)) == ["/meta/took", "/meta/a~1b", "/list"]


def test_every_sample_is_judged_by_its_own_request() -> None:
    requests = [
        TargetRequest(str(label), RequestParts("GET", "/", None, b""), wanted)
        for label, wanted in enumerate(
            [
                expected(values=(("", 0),)),
                expected(values=(("", 1),)),
                expected(status=(404,)),
            ]
        )
    ]
    rows = [  # request, status, body, ending: right?
        (0, 200, 0, ANSWERED, 1),
        (1, 200, 1, ANSWERED, 1),
        (1, 200, 0, ANSWERED, 0),
        (0, 302, 0, ANSWERED, 0),
        (0, 500, 0, ANSWERED, MISSING),
        (2, 404, 0, ANSWERED, 1),
        (0, 200, 2, ANSWERED, 1),  # not kept: its status is all that is known
        (2, 404, 2, ANSWERED, 1),  # not kept, and not needed
        (0, 0, MISSING, ENDINGS.index("timed_out"), MISSING),
    ]
    request, status, body, ending, right = (np.array(column) for column in zip(*rows, strict=True))
    zeros = np.zeros(len(rows), dtype=np.int64)
    samples = Samples(
        request=request.astype(np.uint32),
        intended_ns=zeros,
        sent_ns=zeros,
        first_byte_ns=zeros,
        done_ns=zeros,
        status=status.astype(np.int16),
        ending=ending.astype(np.uint8),
        body=body.astype(np.int32),
        right=zeros.astype(np.int8),
        bodies=[b"0", b"1", None],
    )
    found, unseen = check_service(requests, samples)
    assert found.tolist() == right.tolist()
    assert unseen == 1
