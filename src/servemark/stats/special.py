"""``scipy.special``, loaded when its first function is called: it takes longer to load than the
rest of servemark, and most commands need none of it."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    from scipy import special

    return getattr(special, name)
