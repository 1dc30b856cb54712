#!/bin/sh
# Makes the virtual environment that every target runs in: sh deploy/make_venv.sh .venv
# PYTHON names the interpreter; otherwise it is the first of the usual names that is new enough.
set -eu

venv=$1

fail() {
    echo "waypost: $*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    fail "Python 3.11 or later is needed, and python3 is $(python3 --version 2>/dev/null || echo missing):" \
        "install one, or name it: make setup PYTHON=/path/to/python3"
}

if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" || fail "PYTHON=$PYTHON does not run, or is older than Python 3.11"
    python=$PYTHON
else
    python=$(find_python)
fi
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python has no venv module: install it (on Debian and Ubuntu: apt-get install python3-venv)"

echo "making $venv with $("$python" --version) …" >&2
"$python" -m venv "$venv" || "$python" -m venv --clear "$venv" || fail "$venv could not be made"

echo "installing the locked packages …" >&2
pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
}
pip --require-hashes -r requirements.lock ||
    fail "the packages could not be installed. If the message above says that no distribution matches, that package" \
        "has no build for this platform ($(uname -sm)); otherwise look at the network and the package index"
pip --no-deps --no-build-isolation -e . || fail "the waypost command could not be installed"
