"""A batch's answers are those of its images, one by one: python -m unittest, in its environment."""

import unittest
from types import SimpleNamespace
from typing import Any

import numpy as np

from predictor.service import Service


class Case(unittest.TestCase):
    def test_answers_are_those_of_each_output(self) -> None:
        outputs = np.random.default_rng(1).normal(size=(32, 10)).astype(np.float32)
        for logits in (False, True):
            with self.subTest(logits=logits):
                model: Any = SimpleNamespace(logits=logits, answer="digit", input=INPUT)
                nothing: Any = None
                service = Service(nothing, model, nothing, b"")
                assert service.answers(outputs) == [service.answer(each) for each in outputs]


INPUT = SimpleNamespace(offset=[0], scale=[1], shape=[784], resize="nearest")


if __name__ == "__main__":
    unittest.main()
