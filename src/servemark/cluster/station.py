"""A node that serves: prepares contestants, starts them, and has its generators load them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servemark import __version__
from servemark.catalog import Contestant, load_contestants, load_model
from servemark.cluster.engine import Hand, SpreadEngine
from servemark.cluster.files import Bundle, unpack
from servemark.cluster.link import Reflector
from servemark.errors import ClusterError
from servemark.launch import Server, available_cores, server_environment, split_cores
from servemark.places import user_cache
from servemark.prepare import Prepared, Toolbox, environment_of, prepare_all
from servemark.records import (
    BatteryResult,
    Board,
    CeilingResult,
    Cores,
    Entrant,
    Exclusion,
    Link,
    Machine,
    Trial,
    TrialResult,
    Variant,
    Verification,
)
from servemark.run import (
    Contestants,
    Visitor,
    Workbench,
    entrant_of,
    this_machine,
)
from servemark.store import RunFolder

MakeHands = Callable[[Sequence[Hand], Cores, bool], Sequence[Hand]]
"""Generators for those that are lacking, given those that there are, this machine's cores, and
whether all must come up."""


@dataclass(frozen=True, slots=True)
class Task:
    """What every node of a run is told."""

    board: Board
    variants: tuple[Variant, ...]
    servemark_version: str


@dataclass(frozen=True, slots=True)
class Ready:
    """What a node has to say once it is prepared."""

    machine: Machine
    cores: Cores
    entrants: tuple[Entrant, ...]
    excluded: tuple[Exclusion, ...]
    tools: Mapping[str, str]
    generators: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A trial's result, and its samples as the file that they are kept in."""

    result: TrialResult
    samples: bytes | None


class Station:
    """Lives in a process of its own on the server's machine."""

    def __init__(self, name: str, address: str, make_hands: MakeHands, is_near: bool) -> None:
        """``is_near``: a generator runs on this machine too, so that cores are set apart for it."""
        self._name = name
        self._address = address
        self._make_hands = make_hands
        self._is_near = is_near
        self._home = node_home(os.environ)
        self._scratch = tempfile.TemporaryDirectory(prefix="servemark-")
        self._folder = RunFolder(Path(self._scratch.name))
        self._reflector = Reflector(address)
        self._lineup: Contestants | None = None
        self._visitor: Visitor[Server] | None = None

    def prepare(self, bundle: Bundle, task: Task) -> Ready:
        """Unpack the files, build what is needed, bring the generators and measure the network.

        Raises ``ClusterError`` where this node cannot take part.
        """
        _same_version(self._name, task.servemark_version)
        root = unpack(bundle, self._home)
        contestants = load_contestants(root / "contestants")
        models = [load_model(root / "models", name) for name in task.board.all_models()]
        toolbox = node_toolbox(self._home, os.environ)
        variants, excluded = self._prepared(contestants, task.variants, toolbox)
        cores = self._cores(task.board, variants)
        hands = self._make_hands((), cores, True)
        engine = SpreadEngine(
            self._name,
            self._reflector.endpoint,
            hands,
            lambda left: self._make_hands(left, cores, False),
        )
        bench = Workbench(
            contestants=contestants,
            model=models[0],
            engine=engine,
            cores=cores,
            home=self._home,
            server_environment=server_environment(toolbox.environment),
            engine_environment={"PATH": toolbox.environment["PATH"]},
            models={model.name: model for model in models},
            host=self._address,
        )
        links = engine.links()
        self._keep_off(cores)
        self._lineup = Contestants(bench, self._folder, task.board)
        self._visitor = Visitor(self._lineup, self._folder, task.board, 0)
        return Ready(
            machine=this_machine(),
            cores=cores,
            entrants=tuple(
                entrant_of(self._home, contestants[each.contestant], each, toolbox)
                for each in variants
            ),
            excluded=tuple(excluded),
            tools=_tools(contestants, variants, toolbox),
            generators=tuple(hand.name for hand in hands),
            links=links,
        )

    def verify(self, variant: Variant) -> Verification:
        """One variant against the contract."""
        return self._ready().verify(variant)

    def ceilings(
        self, block: int, variants: tuple[Variant, ...], known: Sequence[CeilingResult]
    ) -> list[CeilingResult]:
        """Those of a block that are not ``known`` yet."""
        for each in known:
            if each not in self._folder.ceilings():
                self._folder.append_ceiling(each)
        self._ready().open_block(block, variants, Silent())
        return [
            each for each in self._folder.ceilings() if each.block == block and each not in known
        ]

    def measure(self, trial: Trial) -> Measured:
        """One trial."""
        assert self._visitor is not None
        result = self._visitor.measure(trial)
        if result.samples is None:
            return Measured(result, None)
        path = self._folder.path / result.samples
        content = path.read_bytes()
        path.unlink()
        return Measured(result, content)

    def put(self, variant: Variant) -> BatteryResult:
        """One variant to the board's battery of bad inputs."""
        lineup = self._ready()
        if self._visitor is not None:
            self._visitor.leave()
        lineup.close((variant,), Silent())
        (found,) = [each for each in self._folder.batteries() if each.variant.id == variant.id]
        return found

    def _ready(self) -> Contestants:
        if self._lineup is None:
            raise ClusterError(f"The node {self._name} is not prepared.")
        return self._lineup

    def _prepared(
        self,
        contestants: Mapping[str, Contestant],
        wanted: Sequence[Variant],
        toolbox: Toolbox,
    ) -> tuple[list[Variant], list[Exclusion]]:
        environments = [
            environment_of(self._home, contestants[each.contestant], each.runtime)
            for each in wanted
        ]
        done = prepare_all(environments, toolbox, min(4, os.cpu_count() or 1), _quiet, _quiet)
        failed = {each.environment.folder: each for each in done if each.state == "failed"}
        kept, excluded = [], []
        for variant, environment in zip(wanted, environments, strict=True):
            trouble = failed.get(environment.folder)
            if trouble is None:
                kept.append(variant)
            else:
                excluded.append(_exclusion(variant, trouble))
        return kept, excluded

    def _cores(self, board: Board, variants: Sequence[Variant]) -> Cores:
        most = max((variant.settings.workers for variant in variants), default=1)
        if self._is_near:
            threads = max(cell.load.engine_threads for cell in board.all_cells())
            return split_cores(available_cores(), most, threads)
        return Cores(server=tuple(available_cores()[:most]), engine=())

    def _keep_off(self, cores: Cores) -> None:
        """This process leaves the server's cores alone, where there are others."""
        others = set(available_cores()) - set(cores.server)
        if others:
            os.sched_setaffinity(0, others)


