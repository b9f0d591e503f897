"""What a description of a service suggests to ask it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from servemark.catalog import load_target, propose_target, target_requests
from servemark.errors import ManifestError


def described(content: dict[str, Any], **operation: Any) -> dict[str, Any]:
    """A description of one operation that takes that content."""
    whole = {"requestBody": {"content": content}, "summary": "Ask", **operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mine"},
        "paths": {
            "/ask": {"post": whole},
            "/healthz": {"get": {"responses": {}}},
        },
    }


def proposed(document: object, tmp_path: Path, **more: Any) -> dict[str, Any]:
    """The proposal as a table; it is also a target whose requests can be made."""
    text = propose_target(document, "openapi.json", "images/*", **more)
    (tmp_path / "images").mkdir(exist_ok=True)
    (tmp_path / "images" / "1.png").write_bytes(b"png")
    (tmp_path / "mine.toml").write_text(text)
    assert target_requests(load_target(tmp_path / "mine.toml"))
    return tomllib.loads(text)


def test_a_form_with_a_file_is_asked_with_the_file_and_its_other_fields(tmp_path: Path) -> None:
    body = {
        "$ref": "#/components/schemas/Body",
    }
    document = described({"multipart/form-data": {"schema": body}})
    document["components"] = {
        "schemas": {
            "Body": {
                "type": "object",
                "required": ["photo", "lang"],
                "properties": {
                    "photo": {"type": "string", "contentMediaType": "application/octet-stream"},
                    "lang": {"type": "string", "enum": ["en", "de"]},
                    "note": {"type": "string"},
                },
            }
        }
    }
    (group,) = proposed(document, tmp_path)["requests"]
    assert (group["method"], group["path"], group["field"]) == ("POST", "/ask", "photo")
    assert group["fields"] == {"lang": "en"}
    assert group["files"] == "images/*"


def test_an_image_as_the_body_keeps_its_own_type(tmp_path: Path) -> None:
    (group,) = proposed(described({"image/*": {}}), tmp_path)["requests"]
    assert group["files"] == "images/*"
    assert "content_type" not in group


def test_json_is_filled_from_examples_and_types(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "required": ["image", "top", "rows", "mode"],
        "properties": {
            "image": {"type": "string", "format": "byte"},
            "top": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "rows": {"type": "array", "items": {"type": "number"}},
            "mode": {"type": "string", "default": "fast"},
            "more": {"type": "string"},
        },
    }
    document = described({"application/json": {"schema": schema}})
    (group,) = proposed(document, tmp_path)["requests"]
    assert group["body"] == '{"image": "{base64}", "top": 1, "rows": [1.0], "mode": "fast"}'
    example = described({"application/json": {"example": {"x": [1]}}})
    (group,) = proposed(example, tmp_path)["requests"]
    assert group["body"] == '{"x": [1]}'
    assert "files" not in group


def test_parameters_have_their_examples_or_the_operation_is_left_out(tmp_path: Path) -> None:
    model = {"name": "model", "in": "path", "required": True, "example": "digits"}
    key = {"name": "X-Key", "in": "header", "required": True, "schema": {"type": "string"}}
    document = described({"image/png": {}}, parameters=[model, key])
    document["paths"]["/ask/{model}"] = document["paths"].pop("/ask")
    (group,) = proposed(document, tmp_path)["requests"]
    assert group["path"] == "/ask/digits"
    assert group["headers"] == {"X-Key": "text"}
    assert group["content_type"] == "image/png"
    del model["example"]
    (group,) = proposed(document, tmp_path)["requests"]
    assert group["path"] == "/healthz"


def test_where_it_runs_and_what_may_count_are_said(tmp_path: Path) -> None:
    answer = {
        "type": "object",
        "properties": {"best": {"properties": {"name": {"type": "string"}}}},
    }
    responses = {"200": {"content": {"application/json": {"schema": answer}}}}
    document = described({"image/png": {}}, responses=responses, security=[{"bearer": []}])
    document["servers"] = [{"url": "/v1"}, {"url": "http://10.0.0.7:8000/v1"}]
    text = propose_target(document, "openapi.json", "images/*")
    assert '# expect = { pointers = ["/best/name"] }' in text
    assert "# headers = { Authorization" in text
    assert '# ready = "/healthz"' in text
    service = proposed(document, tmp_path)["services"]["service"]
    assert service["url"] == "http://10.0.0.7:8000"
    service = proposed(document, tmp_path, url="http://127.0.0.1:1")["services"]["service"]
    assert service["url"] == "http://127.0.0.1:1"


def test_a_schema_that_refers_to_itself_ends(tmp_path: Path) -> None:
    node = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/node"}}}
    document = {**described({"application/json": {"schema": {"$ref": "#/node"}}}), "node": node}
    assert proposed(document, tmp_path)["requests"]
    loop = {**described({"application/json": {"schema": {"$ref": "#/a"}}}), "a": {"$ref": "#/a"}}
    assert proposed(loop, tmp_path)["requests"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "not an OpenAPI description"),
        ({"swagger": "2.0", "paths": {}}, "Swagger 2"),
        ({"openapi": "3.1.0", "paths": {}}, "no operation"),
    ],
)
def test_what_is_no_description_is_refused(document: object, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        propose_target(document, "openapi.json", "images/*")


def test_an_operation_that_does_not_say_what_it_takes_comes_before_what_only_informs(
    tmp_path: Path,
) -> None:
    paths: dict[str, Any] = {
        "/info": {"get": {}},
        "/": {"get": {}, "post": {}},
        "/health": {"get": {}},
    }
    (group,) = proposed({"openapi": "3.1.0", "paths": paths}, tmp_path)["requests"]
    assert (group["method"], group["path"]) == ("POST", "/")
