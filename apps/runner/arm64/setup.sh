#!/bin/sh
# The tool chain of the device arm64-emulated: gets the aarch64 wheel of ExecuTorch, checked by its hash,
# and cross-builds liif-runner against it.
#
#   apps/runner/arm64/setup.sh [FOLDER]     FOLDER: build/arm64 in the repository by default
#   PYTHON=...                              the Python whose pip downloads (python3)
#
# Exit codes: 0 ok, 3 something is missing; the message says how to get it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
sources=${here%/*}
folder=${1:-${sources%/*/*}/build/arm64}
python=${PYTHON:-python3}

fail() {
    echo "arm64: $1" >&2
    exit 3
}

missing=
need() { # a command or a file, and the Debian package that has it
    command -v "$1" >/dev/null || [ -e "$1" ] || missing="$missing $2"
}
need cmake cmake
need make make
need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
need qemu-aarch64 qemu-user
need /usr/include/stb/stb_image.h libstb-dev
need /usr/include/nlohmann/json.hpp nlohmann-json3-dev
[ -z "$missing" ] || fail "expected Debian packages, found these missing: apt-get install$missing"

wheel=$(grep -o '^executorch==[0-9.]*' "$here/wheel.txt" | sed 's/==/-/')
if [ ! -e "$folder/$wheel" ]; then
    mkdir -p "$folder"
    # Unpacked under another name first: an interrupted run leaves nothing that looks whole.
    partial=$(mktemp -d "$folder/partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT INT TERM
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.11 --implementation cp --platform manylinux_2_28_aarch64 \
        --require-hashes --requirement "$here/wheel.txt" --dest "$partial" ||
        fail "expected $wheel for aarch64 with the hash in wheel.txt, found the error above"
    "$python" -m zipfile -e "$partial"/executorch-*.whl "$partial/unpacked"
    rm -rf "$folder"/executorch-* "$folder/runner" # of another version
    mv "$partial/unpacked" "$folder/$wheel"
fi

cmake -S "$sources" -B "$folder/runner" --log-level=WARNING \
    -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" -DEXECUTORCH_WHEEL="$folder/$wheel/executorch"
cmake --build "$folder/runner" --parallel
echo "arm64: $folder/runner/liif-runner"
