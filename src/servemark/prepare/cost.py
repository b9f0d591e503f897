"""What a contestant costs before it serves: what is installed for it, and what was written."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename
from pygments.token import Comment, String, is_token_subtype

from servemark.errors import PrepareError
from servemark.prepare.environments import ELSEWHERE, IGNORED, installed_elsewhere

NOT_SERVED_WITH = frozenset({"ceiling", ELSEWHERE, "versions.json"})
"""What a build leaves at the top of an environment for servemark, and no server needs."""

MANIFESTS = frozenset({"go.mod"})  # by its name, a program in Modula-2
NOT_CODE = frozenset({"INI", "JSON", "Markdown", "Properties", "TOML", "Text only", "XML", "YAML"})


def installed_bytes(environment: Path) -> int:
    """Bytes of the files that a built environment consists of.

    Counted: every file below the folder, and below each path that the build wrote into
    ``installed.txt``, one a line: packages that the language can only install elsewhere. A file
    with several names (hard links) counts once, and in full where a cache shares it, since it
    is needed all the same. Sizes are those of the contents, which no file system changes.

    Not counted: the language itself, where the environment has only a link to it or none (an
    interpreter, a virtual machine, a compiler; a compiled program carries its share along); shared
    libraries of the system; caches; the ceiling program; the contestant's source and the model.

    Raises ``PrepareError`` when something that the build named is not there.
    """
    sizes: dict[tuple[int, int], int] = {}
    for root in (environment, *_elsewhere(environment)):
        for path in _files_below(root):
            if path.parent != environment or path.name not in NOT_SERVED_WITH:
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())


def lines_of_code(contestant: Path) -> int:
    """Lines of the contestant's own source that hold code: neither blank, nor only comment.

    Doc strings are comment; a line with nothing but a bracket is code. Source is what Pygments has
    a lexer for, manifests, lock files and other data left out; all of it, where servers use a part
    each. What contestants of a language share, such as the predictor library, lies in other folders
    and is not counted.
    """
    return sum(_code_lines(path) for path in _files_below(contestant, IGNORED))


def _elsewhere(environment: Path) -> list[Path]:
    roots = installed_elsewhere(environment)
    missing = [str(root) for root in roots if not root.exists()]
    if missing:
        raise PrepareError(f"{missing[0]} has gone since it was installed: run servemark prepare.")
    return roots


def _files_below(root: Path, ignored: Collection[str] = ()) -> Iterator[Path]:
    """Files, without following links, in the order of their paths."""
    if root.is_file():
        yield root
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - set(ignored))
        yield from (Path(folder) / name for name in sorted(names))


def _code_lines(path: Path) -> int:
    lexer = find_lexer_class_for_filename(path.name)
    if lexer is None or lexer.name in NOT_CODE or path.name in MANIFESTS:
        return 0
    return _count(lexer(), path.read_text(encoding="utf-8", errors="replace"))


def _count(lexer: Lexer, text: str) -> int:
    lines: set[int] = set()
    at = 0
    for kind, part in lexer.get_tokens(text):
        # Attributes and directives, which Pygments takes for comments, are code.
        comment = is_token_subtype(kind, Comment) and not is_token_subtype(kind, Comment.Preproc)
        if not comment and not is_token_subtype(kind, String.Doc):
            lines |= {at + n for n, piece in enumerate(part.split("\n")) if piece.strip()}
        at += part.count("\n")
    return len(lines)
