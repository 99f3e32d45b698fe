#!/usr/bin/env bash
# Checks the lowest versions that pyproject.toml allows: an environment of them, the commands that load them, and the tests of
# the entry point. A warning of ours or of Pydantic about our models is a failure.
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
run() {
  echo "vramfit $*"
  "$lowest/venv/bin/python" -W error::UserWarning -W error::DeprecationWarning:vramfit -m vramfit "$@" >/dev/null
}
run check -g rtx4090 -m llama-3.1-8b --quant int4 --format table
run check --help
run list models --format table
run show rtx4090
run matrix -g 'rtx40*' -m llama-3.1-8b --format table
run recommend -g rtx4090 --limit 1 --format table
cat >"$lowest/config.json" <<'CONFIG'
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
 "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
 "max_position_embeddings": 131072, "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
CONFIG
run import "$lowest/config.json"
run check -g rtx4090 -m "$lowest/config.json" --quant int4
run catalogue lint
run catalogue schema models
"$lowest/venv/bin/pip" install -q pytest hypothesis jsonschema
"$lowest/venv/bin/python" -m pytest tests/test_main.py
"$lowest/venv/bin/pip" freeze | grep -iE '^(typer|rich|pydantic|pydantic_core|pyyaml|click)='
echo "the lowest versions do"
