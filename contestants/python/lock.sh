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

# A contestant with a requirements-RUNTIME.txt cannot share the one set: that file is compiled alone, and installed alone.
# To begin one: touch requirements-RUNTIME.txt in its folder.
together=
for source in */requirements.in _template/*/requirements.in _predictor/requirements/*.in; do
    ls "$(dirname "$source")"/requirements-*.txt > /dev/null 2>&1 || together="$together $source"
done

compile "$@" --output-file constraints.txt $together
for source in $together; do
    compile --generate-hashes --constraint constraints.txt --output-file "${source%.in}.txt" "$source"
done
for target in */requirements-*.txt; do
    [ -e "$target" ] || continue
    contestant=${target%/*} runtime=${target##*/requirements-}
    compile "$@" --generate-hashes --output-file "$target" \
        "$contestant/requirements.in" "_predictor/requirements/${runtime%.txt}.in"
done
