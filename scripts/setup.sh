#!/usr/bin/env bash
# Installs what llmops is built from: Debian or Ubuntu packages, and libtorch into .deps.
#   scripts/setup.sh            enough to build, test and train on a CPU
#   scripts/setup.sh --cuda     also the CUDA libraries that torch needs on a GPU (about 3 GB)
#   scripts/setup.sh --peers    all that scripts/test.sh --all needs: these, a Python environment for
#                               tests and benchmarks against peers, libFuzzer
# May be run again at any time, after an interruption too; without a network when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly deps=$PWD/.deps
packages=(
  build-essential cmake ninja-build ccache pkg-config git ca-certificates
  python3 python3-pip python3-venv
  libcli11-dev libfmt-dev libyaml-cpp-dev libsqlite3-dev nlohmann-json3-dev libutf8proc-dev
  libssl-dev zlib1g-dev libzstd-dev catch2
  clang-14 clang-format-14
)

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

cuda=0 peers=0
for argument in "$@"; do
  case $argument in
    --cuda) cuda=1 ;;
    --peers) peers=1 ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option $argument (known: --cuda --peers)" ;;
  esac
done

((!peers)) || packages+=(libclang-rt-14-dev)
readonly packages

missing_packages() {
  local name
  for name in "${packages[@]}"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || echo "$name"
  done
}

install_packages() {
  command -v dpkg-query >/dev/null ||
    fail "this needs Debian 12, Ubuntu 24.04 or a relative; elsewhere install the counterparts of:" \
      "${packages[*]}"
  local wanted as_root=()
  mapfile -t wanted < <(missing_packages)
  if ((${#wanted[@]} == 0)); then
    say "packages: all there"
    return
  fi
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      fail "not root and no sudo; have an administrator run: apt-get install ${wanted[*]}"
    as_root=(sudo)
  fi
  say "packages: installing ${wanted[*]}"
  "${as_root[@]}" apt-get update -q >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${wanted[@]}" >&2
}

# fetch NAME [--require-hashes -r FILE | NAME==VERSION...]: downloads wheels and unpacks them.
fetch() {
  local what=$1
  shift
  local folder=$deps/.download
  mkdir -p "$folder"
  # pip matches a tag only when it is named, and the wheels carry many.
  local platforms=(--platform manylinux1_x86_64 --platform manylinux2014_x86_64) glibc
  for glibc in {17..28}; do platforms+=(--platform "manylinux_2_${glibc}_x86_64"); done
  say "$what: downloading"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.11 "${platforms[@]}" --dest "$folder" "$@" >&2 ||
    fail "$what: the download failed; run this again, what is complete is kept"
  say "$what: unpacking"
  python3 scripts/wheels.py unpack "$deps" "$folder"/*.whl
  rm -rf "$folder"
}

missing_wheels() { python3 scripts/wheels.py missing "$deps" "$@"; }

need_space() { # GB
  local free
  free=$(df --output=avail -B 1G "$deps" | tail -1)
  ((free >= $1)) || fail "$deps has ${free} GB free; $1 GB are needed"
}

install_libtorch() {
  [[ $(uname -m) == x86_64 ]] || fail "libtorch is taken for x86_64; this machine is $(uname -m)"
  local wanted
  mapfile -t wanted < <(grep -oE '^[a-z][^ ]+==[^ ]+' scripts/libtorch.txt)
  mkdir -p "$deps"
  if [[ -z $(missing_wheels "${wanted[@]}") ]]; then
    say "libtorch: there"
    return
  fi
  need_space 3
  fetch libtorch --require-hashes -r scripts/libtorch.txt
}

install_cuda() {
  local pass wanted
  for pass in 1 2; do # the first brings the list of the second
    mapfile -t wanted < <(python3 scripts/wheels.py cuda "$deps")
    mapfile -t wanted < <(missing_wheels "${wanted[@]}" | sed '/^$/d')
    if ((${#wanted[@]})); then
      need_space 8
      fetch "CUDA libraries ($pass of 2)" "${wanted[@]}"
    fi
  done
  say "CUDA libraries: there"
}

install_peers() {
  local venv=$deps/peers
  if [[ -f $venv/.complete ]] && cmp -s scripts/peers.txt "$venv/.complete"; then
    say "peers: there"
    return
  fi
  local python=python3 minor
  command -v python3.11 >/dev/null && python=python3.11
  minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  say "peers: making $venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r scripts/peers.txt >&2
  if [[ $minor == 3.11 ]]; then
    echo "$deps" >"$venv/lib/python3.11/site-packages/libtorch.pth"
  else
    # The wheel in .deps holds Python 3.11 modules only.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps torch==2.11.0 \
      nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 >&2
  fi
  "$venv/bin/python" -c 'import torch, transformers, tokenizers, safetensors'
  cp scripts/peers.txt "$venv/.complete"
}

install_packages
install_libtorch
# Python's torch opens the CUDA libraries when it is imported, also where there is no GPU.
((!cuda && !peers)) || install_cuda
((!peers)) || install_peers
say "done"
