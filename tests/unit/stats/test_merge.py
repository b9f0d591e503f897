"""What several generators saw adds up to what one would have seen."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from servemark.records import Cell, Closed, EngineWork, LoadResult
from servemark.samples import MISSING, Samples
from servemark.stats import complete
from servemark.stats.merge import merge_results, merge_samples
from tests.unit.stats.test_latency import samples
from tests.unit.stats.test_verdicts import load


def with_bodies(column: list[int], bodies: list[bytes | None]) -> Samples:
    count = len(column)
    plain = samples(list(range(count)), list(range(count)), [each + 5 for each in range(count)])
    return replace(plain, body=np.array(column, np.int32), bodies=bodies)


def test_every_answer_keeps_its_body_and_equal_ones_are_kept_once() -> None:
    one = with_bodies([0, 1, MISSING], [b"a", b"b"])
    two = with_bodies([1, 0, 2], [b"c", b"a", None])
    whole = merge_samples([one, two])
    read = [None if place == MISSING else whole.bodies[place] for place in whole.body]
    assert read == [b"a", b"b", None, b"a", b"c", None]
    assert whole.body[2] == MISSING
    assert whole.body[5] != MISSING  # answered, but not kept
    assert list(whole.bodies) == [b"a", b"b", b"c", None]


def test_a_body_that_was_not_kept_is_like_no_other() -> None:
    one, two = with_bodies([0], [None]), with_bodies([0], [None])
    assert merge_samples([one, two]).body.tolist() == [0, 1]


@given(st.lists(st.integers(0, 3), min_size=0, max_size=60), st.integers(1, 5))
def test_nothing_is_lost_added_or_changed(column: list[int], parts: int) -> None:
    bodies: list[bytes | None] = [b"a", b"b", b"c", b"d"]
    whole = with_bodies(column, bodies)
    dealt = [
        replace(
            whole,
            **{
                field.name: getattr(whole, field.name)[part::parts]
                for field in fields(Samples)
                if field.name != "bodies"
            },
        )
        for part in range(parts)
    ]
    merged = merge_samples(dealt)

    def rows(each: Samples) -> list[tuple[int, int, int, bytes | None]]:
        return sorted(
            (int(sent), int(done), int(status), each.bodies[body])
            for sent, done, status, body in zip(
                each.sent_ns, each.done_ns, each.status, each.body, strict=True
            )
        )

    assert rows(merged) == rows(whole)
    assert all(
        getattr(merged, f.name).dtype == getattr(whole, f.name).dtype
        for f in fields(Samples)
        if f.name != "bodies"
    )


def test_percentiles_of_the_merged_samples_are_those_of_all_together() -> None:
    random = np.random.default_rng(7)
    service = random.exponential(1e6, 2000).astype(np.int64)
    zeros = [0] * 2000
    whole = samples(zeros, zeros, service.tolist())
    parts = [
        samples(zeros[:n], zeros[:n], s.tolist())
        for n, s in ((700, service[:700]), (1300, service[700:]))
    ]
    cell = Cell(workload="raw", load=Closed(connections=4))
    one = complete(load(), whole, cell)
    two = complete(load(), merge_samples(parts), cell)
    assert one.latencies == two.latencies
    assert one.ok_in_slice == two.ok_in_slice
    assert one.mean_outstanding == two.mean_outstanding


def work(busy_ns: int, waited_ns: int | None) -> EngineWork:
    return EngineWork(
        busy_ns=busy_ns, spin_ns=1, waited_ns=waited_ns, threads=2, reconnects=3, sent_bytes=100
    )


def part(ok: int, busy_ns: int, waited_ns: int | None = 0) -> LoadResult:
    found = load()
    return found.model_copy(
        update={
            "counts": found.counts.model_copy(update={"ok": ok, "timeouts": 1}),
            "work": work(busy_ns, waited_ns),
            "warnings": ("hot",),
        }
    )


def test_counts_bytes_and_work_add_up() -> None:
    whole = merge_results([part(10, 5), part(20, 7)])
    assert (whole.counts.ok, whole.counts.timeouts) == (30, 2)
    assert whole.counts.wrong_answers == part(1, 1).counts.wrong_answers
    assert whole.bytes_read == 2 * load().bytes_read
    assert whole.work is not None
    assert (whole.work.busy_ns, whole.work.threads, whole.work.sent_bytes) == (12, 4, 200)
    assert whole.duration_ns == load().duration_ns
    assert whole.warnings == ("hot",)


def test_what_one_generator_cannot_tell_is_missing_from_the_sum() -> None:
    whole = merge_results([part(10, 5, None), part(20, 7)])
    assert whole.work is not None
    assert whole.work.waited_ns is None
