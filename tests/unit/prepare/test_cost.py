"""The installed size and the lines of code of a contestant."""

from __future__ import annotations

from pathlib import Path

import pytest

from servemark.errors import PrepareError
from servemark.prepare import installed_bytes, lines_of_code


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_all_files_of_an_environment_count(tmp_path: Path) -> None:
    write(tmp_path / "env/server", "x" * 1000)
    write(tmp_path / "env/lib/deep/library.so", "x" * 20)
    assert installed_bytes(tmp_path / "env") == 1020


def test_a_file_with_two_names_counts_once_and_one_that_a_cache_shares_in_full(
    tmp_path: Path,
) -> None:
    cached = write(tmp_path / "cache/library.so", "x" * 500)
    (tmp_path / "env").mkdir()
    (tmp_path / "env/one.so").hardlink_to(cached)
    (tmp_path / "env/two.so").hardlink_to(cached)
    assert installed_bytes(tmp_path / "env") == 500


def test_the_language_behind_a_link_does_not_count(tmp_path: Path) -> None:
    write(tmp_path / "toolchain/bin/python", "x" * 9000)
    write(tmp_path / "toolchain/lib/big", "x" * 9000)
    write(tmp_path / "env/app", "x" * 7)
    (tmp_path / "env/python").symlink_to(tmp_path / "toolchain/bin/python")
    (tmp_path / "env/lib").symlink_to(tmp_path / "toolchain/lib")
    (tmp_path / "env/broken").symlink_to(tmp_path / "gone")
    assert installed_bytes(tmp_path / "env") == 7


def test_what_no_server_needs_does_not_count(tmp_path: Path) -> None:
    write(tmp_path / "env/ceiling", "x" * 300)
    write(tmp_path / "env/versions.json", "{}")
    write(tmp_path / "env/app/ceiling", "x" * 4)  # of that name, but the contestant's own
    assert installed_bytes(tmp_path / "env") == 4


def test_what_is_installed_elsewhere_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "site/plumber/R/plumber.rdb", "x" * 60)
    write(tmp_path / "site/unused/R/unused.rdb", "x" * 9000)
    alone = write(tmp_path / "site/library.so", "x" * 5)
    inside = write(tmp_path / "env/app", "x" * 1)
    listed = [tmp_path / "site/plumber", alone, inside]
    write(tmp_path / "env/installed.txt", "".join(f"{path}\n" for path in listed))
    assert installed_bytes(tmp_path / "env") == 66


def test_what_was_installed_elsewhere_and_has_gone_is_named(tmp_path: Path) -> None:
    write(tmp_path / "env/installed.txt", f"{tmp_path}/gone\n")
    with pytest.raises(PrepareError, match=r"/gone has gone since .*: run servemark prepare"):
        installed_bytes(tmp_path / "env")


@pytest.mark.parametrize(
    ("name", "source", "lines"),
    [
        (
            "app.py",
            '"""The module,\n\nexplained."""\n\nimport os  # why\n\n\n# alone\ndef f():\n'
            '    """What it does."""\n    return """one\n\n    two"""\n',
            4,
        ),
        (
            "main.go",
            "// Why.\npackage main\n\n/* long\n   and */\nfunc main() {\n\tprintln(`a\n\nb`)\n}\n",
            5,
        ),
        ("server.js", "// why\nimport x from 'x';\n\n/** doc */\nx(`${1}`);\n", 2),
        ("server.R", "# why\nlibrary(plumber)\n\npr() |> # here\n  pr_run()\n", 3),
        (
            "main.rs",
            "//! What it is.\n#![forbid(unsafe_code)]\n\n/// What.\nfn main() {\n    // why\n}\n",
            3,
        ),
        (
            "App.java",
            "/** What.\n * More.\n */\nclass App {\n\n  @Get int f() { return 1; }\n}\n",
            3,
        ),
    ],
)
def test_lines_with_code_count_in_every_language(
    tmp_path: Path, name: str, source: str, lines: int
) -> None:
    write(tmp_path / name, source)
    assert lines_of_code(tmp_path) == lines


def test_manifests_locks_caches_and_data_are_no_code(tmp_path: Path) -> None:
    write(tmp_path / "src/app.py", "import os\n")
    write(tmp_path / "wsgi.py", "import app\napp.run()\n")
    names = (
        "contestant.toml Cargo.toml Cargo.lock go.mod go.sum package.json package-lock.json "
        "requirements.in requirements.txt pom.xml application.properties logback.yaml "
        "README.md LICENSE node_modules/x/index.js target/debug/build.rs __pycache__/app.py"
    )
    for name in names.split():
        write(tmp_path / name, "module = 1\n")
    assert lines_of_code(tmp_path) == 3


def test_the_contestants_that_ship_have_code(root: Path) -> None:
    manifests = sorted((root / "contestants").glob("*/*/contestant.toml"))
    assert [path.parent.name for path in manifests if lines_of_code(path.parent) == 0] == []
