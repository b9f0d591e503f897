"""The schedule of a slice and the samples that came of it, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENDINGS = (
    "answered",
    "connect",
    "out_of_files",
    "out_of_ports",
    "reset",
    "closed_early",
    "timed_out",
    "malformed",
    "head_too_large",
    "body_too_large",
    "excess",
    "unanswered",
    "not_sent",
)
"""How a request can end; a sample's ``ending`` is an index into this."""

ANSWERED = ENDINGS.index("answered")
NOT_SENT = ENDINGS.index("not_sent")
MISSING = -1
"""Stands in a column for what there is none of: a time of a request that was not sent, say."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which request goes when.

    ``order`` is an index into the corpus for each request, uint32; a closed loop goes round it.
    ``intended_ns`` is when each is due after the start, int64 and never decreasing, of the same
    length; ``None`` for a closed loop.
    """

    order: NDArray[np.uint32]
    intended_ns: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """One row a request, all columns of the same length; times in ns after the slice's start.

    A time that there is not is ``MISSING``. ``right`` says whether the answer was the golden one:
    1 right, 0 wrong, ``MISSING`` where nothing was answered or nobody looked.
    """

    request: NDArray[np.uint32]
    intended_ns: NDArray[np.int64]
    sent_ns: NDArray[np.int64]
    first_byte_ns: NDArray[np.int64]
    done_ns: NDArray[np.int64]
    status: NDArray[np.int16]
    ending: NDArray[np.uint8]
    body: NDArray[np.int32]
    right: NDArray[np.int8]
    bodies: Sequence[bytes | None]
    """Distinct response bodies; ``None`` for one beyond what the engine keeps."""

    def __len__(self) -> int:
        return len(self.request)
