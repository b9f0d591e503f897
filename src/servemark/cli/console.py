"""Talking to people: everything here goes to stderr, results go to stdout."""

from __future__ import annotations

from rich.console import Console

talk = Console(stderr=True, highlight=False)
"""What is said on the way; nothing with ``--quiet``."""
complaints = Console(stderr=True, highlight=False)
"""What went wrong: with ``--quiet`` too."""
results = Console(highlight=False)


def hush(wanted: bool) -> None:
    """Say nothing on the way where that is wanted."""
    if wanted:
        talk.quiet = True
