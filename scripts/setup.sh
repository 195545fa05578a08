#!/usr/bin/env bash
# Finds what bauta is built and tested with; installs what is missing where
# apt-get can (as root, or through sudo without a password), or else says what
# to install. Usage: scripts/setup.sh [build|test]
#
#   build  a C compiler and libclang (PostgreSQL's grammar is C), and
#          PostgreSQL's server programs, which the demo starts
#   test   also Python, for the tests with a driver that is not Rust
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-test}

have() { command -v "$1" >/dev/null 2>&1; }

have_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    local candidate
    # Not libclang-cpp, which comes without it.
    for candidate in /usr/lib/llvm*/lib/libclang{,-[0-9]*}.so* /usr/lib/*-linux-gnu/libclang{,-[0-9]*}.so* \
        /usr/lib64/libclang.so* /usr/lib/libclang.so* /usr/local/lib/libclang.{so*,dylib} \
        /Library/Developer/CommandLineTools/usr/lib/libclang.dylib /opt/homebrew/opt/llvm/lib/libclang.dylib; do
        [ -e "$candidate" ] && return 0
    done
    return 1
}

have_postgres() {
    [ -n "${PG_BIN:-}" ] && return 0
    local directory version
    for directory in "$(pg_config --bindir 2>/dev/null || true)" ${PATH//:/ } \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
        [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ] || continue
        version=$("$directory/postgres" --version 2>/dev/null | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        [ "${version:-0}" -ge 13 ] && return 0
    done
    return 1
}

if ! have cargo; then
    echo "setup: no Rust toolchain. Install it from https://rustup.rs and run this again." >&2
    exit 1
fi

packages=()
have cc || packages+=(build-essential)
have_libclang || packages+=(libclang-dev)
have_postgres || packages+=(postgresql)
have psql || packages+=(postgresql-client)
if [ "$what" = test ]; then
    { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; } || packages+=(python3-venv)
fi

if [ ${#packages[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo -n)
    fi
    if have apt-get && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
        echo "setup: installing ${packages[*]}"
        "${as_root[@]}" apt-get update -qq
        DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
            "${packages[@]}" >/dev/null
    else
        {
            echo "setup: missing, in Debian's names: ${packages[*]}"
            echo "  Debian, Ubuntu: sudo apt-get install ${packages[*]}"
            echo "  Fedora:         sudo dnf install gcc clang-libs clang-devel postgresql-server postgresql python3"
            echo "  macOS:          xcode-select --install; brew install postgresql llvm python3"
            echo "PostgreSQL in an unusual place: set PG_BIN to the directory of initdb; libclang: LIBCLANG_PATH."
        } >&2
        exit 1
    fi
fi

if [ "$what" = test ]; then
    scripts/driver-venv.sh >/dev/null
fi
