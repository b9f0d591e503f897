"""The servers of the playground: started when they are first asked, stopped when they are idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

from servemark.catalog import Contestant, Model, Picture
from servemark.catalog.corpus import multipart
from servemark.errors import LaunchError, UsageError
from servemark.launch import Launch, Server, describe_exit
from servemark.plan import obstacle
from servemark.prepare import environment_of, inspect
from servemark.records import Cores, Settings, Variant
from servemark.run.workbench import log_name
from servemark.ui.checkout import Checkout
from servemark.ui.picture import NoPicture, data_address, seen_picture
from servemark.units import NS_PER_S, format_ns
from servemark.verify import Connection, NoAnswer, Wrong, parse_prediction

Form = Literal["raw", "multipart"]
IDLE_S = 300.0
MOST_SERVERS = 6
"""Some runtimes take half a gigabyte. The one that was idle longest goes."""
LOOK_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Dish:
    """A variant that can be asked."""

    variant: Variant
    title: str
    language: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back of one picture."""

    label: str | None = None
    probability: float | None = None
    time: str | None = None
    """From the first byte that was sent to the last that came back."""
    problem: str | None = None
    """What came back instead of a prediction."""
    first: bool = False
    """Whether it is the first answer of a server that was just started."""
    seen: str | None = None
    """The picture that the model saw, as the address of an image."""


@dataclass(slots=True)
class _Running:
    server: Server
    used_ns: int
    answers: int = 0


class Kitchen:
    """Servers as a run would start them: the same environments, commands, settings and cores."""

    def __init__(
        self,
        checkout: Checkout,
        cores: Cores,
        starter: Executor,
        busy: Callable[[], str | None],
        idle_s: float = IDLE_S,
    ) -> None:
        self._checkout = checkout
        self._cores = cores
        self._starter = starter
        self._busy = busy
        self._idle_s = idle_s
        self._running: dict[tuple[str, str], _Running] = {}
        self._dishes: tuple[float, list[Dish], int] | None = None
        self._contestants: dict[str, Contestant] = {}
        self._lock = threading.Lock()
        """One thing at a time: answers that are awaited at once would share the core."""

    def dishes(self, model: Model) -> tuple[list[Dish], int]:
        """The variants that are prepared and can serve the model, and how many environments are
        not prepared."""
        with self._lock:
            found, missing = self._look_around()
        return [
            dish
            for dish in found
            if obstacle(self._contestants[dish.variant.contestant], dish.variant, model) is None
        ], missing

    def ask(self, name: str, model: Model, picture: Picture, form: Form) -> Answered:
        """One picture to one variant, through the contract. Raises ``UsageError``."""
        able, _ = self.dishes(model)
        variant = next((dish.variant for dish in able if dish.variant.id == name), None)
        if variant is None:
            raise UsageError("This contestant is not prepared: servemark list says what it needs.")
        with self._lock:
            busy = self._busy()
            if busy is not None:
                self._stop_all()
                raise UsageError(
                    f"This machine is measuring {busy}: the playground waits until it is done, "
                    "so that it spoils nothing."
                )
            try:
                seen: str | None = data_address(
                    seen_picture(picture.content, model.description.input)
                )
            except NoPicture:
                seen = None
            try:
                return self._asked(self._server(variant, model), model, picture, form, seen)
            except LaunchError as error:
                return Answered(problem=f"The server cannot be asked: {error}.", seen=seen)

    def tidy(self) -> None:
        """Stop what is idle, and everything where a run goes on."""
        with self._lock:
            if not self._running:
                return
            if self._busy() is not None:
                self._stop_all()
            limit_ns = time.monotonic_ns() - round(self._idle_s * NS_PER_S)
            for key, running in list(self._running.items()):
                if running.used_ns < limit_ns:
                    self._stop(key)

    def close(self) -> None:
        """Stop every server."""
        with self._lock:
            self._stop_all()

    def running(self) -> list[str]:
        """The ids of the variants whose servers are there now."""
        return [variant for variant, _ in self._running]

    def _look_around(self) -> tuple[list[Dish], int]:
        if self._dishes is not None and time.monotonic() - self._dishes[0] < LOOK_AGAIN_S:
            return self._dishes[1], self._dishes[2]
        toolbox = self._checkout.toolbox()
        self._contestants = self._checkout.contestants()
        environments = [
            environment_of(self._checkout.home, contestant, runtime)
            for contestant in self._contestants.values()
            for runtime in contestant.manifest.runtimes
        ]
        built = [each for each in environments if each.folder.is_dir()]
        ready = [each for each in inspect(built, toolbox) if each.state == "ready"]
        found = []
        for each in ready:
            contestant, runtime = each.environment.contestant, each.environment.runtime
            found += [
                Dish(variant, contestant.manifest.title, contestant.language.manifest.title)
                for variant in contestant.variants([runtime], Settings())
            ]
        missing = len(environments) - len(ready)
        self._dishes = (time.monotonic(), found, missing)
        return found, missing

    def _server(self, variant: Variant, model: Model) -> _Running:
        key = (variant.id, model.name)
        running = self._running.get(key)
        if running is not None and running.server.exited() is not None:
            self._stop(key)
            running = None
        if running is None:
            while len(self._running) >= MOST_SERVERS:
                self._stop(min(self._running, key=lambda each: self._running[each].used_ns))
            server = self._starter.submit(Server, self._launch(variant, model)).result()
            running = self._running[key] = _Running(server, time.monotonic_ns())
            try:
                server.wait_ready()
            except LaunchError:
                self._stop(key)
                raise
        return running

    def _launch(self, variant: Variant, model: Model) -> Launch:
        contestant = self._contestants[variant.contestant]
        home = self._checkout.home
        return Launch(
            contestant=contestant,
            variant=variant,
            environment_folder=environment_of(home, contestant, variant.runtime).folder,
            model=model,
            log=home / "logs" / f"playground-{log_name(variant)}-{model.name}.log",
            base_environment=self._checkout.server_environment(),
            cores=self._cores.server,
        )

    def _asked(
        self, running: _Running, model: Model, picture: Picture, form: Form, seen: str | None
    ) -> Answered:
        content_type, body = picture.media_type, picture.content
        if form == "multipart":
            content_type, body = multipart(picture)
        head = {"Content-Type": content_type, "Content-Length": str(len(body))}
        first = running.answers == 0
        try:
            with Connection(running.server.endpoint) as connection:
                message = connection.head("POST", "/", head) + body
                began_ns = time.monotonic_ns()
                connection.send(message)
                answer = connection.receive()
                taken = format_ns(time.monotonic_ns() - began_ns)
        except NoAnswer as error:
            ended = running.server.exited()
            how = "" if ended is None else f"; it died {describe_exit(ended.status)}"
            return Answered(problem=f"No answer: {error}{how}.", first=first, seen=seen)
        finally:
            running.used_ns = time.monotonic_ns()
        running.answers += 1
        if answer.status != 200:
            return Answered(problem=answer.brief(), time=taken, first=first, seen=seen)
        try:
            index, probability = parse_prediction(model, answer.body)
        except Wrong as error:
            problem = f"Not an answer of the contract: {error}"
            return Answered(problem=problem, time=taken, first=first, seen=seen)
        label = model.description.labels[index]
        return Answered(label, probability, taken, None, first, seen)

    def _stop(self, key: tuple[str, str]) -> None:
        self._running.pop(key).server.stop()

    def _stop_all(self) -> None:
        for key in list(self._running):
            self._stop(key)
