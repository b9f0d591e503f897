"""Whether a server answers a repeated image from a cache, the idea of MLPerf's TEST04."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from servemark.stats.comparison import Comparison, compare_each

Blocks = Mapping[int, float]
"""Values by block."""

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
    """÷ with that one image written differently each time; ``None`` with fewer than two blocks."""
    renewable: bool = True
    """Whether requests can be written differently at all."""

    @property
    def caches(self) -> bool:
        """Whether the repeat gains more than it may, with the whole interval above 1."""
        if not self.renewable:
            return _gains(self.over_many, LEAST_GAIN_UNRENEWED)
        by_bytes = self.over_renewed is not None and _gains(self.over_renewed, LEAST_GAIN)
        return by_bytes or _gains(self.over_many, LEAST_GAIN_OVER_MANY)


def find_caching(
    repeated: Mapping[str, Blocks],
    rotated: Mapping[str, Blocks],
    renewed: Mapping[str, Blocks] | None,
) -> dict[str, CachingFound]:
    """Compare the throughputs of each variant by block; those with fewer than two blocks of the
    first two are left out.

    What keeps answers by the bytes it was sent is slower with ``renewed``, by those of the decoded
    image with ``rotated``; ``renewed`` is ``None`` where requests cannot be written differently.
    Many variants are searched, and chance makes one or the other look like a cache: so the
    intervals hold for all at once, and the variants share what is known of noise.
    """
    over_renewed = _compared(repeated, renewed or {})
    return {
        name: CachingFound(over_many, over_renewed.get(name), renewable=renewed is not None)
        for name, over_many in _compared(repeated, rotated).items()
    }


def _compared(one: Mapping[str, Blocks], other: Mapping[str, Blocks]) -> dict[str, Comparison]:
    pairs = {}
    for name, speeds in one.items():
        blocks = sorted(speeds.keys() & other.get(name, {}).keys())
        if len(blocks) > 1:
            pairs[name] = ([speeds[b] for b in blocks], [other[name][b] for b in blocks])
    return compare_each(pairs)


def _gains(ratio: Comparison, least: float) -> bool:
    return ratio.ratio > 1 + least and ratio.low > 1
