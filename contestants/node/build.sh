# Builds one Node contestant. Run in its folder: sh ../build.sh ENVIRONMENT
# Everything is copied, so that no node_modules appears in the source tree.
set -eu
env=$1

rm -rf "$env/app" "$env/_predictor"
mkdir -p "$env"
cp -R . "$env/app"
cp -R ../_predictor "$env/_predictor"
# The real program: a `node` on the PATH can be a wrapper, which would keep SIGTERM to itself.
node=$(node -p process.execPath)
ln -sf "$node" "$env/node"

for part in _predictor app; do
    (cd "$env/$part" && npm ci --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error)
done
# Bun and Deno, where they are among the dependencies: from npm, whose packages for each platform hold the program.
for program in "$env"/app/node_modules/@oven/bun-*/bin/bun "$env"/app/node_modules/@deno/*/deno; do
    [ ! -f "$program" ] || ln -sf "$program" "$env/${program##*/}"
done
# Of the binaries for six platforms, 220 MB are for other systems than this one.
system=$(node -p process.platform)
for platform in "$env"/_predictor/node_modules/onnxruntime-node/bin/napi-v*/*; do
    [ "${platform##*/}" = "$system" ] || rm -rf "$platform"
done

# For reports: what is used directly, by name.
cat > "$env/versions.cjs" <<'SCRIPT'
const { existsSync } = require('node:fs');
const versions = { node: process.versions.node };
for (const part of ['app', '_predictor']) {
  const { dependencies, optionalDependencies } = require(`./${part}/package.json`);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const file = `${__dirname}/${part}/node_modules/${name}/package.json`;
    if (existsSync(file)) versions[name] = require(file).version; // some are for other platforms
  }
}
console.log(JSON.stringify(versions));
SCRIPT
node "$env/versions.cjs" > "$env/versions.json"
rm "$env/versions.cjs"
