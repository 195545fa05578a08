#!/usr/bin/env bash
# Makes the Python environment with psycopg 3, the driver that is not Rust, and
# SQLAlchemy and Django, ORMs over it, under the build directory; prints its interpreter. Cheap when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${CARGO_TARGET_DIR:-$PWD/target}/driver-venv
python=$venv/bin/python

if ! "$python" -c 'import psycopg, sqlalchemy, django' 2>/dev/null; then
    mkdir -p "$(dirname "$venv")"
    # Two test runs may want it at the same moment.
    exec 9>"$venv.lock"
    if command -v flock >/dev/null; then flock 9; fi
    if ! "$python" -c 'import psycopg, sqlalchemy, django' 2>/dev/null; then
        rm -rf "$venv"
        python3 -m venv "$venv" >&2
        "$venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]>=3.1,<4' 'sqlalchemy>=2,<3' 'django>=4.2,<6' >&2 || {
            echo "driver-venv: psycopg, SQLAlchemy and Django could not be installed: the package index (pip) must be reachable once" >&2
            rm -rf "$venv"
            exit 1
        }
    fi
fi
echo "$python"
