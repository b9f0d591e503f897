"""What a machine does with no server at all: the ceiling that a server's tax is counted from."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt

from servemark.records.base import Name, PositiveInt, Record

CeilingKey = tuple[str, str, int, str | None, str | None]
"""Language, runtime, inference threads, the server where it has a program of its own, and the model
where there are several."""
CeilingSource = Literal["golden", "test_image"]


class Ceiling(Record):
    """Decoding and inference in a loop without a server, in a variant's own environment.

    One image after the other on one thread, in whole rounds over the same images; every answer of
    the last round was right. Times are sums over all ``images``.
    """

    language: str
    runtime: Name
    threads: PositiveInt
    """Inference threads; the loop is pinned to as many cores."""
    cores: tuple[int, ...]
    source: CeilingSource
    """Uploads are compared with ``golden``, the workload ``get`` with ``test_image``."""
    distinct: PositiveInt
    """How many different images a round has."""
    images: PositiveInt
    duration_ns: PositiveInt
    cpu_ns: PositiveInt
    """CPU time of the whole process during the measured rounds, all its threads together."""
    decode_ns: NonNegativeInt
    """From a file's bytes to the model's input."""
    infer_ns: NonNegativeInt
    """From the model's input to its output."""

    @property
    def images_per_s(self) -> float:
        return self.images * 1e9 / self.duration_ns

    @property
    def answer_ns(self) -> int:
        """What is left: from the model's output to the document, and the loop itself."""
        return self.duration_ns - self.decode_ns - self.infer_ns


class CeilingResult(Record):
    """A ceiling of one block, or why there is none."""

    block: int
    language: str
    runtime: Name
    threads: PositiveInt
    server: Name | None = None
    """Where the server runs the library in a program of its own, as Bun does for Node's."""
    model: Name | None = None
    """As in the variants that it stands beside."""
    ceiling: Ceiling | None = None
    failure: str | None = None

    @property
    def key(self) -> CeilingKey:
        """What a ceiling is of."""
        return (self.language, self.runtime, self.threads, self.server, self.model)
