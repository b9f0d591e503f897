"""servemark's load engine. What everything means is written in the type stubs beside this file."""

from servemark_engine._native import (
    ENDINGS,
    SENTENCES,
    Closed,
    Control,
    Corpus,
    EngineError,
    Open,
    Outcome,
    Progress,
    now_ns,
    pauses,
    run,
)

__all__ = [
    "ENDINGS",
    "SENTENCES",
    "Closed",
    "Control",
    "Corpus",
    "EngineError",
    "Open",
    "Outcome",
    "Progress",
    "now_ns",
    "pauses",
    "run",
]
