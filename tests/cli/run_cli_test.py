"""Runs the commands of a text file against the real program and compares what a user would see.

  run_cli_test.py [--update] --bin FOLDER FILE       FILE.test or FILE.md

A .test file is a list of cases, all run in order in one temporary directory:

  # A comment, for the reader; between cases, after a blank line and right above the command.
  [file recipe.yaml]           writes a file; its text ends at [end]
  version: 1
  [end]
  $ llmops recipe validate recipe.yaml
  what it prints on stdout
  [stderr]
  what it prints on stderr
  [exit 2]

A command goes through bash; a line after it that begins with "> " continues it. Without [stderr]
nothing may be printed there, without [exit N] the status must be 0. [stderr ignored] allows any.
In what is expected, a line "..." stands for any number of lines and <*> for anything in a line.
--update writes what was printed into the file, keeping the lines with <*> and ... that still match.

In Markdown the blocks ```console are run the same way, and a block whose fence says title="NAME"
is written to that file before. There stdout and stderr appear together as in a terminal, the
status must be 0 ("; echo $?" shows another), runs of spaces count as one, and a word that holds a
digit matches any other such word, together with the unit behind it: losses, times and sizes differ
from machine to machine. "…" at the end of a line stands for the rest of it: so does generated text.

Programs see HOME and the working directory as the temporary directory, no LLMOPS_ variables but
LLMOPS_TORCH_DIR, and REPOSITORY, the folder of the sources.
"""
import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = 240
NUMBER = re.compile(r"\S*\d\S*")
UNIT = re.compile(r"(?:ms|s|B|KiB|MiB|GiB)[,)]*")
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Case:
    """One command with what is expected of it; lines are without their newlines."""

    def __init__(self, line, command):
        self.line, self.command = line, command
        self.end = line  # of the expectation in the file, exclusive
        self.stdout, self.stderr, self.status = [], [], 0
        self.ignore_stderr = False


class File:
    def __init__(self, name, text):
        self.name, self.text = name, text


def strip_blank_end(lines):
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def parse_test(lines):
    steps, case, target, number = [], None, None, 0
    while number < len(lines):
        line = lines[number]
        number += 1
        opening = re.fullmatch(r"\[file (\S+)\]", line)
        if opening:
            end = lines.index("[end]", number)
            steps.append(File(opening.group(1), "".join(t + "\n" for t in lines[number:end])))
            number, case = end + 1, None
        elif line.startswith("$ "):
            while number < len(lines) and lines[number].startswith("> "):
                line += "\n" + lines[number][2:]
                number += 1
            case = Case(number, line[2:])
            case.end, target = number, case.stdout
            steps.append(case)
        elif case is None or (line.startswith("# ") and is_note(lines, number)):
            if line.strip() and not line.startswith("#"):
                sys.exit(f"line {number}: expected a command, [file NAME] or a comment")
        elif line == "[stderr]":
            target, case.end = case.stderr, number
        elif line == "[stderr ignored]":
            case.ignore_stderr, case.end = True, number
        elif status := re.fullmatch(r"\[exit (\d+)\]", line):
            case.status, case.end = int(status.group(1)), number
        else:
            target.append(line)
            case.end = number
    for step in steps:
        if isinstance(step, Case):
            step.stdout, step.stderr = strip_blank_end(step.stdout), strip_blank_end(step.stderr)
    return steps


def is_note(lines, number):
    """Whether the comment line before `number` is a note on the next case, not output: its paragraph
    follows a blank line and runs into a command or a file."""
    first = number - 1
    while first > 0 and lines[first - 1].startswith("#"):
        first -= 1
    after = number
    while after < len(lines) and lines[after].startswith("#"):
        after += 1
    follows_blank = first == 0 or not lines[first - 1].strip()
    return follows_blank and after < len(lines) and re.match(r"\$ |\[file ", lines[after])


def parse_markdown(lines):
    steps, fence, case = [], None, None
    for number, line in enumerate(lines, 1):
        if line.startswith("```") and fence is None:
            title = re.search(r'title="([^"]+)"', line)
            fence, case = line, None
            if title:
                steps.append(File(title.group(1), ""))
            elif not line.startswith("```console"):
                fence = "skip"
        elif line.startswith("```"):
            fence = None
        elif fence is None or fence == "skip":
            continue
        elif not fence.startswith("```console"):
            steps[-1].text += line + "\n"
        elif line.startswith("$ "):
            case = Case(number, line[2:])
            steps.append(case)
        elif case and line.startswith("> ") and not case.stdout:
            case.command += "\n" + line[2:]
        elif case:
            case.stdout.append(line)
    for step in steps:
        if isinstance(step, Case):
            step.stdout = strip_blank_end(step.stdout)
    return steps


