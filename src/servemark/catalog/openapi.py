"""From a service's OpenAPI description to the target file that it suggests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jsonpointer import JsonPointerException, resolve_pointer

from servemark.errors import ManifestError

METHODS = ("post", "put", "patch", "get")
READY_PATHS = ("/ready", "/readyz", "/healthz", "/health", "/livez", "/ping")
FORM = "multipart/form-data"
JSON = "application/json"
DEEPEST = 6
"""Schemas may refer to themselves."""
MOST_POINTERS = 8

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One operation as a group of requests; ``rank`` is lower the more it looks like inference."""

    rank: int
    summary: str
    lines: tuple[str, ...]


def propose_target(document: object, source: str, files: str, url: str | None = None) -> str:
    """A target file for the service of that description: its likeliest operation, and the others
    as comments.

    ``source`` names the description; ``files`` is the pattern of the files to be sent; ``url`` is
    where the service runs, or what the description says of it. Raises ``ManifestError``.
    """
    api = _Api(document, source)
    found = sorted(api.proposals(files), key=lambda each: each.rank)
    if not found:
        raise ManifestError(
            f"{source} has no operation that could be asked without more knowledge."
        )
    lines = [
        f"# Proposed from {source}: read it, put your files in place, and say what is right.",
        f"title = {_quoted(api.title)}",
        "",
        "[services.service]",
        f"url = {_quoted(url or api.url or 'http://127.0.0.1:8000')}",
        '# command = "… {host} … {port}"   # instead of url: how each block starts it afresh',
        *([f"# ready = {_quoted(api.ready)}"] if api.ready else []),
        "",
        *_group(found[0]),
    ]
    for other in found[1:]:
        lines += ["", *(f"# {line}" for line in _group(other))]
    lines += ["", "[[loads]]", "connections = [16]", "", "# [slo]", "# bound_ms = 25", ""]
    return "\n".join(lines)


def _group(proposal: Proposal) -> list[str]:
    return [f"[[requests]]   # {proposal.summary}", *proposal.lines]


