"""The contract's environment variables as one frozen value. Nothing else reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .errors import StartError
from .runtimes import RUNTIMES


class Stage(StrEnum):
    """How far a request goes."""

    RECEIVE = "receive"
    DECODE = "decode"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server was told at its start; the field names are those of the variables."""

    host: str
    port: int
    workers: int
    threads: int
    model_dir: Path
    test_image: Path
    runtime: str
    stage: Stage
    max_body_bytes: int


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Parses the environment; raises StartError for what is missing or cannot be."""
    stage = environment.get("STAGE", "full")
    if stage not in list(Stage):
        raise StartError(f"STAGE is {stage!r}; it must be one of {', '.join(Stage)}")
    runtime = environment.get("RUNTIME", next(iter(RUNTIMES)))
    if runtime not in RUNTIMES:
        raise StartError(f"RUNTIME is {runtime!r}; it must be one of {', '.join(RUNTIMES)}")
    return Settings(
        host=environment.get("HOST", "127.0.0.1"),
        port=_integer(environment, "PORT", None, 1, 65535),
        workers=_integer(environment, "WORKERS", "1", 1, 1024),
        threads=_integer(environment, "THREADS", "1", 1, 1024),
        model_dir=_path(environment, "MODEL_DIR"),
        test_image=_path(environment, "TEST_IMAGE"),
        runtime=runtime,
        stage=Stage(stage),
        max_body_bytes=_integer(environment, "MAX_BODY_BYTES", "1048576", 1, 2**40),
    )


def _integer(
    environment: Mapping[str, str], name: str, default: str | None, least: int, most: int
) -> int:
    text = environment.get(name, default)
    if text is None:
        raise StartError(f"{name} is not set")
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise StartError(f"{name} is {text!r}; it must be a whole number from {least} to {most}")
    return int(text)


def _path(environment: Mapping[str, str], name: str) -> Path:
    text = environment.get(name)
    if not text:
        raise StartError(f"{name} is not set")
    if not Path(text).exists():
        raise StartError(f"{name} is {text}, which does not exist")
    return Path(text)
