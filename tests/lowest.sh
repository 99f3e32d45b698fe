#!/usr/bin/env bash
# Checks the lowest versions that pyproject.toml allows: an environment of them, and each command that loads them.
set -euo pipefail
cd "$(dirname "$0")/.."
lowest="$(mktemp -d)"
trap 'rm -rf "$lowest"' EXIT
python3 -m venv "$lowest/venv"
sed -n 's/^dependencies = \[\(.*\)\]$/\1/p' pyproject.toml | tr -d '", ' | sed 's/\([a-z]\)>=/\1==/g; s/\([0-9]\)\([a-z]\)/\1\n\2/g' >"$lowest/requirements"
cat "$lowest/requirements"
echo
"$lowest/venv/bin/pip" install -q -r "$lowest/requirements"
export PYTHONPATH=src XDG_CACHE_HOME="$lowest/cache" XDG_CONFIG_HOME="$lowest/config"
run() { "$lowest/venv/bin/python" -W error::DeprecationWarning:vramfit -m vramfit "$@" >/dev/null; }
run check -g rtx4090 -m llama-3.1-8b --quant int4 --format table
run check --help
run list models --format table
run show rtx4090
run matrix -g 'rtx40*' -m llama-3.1-8b --format table
run recommend -g rtx4090 --limit 1 --format table
run catalogue lint
run catalogue schema models
echo "the lowest versions do"
