#!/usr/bin/env bash
# On a machine with a GPU: every test for it and the training benchmark against PyTorch, one table.
#   gpu_check.sh [ROUNDS]        from a bundle (scripts/bundle.sh); ROUNDS of the benchmark, 10
# Needs python3 with torch, or LLMOPS_TORCH_DIR alone for the tests without the benchmark.
set -uo pipefail
cd "$(dirname "$0")"

readonly rounds=${1:-10}
if [[ ! -x bin/llmops ]]; then
  echo "gpu_check: no bin/llmops here; make a bundle with scripts/bundle.sh and run its gpu_check.sh" >&2
  exit 2
fi
if [[ -z ${LLMOPS_TORCH_DIR-} ]]; then
  LLMOPS_TORCH_DIR=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))') || {
    echo "gpu_check: python3 has no torch; set LLMOPS_TORCH_DIR to a torch folder" >&2
    exit 2
  }
fi
export LLMOPS_TORCH_DIR
rows=() failed=0
row() { rows+=("| $1 | $2 | $3 |"); }

for program in tests/*_test; do
  name=$(basename "$program")
  if output=$(LD_LIBRARY_PATH=$LLMOPS_TORCH_DIR/lib "$program" '[gpu]' 2>&1); then
    if reason=$(grep -m 1 -o 'skipped: .*' <<<"$output"); then
      row "$name" skipped "${reason#skipped: }"
      continue
    fi
    row "$name" passed "$(tail -n 2 <<<"$output" | tr -s '\n=' '  ')"
  else
    failed=1
    row "$name" FAILED "$(tail -n 2 <<<"$output" | tr -s '\n=' '  ')"
    printf '%s\n' "$output" >&2
  fi
done

for model in char 124m; do
  if ! python3 -c 'import torch' 2>/dev/null; then
    row "training, $model" skipped "python3 has no torch"
  elif lines=$(python3 -B scripts/bench/gpu_train_speed.py --bin bin/llmops --model "$model" --rounds "$rounds"); then
    while IFS=$'\t' read -r what measured detail; do
      row "training, $what" "$measured" "$detail"
    done < <(python3 -c '
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    detail = ", ".join(f"{k} {v}" for k, v in row["detail"].items())
    print(row["what"], row["measured"], detail, sep="\t")' <<<"$lines")
  else
    failed=1
    row "training, $model" FAILED "see above"
  fi
done

gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1)
version=$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$LLMOPS_TORCH_DIR/version.py")
echo
echo "$(bin/llmops --version), torch $version, ${gpu:-no GPU seen}"
echo
echo "| what | outcome | detail |"
echo "|---|---|---|"
printf '%s\n' "${rows[@]}"
exit $failed
