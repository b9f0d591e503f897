"""A service of the user's own: whether its answers are what is expected, and what that is where the
user left it to the first answer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jsonpointer import JsonPointerException, resolve_pointer
from numpy.typing import NDArray

from servemark.catalog import Expected, RequestParts, TargetRequest
from servemark.records import Endpoint
from servemark.samples import ANSWERED, MISSING, Samples
from servemark.verify.wire import Answer, Connection, brief


def ask_whole(endpoint: Endpoint, parts: RequestParts, timeout_s: float) -> Answer:
    """One request as the load engine sends it, on a connection of its own. Raises ``NoAnswer``."""
    with Connection(endpoint, timeout_s) as connection:
        connection.send(parts.whole(endpoint.authority))
        return connection.receive()


def fault_in(expected: Expected, status: int, body: bytes) -> str | None:
    """What is wrong with an answer, or ``None``."""
    if status not in expected.status:
        wanted = " or ".join(str(each) for each in expected.status)
        return f"status {status}, not {wanted}: {brief(body)}".removesuffix(": ")
    if expected.content is not None:
        return None if body == expected.content else f"another body: {brief(body)}"
    if expected.values is None:
        return None
    try:
        document = json.loads(body)
    except ValueError:
        return f"a body that is not JSON: {brief(body)}"
    for pointer, value in expected.values:
        where = f"at '{pointer}'" if pointer else "as a whole"
        try:
            seen = resolve_pointer(document, pointer)
        except JsonPointerException:
            return f"nothing {where}: {brief(body)}"
        if not is_close(seen, value, expected.tolerance):
            return f"{_brief(seen)} {where}, not {_brief(value)}"
    return None


def is_close(seen: Any, value: Any, tolerance: float) -> bool:
    """Whether two JSON values are the same, numbers within the tolerance.

    >>> is_close({"p": [0.5, "x"]}, {"p": [0.50001, "x"]}, 1e-4), is_close(True, 1, 1e-4)
    (True, False)
    """
    if isinstance(seen, dict) and isinstance(value, dict):
        return seen.keys() == value.keys() and all(
            is_close(seen[key], value[key], tolerance) for key in seen
        )
    if isinstance(seen, list) and isinstance(value, list):
        return len(seen) == len(value) and all(
            is_close(a, b, tolerance) for a, b in zip(seen, value, strict=True)
        )
    if _is_number(seen) and _is_number(value):
        return math.isclose(seen, value, rel_tol=0.0, abs_tol=tolerance)
    return type(seen) is type(value) and bool(seen == value)


def differing(seen: Any, value: Any, tolerance: float, pointer: str = "") -> Iterator[str]:
    """The JSON pointers at which two documents differ.

    >>> list(differing({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, 0))
    ['/b/c']
    """
    if isinstance(seen, dict) and isinstance(value, dict) and seen.keys() == value.keys():
        for key in seen:
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield from differing(seen[key], value[key], tolerance, f"{pointer}/{escaped}")
    elif not is_close(seen, value, tolerance):
        yield pointer


def check_service(
    requests: Sequence[TargetRequest], samples: Samples
) -> tuple[NDArray[np.int8], int]:
    """For each sample: 1 a right answer, 0 a wrong one, ``MISSING`` where there is none to judge;
    and how many were judged by their status alone, because the engine did not keep their bodies.

    An unexpected status from 400 on is no answer, and counted as such.
    """
    right = np.full(len(samples), MISSING, dtype=np.int8)
    answered = samples.ending == ANSWERED
    columns = (samples.request, samples.status, samples.body)
    triples = np.stack([column[answered].astype(np.int64) for column in columns])
    distinct, back, times = np.unique(triples, axis=1, return_inverse=True, return_counts=True)
    verdicts, unseen = [], 0
    for (request, status, number), count in zip(distinct.T.tolist(), times.tolist(), strict=True):
        expected = requests[request].expected
        body = samples.bodies[number] if number >= 0 else None
        if status not in expected.status:
            verdicts.append(MISSING if status >= 400 else 0)
        elif body is None:
            verdicts.append(1)
            unseen += 0 if expected.content is None and expected.values is None else count
        else:
            verdicts.append(int(fault_in(expected, status, body) is None))
    right[answered] = np.array(verdicts, dtype=np.int8)[back.reshape(-1)]
    return right, unseen


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
