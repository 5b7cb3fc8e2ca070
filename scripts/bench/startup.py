#!/usr/bin/env python3
"""Time of whole processes that need no tensors: `llmops --help`, `llmops track ls` with 1,000 runs,
and an empty C++ program beside them; alternating, medians."""

import argparse
import os
import statistics
import subprocess
import time

import machine
import program
import report

RUNS = 1000
EMPTY = "int main() {}\n"


def milliseconds(command, env, null):
    """posix_spawn instead of subprocess, whose own cost would show."""
    to_null = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, env, file_actions=to_null)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    elapsed = 1e3 * (time.perf_counter() - start)
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: exit {status}")
    return elapsed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser, text=False)
    parser.add_argument("--perf", default=os.path.join(program.ROOT, "build/release/bin/perf_make_runs"))
    parser.add_argument("--cxx", default=os.environ.get("CXX", "c++"))
    parser.add_argument("--repeats", type=int, default=50)
    args = parser.parse_args()

    with program.work_folder() as folder:
        source, empty = os.path.join(folder, "empty.cpp"), os.path.join(folder, "empty")
        with open(source, "w") as file:
            file.write(EMPTY)
        subprocess.run([args.cxx, "-O2", "-o", empty, source], check=True)
        env = program.environment(folder)
        subprocess.run([args.perf, env["LLMOPS_STORE"], str(RUNS)], check=True)

        binary = os.path.abspath(args.bin)
        commands = {"help": [binary, "--help"], "track ls": [binary, "track", "ls"], "empty": [empty]}
        times = {name: [] for name in commands}
        watch = machine.Watch()
        with open(os.devnull, "w") as null:
            for _ in range(args.repeats + 3):
                for name, command in commands.items():
                    times[name].append(milliseconds(command, env, null.fileno()))
        medians = {name: statistics.median(t[3:]) for name, t in times.items()}

    worst = max(medians["help"], medians["track ls"])
    report.row("startup", "whole process: `llmops --help` and `track ls` with 1,000 runs", "15 ms",
               "5 ms", f"{medians['help']:.1f} ms and {medians['track ls']:.1f} ms", worst, (15, 5),
               {"an empty C++ program": f"{medians['empty']:.1f} ms",
                "best": {name: round(min(t), 1) for name, t in times.items()}, **watch.shares()})


if __name__ == "__main__":
    main()
