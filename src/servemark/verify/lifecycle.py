"""Judging stages, starts and stops: what was seen comes in, checks go out."""

from __future__ import annotations

import math
from collections.abc import Iterator

from servemark.guard import Exit
from servemark.records import Check, Stage
from servemark.verify.contract import Trick, try_out
from servemark.verify.subject import (
    STAGE_PROBABILITY,
    Subject,
    Wrong,
    png,
    read_prediction,
)
from servemark.verify.wire import ask

STOP_TIMEOUT_S = 5


def check_stage(subject: Subject, stage: Stage) -> Iterator[Check]:
    """That a server started with ``STAGE`` does that much and no more."""
    for what, body, wanted in _stage_uploads(subject, stage):

        def attempt(subject: Subject, body: bytes = body, wanted: int = wanted) -> str:
            answer = ask(subject.endpoint, "POST", "/", {"Content-Type": "image/png"}, body)
            digit, probability = read_prediction(subject, answer)
            if digit != wanted or abs(probability - STAGE_PROBABILITY) > 1e-12:
                raise Wrong(f"digit {digit}, probability {probability!r}, not {wanted}")
            return answer.brief()

        yield try_out(
            subject,
            Trick("stages", f"STAGE={stage}, {what}", "the contract's figures", attempt),
        )


def _stage_uploads(subject: Subject, stage: Stage) -> Iterator[tuple[str, bytes, int]]:
    """What is sent at a stage: what it is, its bytes, and the digit that must come back."""
    taken = subject.model.description.input
    if stage == "receive":
        yield "any image", png(taken.width, taken.height, 0), 0
        yield "bytes that are no image", b"not an image at all", 0
        return
    for value in _telling_values(subject):
        body = png(taken.width, taken.height, value)
        yield f"an image of grey {value}", body, decode_answer(subject, value)


def decode_answer(subject: Subject, value: int) -> int:
    """Stage ``decode`` for an image of one grey value: ⌊Σ x⌋ mod labels, x = (v + o) · s."""
    return math.floor(_sum(subject, value)) % len(subject.model.description.labels)


def _telling_values(subject: Subject) -> list[int]:
    """Two grey values whose sums are far from whole numbers, and whose answers differ."""
    found: dict[int, int] = {}
    for value in range(40, 256):
        if 0.3 < _sum(subject, value) % 1 < 0.7:
            found.setdefault(decode_answer(subject, value), value)
        if len(found) == 2:
            break
    return list(found.values())


def _sum(subject: Subject, value: int) -> float:
    taken = subject.model.description.input
    per_pixel = sum((value + o) * s for o, s in zip(taken.offset, taken.scale, strict=True))
    return taken.width * taken.height * per_pixel


def judge_bad_start(name: str, exited: Exit | None, log: str) -> Check:
    """A start that must fail: at once, with one clear line, and a non-zero exit status."""
    lines = [line for line in log.splitlines() if line.strip()]
    seen = (
        "it did not end"
        if exited is None
        else f"exit status {exited.status}, {len(lines)} lines: {lines[-1][:160] if lines else ''}"
    )
    return Check(
        group="starts that must fail",
        name=name,
        passed=exited is not None and exited.status > 0 and len(lines) == 1,
        expected="a non-zero exit status and one line on stderr",
        seen=seen,
    )


def judge_stop(name: str, exited: Exit, answered: str | None) -> Check:
    """A stop by SIGTERM: in time, by itself, nothing left, and what was in flight answered."""
    faults = []
    if exited.killed:
        faults.append(f"it was still running {STOP_TIMEOUT_S} s after SIGTERM")
    if exited.orphans:
        faults.append(f"it left {exited.orphans} processes behind")
    if answered is not None:
        faults.append(f"the request in flight got: {answered}")
    return Check(
        group="stops",
        name=name,
        passed=not faults,
        expected=f"what is in flight answered, exit within {STOP_TIMEOUT_S} s, nothing left",
        seen="; ".join(faults) or f"exit status {exited.status}",
    )
