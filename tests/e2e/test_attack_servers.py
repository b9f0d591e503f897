"""``servemark attack`` on real model servers and on a service in FastAPI."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from servemark.launch import accepts, free_port
from servemark.prepare import environment_of
from servemark.records import Endpoint, Settings, Variant
from servemark.run import Workbench
from tests.conftest import ROOT, ToyProject

pytestmark = [pytest.mark.slow, pytest.mark.load, pytest.mark.timeout(600)]

APP = Path(__file__).parents[1] / "toy" / "fastapi_app.py"
GOLDEN = ROOT / "models" / "mnist" / "golden"
QUICK = "warm_up_s = 0.2\nslice_s = 0.5\nblocks = 2\n"


def digits(bench: Workbench, folder: Path) -> list[str]:
    """Golden images with the reference's digits beside them, as a user would have them."""
    images = [each for each in bench.model.golden.images if each.format == "png"][:16]
    pictures = [bench.model.picture(each) for each in images]
    for picture in pictures:
        (folder / picture.name).write_bytes(picture.content)
    labels = {p.name: image.digit for p, image in zip(pictures, images, strict=True)}
    (folder / "labels.json").write_text(json.dumps(labels))
    return sorted(labels)


@pytest.mark.parametrize("contestant", ["python/fastapi", "python/litserve", "python/bentoml"])
def test_a_real_server_is_held_to_stored_labels(
    contestant: str,
    bench: Workbench,
    prepared: Callable[[Variant], None],
    toys: ToyProject,
    tmp_path: Path,
) -> None:
    entry = bench.contestants[contestant]
    variant = entry.variants(("onnxruntime",), Settings())[0]
    prepared(variant)
    at = Endpoint(host="127.0.0.1", port=free_port("127.0.0.1"))
    command = bench.launch(variant, tmp_path / "log").command(at)
    environment = "\n".join(
        f"{name} = {json.dumps(value)}" for name, value in command.environment.items()
    )
    digits(bench, toys.folder)
    path = toys.folder / "mine.toml"
    path.write_text(
        f"{QUICK}[services.mine]\nurl = {json.dumps(at.url)}\n"
        f"command = {json.dumps(shlex.join(command.argv))}\n"
        f"folder = {json.dumps(str(command.folder))}\nready = '/healthz'\n"
        f"[services.mine.environment]\n{environment}\n"
        "[[requests]]\nfiles = '*.png'\n"
        "expect = { answers = 'labels.json', pointers = '/data/digit' }\n"
        "[[loads]]\nconnections = 4\n[[loads]]\nrates_per_s = 20\n"
    )
    done = toys.call("attack", str(path), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [each["cell"] for each in report["results"] if each["rank"]] == [
        "target/c4",
        "target/r20",
    ], report["problems"]
    closed = report["results"][0]["figures"]
    assert closed["first_answer_ns"]["value"] > closed["ready_ns"]["value"] > 0


def test_what_a_fastapi_service_says_of_itself_is_enough_to_measure_it(
    bench: Workbench, prepared: Callable[[Variant], None], toys: ToyProject
) -> None:
    entry = bench.contestants["python/fastapi"]
    variant = entry.variants(("onnxruntime",), Settings())[0]
    prepared(variant)
    environment = environment_of(bench.home, entry, variant.runtime).folder
    port = free_port("127.0.0.1")
    argv = [str(environment / "bin" / "python"), "-m", "uvicorn", f"{APP.stem}:app"]
    digits(bench, toys.folder)
    with subprocess.Popen(
        [*argv, "--port", str(port), "--log-level", "warning"],
        cwd=APP.parent,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as service:
        try:
            while not accepts(Endpoint(host="127.0.0.1", port=port)):
                assert service.poll() is None
                time.sleep(0.05)
            url = f"http://127.0.0.1:{port}/openapi.json"
            image = next(toys.folder.glob("*.png"))
            asked = toys.call("attack", "--openapi", url, "--image", str(image))
            assert asked.returncode == 0, asked.stderr
            path = toys.folder / "mine.toml"
            path.write_text(QUICK + asked.stdout)
            done = toys.call("attack", str(path), "--json")
        finally:
            service.terminate()
    assert 'field = "photo"' in asked.stdout
    assert '"/best/name"' in asked.stdout
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["title"] == "Cats and dogs"
    (result,) = report["results"]
    assert result["rank"] == 1, report["problems"]
    assert result["figures"]["server_cpu_ns"]["value"] > 10_000
