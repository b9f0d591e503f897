"""Target files: what they say, and how they are refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from servemark.catalog import Expected, TargetRequest, load_target, ready_path, target_requests
from servemark.errors import ManifestError
from servemark.records import Closed, Open

SERVICE = '[services.mine]\nurl = "http://127.0.0.1:8000"\n'


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three files that call themselves images."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"\x89PNG" + bytes([number]))
    return folder


def requests(folder: Path, text: str) -> list[TargetRequest]:
    path = folder / "Mine.toml"
    path.write_text(f"{SERVICE}\n[[requests]]\n{text}\n")
    return target_requests(load_target(path))


@pytest.mark.usefixtures("images")
def test_each_file_is_a_request_with_the_file_as_its_body(tmp_path: Path) -> None:
    found = requests(tmp_path, 'path = "/predict"\nfiles = "images/*.png"')
    assert [each.name for each in found] == ["0.png", "1.png", "2.png"]
    first = found[0].parts
    assert (first.method, first.path, first.content_type) == ("POST", "/predict", "image/png")
    assert first.whole("127.0.0.1:8000") == (
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: image/png\r\n"
        b"Content-Length: 5\r\n\r\n\x89PNG\x00"
    )


@pytest.mark.usefixtures("images")
def test_files_may_be_a_field_of_a_form_or_stand_in_a_body(tmp_path: Path) -> None:
    form = 'files = "images/0.png"\nfield = "photo"\nfields = { lang = "en" }'
    (found,) = requests(tmp_path, form)
    assert b'name="photo"; filename="0.png"' in found.parts.body
    assert b'name="lang"' in found.parts.body
    body = """body = '{"name": "{name}", "data": "{base64}"}'\nfiles = "images/1.png"
headers = { X-Key = "abc" }"""
    (found,) = requests(tmp_path, body)
    assert json.loads(found.parts.body) == {
        "name": "1.png",
        "data": base64.b64encode(b"\x89PNG\x01").decode(),
    }
    assert found.parts.content_type == "application/json"
    assert found.parts.headers == (("X-Key", "abc"),)


def test_a_request_without_files_is_a_get(tmp_path: Path) -> None:
    (found,) = requests(tmp_path, 'path = "/status"\nexpect = { values = { "/ok" = true } }')
    assert found.parts.whole("h") == b"GET /status HTTP/1.1\r\nHost: h\r\n\r\n"
    assert found.expected == Expected((200,), (), 1e-4, values=(("/ok", True),))


@pytest.mark.usefixtures("images")
def test_answers_come_from_one_file_or_from_one_for_each(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({f"{n}.png": n for n in range(3)}))
    text = 'files = "images/*"\nexpect = { answers = "labels.json", pointers = "/label" }'
    values = [each.expected.values for each in requests(tmp_path, text)]
    assert values == [(("/label", number),) for number in range(3)]
    (tmp_path / "answers").mkdir()
    for number in range(3):
        (tmp_path / "answers" / f"{number}.json").write_text(f'{{"label": {number}, "id": 1}}')
    text = 'files = "images/*"\nexpect = { answers = "answers", pointers = ["/label"] }'
    assert [each.expected.values for each in requests(tmp_path, text)] == values
    (tmp_path / "answers" / "2.json").unlink()
    with pytest.raises(ManifestError, match=r"no answer for '2\.png'"):
        requests(tmp_path, text)


def test_loads_and_objective_are_a_board(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        f"{SERVICE}\n[[requests]]\npath = '/x'\n[[loads]]\nconnections = [1, 8]\n"
        "[[loads]]\nrates_per_s = 50\n[slo]\nbound_ms = 40\n"
    )
    board = load_target(path).board()
    assert [cell.load for cell in board.all_cells()] == [
        Closed(connections=1),
        Closed(connections=8),
        Open(rate_per_s=50),
    ]
    assert board.slo is not None
    assert board.slo.bound_ms == 40
    assert board.contestants == ("mine",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('files = "none/*.png"', "no file fits 'none/"),
        ('path = "predict"', 'expected a path such as "/predict"'),
        ('field = "photo"', "expected files beside field"),
        ('expect = { pointers = "label" }', "expected a JSON pointer"),
        ('headers = { Host = "x" }', "servemark does not write itself"),
        ('headers = { A = "x\\r\\ny" }', "one line of ASCII"),
        ('protocol = "oip"', "expected a model and files beside protocol"),
        ('expect = { body = false, values = { "/a" = 1 } }', "body = false"),
        ("colour = 1", "not a known key"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        requests(tmp_path, text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "services"),
        ("[services.a]", "expected a url"),
        ('[services.a]\ncommand = "serve"', "{port}"),
        ('[services.a]\ncommand = "serve {wrong}"', "only the placeholders"),
        ('[services.a]\nurl = "https://x"', "url"),
    ],
)
def test_a_service_must_be_reached_somehow(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"{text}\n[[requests]]\npath = '/x'\n")
    with pytest.raises(ManifestError) as error:
        load_target(path)
    assert said in str(error.value)


def test_the_open_inference_protocol_carries_tensors_and_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "row.npy", np.array([[1, 2.5]], dtype=np.float32))
    (tmp_path / "raw.png").write_bytes(b"\x89PNG")
    (tmp_path / "own.json").write_text('{"inputs": []}')
    text = 'protocol = "oip"\nmodel = "digits"\nfiles = ["row.npy", "raw.png", "own.json"]'
    found = requests(tmp_path, text)
    assert {each.parts.path for each in found} == {"/v2/models/digits/infer"}
    assert {each.expected.pointers for each in found} == {("/outputs",)}
    tensor = {"name": "input-0", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.5]}
    assert json.loads(found[0].parts.body) == {"inputs": [tensor]}
    (given,) = json.loads(found[1].parts.body)["inputs"]
    assert (given["datatype"], given["shape"], given["data"]) == ("BYTES", [1], ["iVBORw=="])
    assert found[2].parts.body == b'{"inputs": []}'
    assert ready_path(load_target(tmp_path / "Mine.toml")) == "/v2/models/digits/ready"


def test_tensorflow_serving_takes_rows_and_torchserve_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "row.npy", np.array([[1, 2]], dtype=np.int32))
    (tmp_path / "raw.png").write_bytes(b"\x89PNG")
    files = 'model = "digits"\nfiles = ["row.npy", "raw.png"]'
    rows, image = requests(tmp_path, f'protocol = "tensorflow"\n{files}')
    assert rows.parts.path == "/v1/models/digits:predict"
    assert json.loads(rows.parts.body) == {"instances": [[1, 2]]}
    assert json.loads(image.parts.body) == {"instances": [{"b64": "iVBORw=="}]}
    _, image = requests(tmp_path, f'protocol = "torchserve"\n{files}')
    assert (image.parts.path, image.parts.body) == ("/predictions/digits", b"\x89PNG")
    assert image.parts.content_type == "image/png"
