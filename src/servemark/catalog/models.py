"""The models: folders below ``models/``, each with its exports and its golden set."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from servemark.catalog.contestants import suggestion
from servemark.catalog.corpus import Picture
from servemark.catalog.documents import read_document
from servemark.catalog.manifests import GoldenImage, GoldenSet, ModelDescription, ModelManifest
from servemark.errors import ManifestError, UsageError
from servemark.records import Corpus

GOLDEN_FILE = "golden.json"
MOST_RENEWED = 20_000
RENEWED_BYTES = 64 * 1024 * 1024
"""Of all the writings of one image; a larger image is served so seldom that fewer will do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model with what proves that it is served rightly."""

    name: str
    folder: Path
    manifest: ModelManifest
    description: ModelDescription
    golden: GoldenSet

    @property
    def export_folder(self) -> Path:
        """``MODEL_DIR`` of the contract."""
        return self.folder / self.manifest.export

    @property
    def test_image(self) -> Path:
        """``TEST_IMAGE`` of the contract."""
        return self.folder / self.manifest.test_image

    def picture(self, image: GoldenImage) -> Picture:
        """A golden image as a client would send it."""
        path = self._path(image)
        return Picture(path.name, path.read_bytes(), f"image/{image.format}")

    def pictures(self) -> list[Picture]:
        """The whole golden set, in its order."""
        return [self.picture(image) for image in self.golden.images]

    def corpus(self, which: Corpus) -> list[int]:
        """Which golden images a corpus holds, as indices.

        ``alike`` are those of the commonest format, mode and size, and ``one`` is the one of these
        with the median number of bytes: to repeat it costs what going round the others does.
        ``renewed`` is that one, so often that no slice sends one of its writings twice.
        """
        images = self.golden.images
        if which == "all":
            return list(range(len(images)))
        kinds = [(each.format, each.mode, each.width, each.height) for each in images]
        (commonest, _), *_ = Counter(kinds).most_common(1)
        alike = [index for index, kind in enumerate(kinds) if kind == commonest]
        if which == "alike":
            return alike
        sizes = {index: len(self.picture(images[index]).content) for index in alike}
        middle = sorted(alike, key=sizes.__getitem__)[len(alike) // 2]
        if which == "one":
            return [middle]
        return [middle] * min(MOST_RENEWED, RENEWED_BYTES // sizes[middle])

    def digest(self) -> str:
        """SHA-256 over what contestants load, what is sent and which answers are right, in
        hexadecimal."""
        total = hashlib.sha256()
        exported = sorted(path for path in self.export_folder.rglob("*") if path.is_file())
        answers = self.folder / self.manifest.golden / GOLDEN_FILE
        images = (self._path(image) for image in self.golden.images)
        for path in (*exported, answers, self.test_image, *images):
            # Some models send the images of another one, from beside their own folder.
            total.update(os.path.relpath(path, self.folder).encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def _path(self, image: GoldenImage) -> Path:
        return self.folder / self.manifest.golden / image.file


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder below ``models/``, whose model may still have to be trained."""

    name: str
    folder: Path
    manifest: ModelManifest

    @property
    def export_folder(self) -> Path:
        return self.folder / self.manifest.export

    @property
    def is_made(self) -> bool:
        return (self.export_folder / "model.json").exists()


def model_names(root: Path) -> list[str]:
    """The names of the models below ``root``."""
    return [path.parent.name for path in sorted(root.glob("*/model.toml"))]


def find_model(root: Path, name: str) -> ModelFolder:
    """The folder of that model. Raises ``UsageError`` or ``ManifestError``."""
    folder = root / name
    manifest_path = folder / "model.toml"
    if not manifest_path.exists():
        raise UsageError(f"There is no model '{name}'{suggestion(name, model_names(root))}")
    return ModelFolder(name, folder.resolve(), read_document(manifest_path, ModelManifest))


def load_model(root: Path, name: str) -> Model:
    """The model of that name below ``root``. Raises ``UsageError`` or ``ManifestError``."""
    found = find_model(root, name)
    folder, manifest = found.folder, found.manifest
    if not found.is_made and manifest.train is not None:
        raise UsageError(
            f"The model '{name}' is not made yet: servemark train --model {name} makes it."
        )
    description = read_document(folder / manifest.export / "model.json", ModelDescription)
    golden = read_document(folder / manifest.golden / GOLDEN_FILE, GoldenSet)
    images = (folder / manifest.golden / image.file for image in golden.images)
    for path in (folder / manifest.test_image, *images):
        if not path.exists():
            raise ManifestError(f"{path} does not exist: make the golden set of '{name}' again.")
    return Model(name, folder, manifest, description, golden)
