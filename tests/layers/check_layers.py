"""Fails when an #include in lib/ or apps/ crosses a line that lib/CMakeLists.txt does not draw.

The edges are the DEPS of each llmops_module(...). Beside them: no cycle, every source folder in a
module, each foreign library in its place, and no printing or exiting below command/.

  check_layers.py REPOSITORY      prints one line per offence; exit 1 when there is any
"""
import pathlib
import re
import sys

SOURCES = {".h", ".cpp", ".cu", ".cuh"}

# Foreign headers: pattern of the include, where it may stand, and in how many files at most.
FOREIGN = [
    (r"(ATen|torch|c10)/", r"tensor/", None),
    (r"sqlite3\.h", r"store/", 1),
    (r"yaml-cpp/", r"config/", 1),
    (r"nlohmann/", r"base/json\.cpp$", 1),
    (r"CLI/", r"command/", None),
    (r"regex$", r"nowhere", None),
]

# Only command/ prints, and only it ends the process. The exceptions: a failed check has nobody to
# throw to, and a second signal or a fault point must not unwind.
SPEAKING = re.compile(
    r"(?<![\w.>])(?:std::)?(?:v?f?printf|f?puts|putchar|perror|_?exit|_Exit|quick_exit|abort|terminate)\s*\("
    r"|\bstd::(?:cout|cerr|clog)\b|\bfmt::print(?:ln)?\s*\(")
MAY_END = {"base/error.cpp", "base/signal.cpp", "base/fault_point.cpp"}


def read_modules(text):
    """name -> set of direct dependencies, in the order of declaration."""
    modules = {}
    text = re.sub(r"#[^\n]*", "", text)
    for body in re.findall(r"^llmops_module\(([^)]*)\)", text, re.MULTILINE):
        words = body.split()
        deps, keyword = set(), None
        for word in words[1:]:
            if word in ("DEPS", "PACKAGES"):
                keyword = word
            elif keyword == "DEPS":
                deps.add(word)
        modules[words[0]] = deps
    return modules


def find_cycle(modules):
    done, path = set(), []

    def visit(name):
        if name in path:
            return path[path.index(name):] + [name]
        if name in done:
            return None
        path.append(name)
        for dep in sorted(modules.get(name, ())):
            cycle = visit(dep)
            if cycle:
                return cycle
        path.pop()
        done.add(name)
        return None

    for name in modules:
        cycle = visit(name)
        if cycle:
            return cycle
    return None


def module_of(path, modules):
    """The module with the longest name that is a folder of `path` (relative to lib)."""
    owners = [name for name in modules if path.startswith(name + "/")]
    return max(owners, key=len) if owners else None


def without_comments(text):
    """The code alone: comments gone, string literals emptied, line numbers kept."""
    pattern = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)

    def blank(match):
        newlines = "\n" * match.group().count("\n")
        return newlines if match.group().startswith("/") else '""' + newlines

    return pattern.sub(blank, text)


def check_source(path, text, modules, foreign_users):
    module = module_of(path, modules)
    if module is None:
        yield f"lib/{path}: its folder is in no llmops_module of lib/CMakeLists.txt"
        return
    for number, line in enumerate(text.splitlines(), 1):
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not include:
            continue
        header = include.group(2)
        if include.group(1) == '"':
            target = module_of(header, modules)
            if target is None:
                yield f"lib/{path}:{number}: \"{header}\" is in no module"
            elif target != module and target not in modules[module]:
                yield f"lib/{path}:{number}: {module} may not include {target} (\"{header}\")"
            continue
        for index, (pattern, place, _) in enumerate(FOREIGN):
            if re.match(pattern, header):
                foreign_users[index].add(path)
                if not re.match(place, path):
                    yield f"lib/{path}:{number}: <{header}> does not belong in this module"
    if module == "command" or path in MAY_END:
        return
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        found = SPEAKING.search(line)
        if found:
            yield (f"lib/{path}:{number}: '{found.group().strip()}' prints or ends the process; "
                   "only command/ does")


def check(root):
    root = pathlib.Path(root)
    lib = root / "lib"
    modules = read_modules((lib / "CMakeLists.txt").read_text())
    declared = list(modules)
    for position, name in enumerate(declared):
        for dep in sorted(modules[name]):
            if dep not in modules:
                yield f"lib/CMakeLists.txt: {name} depends on {dep}, which is no module"
            elif declared.index(dep) > position:
                yield f"lib/CMakeLists.txt: {name} stands below {dep} and may not depend on it"
    cycle = find_cycle(modules)
    if cycle:
        yield "lib/CMakeLists.txt: cycle " + " -> ".join(cycle)
    foreign_users = [set() for _ in FOREIGN]
    for source in sorted(p for p in lib.rglob("*") if p.suffix in SOURCES):
        path = source.relative_to(lib).as_posix()
        yield from check_source(path, source.read_text(), modules, foreign_users)
    for users, (pattern, _, most) in zip(foreign_users, FOREIGN):
        if most is not None and len(users) > most:
            yield f"lib: <{pattern}> is included by {', '.join(sorted(users))}; {most} file may"
    for source in sorted(p for p in (root / "apps").rglob("*") if p.suffix in SOURCES):
        for header in re.findall(r'^\s*#\s*include\s*"([^"]+)"', source.read_text(), re.MULTILINE):
            if not header.startswith("command/"):
                yield f"{source.relative_to(root)}: a program may include command/ only ({header})"


def main():
    offences = list(check(sys.argv[1]))
    print("\n".join(offences) if offences else "every include follows an edge")
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
