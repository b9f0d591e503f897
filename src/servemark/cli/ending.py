"""Being ended from outside: by ``kill``, or by a terminal that is closed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.05
"""After what time a lost Ctrl-C comes again: whatever it was lost in is over by then."""


@contextmanager
def ended_in_order() -> Iterator[None]:
    """From here on, SIGTERM and SIGHUP do what Ctrl-C does, so that whatever has to be done at the
    end is done; the exit status is then 128 and the number of the signal.

    Python drops what is raised in a finalizer, and a Ctrl-C with it: such a one comes once more.

    What is ignored, as SIGHUP is below ``nohup``, stays so. Only a process's main thread can say
    what its signals do: in another thread they keep what they do.
    """
    ending = _Ending()
    if threading.current_thread() is threading.main_thread():
        for number in ENDINGS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, ending)
    tell = sys.unraisablehook
    sys.unraisablehook = partial(_unless_interrupted, ending, tell)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if ending.received is None:
            raise
    finally:
        sys.unraisablehook = tell
    if ending.received is not None:
        sys.exit(128 + ending.received)


class _Ending:
    """What is done at the first of the signals; closing a terminal sends SIGHUP twice, and the
    second must not spoil what the first has begun."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            return
        self.received = number
        for stream in self._terminals:
            _silence_if_gone(stream)
        at_ctrl_c = signal.getsignal(signal.SIGINT)  # the dashboard's server has its own way to end
        if not callable(at_ctrl_c):
            raise KeyboardInterrupt
        at_ctrl_c(signal.SIGINT, frame)

    def again(self) -> None:
        """Send what came and was lost once more."""
        number = self.received or signal.SIGINT
        self.received = None
        os.kill(os.getpid(), number)


def _unless_interrupted(
    ending: _Ending,
    tell: Callable[[sys.UnraisableHookArgs], object],
    unraisable: sys.UnraisableHookArgs,
) -> None:
    """What is done about an exception that Python has dropped: it is told, unless it ended us."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(AGAIN_S, ending.again).start()
    else:
        tell(unraisable)


def _silence_if_gone(terminal: int) -> None:
    """What is still said to a terminal that was closed goes nowhere: it would be an error."""
    if not os.isatty(terminal):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, terminal)
        os.close(nowhere)
