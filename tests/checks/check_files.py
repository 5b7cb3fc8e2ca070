"""Fails on files that are too long, names that say nothing, and sources that nothing builds.

  check_files.py REPOSITORY      prints one line per offence; exit 1 when there is any
"""
import pathlib
import re
import sys

MOST_LINES = 800
MOST_HEADER_LINES = 200
TREES = ("apps", "lib", "tests", "scripts", "cmake")
CODE = {".h", ".cpp", ".cu", ".cuh", ".py", ".sh", ".cmake"}
VAGUE = re.compile(r"(^|[._-])(utils?|common|misc|helpers?|managers?|impl)([._-]|$)")

# Tables written by a program may be long; each by name.
GENERATED = set()


def is_listed(source):
    """Named by the nearest CMakeLists.txt at or above its folder: by its path, or by its stem in a
    list that makes variants of one source."""
    for folder in source.parents:
        lists = folder / "CMakeLists.txt"
        if lists.exists():
            path = re.escape(source.relative_to(folder).as_posix())
            names = rf"(?<![\w./-])({path}|{re.escape(source.stem)})(?![\w.])"
            return re.search(names, lists.read_text()) is not None
    return False


def check(root):
    root = pathlib.Path(root)
    files = [f for tree in TREES for f in sorted((root / tree).rglob("*"))
             if f.is_file() and "__pycache__" not in f.parts]
    for file in files:
        name = file.relative_to(root).as_posix()
        if any(VAGUE.search(part) for part in name.split("/")):
            yield f"{name}: a name that says nothing"
        if file.suffix not in CODE or name in GENERATED:
            continue
        lines = file.read_bytes().count(b"\n")
        most = MOST_HEADER_LINES if file.suffix in (".h", ".cuh") else MOST_LINES
        if lines > most:
            yield f"{name}: {lines} lines, at most {most}"
        if file.suffix in (".cpp", ".cu") and not is_listed(file):
            yield f"{name}: in no CMakeLists.txt"
    for folder in sorted(p.parent for p in (root / "tests").rglob("CMakeLists.txt")):
        if folder != root / "tests" and "unit" not in folder.parts:
            listed = (root / "tests/CMakeLists.txt").read_text()
            if not re.search(rf"\b{re.escape(folder.name)}\b", listed):
                yield f"{folder.relative_to(root)}: not added by tests/CMakeLists.txt"


def main():
    offences = list(check(sys.argv[1]))
    print("\n".join(offences) if offences else "sizes, names and lists hold")
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
