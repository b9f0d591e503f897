# Builds one C++ contestant. Run in its folder: sh ../build.sh ENVIRONMENT
set -eu
env=$1

# For the machine that it runs on, as everything is built where it is measured.
compile() {
    c++ -std=c++20 -O3 -march=native -DNDEBUG -flto=auto -Wall -Wextra -Wno-maybe-uninitialized -I.. \
        $(pkg-config --cflags eigen3 nlohmann_json libturbojpeg spng | sed 's/-I/-isystem /g') "$@" ../_predictor/*.cpp \
        $(pkg-config --libs libturbojpeg spng) -pthread -s
}
mkdir -p "$env"
compile -o "$env/server" ./*.cpp
compile -o "$env/ceiling" ../_predictor/ceiling/main.cpp

# For reports: what the programs are made of, by name.
boost=$(echo BOOST_LIB_VERSION | c++ -x c++ -include boost/version.hpp -E -P - | tr -d '"' | tr _ .)
cat > "$env/versions.json" <<END
{"c++": "$(c++ -dumpfullversion)", "boost": "$boost", "eigen": "$(pkg-config --modversion eigen3)",
 "nlohmann-json": "$(pkg-config --modversion nlohmann_json)", "libjpeg-turbo": "$(pkg-config --modversion libturbojpeg)",
 "libspng": "$(pkg-config --modversion spng)"}
END
# The installed size counts the shared libraries that the server loads and that are not every system's.
ldd "$env/server" | awk '/libturbojpeg|libspng/ { print $3 }' | xargs -n 1 readlink -f > "$env/installed.txt"
