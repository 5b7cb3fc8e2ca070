#!/usr/bin/env bash
# From a clean clone to a trained model: setup, build, train. Takes some minutes, most of them once.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly program=build/release/bin/llmops
seconds_of() { # NAME COMMAND...
  local name=$1 from=$EPOCHREALTIME
  shift
  "$@"
  local to=$EPOCHREALTIME
  printf -v "$name" '%d' $(((${to/[.,]/} - ${from/[.,]/}) / 1000000))
}

build() {
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  mkdir -p build
  cmake --preset release >build/release-configure.log 2>&1 ||
    { cat build/release-configure.log >&2; return 1; }
  cmake --build --preset release
}

seconds_of setup scripts/setup.sh
seconds_of build build
# A run that was interrupted goes on; one that has finished stays as it is.
seconds_of train "$program" train recipes/quickstart.yaml --resume auto

cat <<END

setup ${setup} s, build ${build} s, train ${train} s

What to try next:
  $program generate @last "Once upon a time"     let it write
  $program track show @last                      all that was recorded of the run
  $program track plot @last                      its loss curve
  $program train recipes/quickstart.yaml train.max_steps=1000 --resume auto
  $program recipe list                           the recipes that come with it
END
