#!/usr/bin/env bash
# Makes a folder that runs on another machine which has only torch and the C library.
#   scripts/bundle.sh [FOLDER [BUILD]]      default dist/llmops build/release
# It holds bin/llmops, lib with every library that is neither glibc's, libgomp nor torch's, the
# tests for a GPU, the recipes and gpu_check.sh. There: LLMOPS_TORCH_DIR=.../torch bin/llmops
set -euo pipefail
cd "$(dirname "$0")/.."

readonly out=$(realpath -m "${1:-dist/llmops}") most_mb=60
readonly build=${2:-build/release}

fail() { echo "bundle: $*" >&2; exit 1; }

if [[ -e $out ]]; then
  [[ -x $out/bin/llmops ]] || fail "$out is there and is no bundle; name another folder"
  rm -rf "$out"
fi

if [[ $build == build/release ]]; then
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  mkdir -p build
  cmake --preset release >build/release-configure.log 2>&1 ||
    { cat build/release-configure.log >&2; exit 1; }
fi
cmake --build "$build" --target llmops_cli llmops_torch gpu_tests
cmake --install "$build" --prefix "$out" --strip >/dev/null
cmake --install "$build" --prefix "$out" --strip --component gpu_tests >/dev/null

# Names of the shared libraries that the machine or torch brings.
readonly foreign='^(linux-vdso|ld-linux-x86-64|lib(c|m|dl|rt|pthread|util|resolv|gomp|torch_?[a-z_]*|c10_?[a-z]*|cud[a-z]+|cupti|nv[a-zA-Z]+))\.so'

# The libraries a file needs, with their paths: "NAME PATH" per line.
needed() { ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }'; }

for file in "$out"/bin/* "$out"/lib/*.so "$out"/tests/*; do
  needed "$file" | while read -r name path; do
    [[ $name =~ $foreign || -e $out/lib/$name ]] && continue
    install -m 644 "$(realpath "$path")" "$out/lib/$name"
    strip --strip-unneeded "$out/lib/$name"
  done
done

# Copies have no rpath of their own: what one of them needs is found because the program, which
# has one, asks for it first. Make sure that this holds for each.
for file in "$out"/bin/* "$out"/lib/libllmops*.so "$out"/tests/*; do
  needed "$file" | while read -r name path; do
    [[ $name =~ $foreign || $path == "$out"/* ]] ||
      fail "$(basename "$file") would take $path from the machine"
  done
done

mkdir "$out/scripts"
cp -r recipes LICENSE "$out/"
cp -r scripts/bench "$out/scripts/"
rm -rf "$out/scripts/bench/__pycache__"
install -m 755 scripts/gpu_check.sh "$out/"

size=$(du -sm "$out" | cut -f1)
((size < most_mb)) || fail "$out has $size MB; less than $most_mb is promised"
echo "$out: $size MB"
