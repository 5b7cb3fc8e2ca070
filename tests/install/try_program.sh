#!/bin/sh
# What must work from a folder that was moved after it was installed, with nothing in the
# environment but where torch is.
#   try_program.sh FOLDER TORCH
set -eu
folder=$1 torch=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/tiny.yaml" <<'END'
version: 1
method: pretrain
output_dir: out
model:
  arch: llama
  config: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2}
tokenizer: {type: byte}
data:
  train: [{synth: {kind: stories, documents: 50, seed: 1}}]
  max_seq_length: 32
train: {micro_batch_size: 2, max_steps: 2}
END

run() {
  (cd "$work" && env -i HOME="$work" LLMOPS_TORCH_DIR="$torch" "$folder/bin/llmops" "$@")
}
run --version
run recipe list
run train tiny.yaml --quiet
run generate out "Once" --max-tokens 4
run track ls
