"""Units: integer nanoseconds and bytes inside, what people read outside."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000
MIB = 1 << 20
"""In bytes."""


def seconds_to_ns(seconds: float) -> int:
    """Seconds to integer nanoseconds.

    >>> seconds_to_ns(0.5)
    500000000
    """
    return round(seconds * NS_PER_S)


def format_ns(duration_ns: float | None) -> str:
    """A duration with three significant digits and a unit that suits it.

    >>> format_ns(812_345), format_ns(43_210_000), format_ns(2_500_000_000), format_ns(None)
    ('812 µs', '43.2 ms', '2.50 s', '–')
    """
    if duration_ns is None:
        return "–"
    for unit_ns, unit in ((NS_PER_S, "s"), (NS_PER_MS, "ms"), (NS_PER_US, "µs")):
        if duration_ns >= unit_ns:
            return f"{_three_digits(duration_ns / unit_ns)} {unit}"
    return f"{duration_ns:.0f} ns"


def spell_duration(seconds: float) -> str:
    """A time to wait, no more exact than it can be known.

    >>> spell_duration(8), spell_duration(100), spell_duration(4000)
    ('10 s', '2 min', '1 h 7 min')
    """
    if seconds < 60:
        return f"{max(round(seconds, -1), 10):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_bytes(size_bytes: float | None) -> str:
    """A size in binary units with three significant digits.

    >>> format_bytes(62_914_560), format_bytes(900), format_bytes(None)
    ('60.0 MiB', '900 B', '–')
    """
    if size_bytes is None:
        return "–"
    for unit_bytes, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes >= unit_bytes:
            return f"{_three_digits(size_bytes / unit_bytes)} {unit}"
    return f"{size_bytes:.0f} B"


def format_rate(rate_per_s: float | None) -> str:
    """A rate per second, with thousands separated.

    >>> format_rate(12345.6), format_rate(12.34), format_rate(None)
    ('12,346', '12.3', '–')
    """
    if rate_per_s is None:
        return "–"
    return f"{rate_per_s:,.0f}" if rate_per_s >= 100 else _three_digits(rate_per_s)


def _three_digits(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
