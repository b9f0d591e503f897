"""Folders of the user, outside of any project."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def user_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """What can be made anew, by the XDG base directory specification. The folder may not be there.

    >>> user_cache({"XDG_CACHE_HOME": "/var/cache/me"})
    PosixPath('/var/cache/me/servemark')
    """
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "servemark"
