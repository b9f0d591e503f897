# Builds one Go contestant. Run in its folder: sh ../build.sh ENVIRONMENT PYTHON
set -eu
env=$1
python=$2

mkdir -p "$env"
wheel=$(mktemp -d "$env/wheel.XXXXXX")
trap 'rm -rf "$wheel"' EXIT
uv pip install --quiet --python "$python" --target "$wheel" --no-deps --require-hashes -r ../_predictor/requirements.txt
rm -f "$env/libonnxruntime.so"
mv "$wheel"/onnxruntime/capi/libonnxruntime.so.* "$env/libonnxruntime.so"

export CGO_ENABLED=1
go build -trimpath -buildvcs=false -ldflags=-s -o "$env/server" .
go build -trimpath -buildvcs=false -ldflags=-s -o "$env/ceiling" servemark/predictor/ceiling

# For reports: what the program is made of, by name.
onnxruntime=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' ../_predictor/requirements.txt)
go version -m "$env/server" | awk -v onnxruntime="$onnxruntime" '
    NR == 1 { printf "{\"go\": \"%s\", \"onnxruntime\": \"%s\"", substr($2, 3), onnxruntime }
    $1 == "dep" && $2 !~ /^servemark/ { printf ", \"%s\": \"%s\"", $2, $3 }
    END { print "}" }' > "$env/versions.json"