def line_pattern(expected, loose):
    if not loose:
        return ".*".join(re.escape(part) for part in expected.split("<*>"))
    words, rest = expected.removesuffix("…").split(), ".*" if expected.endswith("…") else ""
    patterns = []
    for before, word in zip([""] + words, words):
        if UNIT.fullmatch(word) and NUMBER.fullmatch(before):
            # "850 ms" and "1m 20s" are both a time.
            patterns[-1] = rf"{NUMBER.pattern}(\s+{UNIT.pattern}|\s+\d+[hms]\b)?[,)]*"
        else:
            patterns.append(NUMBER.pattern if NUMBER.fullmatch(word) else re.escape(word))
    return r"\s*" + r"\s+".join(patterns) + rest + r"\s*"


def matches(expected, actual, loose):
    """Whether all of `actual` is described by `expected`, "..." being any number of lines."""
    reachable = {0}  # how many lines of actual the expectation so far may have used up
    for line in expected:
        if line.strip() == "...":
            reachable = set(range(min(reachable), len(actual) + 1)) if reachable else set()
        else:
            pattern = re.compile(line_pattern(line, loose))
            reachable = {n + 1 for n in reachable if n < len(actual) and pattern.fullmatch(actual[n])}
    return len(actual) in reachable


def environment(bin_folder, home):
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith("LLMOPS_") or k == "LLMOPS_TORCH_DIR"}
    kept.update(HOME=home, LC_ALL="C.UTF-8", TZ="UTC", COLUMNS="100", REPOSITORY=str(REPOSITORY),
                PATH=f"{bin_folder}:{os.environ['PATH']}")
    for name in ("NO_COLOR", "TERM"):
        kept.pop(name, None)
    return kept


def run(case, folder, env, merged):
    done = subprocess.run(["bash", "-c", case.command], cwd=folder, env=env, timeout=TIMEOUT_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT if merged else subprocess.PIPE)
    # What names the temporary directory must not depend on where that is.
    split = [(stream or b"").decode("utf-8", "replace").replace(str(folder), "$TMP").split("\n")
             for stream in (done.stdout, done.stderr)]
    return strip_blank_end(split[0]), strip_blank_end(split[1]), done.returncode


def difference(what, expected, actual):
    return [f"  {what}:"] + ["    " + line for line in
                             list(difflib.unified_diff(expected, actual, "expected", "printed",
                                                       lineterm=""))[2:]]


def compare(case, stdout, stderr, status, loose):
    problems = []
    if not matches(case.stdout, stdout, loose):
        problems += difference("stdout" if not loose else "output", case.stdout, stdout)
    if not loose and not case.ignore_stderr and not matches(case.stderr, stderr, loose):
        problems += difference("stderr", case.stderr, stderr)
    if status != case.status:
        problems.append(f"  exit status {status}, expected {case.status}")
        if case.ignore_stderr:
            problems += ["    " + line for line in stderr]
    return problems


def merged_lines(expected, actual):
    """`actual`, with the lines of `expected` that hold <*> put back where they match."""
    if matches(expected, actual, False):
        return expected
    wild = [line for line in expected if "<*>" in line]
    result = []
    for line in actual:
        kept = next((w for w in wild if re.fullmatch(line_pattern(w, False), line)), line)
        result.append(kept)
    return result


def rewritten(case, stdout, stderr, status):
    lines = merged_lines(case.stdout, stdout)
    if case.ignore_stderr:
        lines = lines + ["[stderr ignored]"]
    elif stderr:
        lines = lines + ["[stderr]"] + merged_lines(case.stderr, stderr)
    return lines + ([f"[exit {status}]"] if status else [])


def trailing_blanks(lines, start, end):
    count = 0
    while end - count > start and not lines[end - count - 1].strip():
        count += 1
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    lines = options.file.read_text().split("\n")
    markdown = options.file.suffix == ".md"
    steps = parse_markdown(lines) if markdown else parse_test(lines)
    failures, edits = [], []
    with tempfile.TemporaryDirectory(prefix="llmops-cli-") as name:
        folder = pathlib.Path(name).resolve()
        env = environment(options.bin.resolve(), str(folder))
        for step in steps:
            if isinstance(step, File):
                (folder / step.name).parent.mkdir(parents=True, exist_ok=True)
                (folder / step.name).write_text(step.text)
                continue
            try:
                stdout, stderr, status = run(step, folder, env, markdown)
            except subprocess.TimeoutExpired:
                failures.append(f"{options.file}:{step.line}: $ {step.command}\n"
                                f"  still running after {TIMEOUT_S} s")
                break
            problems = compare(step, stdout, stderr, status, markdown)
            if problems and options.update and not markdown:
                edits.append((step, rewritten(step, stdout, stderr, status)))
            elif problems:
                failures.append("\n".join([f"{options.file}:{step.line}: $ {step.command}"] + problems))
    for step, text in reversed(edits):
        keep = trailing_blanks(lines, step.line, step.end)
        lines[step.line:step.end - keep] = text
    if edits:
        options.file.write_text("\n".join(lines))
        print(f"{options.file}: {len(edits)} updated")
    print("\n".join(failures) if failures else f"{sum(isinstance(s, Case) for s in steps)} commands")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
