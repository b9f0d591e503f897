"""The network is measured over real sockets."""

from __future__ import annotations

import pytest

from servemark.cluster.link import Reflector, clock_offset, measure_link
from servemark.errors import ClusterError


def test_the_clock_of_this_very_machine_is_off_by_no_more_than_half_a_round_trip() -> None:
    with Reflector("127.0.0.1") as reflector:
        found = clock_offset(reflector.endpoint)
    assert abs(found.offset_ns) <= found.error_ns


def test_a_link_has_a_round_trip_and_a_bandwidth_each_way() -> None:
    with Reflector("127.0.0.1") as reflector:
        link = measure_link("here", reflector.endpoint)
    assert link.generator == "here"
    assert 0 < link.round_trip_p50_ns <= link.round_trip_p99_ns
    # The loopback of any machine carries more than 100 Mbit/s.
    assert min(link.to_server_bytes_per_s, link.from_server_bytes_per_s) > 12_500_000


def test_a_machine_that_is_not_reached_is_said_in_a_sentence() -> None:
    with Reflector("127.0.0.1") as reflector:
        gone = reflector.endpoint
    with pytest.raises(ClusterError, match="not reached"):
        measure_link("here", gone)
