# Builds one Rust contestant. Run in its folder: sh ../build.sh ENVIRONMENT PYTHON HOME
set -eu
env=$1
python=$2
home=$3

mkdir -p "$env"
wheel=$(mktemp -d "$env/wheel.XXXXXX")
trap 'rm -rf "$wheel"' EXIT
uv pip install --quiet --python "$python" --target "$wheel" --no-deps --require-hashes -r ../_predictor/requirements.txt
rm -f "$env/libonnxruntime.so"
mv "$wheel"/onnxruntime/capi/libonnxruntime.so.* "$env/libonnxruntime.so"

# One folder for all Rust contestants, so that what they share is compiled once.
export CARGO_TARGET_DIR="$home/cargo-target"
export CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_STRIP=true
cargo build --quiet --release --locked
name=$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
cp "$CARGO_TARGET_DIR/release/$name" "$env/server"
# With the contestant's own dependencies. It has the same name for all contestants, so one copies it at a time.
exec 9> "$home/cargo-ceiling.lock"
flock 9
cargo build --quiet --release --locked --package predictor --bin ceiling
cp "$CARGO_TARGET_DIR/release/ceiling" "$env/ceiling"
flock -u 9

# For reports: what the contestant and the predictor use directly, by name.
onnxruntime=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' ../_predictor/requirements.txt)
cargo tree --locked --edges normal --prefix none --depth 2 |
    awk -v onnxruntime="$onnxruntime" -v rust="$(rustc --version | cut -d' ' -f2)" '
        BEGIN { printf "{\"rust\": \"%s\", \"onnxruntime\": \"%s\"", rust, onnxruntime }
        $1 ~ /^(axum|actix-web|actix-multipart|hyper|hyper-util|multer|tokio|ort|png|zune-jpeg)$/ && !seen[$1]++ {
            printf ", \"%s\": \"%s\"", $1, substr($2, 2)
        }
        END { print "}" }' > "$env/versions.json"
