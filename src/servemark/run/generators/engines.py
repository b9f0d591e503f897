"""servemark's own load engines as generators: the native one, which is calibrated, and wrk."""

from __future__ import annotations

from servemark.catalog.manifests import Need
from servemark.engines import Assignment, LoadEngine
from servemark.engines.native import NativeEngine
from servemark.engines.wrk import WrkEngine
from servemark.records import Closed, LoadResult
from servemark.run.generators.base import Seen, figures_from
from servemark.samples import Samples
from servemark.stats import response_ns, service_ns
from servemark.stats.calibration import FIGURES, OWN, REFERENCE, REFERENCE_FORMATTING


class Native:
    """What ``servemark run`` uses, through the same adapter and the same statistics."""

    name = OWN
    uploads_only = False
    need: Need | None = None

    def __init__(self) -> None:
        self._engine: LoadEngine = NativeEngine()

    def load(self, assignment: Assignment) -> Seen:
        """Closed loop: figures of the service time; open loop: of the response time."""
        loaded = self._engine.run(assignment)
        figures = {}
        if loaded.samples is not None:
            closed = isinstance(assignment.cell.load, Closed)
            figures = figures_from((service_ns if closed else response_ns)(loaded.samples))
        return _seen(assignment, loaded.result, figures, loaded.samples)


class Wrk:
    """wrk, through the adapter that ``servemark run`` uses for cross-checks."""

    name = REFERENCE
    uploads_only = False
    formats_each = False

    def __init__(self) -> None:
        self._engine: LoadEngine = WrkEngine(formats_each=self.formats_each)
        self.need: Need | None = self._engine.needs["wrk"]

    def load(self, assignment: Assignment) -> Seen:
        """Figures as wrk states them; it states no p99.9."""
        result = self._engine.run(assignment).result
        stated = result.latency
        figures: dict[str, float] = {}
        if stated is not None:
            known = stated.percentiles_ns
            figures = {name: float(known[name]) for name in FIGURES if name in known}
            figures["mean"] = stated.mean_ns
        return _seen(assignment, result, figures, None)


class WrkFormatting(Wrk):
    """wrk with a script of the usual kind, which puts each upload together when it is sent."""

    name = REFERENCE_FORMATTING
    uploads_only = True
    formats_each = True


def _seen(
    assignment: Assignment, result: LoadResult, figures: dict[str, float], samples: Samples | None
) -> Seen:
    work = result.work
    return Seen(
        requests=result.counts.answered,
        duration_ns=result.duration_ns,
        cpu_ns=result.engine_cpu_ns,
        busy_ns=result.engine_cpu_ns if work is None else work.busy_ns,
        figures=figures,
        images=len(assignment.requests),
        samples=samples,
        waited_ns=None if work is None else work.waited_ns,
    )
