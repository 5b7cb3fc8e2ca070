#!/usr/bin/env python3
"""Seconds from the command to its first completed training step, small model: ours from the text
alone, the PyTorch script from ready weights and batches."""

import argparse
import os
import statistics
import sys

import machine
import program
import report
import stats


def ours(args):
    with program.work_folder() as folder:
        command = [os.path.abspath(args.bin), "train", program.recipe("shakespeare-char-cpu.yaml"),
                   *program.char_overrides(args.text, args.threads), *program.QUIET,
                   "--progress", "json"]
        return program.seconds_to_first_step(command, folder, program.environment(folder), "stderr")


def peer(args, exported, options):
    init, batches = exported
    with program.work_folder() as folder:  # its compiler's cache is empty
        command = [sys.executable, program.PEER, "--init", init, "--batches", batches,
                   "--threads", str(args.threads), *options]
        env = os.environ | {"TORCHINDUCTOR_CACHE_DIR": os.path.join(folder, "inductor")}
        return program.seconds_to_first_step(command, folder, env, "stdout")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--compiled-rounds", type=int, default=3)
    args = parser.parse_args()

    watch = machine.Watch()
    with program.work_folder() as folder:
        exported = program.export(args.bin, program.recipe("shakespeare-char-cpu.yaml"),
                                  program.char_overrides(args.text, args.threads), folder, 10)
        times = {"ours": [], "eager": [], "compile": []}
        for number in range(args.rounds):
            times["ours"].append(ours(args))
            times["eager"].append(peer(args, exported, []))
            if number < args.compiled_rounds:
                times["compile"].append(peer(args, exported, ["--compile"]))

    for name, at_least, aim in (("eager", 5, 10), ("compile", 50, 100)):
        ratio, low, high = stats.paired_ratio(times["ours"][:len(times[name])], times[name])
        what = {"eager": "PyTorch script, eager", "compile": "torch.compile, cold cache"}[name]
        report.row(f"first_step_{name}", f"first completed step after the command: {what}",
                   f"{at_least}x", f"{aim}x", f"{ratio:.1f}x [{low:.1f}, {high:.1f}]", ratio,
                   (at_least, aim),
                   {"ours s": round(statistics.median(times["ours"]), 3),
                    "theirs s": round(statistics.median(times[name]), 2),
                    "rounds": len(times[name]), **watch.shares()})


if __name__ == "__main__":
    main()
