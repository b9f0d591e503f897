"""The charting library is put together once and kept for later commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import vl_convert

from servemark.report.web import charting_library


@pytest.fixture
def in_a_new_process() -> Iterator[Callable[[], str]]:
    """The library as a command gets it that has just been started."""

    def get() -> str:
        charting_library.cache_clear()
        return charting_library()

    yield get
    charting_library.cache_clear()


def test_a_later_command_finds_what_the_first_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_new_process: Callable[[], str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = in_a_new_process()
    assert "vegaEmbed" in first
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda _: pytest.fail("done again"))
    assert in_a_new_process() == first
    (kept,) = tmp_path.rglob("*.*")
    assert kept.suffix == ".js"


def test_where_nothing_can_be_kept_it_is_put_together_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_new_process: Callable[[], str]
) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(no_folder))
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda _: "the script")
    assert in_a_new_process() == "the script"
    assert no_folder.read_bytes() == b""
