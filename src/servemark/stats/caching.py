"""Whether a server answers a repeated image from a cache, the idea of MLPerf's TEST04."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from servemark.stats.comparison import Comparison, compare_paired

LEAST_GAIN = 0.05
"""A repeat that gains less over the same image in ever new writings is noise. To decode both is
the same work for a processor, so this is small: a cache may save little of what a server does."""
LEAST_GAIN_OVER_MANY = 0.25
"""A repeat that gains less over many images is no cache: where decoding is most of the work, a
processor's branch predictor gains some 12 % from seeing the same image again."""
LEAST_GAIN_UNRENEWED = 0.10
"""Over many, where requests cannot be written in another way (those of a user's own service)."""


@dataclass(frozen=True, slots=True)
class CachingFound:
    """Throughput with one image repeated ÷ with others, over the blocks."""

    over_many: Comparison
    """÷ with many images of the same kind."""
    over_renewed: Comparison | None
    """÷ with that one image written differently each time."""

    @property
    def caches(self) -> bool:
        """Whether the repeat gains more than it may, with the whole interval above 1."""
        if self.over_renewed is None:
            return _gains(self.over_many, LEAST_GAIN_UNRENEWED)
        return _gains(self.over_renewed, LEAST_GAIN) or _gains(self.over_many, LEAST_GAIN_OVER_MANY)


def find_caching(
    repeated: Mapping[int, float],
    rotated: Mapping[int, float],
    renewed: Mapping[int, float],
) -> CachingFound | None:
    """Compare the throughputs by block; ``None`` where fewer than two blocks have the first two.

    What keeps answers by the bytes it was sent is slower with ``renewed``, by those of the decoded
    image with ``rotated``.
    """
    over_many = _compared(repeated, rotated)
    if over_many is None:
        return None
    return CachingFound(over_many, _compared(repeated, renewed))


def _compared(one: Mapping[int, float], other: Mapping[int, float]) -> Comparison | None:
    blocks = sorted(one.keys() & other.keys())
    ratio = compare_paired([one[b] for b in blocks], [other[b] for b in blocks])
    return ratio if ratio is not None and ratio.blocks > 1 else None


def _gains(ratio: Comparison, least: float) -> bool:
    return ratio.ratio > 1 + least and ratio.low > 1
