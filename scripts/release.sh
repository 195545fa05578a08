#!/usr/bin/env bash
# Builds the release program from the lock file, so that anybody who builds
# the same commit with the same toolchain gets the same bytes, wherever the
# source lies. Prints the program's SHA-256.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh build
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$PWD/target
# Paths of this machine stay out of the program: Rust's and the C libraries'.
export RUSTFLAGS="--remap-path-prefix=$PWD=/build --remap-path-prefix=$cargo_home=/cargo"
export CFLAGS="-ffile-prefix-map=$PWD=/build -ffile-prefix-map=$cargo_home=/cargo"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
cargo build --release --locked --bin bauta
sha256sum target/release/bauta
