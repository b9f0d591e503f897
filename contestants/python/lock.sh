#!/bin/sh
# Remakes every requirements.txt from its requirements.in: sh contestants/python/lock.sh [uv pip compile options]
# A contestant's and a runtime's requirements are installed together, so all of them are first resolved as one set,
# constraints.txt, and each file is then pinned within it. `--upgrade` takes the newest versions of everything.
set -eu
cd "$(dirname "$0")"

compile() {
    uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
        --custom-compile-command "sh contestants/python/lock.sh" "$@"
}

compile "$@" --output-file constraints.txt */requirements.in _predictor/requirements/*.in
for source in */requirements.in _predictor/requirements/*.in; do
    compile --generate-hashes --constraint constraints.txt --output-file "${source%.in}.txt" "$source"
done
