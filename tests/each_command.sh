# The commands that load every package, once each, with warnings of ours or of Pydantic about our models as failures.
# Sourced by lowest.sh and newest.sh: `each_command PYTHON FOLDER`, with a folder for caches and files.
export PYTHONPATH=src

each_command() {
  local python="$1" folder="$2"
  export XDG_CACHE_HOME="$folder/cache" XDG_CONFIG_HOME="$folder/config"
  run() {
    echo "vramfit $*"
    "$python" -W error::UserWarning -W error::DeprecationWarning:vramfit -m vramfit "$@" >/dev/null
  }
  run check -g rtx4090 -m llama-3.1-8b --quant int4 --format table
  run check --help
  run list models --format table
  run show rtx4090
  run matrix -g 'rtx40*' -m llama-3.1-8b --format table
  run recommend -g rtx4090 --limit 1 --format table
  cat >"$folder/config.json" <<'CONFIG'
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
 "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
 "max_position_embeddings": 131072, "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
CONFIG
  run import "$folder/config.json"
  run check -g rtx4090 -m "$folder/config.json" --quant int4
  run catalogue lint
  run catalogue schema models
}

packages_of() {
  "$1" -m pip freeze | grep -iE '^(typer|rich|pydantic|pydantic_core|pyyaml|click)='
}
