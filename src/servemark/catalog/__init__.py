"""The catalog: TOML folders into contestants, models and boards. Read-only, schema-checked."""

from servemark.catalog.boards import board_names, load_board
from servemark.catalog.contestants import (
    Contestant,
    Language,
    load_contestants,
    select_contestants,
    suggestion,
)
from servemark.catalog.corpus import Picture, RequestParts, multipart, requests_of
from servemark.catalog.models import Model, ModelFolder, find_model, load_model, model_names

__all__ = [
    "Contestant",
    "Language",
    "Model",
    "ModelFolder",
    "Picture",
    "RequestParts",
    "board_names",
    "find_model",
    "load_board",
    "load_contestants",
    "load_model",
    "model_names",
    "multipart",
    "requests_of",
    "select_contestants",
    "suggestion",
]
