"""Checking every answer of a slice after it: each distinct body against the golden answers."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from servemark.catalog import Model
from servemark.records import Stage, Workload
from servemark.samples import ANSWERED, MISSING, Samples
from servemark.verify.subject import STAGE_PROBABILITY, Wrong, parse_prediction


def check_answers(
    model: Model, workload: Workload, stage: Stage, samples: Samples
) -> NDArray[np.int8]:
    """For each sample: 1 a right answer, 0 a wrong one, ``MISSING`` where there is none to judge.

    The answer must be the golden one for the image that was sent: the digit, and the probability
    within the tolerance of the image's format. Before the stage ``full`` only its form is judged.
    A body that the engine did not keep is not judged. Statuses from 400 are not answers.
    """
    right = np.full(len(samples), MISSING, dtype=np.int8)
    answered = (samples.ending == ANSWERED) & (samples.status < 400) & (samples.body >= 0)
    pairs = np.stack([samples.request[answered].astype(np.int64), samples.body[answered]])
    distinct, back = np.unique(pairs, axis=1, return_inverse=True)
    verdicts = [
        _judge(model, workload, stage, int(request), samples.bodies[int(body)])
        for request, body in distinct.T
    ]
    right[answered] = np.array(verdicts, dtype=np.int8)[back.reshape(-1)]
    return right


def _judge(model: Model, workload: Workload, stage: Stage, request: int, body: bytes | None) -> int:
    if body is None:
        return MISSING
    if workload == "null":
        return int(_is_healthy(body))
    try:
        digit, probability = parse_prediction(model, body)
    except Wrong:
        return 0
    if stage != "full":
        return int(probability == STAGE_PROBABILITY)
    if workload == "get":
        golden = model.golden.test_image
        tolerance = model.golden.tolerance["jpeg"]
        return int(digit == golden.digit and abs(probability - golden.probability) <= tolerance)
    image = model.golden.images[request]
    tolerance = model.golden.tolerance[image.format]
    return int(digit == image.digit and abs(probability - image.probability) <= tolerance)


def _is_healthy(body: bytes) -> bool:
    try:
        return bool(json.loads(body) == {"status": "ok"})
    except ValueError:
        return False
