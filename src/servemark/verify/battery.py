"""The battery: bad inputs one after the other on a running server, while others go on asking."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from servemark.records import BadInput, Growth
from servemark.verify.bad_connections import BAD_CONNECTIONS
from servemark.verify.bad_requests import BAD_REQUESTS
from servemark.verify.endurance import ENDURANCE, endure, judge_growth
from servemark.verify.others import PAUSE_S, OtherClients
from servemark.verify.scene import Case, Scene
from servemark.verify.subject import Wrong, read_prediction
from servemark.verify.wire import NoAnswer, ask

OTHERS_EACH = 4
"""Before a bad input is done again so many others have had their answer…"""
MOST_S = 1.0
"""…or so much time has passed: what is looked for is harm, and not what a flood does."""
LOOK_S = 0.005
SELDOM_S = 0.1
"""Between the requests of others while memory is watched: it is not to grow by what they do."""

CASES = (*BAD_REQUESTS, *BAD_CONNECTIONS)
NAMES = (*(case.name for case in CASES), ENDURANCE.name)


def put(scene: Scene, case: Case) -> BadInput:
    """One bad input, ``case.times`` times."""
    return _watched(scene, case, lambda clients: _repeat(scene, case, clients))


def put_many(scene: Scene) -> tuple[BadInput, Growth | None]:
    """Thousands of bad requests, and what they did to the memory."""
    growths: list[Growth] = []

    def act(_: OtherClients) -> str:
        growths.append(endure(scene))
        return judge_growth(growths[0])

    found = _watched(scene, ENDURANCE, act, SELDOM_S)
    return found, growths[0] if growths else None


def _watched(
    scene: Scene, case: Case, act: Callable[[OtherClients], str], pause_s: float = PAUSE_S
) -> BadInput:
    before = scene.processes()
    with OtherClients(scene.subject, pause_s) as clients:
        try:
            seen, as_expected = act(clients), True
        except (Wrong, NoAnswer) as finding:
            seen, as_expected = str(finding), False
    return BadInput(
        group=case.group,
        name=case.name,
        times=case.times,
        expected=case.expected,
        seen=seen,
        as_expected=as_expected,
        alive=_answers(scene) and before <= scene.processes(),
        others=clients.tally(),
    )


def _repeat(scene: Scene, case: Case, clients: OtherClients) -> str:
    """The different things that were seen, the most frequent first."""
    seen: Counter[str] = Counter()
    for number in range(case.times):
        seen[case.attempt(scene, number)] += 1
        deadline = time.monotonic() + MOST_S
        while clients.asked < OTHERS_EACH * (number + 1) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
    return "; ".join(text for text, _ in seen.most_common(3))


def _answers(scene: Scene) -> bool:
    picture = scene.subject.right()
    headers = {"Content-Type": picture.media_type}
    try:
        answer = ask(scene.subject.endpoint, "POST", "/", headers, picture.content)
        read_prediction(scene.subject, answer)
    except (Wrong, NoAnswer):
        return False
    return True
