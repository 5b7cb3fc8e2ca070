#!/bin/sh
# Fails when clang-format 14 would lay out a C++ source otherwise; prints where.
#   format.sh REPOSITORY          check
#   format.sh REPOSITORY --fix    rewrite
cd "$1" || exit 1
mode="--dry-run -Werror"
[ "$2" = --fix ] && mode=-i
# shellcheck disable=SC2086
find apps lib tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' |
  xargs clang-format-14 $mode
