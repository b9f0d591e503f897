"""A user's own model in every language, with every part of model.json other than the digit model's;
and the one command from its file to a ranked board. (test_models.py has the simple cases.)"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from servemark.catalog import Model, load_model
from servemark.cli.project import Project
from servemark.cli.selection import Field, make_engine, make_workbench
from servemark.launch import available_cores, split_cores
from servemark.prepare.training import python_with
from servemark.records import Variant
from servemark.run import verify_running
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PIXELS = ("--offset=-124,-116,-104", "--scale", "1/58,1/57,1/57", "--resize", "bilinear")


class OwnProject:
    """A checkout that shares everything but ``models/`` and the files in ``files``."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.files, self.home = folder, folder / "files", home
        (folder / "models").mkdir(parents=True)
        self.files.mkdir()
        for name in ("contestants", "boards", "models/_reference", "models/mnist"):
            (folder / name).symlink_to(ROOT / name)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "servemark", "--root", str(self.folder), *arguments],
            capture_output=True,
            text=True,
            cwd=self.files,
            env={**os.environ, "SERVEMARK_HOME": str(self.home)},
        )

    def add(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        images = () if "--images" in arguments else ("--images", "images")
        return self.call("model", "add", *arguments, *images)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, project: Project) -> OwnProject:
    requirements = ROOT / "models" / "_reference" / "requirements.txt"
    python = python_with(requirements, project.home / "envs/train-reference", project.toolbox())
    made = OwnProject(tmp_path_factory.mktemp("own"), project.home)
    script = ROOT / "tests" / "toy" / "onnx_models.py"
    subprocess.run([str(python), str(script), str(made.files)], check=True)
    return made


@pytest.fixture(scope="module")
def tiny(own: OwnProject) -> Model:
    done = own.add("tiny.onnx", "--labels", "labels.txt", "--answer", "animal", *PIXELS, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sources"]["layout"] == "graph"
    return load_model(own.folder / "models", "tiny")


def test_what_the_graph_says_is_in_the_description(tiny: Model) -> None:
    taken, given = tiny.description.input, tiny.description.output
    assert (taken.name, taken.shape, taken.layout) == ("pixels", (None, 3, 16, 16), "NCHW")
    assert (taken.height, taken.width, taken.channels, taken.resize) == (16, 16, 3, "bilinear")
    assert taken.offset == (-124.0, -116.0, -104.0)
    assert taken.scale == (1 / 58, 1 / 57, 1 / 57)
    assert (given.name, given.activation) == ("scores", "logits")
    assert tiny.description.labels == ("ant", "bee", "cat", "dog")
    assert tiny.description.answer == "animal"


def test_the_golden_set_has_the_users_images_and_different_answers(tiny: Model) -> None:
    images = tiny.golden.images
    assert {image.format for image in images} == {"png", "jpeg"}
    assert len({image.digit for image in images}) > 1
    assert all(0.25 <= image.probability <= 1 for image in images)  # the softmax of logits
    sent = {path.read_bytes() for path in (tiny.folder.parent.parent / "files/images").iterdir()}
    assert {tiny.picture(image).content for image in images} <= sent
    assert tiny.golden.tolerance["jpeg"] > max(tiny.golden.jpeg_spread.values())


@pytest.mark.parametrize(
    "variant",
    [
        Variant(contestant="python/aiohttp", server="builtin", runtime="onnxruntime"),
        Variant(contestant="go/net-http", server="builtin", runtime="onnxruntime"),
        Variant(contestant="node/express", server="builtin", runtime="onnxruntime"),
        Variant(contestant="rust/axum", server="builtin", runtime="onnxruntime"),
        Variant(contestant="java/vertx", server="builtin", runtime="onnxruntime"),
    ],
    ids=lambda variant: variant.contestant,
)
def test_contestants_serve_a_model_that_they_have_never_seen(
    variant: Variant,
    tiny: Model,
    project: Project,
    prepared: Callable[[Variant], None],
    tmp_path: Path,
) -> None:
    prepared(variant)
    cores = split_cores(available_cores(), 1, 1)
    field = Field(project.contestants(), (), ())
    bench = make_workbench(project, field, tiny, make_engine("fake"), cores)
    found = verify_running(bench, variant, tmp_path, None)
    assert found.failure is None, found.log_tail
    assert [f"{c.name}: {c.seen}" for c in found.checks if not c.passed] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("other-type.onnx",), "The input 'pixels' is a tensor(uint8), and only float32"),
        (("batch-of-8.onnx",), "The model takes batches of 8 images, and a request brings one"),
        (("unknown-operator.onnx",), "the operator org.example:Sparkle, which ONNX Runtime"),
        (("no-classes.onnx",), "The output 'scores' has the shape (1, 8, 1, 1), and a classifier"),
        (("tiny.onnx", "--labels", "five.txt"), "The file of labels has 5 lines, but the model"),
        (("tiny.onnx", "--images", "empty"), "There is no JPEG or PNG file in empty or below."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_added_is_refused_in_one_sentence(
    own: OwnProject, arguments: tuple[str, ...], sentence: str
) -> None:
    done = own.add(*arguments, "--name", "refused")
    assert done.returncode == 1
    *_, said = done.stderr.strip().splitlines()
    assert sentence in said
    assert "Traceback" not in done.stderr
    assert not (own.folder / "models" / "refused").exists()


def test_one_command_goes_from_the_file_to_a_ranked_board(
    own: OwnProject, prepared: Callable[[Variant], None]
) -> None:
    first = Variant(contestant="python/aiohttp", server="builtin", runtime="onnxruntime")
    second = Variant(contestant="go/net-http", server="builtin", runtime="onnxruntime")
    for variant in (first, second):
        prepared(variant)
    board = own.files / "short.toml"
    text = (ROOT / "boards" / "own.toml").read_text()
    begin, end = text.index("contestants = ["), text.index("runtimes")
    names = f'contestants = ["{first.contestant}@builtin", "{second.contestant}", "r/plumber"]\n'
    short = text[:begin] + names + text[end:]
    board.write_text(short.replace("blocks = 3", "blocks = 1").replace("1.0", "0.3"))
    done = own.add("tiny.onnx", "--name", "mine", *PIXELS, "--run", str(board), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == "mine"
    assert {result["variant"] for result in report["results"]} == {first.id, second.id}
    assert [each["name"] for each in report["excluded"]] == ["r/plumber@builtin+base-r"]
