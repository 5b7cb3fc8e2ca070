#!/bin/sh
# cmake --install into a prefix, which is then moved: the program runs and needs no build folder.
#   install_test.sh BUILD TORCH
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cmake --install "$1" --prefix "$place/first" >/dev/null
mv "$place/first" "$place/second"
for file in "$place"/second/bin/* "$place"/second/lib/*.so; do
  if readelf -d "$file" | grep -E 'R(UN)?PATH' | grep -v '\[\$ORIGIN[^:]*\]'; then
    echo "$file: an rpath that leads out of its folder"
    exit 1
  fi
done
"$here/try_program.sh" "$place/second" "$2"
