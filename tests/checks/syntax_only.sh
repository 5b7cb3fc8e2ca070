#!/bin/sh
# Compiler launcher of the clang preset: checks the syntax and leaves an empty object, so that
# ninja keeps track of what is still to be checked.
#   syntax_only.sh clang++ ... -o OBJECT -c SOURCE
object=
for word in "$@"; do
  [ "$previous" = -o ] && object=$word
  previous=$word
done
# g++'s own folder holds an omp.h, should clang's be missing.
"$@" -fsyntax-only -idirafter "$(g++ -print-file-name=include)" && : >"$object"
