"""The protocols of model servers, spoken to real ones: MLServer, and KServe's own server, which
also speaks TensorFlow Serving's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from servemark.launch import free_port
from servemark.prepare import environment_of
from servemark.records import Settings, Variant
from servemark.run import Workbench
from tests.conftest import ROOT, ToyProject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TOY = Path(__file__).parents[1] / "toy"
IMAGE = ROOT / "models" / "mnist" / "golden" / "images" / "0010.png"
QUICK = "warm_up_s = 0.2\nslice_s = 0.5\nblocks = 2\n"


def group(protocol: str, files: str) -> str:
    return f'[[requests]]\nprotocol = "{protocol}"\nmodel = "digits"\nfiles = {files}\n'


def measured(toys: ToyProject, service: str, groups: str) -> dict[str, Any]:
    """The report of a service that is asked for rows, and for a picture as bytes."""
    for number in range(4):
        np.save(toys.folder / f"{number}.npy", np.full((2, 8), number, dtype=np.float32))
    (toys.folder / "picture.png").write_bytes(IMAGE.read_bytes())
    path = toys.folder / "mine.toml"
    path.write_text(f"{QUICK}{service}{groups}[[loads]]\nconnections = 4\n")
    done = toys.call("attack", str(path), "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def on_mlserver(python: Path, toys: ToyProject) -> dict[str, Any]:
    folder = toys.folder / "served"
    folder.mkdir()
    port = free_port("127.0.0.1")
    settings: dict[str, Any] = {"host": "127.0.0.1", "http_port": port, "grpc_port": 0}
    settings |= {"parallel_workers": 0, "metrics_endpoint": None, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "digits", "implementation": "mlserver_model.Sums"}
    (folder / "model-settings.json").write_text(json.dumps(model))
    service = (
        f'[services.mine]\nurl = "http://127.0.0.1:{port}"\n'
        f'command = "{python.parent}/mlserver start {folder}"\n'
        f'environment = {{ PYTHONPATH = "{TOY}", PYTHONDONTWRITEBYTECODE = "1" }}\n'
    )
    return measured(toys, service, group("oip", '["*.npy", "picture.png"]'))


def on_kserve(python: Path, toys: ToyProject) -> dict[str, Any]:
    service = (
        f'[services.mine]\ncommand = "{python} {TOY}/kserve_model.py {{port}}"\n'
        'environment = { PYTHONDONTWRITEBYTECODE = "1" }\n'
    )
    groups = group("oip", '"*.npy"') + group("tensorflow", '"*.npy"')
    return measured(toys, service, groups)


@pytest.mark.parametrize(
    ("contestant", "measure"), [("python/mlserver", on_mlserver), ("python/kserve", on_kserve)]
)
def test_a_real_model_server_is_asked_by_its_protocol(
    contestant: str,
    measure: Callable[[Path, ToyProject], dict[str, Any]],
    bench: Workbench,
    prepared: Callable[[Variant], None],
    toys: ToyProject,
) -> None:
    if contestant not in bench.contestants:
        pytest.skip(f"this checkout has no contestant {contestant}, whose environment is used")
    entry = bench.contestants[contestant]
    variant = entry.variants(("onnxruntime",), Settings())[0]
    prepared(variant)
    python = environment_of(bench.home, entry, variant.runtime).folder / "bin" / "python"
    report = measure(python, toys)
    (result,) = report["results"]
    assert result["rank"] == 1, report["problems"]
