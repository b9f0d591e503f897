#!/bin/sh
# Makes the environment of one contestant and one runtime: build.sh ENV RUNTIME PYTHON HOME, run in the contestant's folder.
set -eu
env=$1 runtime=$2 python=$3 home=$4

# Files are hard links into uv's cache, so that a further environment costs seconds and hardly any disk.
# The cache is kept beside the environments because links do not cross file systems.
export UV_CACHE_DIR="${UV_CACHE_DIR:-$home/uv}" UV_LINK_MODE=hardlink UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never

uv venv --quiet --clear --python "$python" "$env"
# A contestant that does not get along with the others' versions has a file for itself and that runtime.
if [ -e "requirements-$runtime.txt" ]; then
    set -- -r "requirements-$runtime.txt"
else
    set -- -r requirements.txt -r "../_predictor/requirements/$runtime.txt"
fi
uv pip install --quiet --python "$env/bin/python" --no-deps --require-hashes --compile-bytecode "$@"

# For reports: what is installed, by name.
"$env/bin/python" -c 'import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))' \
    > "$env/versions.json"
