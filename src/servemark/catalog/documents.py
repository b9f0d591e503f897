"""Reading TOML and JSON documents into frozen types, with errors that a person can act on."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from servemark.errors import ManifestError

T = TypeVar("T", bound=BaseModel)


def read_document(path: Path, kind: type[T], **extra: Any) -> T:
    """Parse the file into ``kind``; ``extra`` adds keys that the file itself does not hold.

    Raises ``ManifestError`` that names the file, the key and what was expected.
    """
    content = _parse(path)
    clash = content.keys() & extra.keys()
    if clash:
        raise ManifestError(f"{path}: key '{min(clash)}' is not for the file to say: remove it.")
    try:
        return kind.model_validate({**content, **extra})
    except ValidationError as error:
        raise ManifestError(_sentence(path, error)) from error


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ManifestError(f"{path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} cannot be read: {error}.") from error
    try:
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        kind = path.suffix.removeprefix(".").upper()
        raise ManifestError(f"{path} is not valid {kind}: {error}.") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path}: expected an object of keys and values at the top.")
    return content


def _sentence(path: Path, error: ValidationError) -> str:
    faults = error.errors()
    first = faults[0]
    key = ".".join(str(part) for part in first["loc"])
    where = f"key '{key}': " if key else ""
    if first["type"] == "missing":
        said = "is required but missing"
    elif first["type"] == "extra_forbidden":
        said = "is not a known key"
    else:
        message = first["msg"].removeprefix("Value error, ")
        said = f"{message[0].lower()}{message[1:]}, not {first['input']!r}"
    more = f" ({len(faults) - 1} more faults in this file)" if len(faults) > 1 else ""
    return f"{path}: {where}{said}{more}."
