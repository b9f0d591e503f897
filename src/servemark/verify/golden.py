"""The golden set through both forms of upload: every answer against the reference's."""

from __future__ import annotations

import re
from typing import Literal

import urllib3

from servemark.catalog import RequestParts, requests_of
from servemark.catalog.manifests import GoldenImage
from servemark.records import Check
from servemark.verify.subject import Subject, Wrong, read_prediction
from servemark.verify.wire import TIMEOUT_S, Answer

GROUP = "golden set"
_DIGITS = re.compile(rb'"probability"\s*:\s*0*\.?0*([0-9.]+)')


def check_golden(subject: Subject) -> list[Check]:
    """All golden images as multipart and as raw bodies, one at a time on one connection."""
    return [_check_form(subject, "multipart"), _check_form(subject, "raw"), _check_digits(subject)]


def _check_form(subject: Subject, form: Literal["multipart", "raw"]) -> Check:
    requests = requests_of(form, [picture for _, picture in subject.pictures])
    faults: list[str] = []
    worst = 0.0
    with urllib3.PoolManager(retries=False, timeout=TIMEOUT_S) as client:
        for (image, picture), request in zip(subject.pictures, requests, strict=True):
            try:
                digit, probability = read_prediction(subject, _send(client, subject, request))
            except Wrong as wrong:
                faults.append(f"{picture.name}: {wrong}")
                continue
            worst = max(worst, abs(probability - image.probability))
            fault = fault_of(subject, image, digit, probability)
            if fault is not None:
                faults.append(f"{picture.name}: {fault}")
    count = len(subject.pictures)
    return Check(
        group=GROUP,
        name=f"{count} images as {form}",
        passed=not faults,
        expected="the reference's digit, and its probability within the tolerance",
        seen=f"{len(faults)} of {count} wrong; {faults[0]}"
        if faults
        else f"all right; largest difference in probability {worst:.1e}",
    )


def _check_digits(subject: Subject) -> Check:
    """That probabilities are not rounded: at least one of eight is written with six digits.

    Those far from 1 are asked for: a sure model answers 1.0, which has no more digits.
    """
    most = 0
    unsure = sorted(subject.pictures, key=lambda pair: abs(1 - pair[0].probability), reverse=True)
    with urllib3.PoolManager(retries=False, timeout=TIMEOUT_S) as client:
        for request in requests_of("raw", [picture for _, picture in unsure[:8]]):
            try:
                answer = _send(client, subject, request)
            except Wrong:
                continue  # counted by the checks of the two forms
            match = _DIGITS.search(answer.body)
            if match is not None:
                most = max(most, len(match[1].replace(b".", b"")))
    return Check(
        group=GROUP,
        name="precision of the probability",
        passed=most >= 6,
        expected="at least 6 significant digits",
        seen=f"{most} digits",
    )


def _send(client: urllib3.PoolManager, subject: Subject, request: RequestParts) -> Answer:
    try:
        response = client.request(
            request.method,
            subject.endpoint.url + request.path,
            body=request.body,
            headers={"Content-Type": request.content_type or ""},
        )
    except urllib3.exceptions.HTTPError as error:
        raise Wrong(f"no answer ({error})") from error
    return Answer(response.status, response.headers.get("Content-Type", ""), response.data, False)


def fault_of(subject: Subject, image: GoldenImage, digit: int, probability: float) -> str | None:
    """What is wrong with the answer for a golden image, or ``None``."""
    if digit != image.digit:
        return f"digit {digit}, not {image.digit}"
    tolerance = subject.model.golden.tolerance[image.format]
    if abs(probability - image.probability) > tolerance:
        return f"probability {probability:.6f}, not {image.probability:.6f} ± {tolerance:g}"
    return None