def node_home(environment: Mapping[str, str]) -> Path:
    """Where a node keeps files and environments: ``SERVEMARK_HOME`` of its ``ray start``, or below
    the user's cache folder."""
    home = environment.get("SERVEMARK_HOME")
    if home:
        return Path(home).absolute()
    return user_cache(environment)


def node_toolbox(home: Path, environment: Mapping[str, str]) -> Toolbox:
    """The node's tools, with servemark's own programs behind them."""
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join([environment.get("PATH", os.defpath), own])
    return Toolbox(home, {**environment, "PATH": path})


def _same_version(name: str, wanted: str) -> None:
    if __version__ != wanted:
        raise ClusterError(
            f"{name} has servemark {__version__}, but the run is led by {wanted}: install the same "
            "on every node."
        )


def _exclusion(variant: Variant, trouble: Prepared) -> Exclusion:
    return Exclusion(name=variant.id, reason=str(trouble.problem), remedy=trouble.remedy)


def _tools(
    contestants: Mapping[str, Contestant], variants: Sequence[Variant], toolbox: Toolbox
) -> dict[str, str]:
    needs = {
        name: need
        for variant in variants
        for name, need in contestants[variant.contestant].language.manifest.needs.items()
    }
    found = {name: toolbox.look(name, need).version for name, need in needs.items()}
    return {name: version for name, version in sorted(found.items()) if version is not None}


def _quiet(_: object) -> None:
    """Preparing is told when it is over."""


class Silent:
    """A ``Listener`` that says nothing: a node's progress is told where the run is led from."""

    def _nothing(self, *_: object, **__: object) -> None: ...

    verifying = verified = putting = put = measuring_ceiling = measuring = measured = _nothing
