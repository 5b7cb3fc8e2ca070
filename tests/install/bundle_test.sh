#!/bin/sh
# A bundle, moved, takes no library from the machine but the C library's, and runs.
#   bundle_test.sh REPOSITORY BUILD TORCH
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$1/scripts/bundle.sh" "$place/first" "$2"
mv "$place/first" "$place/second"
if ldd "$place/second/bin/llmops" | grep '=> /' | grep -v "$place/second/" |
  grep -vE '(libc|libm|libdl|libpthread|librt)\.so'; then
  echo "the program takes these from the machine"
  exit 1
fi
test -x "$place/second/gpu_check.sh"
"$here/try_program.sh" "$place/second" "$3"
