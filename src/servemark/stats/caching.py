"""Whether a server answers a repeated image from a cache, the idea of MLPerf's TEST04."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from servemark.stats.comparison import Comparison, compare_paired

LEAST_GAIN = 0.10
"""A repeat that gains less than this is no cache of answers: branch predictors and data caches of
the processor gain as much from seeing the same bytes again."""


@dataclass(frozen=True, slots=True)
class CachingFound:
    """Throughput with one image repeated ÷ with many images of the same kind, over the blocks."""

    ratio: Comparison
    caches: bool


def find_caching(
    repeated: Mapping[int, float], rotated: Mapping[int, float]
) -> CachingFound | None:
    """Compare the throughputs by block; ``None`` where no block has both, or only one has.

    Whoever is faster by more than ``LEAST_GAIN`` with the whole interval above 1 caches.
    """
    blocks = sorted(repeated.keys() & rotated.keys())
    ratio = compare_paired([repeated[b] for b in blocks], [rotated[b] for b in blocks])
    if ratio is None or ratio.blocks < 2:
        return None
    return CachingFound(ratio, caches=ratio.ratio > 1 + LEAST_GAIN and ratio.low > 1)
