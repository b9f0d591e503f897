"""WSGI servers whose own command cannot be told what the contract asks of a start or a stop."""

from importlib import import_module
from typing import Any


def import_app(name: str) -> Any:
    """The application that `module:attribute` names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
