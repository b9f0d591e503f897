"""Tables of pages that can be sorted, put into HTML by ``sortable.html``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Datum:
    """What a table shows in one place: ``value`` is exact and sorts, ``text`` is for people."""

    text: str
    value: float | str | None = None
    detail: str | None = None
    href: str | None = None
    variant: str | None = None
    """The variant whose row it heads."""
    share: float | None = None
    """Of the longest, drawn as a bar."""
    state: str | None = None
    """Of what the style marks: ``holds``, ``limit``, ``fails`` or ``not tried``."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. ``first`` is the direction of the first click."""

    head: str
    numeric: bool = True
    first: str = "descending"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be sorted by each of its columns; those with names head the rows.

    ``groups`` says of each row of a ranking which place it shares with others: 1, 2, 1 … by turns,
    0 where it shares none.
    """

    id: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Datum]]
    sorted_by: int | None = None
    groups: Sequence[int] = ()
