"""Text that Markdown shows as it is, whatever it holds."""

from __future__ import annotations

import re

from servemark.report.wording import plain

_SPECIAL = re.compile(r"([\\`*_\[\]|~<>&$])")


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line.

    >>> escape("<b>a|b</b>\\n*c*")
    '\\\\<b\\\\>a\\\\|b\\\\</b\\\\> \\\\*c\\\\*'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(plain(text).split()))


def code(text: str) -> str:
    """A code span with exactly that text on one line."""
    line = " ".join(plain(text).split())
    fence = "`" * (_longest_run(line) + 1)
    edge = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{edge}{line}{edge}{fence}" if line else ""


def code_block(text: str) -> str:
    """A fenced block with exactly that text."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}text\n{plain(text)}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
