# Builds one Java contestant. Run in its folder: sh ../build.sh ENVIRONMENT HOME
# Maven writes beside its sources, so it works on a copy of them.
set -eu
env=$1
home=$2

rm -rf "$env/build" "$env/lib" "$env/native"
mkdir -p "$env/build" "$env/native"
cp ../pom.xml "$env/build/pom.xml"
cp -R ../_predictor "$env/build/predictor"
cp -R . "$env/build/app"

# Maven's cache of artifacts is the user's own, and is not made for several Mavens at once. Every
# version is exact, and --strict-checksums compares what comes with its checksum.
exec 9> "$home/maven.lock"
flock 9
mvn --batch-mode --quiet --strict-checksums -DskipTests -f "$env/build/pom.xml" \
    package dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$env/lib"
flock -u 9
cp "$env/build/app/target/app.jar" "$env/lib"

# The shared libraries as files: ONNX Runtime would unpack them into a temporary folder at every start.
native=ai/onnxruntime/native/linux-$(uname -m | sed -e 's/x86_64/x64/')
(cd "$env/native" && jar xf "$env"/lib/onnxruntime-*.jar "$native")
mv "$env/native/$native"/*.so "$env/native"
rm -rf "$env/native/ai" "$env/build"

# The real program: a `java` on the PATH can be a wrapper, which would keep SIGTERM to itself.
java=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java\.home = //p')/bin/java
ln -sf "$java" "$env/java"
: > "$env/java.args"
# From Java 22 on, loading a shared library has to be allowed.
allow=--enable-native-access=ALL-UNNAMED
if [ "$("$java" $allow -version 2>&1 | grep -ci 'warning\|unrecognized')" = 0 ]; then
    echo "$allow" >> "$env/java.args"
fi

# For reports: what is used, by name.
version=$("$java" -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java\.version = //p')
for jar in "$env"/lib/*.jar; do basename "$jar" .jar; done |
    awk -v java="$version" '
        BEGIN { printf "{\"java\": \"%s\"", java }
        match($0, /-[0-9]/) { printf ", \"%s\": \"%s\"", substr($0, 1, RSTART - 1), substr($0, RSTART + 1) }
        END { print "}" }' > "$env/versions.json"
