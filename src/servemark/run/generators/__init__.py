"""Load generators that are calibrated side by side. To add one: a file, a line in ``OTHERS``."""

from collections.abc import Callable

from servemark.run.generators.ab import Ab
from servemark.run.generators.autocannon import Autocannon
from servemark.run.generators.base import Generator, Seen, figures_from
from servemark.run.generators.engines import Native, Wrk, WrkFormatting
from servemark.run.generators.h2load import H2load
from servemark.run.generators.hey import Hey
from servemark.run.generators.k6 import K6

OTHERS: dict[str, Callable[[], Generator]] = {
    "wrk": Wrk,
    "wrk, formatting": WrkFormatting,
    "h2load": H2load,
    "hey": Hey,
    "ab": Ab,
    "k6": K6,
    "autocannon": Autocannon,
}
"""Generators beside servemark's own; each takes part where it is installed."""

__all__ = ["OTHERS", "Generator", "Native", "Seen", "figures_from"]
