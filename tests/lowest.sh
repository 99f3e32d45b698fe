#!/usr/bin/env bash
# Checks the lowest versions that pyproject.toml allows: an environment of them, the commands that load them, and the tests of
# the entry point.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/each_command.sh
lowest="$(mktemp -d)"
trap 'rm -rf "$lowest"' EXIT
python3 -m venv "$lowest/venv"
sed -n 's/^dependencies = \[\(.*\)\]$/\1/p' pyproject.toml | tr -d '", ' | sed 's/\([a-z]\)>=/\1==/g; s/\([0-9]\)\([a-z]\)/\1\n\2/g' >"$lowest/requirements"
cat "$lowest/requirements"
echo
"$lowest/venv/bin/pip" install -q -r "$lowest/requirements"
each_command "$lowest/venv/bin/python" "$lowest"
"$lowest/venv/bin/pip" install -q pytest hypothesis jsonschema
"$lowest/venv/bin/python" -m pytest -q -p no:cacheprovider tests/test_main.py
packages_of "$lowest/venv/bin/python"
echo "the lowest versions do"
