#!/usr/bin/env bash
# Builds and tests llmops; run scripts/setup.sh once before.
#   scripts/test.sh          what CI runs
#   scripts/test.sh --all    also peers, faults, slow tests, builds with the sanitizers of addresses
#                            and undefined behaviour and of threads, and fuzzing; needs
#                            setup.sh --peers
# Ends with ctest's summary; fails when a test does.
set -euo pipefail
cd "$(dirname "$0")/.."

all=0
case ${1-} in
  '') ;;
  --all) all=1 ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# Lets ccache find what another checkout has compiled.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
jobs=$(nproc)

build() { # PRESET
  local log=build/$1-configure.log
  mkdir -p build
  cmake --preset "$1" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  cmake --build --preset "$1"
}

run_tests() { # PRESET LABELS-TO-LEAVE-OUT
  ctest --test-dir "build/$1" --output-on-failure --parallel "$jobs" --label-exclude "^($2)$"
}

if ((all)) && [[ ! -x .deps/peers/bin/python ]]; then
  echo "test.sh: --all compares with peers; run scripts/setup.sh --peers first" >&2
  exit 2
fi
build ci
if ((!all)); then
  run_tests ci 'peers|fault|slow|perf|gpu'
  exit
fi
run_tests ci gpu
build fuzz
python3 -B tests/fuzz/run.py build/fuzz
build asan
run_tests asan 'peers|slow|perf|gpu|check|fault|cli|fuzz'
# The leak checker itself faults when the program ends while threads of OpenMP live. What has the
# label fault would take hours.
ASAN_OPTIONS=detect_leaks=0 run_tests asan 'peers|slow|perf|gpu|check|fault|unit|limit'
build tsan
ctest --test-dir build/tsan --output-on-failure --tests-regex '^unit\.(base|data|store|record)$'
