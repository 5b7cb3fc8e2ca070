#!/bin/sh
# Fails when a generated page under docs/ differs from what the programs in BIN print.
#   docs.sh REPOSITORY BIN          check
#   docs.sh REPOSITORY BIN --fix    rewrite
cd "$1" || exit 1
bin=$2 mode=$3 status=0
page() { # FILE COMMAND...
  file=$1
  shift
  new=$(mktemp)
  if ! "$@" >"$new"; then
    status=1
  elif [ "$mode" = --fix ]; then
    cat "$new" >"$file"
  elif ! diff -u "$file" "$new"; then
    echo "$file: out of date; run tests/checks/docs.sh . $bin --fix"
    status=1
  fi
  rm -f "$new"
}
page docs/recipe-keys.md "$bin/llmops" recipe schema --markdown
page docs/exit-codes.md "$bin/exit_code_page"
exit $status
