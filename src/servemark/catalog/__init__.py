"""The catalog: TOML folders into contestants, models and boards. Read-only, schema-checked."""

from servemark.catalog.boards import board_names, load_board
from servemark.catalog.contestants import (
    Contestant,
    Language,
    load_contestants,
    select_contestants,
    suggestion,
)
from servemark.catalog.corpus import Picture, RequestParts, commented, multipart, requests_of
from servemark.catalog.models import Model, ModelFolder, find_model, load_model, model_names
from servemark.catalog.openapi import propose_target
from servemark.catalog.targets import (
    Expected,
    TargetRequest,
    load_target,
    ready_path,
    requests_digest,
    target_corpus,
    target_requests,
)

__all__ = [
    "Contestant",
    "Expected",
    "Language",
    "Model",
    "ModelFolder",
    "Picture",
    "RequestParts",
    "TargetRequest",
    "board_names",
    "commented",
    "find_model",
    "load_board",
    "load_contestants",
    "load_model",
    "load_target",
    "model_names",
    "multipart",
    "propose_target",
    "ready_path",
    "requests_digest",
    "requests_of",
    "select_contestants",
    "suggestion",
    "target_corpus",
    "target_requests",
]