class _Api:
    """A description with its references followed."""

    def __init__(self, document: object, source: str) -> None:
        paths = document.get("paths") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(paths, dict):
            raise ManifestError(f"{source} is not an OpenAPI description: it has no paths.")
        if "openapi" not in document:
            raise ManifestError(f"{source} is of Swagger 2 or older: convert it to OpenAPI 3.")
        self._document = document
        self._paths: dict[str, Any] = paths

    @property
    def title(self) -> str:
        info = self._document.get("info")
        return str(info.get("title", "A service")) if isinstance(info, dict) else "A service"

    @property
    def url(self) -> str | None:
        """Where it says that it runs, as far as servemark can ask it there."""
        for server in self._document.get("servers") or ():
            parts = urlsplit(str(server.get("url", "")))
            if parts.scheme == "http" and parts.netloc:
                return f"http://{parts.netloc}"
        return None

    @property
    def ready(self) -> str | None:
        return next((path for path in READY_PATHS if "get" in self._paths.get(path, {})), None)

    def proposals(self, files: str) -> Iterator[Proposal]:
        for path, item in self._paths.items():
            for method in METHODS:
                operation = item.get(method) if isinstance(item, dict) else None
                if isinstance(operation, dict):
                    found = self._proposal(path, method, item, operation, files)
                    if found is not None:
                        yield found

    def _proposal(
        self, path: str, method: str, item: Schema, operation: Schema, files: str
    ) -> Proposal | None:
        parameters = [
            self._followed(each)
            for each in (*item.get("parameters", ()), *operation.get("parameters", ()))
        ]
        filled = self._filled_path(path, parameters)
        body = self._body(operation, files)
        if filled is None or body is None:
            return None
        rank, lines = body
        headers = {
            each["name"]: str(self._sample(each))
            for each in parameters
            if each.get("in") == "header" and each.get("required")
        }
        pointers = list(self._pointers(self._answer(operation)))[:MOST_POINTERS]
        listed = ", ".join(_quoted(each) for each in pointers)
        return Proposal(
            rank=rank + (method == "get") + (path in READY_PATHS) * 2,
            summary=str(operation.get("summary") or operation.get("operationId") or path),
            lines=(
                f'method = "{method.upper()}"',
                f"path = {_quoted(filled)}",
                *([f"headers = {_table(headers)}"] if headers else []),
                *(['# headers = { Authorization = "…" }'] if self._secured(operation) else []),
                *lines,
                *([f"# expect = {{ pointers = [{listed}] }}"] if pointers else []),
            ),
        )

    def _filled_path(self, path: str, parameters: list[Schema]) -> str | None:
        """The path with examples for its parameters; ``None`` where one has none."""
        query = []
        for each in parameters:
            if each.get("in") not in ("path", "query") or not each.get("required"):
                continue
            example = self._example(each)
            if example is None:
                return None
            if each["in"] == "path":
                path = path.replace(f"{{{each['name']}}}", str(example))
            else:
                query.append(f"{each['name']}={example}")
        return f"{path}?{'&'.join(query)}" if query else path

    def _body(self, operation: Schema, files: str) -> tuple[int, list[str]] | None:
        """How likely it takes what a model is asked about, and the lines that say the body."""
        content = self._followed(operation.get("requestBody", {})).get("content", {})
        if not content:
            return (6, [])
        if FORM in content:
            schema = self._followed(content[FORM].get("schema", {}))
            properties = schema.get("properties", {})
            binary = [name for name, each in properties.items() if self._is_binary(each)]
            if binary:
                others = {
                    name: str(self._sample({"schema": properties[name]}))
                    for name in schema.get("required", ())
                    if name in properties and name != binary[0]
                }
                more = [f"fields = {_table(others)}"] if others else []
                field = f"field = {_quoted(binary[0])}"
                return (0, [f"files = {_quoted(files)}", field, *more])
        for kind in content:
            if kind.startswith("image/") or kind == "application/octet-stream":
                typed = [] if kind.endswith("*") else [f"content_type = {_quoted(kind)}"]
                return (1, [f"files = {_quoted(files)}", *typed])
        if JSON in content:
            text = json.dumps(self._sample(content[JSON]), ensure_ascii=False)
            whole = [f"body = {_quoted(text)}"]
            if "{base64}" in text:
                return (1, [f"files = {_quoted(files)}", *whole])
            return (3, whole)
        return None

    def _answer(self, operation: Schema) -> Schema:
        responses = operation.get("responses", {})
        for status in ("200", "201", "2XX", "default"):
            if status in responses:
                content = self._followed(responses[status]).get("content", {})
                found: Schema = content.get(JSON, {}).get("schema", {})
                return found
        return {}

    def _pointers(self, schema: Schema, pointer: str = "", depth: int = 0) -> Iterator[str]:
        """The places of an answer that hold a single value."""
        schema = self._followed(schema)
        properties = schema.get("properties")
        if properties and depth < DEEPEST:
            for name, each in properties.items():
                escaped = name.replace("~", "~0").replace("/", "~1")
                yield from self._pointers(each, f"{pointer}/{escaped}", depth + 1)
        elif pointer and schema.get("type") in ("string", "integer", "number", "boolean", "array"):
            yield pointer

    def _secured(self, operation: Schema) -> bool:
        return bool(operation.get("security", self._document.get("security")))

    def _is_binary(self, schema: Schema) -> bool:
        schema = self._followed(schema)
        if schema.get("type") == "array":
            return self._is_binary(schema.get("items", {}))
        return schema.get("format") == "binary" or (
            "contentMediaType" in schema and "contentEncoding" not in schema
        )

    def _example(self, holder: Schema) -> Any:
        """What a parameter, a body or its schema gives as an example, or ``None``."""
        schema = self._followed(holder.get("schema", {}))
        for each in (holder, schema):
            if "example" in each:
                return each["example"]
            examples = each.get("examples")
            if isinstance(examples, dict) and examples:
                return self._followed(next(iter(examples.values()))).get("value")
            if isinstance(examples, list) and examples:
                return examples[0]
        return schema.get("default", next(iter(schema.get("enum", ())), None))

    def _sample(self, holder: Schema, depth: int = 0) -> Any:
        """A value that the schema allows, as far as types tell."""
        example = self._example(holder)
        schema = self._followed(holder.get("schema", {}))
        if example is not None or depth > DEEPEST:
            return example
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            wanted = schema.get("required") or schema.get("properties", {})
            properties = schema.get("properties", {})
            return {
                name: self._sample({"schema": properties[name]}, depth + 1)
                for name in wanted
                if name in properties
            }
        if kind == "array":
            return [self._sample({"schema": schema.get("items", {})}, depth + 1)]
        if kind == "string" and "base64" in (
            schema.get("contentEncoding"),
            {"byte": "base64"}.get(schema.get("format", "")),
        ):
            return "{base64}"
        return {"string": "text", "integer": 1, "number": 1.0, "boolean": True}.get(str(kind))

    def _followed(self, schema: Any, depth: int = 0) -> Schema:
        """What a reference within the description points at, and one of several alternatives."""
        if not isinstance(schema, dict) or depth > DEEPEST:
            return {}
        if "$ref" in schema:
            try:
                target = resolve_pointer(self._document, str(schema["$ref"]).removeprefix("#"))
            except JsonPointerException:
                return {}
            return self._followed(target, depth + 1)
        if "allOf" in schema:
            parts = [self._followed(each, depth + 1) for each in schema["allOf"]]
            properties = {k: v for each in parts for k, v in each.get("properties", {}).items()}
            required = [name for each in parts for name in each.get("required", ())]
            return {**(parts[0] if parts else {}), "properties": properties, "required": required}
        for choice in ("anyOf", "oneOf"):
            real = [each for each in schema.get(choice, ()) if each.get("type") != "null"]
            if real:
                return {**self._followed(real[0], depth + 1), **_without(schema, choice)}
        return schema


def _without(schema: Schema, key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _quoted(text: str) -> str:
    """A basic string of TOML, which JSON's strings are."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(pairs: Mapping[str, str]) -> str:
    inner = ", ".join(f"{_quoted(name)} = {_quoted(value)}" for name, value in pairs.items())
    return f"{{ {inner} }}"
